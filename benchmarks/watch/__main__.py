"""Prints what scheduled checks promise: ``python -m benchmarks.watch [--alarms] [--replay] [--speed] [--faults]``; all without options.

``--fresh`` measures false alarms by the protocol of ``benchmarks/watch/fresh.py``: it is asked for by name, takes long, and is what ``docs/watch.md`` states.

Seeded; the interval of a rate is Garwood's exact one. The simulated years are simulated: see ``benchmarks/watch/years.py``.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.observations import Frequency, Observations, Source
from auditor.watch.budget import Budget, rate_interval
from auditor.watch.config import BudgetPart, Config, SourcePart
from auditor.watch.knowledge import Knowledge
from auditor.watch.replay import alarms, labelled, replay
from auditor.watch.run import Places
from benchmarks.watch import faults
from benchmarks.watch.alarms import world
from benchmarks.watch.fresh import print_fresh
from benchmarks.watch.world import FIRST as FIRST_DAY
from benchmarks.watch.years import Habits

DAYS = 60
"""Days of a fault run."""

FIRST_READING = "2026-06-22"


def print_alarms(worlds: int, years: int) -> None:
    """Print false alarms and delays on simulated organic years, with 2 % of the promotions unannounced, then with none and 10 %."""
    budget = Budget()
    print(
        f"Budget: {budget.alarms_per_year} a year at {budget.confidence:.0%}, of which {budget.expected:.2f} are spent in expectation"
    )
    for share, count in ((0.02, worlds), (0.0, max(1, worlds // 4)), (0.1, max(1, worlds // 4))):
        yearly: list[int] = []
        delays: list[int] = []
        phi: list[float] = []
        hidden = 0
        for seed in range(count):
            tally = world(seed, years=years, habits=Habits(unannounced=share), budget=budget)
            yearly += tally.yearly
            delays += tally.delays
            phi += tally.phi
            hidden += tally.unannounced
        low, high = rate_interval(sum(yearly), len(yearly))
        over = sum(n > budget.alarms_per_year for n in yearly)
        late, strong = np.array(delays), np.array(phi) > 0.85
        print(f"{share:.0%} of promotions unannounced; {count} worlds of {years} years, 50 models:")
        print(
            f"  false alarms a year {np.mean(yearly):.2f} (95 % interval {low:.2f} to {high:.2f}), {hidden} of {sum(yearly)} on such promotions"
        )
        print(f"  years above the budget: {over} of {len(yearly)}; by year {yearly}")
        print(
            f"  +100 % for good, {len(late)} injections: median delay {np.median(late):.0f} days with the settled age, "
            f"{np.mean(late <= 7):.0%} within 7 days, {np.mean(late < 99):.0%} within 33; with autocorrelation .9: {np.median(late[strong]):.0f}"
        )


def published(folder: Path) -> Knowledge:
    """Return the published panel as known then.

    From its first reading on, the vintages say what was known when. Before it, a figure is taken as known at six on the
    morning after its day, which is when the publisher states it; earlier vintages are not on record.
    """
    long = pd.read_csv(folder / "rankings_daily_2025-12-01_2026-07-05.csv")
    vintages = pd.read_csv(folder / "rankings_daily_vintages_2026-05-23_2026-07-05.csv")
    covered = vintages.loc[vintages["date"] >= FIRST_READING, "date"].unique()
    long = long[~long["date"].isin(covered)]
    long["as_of"] = (pd.to_datetime(long["date"]) + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%dT06:00:00Z")
    frame = pd.concat([long, vintages], ignore_index=True).rename(
        columns={"model_permaslug": "entity", "total_tokens": "value"}
    )
    frame["date"] = pd.to_datetime(frame["date"])
    frame["value"] = frame["value"].astype(float)
    frame["metric"] = "total_tokens"
    found = Observations(frame, Frequency.DAY, (Source("openrouter", citation="OpenRouter (openrouter.ai/rankings)"),))
    return Knowledge.of(SourcePart(name="openrouter"), found)


def print_replay(folder: Path) -> None:
    """Replay the published panel day by day, at the usual budget and at larger ones."""
    known = published(folder / "openrouter")
    for most in (6, 24):
        config = Config(source=(SourcePart(name="openrouter"),), budget=BudgetPart(false_alarms_per_year=most))
        with tempfile.TemporaryDirectory() as scratch:
            places = Places.of(config, Path(scratch))
            started = time.monotonic()
            state = replay(config, places, {"openrouter": known}, date(2025, 12, 2), date(2026, 7, 8))
            spent = time.monotonic() - started
        detector = state.monitors["openrouter"].detector
        print(
            f"Published panel, 219 runs, budget {most} a year: {len(alarms(state))} alarms, {detector.ended} rises on record, {spent:.0f} s"
        )
        for raised in alarms(state):
            found = raised.found
            label = labelled(found, folder / "openrouter" / "labelled_spikes.csv") or "no label on record"
            print(
                f"  {found.raised}  {found.entity}  x{found.figures['factor']:.2f}  {raised.delay} days after it began; {label}"
            )
        kinds = [f.rule for f in state.found.values() if f.kind != "alarm"]
        print("  events and record faults: " + ", ".join(f"{k} {kinds.count(k)}" for k in sorted(set(kinds))))


def print_speed() -> None:
    """365 runs over 50 models, and one run on a kept archive of two years."""
    from benchmarks.watch.speed import one_run, year_of_runs

    print(f"365 runs over 50 models: {year_of_runs():.0f} s (promised: under 300)")
    print(f"one run on an archive of two years, 30 days restated a day: {one_run():.1f} s (promised: under 10)")


def print_faults(kills: int) -> None:
    """Faults, and whether everything is as if nothing had happened."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plain = faults.undisturbed(folder / "plain", DAYS)
        hit = faults.killed(folder / "killed", DAYS, kills, seed=1)
        result = faults.compare(hit, plain)
        print(
            f"{result.kills} runs killed at random moments: {'equal byte for byte' if result.equal else result.differing}; "
            f"{result.alarms} alarms, delivered {len(plain.told)} and {len(set(hit.told))}, {result.told_again} of them again under the same id"
        )
        print(
            f"clock moved back 30 days: {'nothing changed' if faults.clock_back(hit, faults.PAST + DAYS - 1) else 'CHANGED'}"
        )
        for name, counts in faults.times_told(hit).items():
            print(f"  {name}: {len(counts)} alarms to be told, told {sorted(set(counts))} times each")
        full = faults.new_world(folder / "full", DAYS)
        for limit in (3_000, 9_000, 20_000):
            print(f"disk full at {limit:,} bytes: {faults.full_disk(full, faults.PAST, limit) or 'fitted'}")
        full.run(faults.PAST)
        size = (full.places.state / "state.json").stat().st_size
        for limit in (size // 2, size - 200):
            said = faults.full_disk(full, faults.PAST + 1, limit, archived=True)
            kept = full.state().last_run == str(FIRST_DAY + timedelta(days=faults.PAST))
            print(
                f"disk full at {limit:,} bytes while the state is written: {said or 'fitted'}; state {'as it was' if kept else 'CHANGED'}"
            )
        print(f"two at once: {faults.two_at_once(full, faults.PAST + 1)} (finished, left)")
        for day in range(faults.PAST, faults.PAST + DAYS):
            full.run(day)
        result = faults.compare(full, plain)
        print(f"after them: {'equal byte for byte' if result.equal else result.differing}")
        down = faults.source_down(folder / "down", DAYS)
        same = down.state().monitors == plain.state().monitors and faults.alarm_ids(down) == faults.alarm_ids(plain)
        extra = sorted({f.rule for f in down.state().found.values()} - {f.rule for f in plain.state().found.values()})
        print(
            f"source down for 5 days: monitors and alarms {'equal' if same else 'DIFFER'}; told besides: {', '.join(extra)}"
        )


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch", description=__doc__)
    for part in ("alarms", "replay", "speed", "faults"):
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--worlds", type=int, default=8, help="simulated worlds of three years")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--fresh", action="store_true", help="false alarms and delays by the fixed protocol")
    parser.add_argument("--first", type=int, default=100, help="first seed of --fresh")
    parser.add_argument("--unannounced", type=float, nargs="+", default=[0.02, 0.0], help="conditions of --fresh")
    usual = Path(os.environ.get("AUDIT_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared")
    parser.add_argument("--data", type=Path, default=usual, help="folder that holds data/ with the reference figures")
    chosen = parser.parse_args()
    if chosen.fresh:
        print_fresh(chosen.first, chosen.worlds, chosen.unannounced, Budget())
    everything = not (chosen.fresh or chosen.alarms or chosen.replay or chosen.speed or chosen.faults)
    if chosen.alarms or everything:
        print_alarms(chosen.worlds, 3)
    if chosen.replay or everything:
        if (chosen.data / "data" / "openrouter").is_dir():
            print_replay(chosen.data / "data")
        else:
            print(f"reference data not found below {chosen.data}; set AUDIT_SHARED_DATA or --data", file=sys.stderr)
    if chosen.speed or everything:
        print_speed()
    if chosen.faults or everything:
        print_faults(chosen.kills)
    return 0


if __name__ == "__main__":
    sys.exit(main())
