"""False alarms and delays on simulated organic years, through the very code that judges real days."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from auditor.watch.budget import Budget
from auditor.watch.cycles import OPEN, allotment
from auditor.watch.happenings import SETTLING
from auditor.watch.monitor import Days, Settings, judge, scores
from auditor.watch.state import Monitor
from benchmarks.watch.years import Habits, Years, organic_years

FIRST = date(2022, 1, 1)

SETTLED = 3
"""Settled age, in days; part of every delay."""

LEARNING = 365
"""Days before the years that are counted: the archive that a watch starts with."""

PATIENCE = 30
"""Days after its start in which an inflation must be caught to count as caught."""


@dataclass(frozen=True)
class Injection:
    """An entity inflated from a day on, for good, beside an otherwise organic world."""

    entity: int
    start: int


@dataclass
class Tally:
    """What one simulated world gave.

    Attributes
    ----------
    yearly : list of int
        Alarms in each counted year; nothing is inflated, so all of them are false.
    unannounced : int
        Those of them on promotions that no event told of.
    delays : list of int
        Per injection, days from its first day to the run that raises the alarm, the settled age included; 99 where it is not caught
        within :data:`PATIENCE` days of figures.
    phi : list of float
        Autocorrelation of the entity of each injection.
    """

    yearly: list[int] = field(default_factory=list)
    unannounced: int = 0
    delays: list[int] = field(default_factory=list)
    phi: list[float] = field(default_factory=list)


def world(seed: int, *, years: int = 3, factor: float = 2.0, habits: Habits | None = None, budget: Budget) -> Tally:
    """Simulate a learning year and ``years`` counted ones; inject ``factor`` into one entity at a time.

    Each injection is judged beside the organic world as if it were the only one: with the reference, purse and peers of that day, and
    without leaving a trace in them.
    """
    days = LEARNING + years * 365
    truth = organic_years(days, seed=seed, habits=habits)
    names = [_day(i) for i in range(days)]
    excused = tuple(
        (truth.names[p.entity], names[p.start], _day(p.stop + SETTLING), "promotion")
        for p in truth.promotions
        if p.announced
    )
    settings = Settings("simulated", budget, settled_days=0, stale_days=60, excused=excused)
    injections = _injections(truth, days, seed)
    monitor, kept = Monitor(), Days()
    caught: dict[Injection, int] = {}
    weights: dict[Injection, tuple[float, int]] = {}
    alarms = []
    for i, day in enumerate(names):
        row = _row(truth, i)
        result = judge(monitor, kept, {day: row}, day, settings)
        alarms += [alarm for alarm, _ in result.alarms]
        active = [x for x in injections if x.start <= i < x.start + PATIENCE and x not in caught]
        if active:
            _shadow(truth, active, i, factor, monitor, kept, settings, weights, caught)
    first = date.fromisoformat(names[LEARNING])
    offsets = [(date.fromisoformat(a.day) - first).days for a in alarms]
    counted = [o for o in offsets if o >= 0]
    hidden = [p for p in truth.promotions if not p.announced]
    return Tally(
        yearly=[sum(365 * y <= o < 365 * (y + 1) for o in counted) for y in range(years)],
        unannounced=sum(
            any(a.entity == truth.names[p.entity] and names[p.start] <= a.day <= _day(p.stop + 3) for p in hidden)
            for a, o in zip(alarms, offsets, strict=True)
            if o >= 0
        ),
        delays=[caught.get(x, 99 - SETTLED) + SETTLED for x in injections],
        phi=[float(truth.phi[x.entity]) for x in injections],
    )


def _shadow(
    truth: Years,
    active: list[Injection],
    today: int,
    factor: float,
    monitor: Monitor,
    kept: Days,
    settings: Settings,
    weights: dict[Injection, tuple[float, int]],
    caught: dict[Injection, int],
) -> None:
    """Ask whether each injection that runs today would be an alarm today."""
    day = _day(today)
    inflated = dict(kept)
    for x in active:
        name = truth.names[x.entity]
        for i in range(x.start, today + 1):
            at = _day(i)
            if at in inflated and name in inflated[at]:
                inflated[at] = {**inflated[at], name: inflated[at][name] * factor}
    excuses = [*monitor.excused, *(list(e) for e in settings.excused)]
    found = {name: score for name, score, _ in scores(inflated, day, inflated[day], excuses)}
    for x in active:
        name = truth.names[x.entity]
        score = found.get(name, float("nan"))
        if not score >= OPEN:
            continue
        if x not in weights:
            detector = monitor.detector
            own = detector.open.get(name)
            begun = own is not None and own.opened < _day(x.start)
            fresh = (min(allotment(detector, settings.budget), detector.purse), detector.ended)
            weights[x] = (own.weight, own.reference) if begun and own is not None else fresh
        weight, reference = weights[x]
        if monitor.detector.rank(score, reference)[0] <= weight:
            caught[x] = today - x.start


def _injections(truth: Years, days: int, seed: int) -> list[Injection]:
    """One per model that has a past of 120 days, at a random day on which no promotion runs."""
    rng = np.random.default_rng(seed + 1_000_003)
    found = []
    for m in range(len(truth.names)):
        low, high = max(int(truth.born[m]) + 120, LEARNING), min(int(truth.gone[m]), days) - PATIENCE - 1
        busy = [(p.start - 5, p.stop + SETTLING) for p in truth.promotions if p.entity == m]
        free = [d for d in range(low, high) if not any(a - PATIENCE <= d <= b for a, b in busy)]
        if free:
            found.append(Injection(m, int(rng.choice(free))))
    return found


def _row(truth: Years, i: int) -> dict[str, float]:
    return {truth.names[j]: float(truth.values[i, j]) for j in np.flatnonzero(np.isfinite(truth.values[i]))}


def _day(i: int) -> str:
    return (FIRST + timedelta(days=i)).isoformat()
