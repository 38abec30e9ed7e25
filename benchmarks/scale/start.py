"""What a newcomer waits for: help, and the report of the shipped example."""

from pathlib import Path

import numpy as np

from benchmarks.measure import Spent, load, run

_MAIN = "from auditor.cli import main; main()"
_ROOT = Path(__file__).resolve().parents[2]


def print_start(folder: Path, *, quick: bool) -> None:
    """Cold start, each in a process of its own."""
    case = _ROOT / "data/fixtures/qwen3.6-plus/case.yaml"
    repeats = 2 if quick else 5
    print(f"\nCold start (median of {repeats}; load before: {load()})\n")
    print("| command | elapsed s | CPU s | bar s |")
    print("|---|---|---|---|")
    commands = {
        "audit --help": (["--help"], 0.3),
        "audit scan --help": (["scan", "--help"], 0.3),
        "audit run (shipped example, whole report)": (
            ["run", "--case", str(case), "--out", str(folder / "r"), "--quiet"],
            4,
        ),
    }
    for name, (arguments, bar) in commands.items():
        found: list[Spent] = [run(["-c", _MAIN, *arguments], cwd=_ROOT) for _ in range(repeats)]
        elapsed, cpu = np.median([s.elapsed for s in found]), np.median([s.cpu for s in found])
        print(f"| {name} | {elapsed:.2f} | {cpu:.2f} | {bar:g} |", flush=True)
