"""One measurement in a process of its own: prints seconds, processor seconds, peak memory and a digest of the result."""

import hashlib
import json
import os
import resource
import sys
import time


def pivoted(path: str) -> tuple[float, str]:
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(path)
    table = frame.pivot(index="date", columns="model_permaslug", values="total_tokens")  # noqa: PD010 - the plain pivot is what people write, and the faster
    done = time.perf_counter()
    names = "\n".join(table.columns)
    values = np.ascontiguousarray(table.to_numpy(dtype=np.float64))
    return done, _digest(names, values.tobytes())


def observed(path: str) -> tuple[float, str]:
    from auditor.sources.files import read

    found = read(path)
    return time.perf_counter(), str(len(found.frame))


def paneled(path: str) -> tuple[float, str]:
    import numpy as np

    from auditor.panel import Panel
    from auditor.sources.files import read

    table = Panel.of(read(path)).table()
    done = time.perf_counter()
    return done, _digest("\n".join(table.entities), np.ascontiguousarray(table.values).tobytes())


def careful(path: str) -> tuple[float, str]:
    from auditor.sources import files

    files.LARGE = 1 << 60
    return paneled(path)


def _digest(names: str, values: bytes) -> str:
    return hashlib.sha256(names.encode() + values).hexdigest()[:16]


def main() -> None:
    way, path = sys.argv[1:3]
    start = time.perf_counter()
    done, digest = {"pivoted": pivoted, "observed": observed, "paneled": paneled, "careful": careful}[way](path)
    times = os.times()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": done - start, "cpu": times.user + times.system, "peak": peak, "digest": digest}))


if __name__ == "__main__":
    main()
