"""``python -m benchmarks.intake --rows 10000000``: time and peak memory, side by side."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.intake.generate import generate

WAYS = {
    "pivoted": "pandas.read_csv + pivot",
    "observed": "auditor: read",
    "paneled": "auditor: read + Panel.of",
    "careful": "auditor, careful reader only: read + Panel.of",
}


def measured(way: str, path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.intake.measure", way, str(path)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--entities", type=int, default=5_000)
    parser.add_argument("--repeat", type=int, default=1, help="measure this often and keep the best")
    parser.add_argument("--file", type=Path, help="keep the generated file here, and use it if it is there")
    parser.add_argument("--careful", action="store_true", help="also measure the careful reader on the whole file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="intake-") as folder:
        path = options.file or Path(folder) / "long.csv"
        if not path.exists():
            generate(path, options.rows, options.entities)
        print(f"{options.rows:,} rows, {options.entities:,} entities, {path.stat().st_size / 1e6:,.0f} MB\n")
        print(f"{'way':<48}{'seconds':>9}{'cpu s':>8}{'peak MB':>9}{'x pandas':>10}")
        results: dict[str, dict[str, Any]] = {}
        for way, name in WAYS.items():
            if way == "careful" and not options.careful:
                continue
            runs = [measured(way, path) for _ in range(options.repeat)]
            results[way] = best = min(runs, key=lambda run: float(run["seconds"]))
            ratio = best["seconds"] / results["pivoted"]["seconds"]
            print(f"{name:<48}{best['seconds']:>9.2f}{best['cpu']:>8.2f}{best['peak'] / 1e6:>9,.0f}{ratio:>10.2f}")
    same = {result["digest"] for way, result in results.items() if way != "observed"}
    print(f"\nresults are {'identical' if len(same) == 1 else 'DIFFERENT'}")
    return int(len(same) != 1)


if __name__ == "__main__":
    sys.exit(main())
