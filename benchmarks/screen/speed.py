"""CPU seconds per series: the screen, the usual defaults, other block sizes, lengths, and two cores."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np

from auditor.kernels.screen import screen, screen_chunks
from auditor.kernels.screen_columns import ScreenParams
from benchmarks.screen.simulate import simulate
from benchmarks.screen.usual import usual_defaults

BARS = {365: (500, 10_000), 1461: (700, 3_000)}
"""Days: times faster than the usual defaults, and series a second on two cores."""


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time of this process over the repeats; other programs on the machine disturb it less than the clock."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def print_speed(count: int, slow: int, repeats: int) -> None:
    """Both pipelines on the same series in one run."""
    print("\nSpeed: CPU time of one series, both on the same series in this run")
    print("days   screen us   usual ms   times faster (bar)   series/s on 2 cores at 100 % (bar)")
    for n, (bar, rate) in BARS.items():
        values = simulate(np.random.default_rng(41), count, n, 0.5, events=True).values
        usual_defaults(values[0])  # imports
        screen(values[:8])
        before = cpu_seconds(lambda values=values: screen(values), repeats) / count  # type: ignore[misc]  # bound now
        begin = time.process_time()
        for row in values[:slow]:
            usual_defaults(row)
        usual = (time.process_time() - begin) / slow
        after = cpu_seconds(lambda values=values: screen(values), repeats) / count  # type: ignore[misc]  # bound now
        mine = (before + after) / 2.0
        print(
            f"{n:4d}   {1e6 * mine:9.0f}   {1e3 * usual:8.1f}   {usual / mine:12,.0f} ({bar})"
            f"   {2.0 / mine:24,.0f} ({rate:,})"
        )


def print_wall(count: int) -> None:
    """Elapsed time on two workers; depends on what else runs."""
    print(f"\nElapsed on 2 workers (load average before: {os.getloadavg()[0]:.1f})")
    print("days   threads/s   processes/s   same bits")
    for n in BARS:
        values = simulate(np.random.default_rng(42), count, n, 0.5, events=True).values
        alone = screen(values)
        rows = -(-count // 4)
        rates, same = [], True
        for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(2, get_context("spawn"))):
            with pool as workers:
                screen_chunks(values[:64], rows=4, mapper=workers.map)  # both workers start and import
                begin = time.perf_counter()
                result = screen_chunks(values, rows=rows, mapper=workers.map)
                rates.append(count / (time.perf_counter() - begin))
            same &= result.table().tobytes() == alone.table().tobytes()
        print(f"{n:4d}   {rates[0]:9,.0f}   {rates[1]:11,.0f}   {'yes' if same else 'NO'}")


def print_growth(count: int, repeats: int) -> None:
    """Cost against length: per period and per ``log n`` it must not rise."""
    print("\nGrowth: CPU time of one series")
    print("days   us   us / (n log n), relative to 90 days (bar: at most 1 but for noise)")
    first = 0.0
    for n in (90, 180, 365, 730, 1461, 3650):
        values = simulate(np.random.default_rng(43), count, n, 0.5, events=n >= 180).values
        screen(values[:8])
        spent = cpu_seconds(lambda values=values: screen(values), repeats) / count  # type: ignore[misc]  # bound now
        rate = spent / (n * np.log(n))
        first = first or rate
        print(f"{n:4d} {1e6 * spent:6.0f}   {rate / first:.2f}")


def print_blocks(count: int, repeats: int) -> None:
    """Series computed together."""
    print("\nBlock size: CPU us of one series")
    blocks = (1, 16, 64, 128, 256, 384, 512, 1024)
    print("days   " + "   ".join(f"{b:5d}" for b in blocks))
    for n in BARS:
        values = simulate(np.random.default_rng(44), count, n, 0.5, events=True).values
        row = []
        for block in blocks:
            part = values[: min(count, 24 * block)]
            params = ScreenParams(block=block)
            spent = cpu_seconds(lambda part=part, params=params: screen(part, params=params), repeats)  # type: ignore[misc]  # bound now
            row.append(1e6 * spent / len(part))
        print(f"{n:4d}   " + "   ".join(f"{us:5.0f}" for us in row))
