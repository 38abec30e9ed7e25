"""The complete audit of many episodes of one panel: per detector, per episode, and 1,000 of them by the command."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.case import Case
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.walk import audit
from benchmarks.measure import load
from benchmarks.scale.scan import JOBS, scan
from benchmarks.screen.simulate import simulate

ENTITIES, DAYS = 50, 730


def build() -> tuple[Panel, pd.DataFrame]:
    """50 simulated entities over 730 days, with level shifts and ramps."""
    values = np.rint(simulate(np.random.default_rng(17), ENTITIES, DAYS, 0.5, events=True).values)
    dates = pd.date_range("2024-01-01", periods=DAYS)
    frame = pd.DataFrame(
        {
            "date": np.tile(dates.to_numpy(), ENTITIES),
            "entity": np.repeat([f"vendor/model-{i:02d}" for i in range(ENTITIES)], DAYS),
            "metric": "downloads",
            "value": values.ravel(),
        }
    )
    return Panel.of(Observations(frame, Frequency.DAY, (Source(name="simulated", simulated=True),))), frame


def print_episodes(folder: Path, *, quick: bool, many: int = 1_000) -> None:
    """CPU time of an episode by its parts, without start-up, and the command over many."""
    from auditor import rulebook
    from auditor.detectors.registry import DETECTORS

    panel, frame = build()
    table = panel.table()
    rng = np.random.default_rng(5)
    many = 12 if quick else max(many, 80)
    picks = [(int(rng.integers(ENTITIES)), int(rng.integers(60, DAYS - 30))) for _ in range(many)]
    cases = [Case(subject=(table.entities[e],), date=table.dates[t].to_pydatetime()) for e, t in picks]
    book = rulebook.load()
    parts: Counter[str] = Counter()
    times, alone = [], []
    with book.session() as rules:
        for case in cases[:2]:
            audit(panel, case, rules=rules)  # imports, and what all episodes share
        for case in cases[2 : 8 if quick else 62]:
            marks: list[tuple[str, float]] = []
            begin = time.process_time()
            audit(
                panel,
                case,
                rules=rules,
                progress=lambda name, _done, _total, marks=marks: marks.append((name, time.process_time())),  # type: ignore[misc]  # bound now
            )
            end = time.process_time()
            times.append(end - begin)
            for (name, at), (_, after) in zip(marks, [*marks[1:], ("end", end)], strict=True):
                parts[name] += after - at  # type: ignore[assignment]  # seconds, not counts
    for case in cases[8 : 10 if quick else 14]:
        begin = time.process_time()
        audit(panel, case, rules=book)
        alone.append(time.process_time() - begin)
    print(
        f"\nComplete audit of an episode, panel of {ENTITIES} x {DAYS} ({len(times)} episodes; load before: {load()})\n"
    )
    print("| CPU ms an episode | median | mean | 95 % |")
    print("|---|---|---|---|")
    ms = 1e3 * np.array(times)
    print(f"| in a session of rules (bar 250) | {np.median(ms):.0f} | {ms.mean():.0f} | {np.percentile(ms, 95):.0f} |")
    lone = 1e3 * np.array(alone)
    print(f"| alone, rules opened anew | {np.median(lone):.0f} | {lone.mean():.0f} | {np.percentile(lone, 95):.0f} |")
    dearest = ", ".join(f"{name} {1e3 * spent / len(times):.0f}" for name, spent in parts.most_common(6))
    print(f"\ndearest of {len(DETECTORS)} detectors and the rules, mean ms: {dearest}")
    figures, listed = folder / "panel.csv", folder / "episodes.csv"
    frame.drop(columns="metric").rename(columns={"value": "downloads"}).to_csv(figures, index=False)
    rows = [f"{table.entities[e]},{table.dates[t]:%Y-%m-%d}" for e, t in dict.fromkeys(picks)]
    listed.write_text("entity,date\n" + "\n".join(rows) + "\n")
    spent = scan([figures], folder / "out", "--episodes", str(listed))
    print(
        f"\n{len(rows):,} episodes by the command on {JOBS} processes: {spent.elapsed:.1f} s elapsed, {spent.cpu:.1f} s CPU, ",
        end="",
    )
    bar = "bar for 1,000: 120 s" if not quick else "no bar at this size"
    print(f"{spent.cpu / 2:.1f} s on two whole cores ({bar}), {spent.memory:,.0f} MB at most", flush=True)
