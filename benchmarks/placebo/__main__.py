"""Runs every detector on random windows of the reference panel: ``python -m benchmarks.placebo [--windows N] [--data DIR]``.

Entities and windows of 1 to 28 days are drawn with a fixed seed among the complete ones. For each detector that states a
rank p-value it prints how often p lies at or below .01 and .05. The windows hold unmarked surges and promotions and
overlap, so these are rates of "unusual", not of "wrong". Then it prints how often a week's or a month's median exceeds
that of the four weeks before by a quarter, and what share of the listed tokens came from ids marked as free.
"""

import argparse
import collections
import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

import auditor
from auditor.case import Case
from auditor.detectors.free_share import is_free
from auditor.detectors.registry import DETECTORS
from auditor.findings import Finding, Window
from auditor.panel import Panel, Table
from auditor.window import resolve

LENGTHS = (1, 3, 7, 14, 21, 28)


def windows(table: Table, wanted: int, seed: int) -> list[tuple[int, slice]]:
    """Draw complete windows: column and rows."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, slice]] = []
    while len(found) < wanted:
        column, length = int(rng.integers(len(table.entities))), int(rng.choice(LENGTHS))
        start = int(rng.integers(28, len(table.dates) - length))
        if np.isfinite(table.values[start : start + length, column]).all():
            found.append((column, slice(start, start + length)))
    return found


def print_rates(panel: Panel, wanted: int, seed: int) -> None:
    """Print, per detector, how often it ran and how often its p-value was small."""
    table = panel.table()
    ran: collections.Counter[str] = collections.Counter()
    values: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
    for column, rows in windows(table, wanted, seed):
        span = Window(table.dates[rows.start].to_pydatetime(), table.dates[rows.stop - 1].to_pydatetime())
        scene = resolve(panel, Case(subject=(table.entities[column],), window=span))
        for module in DETECTORS:
            findings = [o for o in module.detect(scene) if isinstance(o, Finding)]
            ran[module.RULE.id] += bool(findings)
            stated = [f.statistic for f in findings if f.statistic is not None and f.statistic.p is not None]
            if stated:
                least = min(stated, key=lambda statistic: statistic.p or 0.0)
                values[module.RULE.id].append((least.p or 0.0, float(least.n_reference >= 99)))
    print(f"{wanted} random windows, seed {seed}; p <= level: share, 95 % interval (Wilson) and count")
    print(
        "can reach: windows whose references suffice for p <= .01 at all; bars: 0.5 to 2 % at .01, at most 7 % at .05"
    )
    print(f"{'test':<30} {'ran':>4} {'with p':>6} {'can reach':>9} {'p <= .01':>22} {'of those':>22} {'p <= .05':>23}")
    for module in DETECTORS:
        pairs = np.array(values[module.RULE.id]).reshape(-1, 2)
        p, able = pairs[:, 0], pairs[:, 1] > 0
        cells = f"{able.sum():>9} {_share(p <= 0.01):>22} {_share(p[able] <= 0.01):>22} {_share(p <= 0.05):>23}"
        print(f"{module.RULE.id + ' ' + module.RULE.name:<30} {ran[module.RULE.id]:>4} {p.size:>6} {cells}")


def _share(flags: npt.NDArray[np.bool_]) -> str:
    """Share with its interval and count, or a dash where nothing was tried."""
    n, k = flags.size, int(flags.sum())
    if not n:
        return "-"
    z2 = 1.96**2
    centre, half = (k + z2 / 2) / (n + z2), 1.96 * np.sqrt(k * (n - k) / n + z2 / 4) / (n + z2)
    return f"{k / n:.1%} ({max(0.0, centre - half):.1%}-{centre + half:.1%}) {k}"


def print_panel(table: Table) -> None:
    """Print how often levels rise by a quarter without a cause on record, and the share of free ids."""
    for length, name in ((7, "week"), (28, "month")):
        ratios = []
        for column in range(len(table.entities)):
            values = table.values[:, column]
            for start in range(28, len(values) - length, 7):
                inside, before = values[start : start + length], values[start - 28 : start]
                if np.isfinite(inside).sum() >= 0.8 * length and np.isfinite(before).sum() >= 20:
                    ratios.append(np.nanmedian(inside) / np.nanmedian(before))
        share = float((np.array(ratios) >= 1.25).mean())
        print(f"a {name}'s median at least 1.25 times that of the four weeks before: {share:.0%} of {len(ratios)}")
    free = [i for i, entity in enumerate(table.entities) if is_free(entity)]
    print(f"listed tokens from ids marked as free: {np.nansum(table.values[:, free]) / np.nansum(table.values):.1%}")


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placebo", description=__doc__)
    usual = Path(os.environ.get("AUDIT_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared")
    parser.add_argument("--data", type=Path, default=usual, help="folder that holds data/ with the reference figures")
    parser.add_argument("--windows", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    file = arguments.data / "data" / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"
    if not file.exists():
        print(f"reference data not found at {file}; set AUDIT_SHARED_DATA or --data", file=sys.stderr)
        return 3
    panel = auditor.read(file)
    print_rates(panel, arguments.windows, arguments.seed)
    print_panel(panel.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
