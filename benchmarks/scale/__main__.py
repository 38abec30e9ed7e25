"""Speed of the scan: ``python -m benchmarks.scale [--quick] [--folder DIR]``. The tables it prints stand in docs/scale.md."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale import episodes, scan, start


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tables; figures are then about start-up, not speed")
    parser.add_argument(
        "--folder", type=Path, help="where tables and results lie; kept between runs  [default: temporary]"
    )
    parser.add_argument("--only", choices=["screening", "csv", "engines", "episodes", "start"], help="one part alone")
    parser.add_argument("--largest", type=int, default=1_000_000, metavar="N", help="no table of more series than this")
    parser.add_argument("--audits", type=int, default=1_000, metavar="N", help="episodes audited by the command")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        parts: dict[str, Callable[[], None]] = {
            "screening": lambda: scan.print_screening(folder, quick=chosen.quick, largest=chosen.largest),
            "csv": lambda: scan.print_csv(folder, quick=chosen.quick),
            "engines": lambda: scan.print_engines(folder, quick=chosen.quick),
            "episodes": lambda: episodes.print_episodes(folder, quick=chosen.quick, many=chosen.audits),
            "start": lambda: start.print_start(folder, quick=chosen.quick),
        }
        for name, part in parts.items():
            if chosen.only in {None, name}:
                part()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
