"""Audits every surge of the reference panel and every organic series: ``python -m benchmarks.surges [--data DIR]``.

A surge is a day on which an entity reached the largest value of the 21 days around it and 1.4 times its median of the
four weeks before (or was new). Each is audited with the window found around the day and with windows of 7, 14 and 21
days. None of them is known to be inflated; some are known to be free or promoted. Overlapping windows of one surge
are not independent, so the counts are descriptive.
"""

import argparse
import collections
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import auditor
from auditor import rulebook
from auditor.case import Case
from auditor.findings import Hypothesis, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel, Table


def surges(table: Table) -> Iterator[tuple[str, int]]:
    """Find the surges: entity and row."""
    for column, entity in enumerate(table.entities):
        values = table.values[:, column]
        for row in range(14, len(values)):
            around = values[max(0, row - 10) : row + 11]
            before = values[max(0, row - 28) : max(0, row - 3)]
            before = before[np.isfinite(before)]
            high = np.isfinite(values[row]) and values[row] >= np.nanmax(around)
            if high and (not before.size or values[row] >= 1.4 * np.median(before)):
                yield entity, row


def cases(table: Table) -> Iterator[Case]:
    """Ask about each surge in four windows."""
    last = len(table.dates) - 1
    for entity, row in surges(table):
        yield Case(subject=(entity,), date=table.dates[row].to_pydatetime())
        for length in (7, 14, 21):
            start = max(0, row - length // 2)
            stop = min(last, start + length - 1)
            yield Case(
                subject=(entity,), window=Window(table.dates[start].to_pydatetime(), table.dates[stop].to_pydatetime())
            )


def organic(folder: Path) -> Iterator[tuple[str, Panel]]:
    """Load the organic series, one panel each."""
    for name in ("nab_daily.csv", "worldcup98_daily.csv", "wiki_peyton_daily.csv"):
        frame = pd.read_csv(folder / name).rename(columns={"series_id": "entity"})
        frame["date"] = pd.to_datetime(frame["date"])
        for entity, group in frame.groupby("entity"):
            rows = group[["date", "entity", "value"]].assign(metric="count")
            yield str(entity), Panel.of(Observations(rows, Frequency.DAY))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.surges", description=__doc__)
    usual = Path(os.environ.get("AUDIT_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared")
    parser.add_argument("--data", type=Path, default=usual, help="folder that holds data/ with the reference figures")
    folder = parser.parse_args().data / "data"
    file = folder / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"
    if not file.exists():
        print(f"reference data not found below {folder}; set AUDIT_SHARED_DATA or --data", file=sys.stderr)
        return 3
    panel = auditor.read(file)
    called: collections.Counter[str] = collections.Counter()
    weights = []
    book = rulebook.load()
    with book.session() as rules:
        for case in cases(panel.table()):
            verdict = auditor.audit(panel, case, rules=rules).verdict
            called[verdict.hypothesis] += 1
            weights.append(verdict.scores[Hypothesis.INFLATED].log10_lr)
    total = len(weights)
    print(f"Surges of {file.name}: {total} windows")
    for hypothesis, count in called.most_common():
        print(f"  {hypothesis:<14} {count:>5}  {count / total:.2%}")
    for bound in (2, 10, 100):
        share = float(np.mean(np.asarray(weights) > np.log10(bound)))
        print(f"  P(LR inflated : organic > {bound:>3}) = {share:.4f}  (honest bound {1 / bound:.4f})")
    named = collections.Counter(
        auditor.audit(p, Case(subject=(name,)), rules=book).verdict.hypothesis
        for name, p in organic(folder / "organic")
    )
    print(f"Organic series: {sum(named.values())}; called: {dict(named)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
