"""The screening of large tables, of a large CSV, and on either engine."""

import importlib.util
import shutil
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import Spent, load, run
from benchmarks.scale.generate import DAYS, write_by_day, write_csv, write_parquet
from benchmarks.screen.simulate import simulate
from benchmarks.screen.usual import usual_defaults

#: Workers of every run.
JOBS = 2

#: Series: seconds allowed on two cores.
BARS = {100_000: 20, 1_000_000: 180}

#: MB that a scan of any size may take.
MEMORY_BAR = 2_000


def scan(inputs: list[Path], out: Path, *more: str) -> Spent:
    """Run the command as a user does."""
    shutil.rmtree(out, ignore_errors=True)
    program = "from auditor.cli import main; main()"
    options = ["--out", str(out), "--jobs", str(JOBS), "--quiet", *more]
    return run(["-c", program, "scan", *map(str, inputs), *options])


def print_screening(folder: Path, *, quick: bool, largest: int = 1_000_000) -> None:
    """Growth with the number of series, by entity and by day."""
    print(f"\nScreening, {DAYS} days a series, {JOBS} processes (load before: {load()})\n")
    print(
        "| series | layout | elapsed s | CPU s | CPU / 2 s | bar s | CPU us a series | MB at most | bytes in | bytes out |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    sizes = [n for n in ((2_000, 4_000) if quick else (10_000, 100_000, 1_000_000)) if n <= largest]
    if len(sizes) < 2:
        raise SystemExit(f"--largest {largest} leaves fewer than two sizes to compare")
    rates = []
    for count in sizes:
        files = write_parquet(folder / f"by-entity-{count}", count)
        spent = scan(files, folder / "out")
        rates.append(spent.cpu / count)
        _row(count, "by entity", spent, sum(f.stat().st_size for f in files), folder / "out")
        if count == sizes[-2]:
            by_day = write_by_day(folder / f"by-day-{count}.parquet", files)
            spent = scan([by_day], folder / "out")
            _row(count, "by day, one file", spent, by_day.stat().st_size, folder / "out")
    print(
        f"\nCPU of a series at {sizes[-1]:,} over that at {sizes[-2]:,} series: {rates[-1] / rates[-2]:.2f} "
        "(bar: about 1, linear; start-up makes small tables dearer)"
    )
    usual = _usual(2 if quick else 12)
    print(f"usual defaults (robust STL, Pelt rbf, isolation forest): {1e3 * usual:,.0f} ms of CPU a series;")
    print(f"the whole scan, reading and writing included, takes {usual / rates[-1]:,.0f} times less (bar: 500)")


def _row(count: int, layout: str, spent: Spent, size: int, out: Path) -> None:
    written = (out / "scan.jsonl").stat().st_size
    bar = str(BARS.get(count, "-"))
    print(
        f"| {count:,} | {layout} | {spent.elapsed:.1f} | {spent.cpu:.1f} | {spent.cpu / 2:.1f} | {bar} "
        f"| {1e6 * spent.cpu / count:.0f} | {spent.memory:,.0f} (bar {MEMORY_BAR:,}) | {size / count:.0f} | {written / count:.0f} |",
        flush=True,
    )


def _usual(count: int) -> float:
    values = simulate(np.random.default_rng(41), count, DAYS, 0.5, events=True).values
    usual_defaults(values[0])  # imports
    begin = time.process_time()
    for row in values:
        usual_defaults(row)
    return (time.process_time() - begin) / count


PIVOT = """
import sys, pandas as pd
frame = pd.read_csv(sys.argv[1], parse_dates=["date"])
print(frame.pivot(index="date", columns="entity", values="downloads").shape)
"""


def print_csv(folder: Path, *, quick: bool) -> None:
    """Measure a long CSV to result lines, against reading and pivoting it alone."""
    count = 1_400 if quick else 27_400
    files = write_parquet(folder / f"by-entity-{count}", count)
    path = write_csv(folder / f"long-{count}.csv", files)
    rows = count * DAYS
    print(f"\nLong CSV of {rows:,} rows to result lines ({path.stat().st_size / 1e6:,.0f} MB; load before: {load()})\n")
    print("| means | elapsed s | CPU s | MB at most |")
    print("|---|---|---|---|")
    pandas = run(["-c", PIVOT, str(path)])
    print(
        f"| pandas read_csv + pivot alone | {pandas.elapsed:.1f} | {pandas.cpu:.1f} | {pandas.memory:,.0f} |",
        flush=True,
    )
    ours = scan([path], folder / "out")
    print(f"| audit scan, whole | {ours.elapsed:.1f} | {ours.cpu:.1f} | {ours.memory:,.0f} |")
    print(f"\nelapsed, ours over pandas: {ours.elapsed / pandas.elapsed:.2f} (bar: at most 1);")
    shared = ours.cpu / JOBS / pandas.cpu
    print(f"by CPU, ours on {JOBS} whole cores over pandas, which uses one: {shared:.2f}")


def print_engines(folder: Path, *, quick: bool) -> None:
    """Scan the same table on processes and on a local Dask cluster."""
    count = 2_000 if quick else 20_000
    files = write_parquet(folder / f"by-entity-{count}", count)
    print(f"\nEngines, {count:,} series (load before: {load()})\n")
    print("| engine | elapsed s | CPU s | MB at most | CPU us a series |")
    print("|---|---|---|---|---|")
    results = {}
    named = {"this process": ("--jobs", "1"), "processes": (), "dask": ("--engine", "dask")}
    if importlib.util.find_spec("distributed") is None:
        del named["dask"]
    for name, options in named.items():
        spent = scan(files, folder / "out", *options)
        results[name] = (folder / "out" / "scan.jsonl").read_bytes()
        print(
            f"| {name} | {spent.elapsed:.1f} | {spent.cpu:.1f} | {spent.memory:,.0f} | {1e6 * spent.cpu / count:.0f} |",
            flush=True,
        )
    same = len(set(results.values())) == 1
    print(f"\nsame bytes on all: {'yes' if same else 'NO'}{'' if 'dask' in named else '; dask is not installed here'}")
