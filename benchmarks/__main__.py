"""Every benchmark: ``python -m benchmarks [--quick] [--only NAME] [--write]``.

``--write`` puts what the benchmark of the scan printed between the markers of ``docs/scale.md``, so that no figure there comes
from elsewhere.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

#: Benchmarks that need nothing but this repository, and whether they know ``--quick``.
ALL = {"scale": True, "screen": True, "intake": False, "rulebook": False, "changepoints": True, "archive": True}

#: Where the printed tables of the scan stand.
PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- printed by `python -m benchmarks.scale`; not written by hand -->", "<!-- end of what was printed -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="smaller tables and fewer repeats, where a benchmark has them"
    )
    parser.add_argument("--only", choices=sorted(ALL), action="append", help="these alone; repeat for several")
    parser.add_argument("--write", action="store_true", help="put the tables of the scan into docs/scale.md")
    chosen = parser.parse_args()
    failed = []
    for name, knows_quick in ALL.items():
        if chosen.only and name not in chosen.only:
            continue
        print(f"\n== benchmarks.{name} ==", flush=True)
        text, code = _run(name, quick=chosen.quick and knows_quick)
        if code:
            failed.append(name)
        elif name == "scale" and chosen.write:
            write(PAGE, text)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, *, quick: bool) -> tuple[str, int]:
    """Run one benchmark, showing what it prints as it comes."""
    arguments = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
    lines = []
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=PAGE.parents[1]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return "".join(lines), process.returncode


def write(page: Path, printed: str, day: str | None = None) -> None:
    """Replace what stands between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page.name} has no markers to write between")
    said = f"Printed on {day or time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores, Python {sys.version.split()[0]}."
    page.write_text(f"{head}{BEGIN}\n\n{said}\n{printed.rstrip()}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
