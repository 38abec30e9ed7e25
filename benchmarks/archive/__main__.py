"""Print what the archive must show, measured here: ``python -m benchmarks.archive [--quick] [--only NAME ...]``."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.archive import crash, full, speed, tamper, vintages
from benchmarks.archive.rows import Row


def main() -> int:
    """Run the parts; the exit code is 1 when one of them does not meet what was asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--only", nargs="+", choices=["vintages", "crash", "full", "tamper", "speed"])
    parser.add_argument("--shared", type=Path, default=_shared(), help="folder of the reference data")
    arguments = parser.parse_args()
    small, shared = arguments.quick, arguments.shared
    parts: dict[str, list[Callable[[], list[Row]]]] = {
        "vintages": [lambda: vintages.restatements(shared / "data"), lambda: vintages.example_pair(shared / "sources")],
        "crash": [crash.every_step, lambda: crash.random_kills(12 if small else 200)],
        "full": [lambda: full.full_disk(levels=10 if small else 80)],
        "tamper": [
            lambda: tamper.changed_bytes(100 if small else 1000),
            lambda: tamper.changed_index(30 if small else 500),
        ],
        "speed": [
            lambda: speed.million(50_000 if small else 1_000_000),
            lambda: speed.listing(3_000 if small else 100_000),
            lambda: speed.adding(20 if small else 500),
        ],
    }
    unmet = 0
    for name in arguments.only or parts:
        if name == "vintages" and not shared.is_dir():
            print(f"{name:<10} skipped: reference data not found at {shared} (set AUDIT_SHARED_DATA)")
            continue
        for part in parts[name]:
            for row in part():
                verdict = "" if row.met is None else ("ok" if row.met else "NOT MET")
                asked = f"(asked: {row.asked})" if row.asked else ""
                print(f"{row.part:<10} {row.measured:<84} {row.result:>20} {asked} {verdict}".rstrip(), flush=True)
                unmet += row.met is False
    return 1 if unmet else 0


def _shared() -> Path:
    named = os.environ.get("AUDIT_SHARED_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared"


if __name__ == "__main__":
    sys.exit(main())
