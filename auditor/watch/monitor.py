"""Judges the settled days of one source as they were known on the day of a run. Pure: no files, no clock, no network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from auditor.watch import record
from auditor.watch.budget import Budget
from auditor.watch.cycles import Alarm, advance
from auditor.watch.found import ALARM, EVENT, Found
from auditor.watch.happenings import GONE_AFTER, SETTLING, Happening, happenings
from auditor.watch.level import WINDOW, level
from auditor.watch.state import Monitor

Days = dict[str, dict[str, float]]

NEWS_DAYS = 14
"""An alarm on a day older than this at the time of the run was found while the past was read in, and is told to nobody."""


@dataclass(frozen=True)
class Settings:
    """What judging depends on beside the figures.

    Attributes
    ----------
    source : str
        Name of source and metric.
    budget : Budget
    settled_days, stale_days : int
    watched : callable
        Whether an entity is monitored; the others still serve as peers.
    excused : tuple of (entity, from, until, why)
        Known events.
    """

    source: str
    budget: Budget
    settled_days: int = 3
    stale_days: int = 3
    watched: Callable[[str], bool] = field(default=lambda _: True)
    excused: tuple[tuple[str, str, str, str], ...] = ()


@dataclass
class Judged:
    """What one run made of one source.

    Attributes
    ----------
    days : dict of day to figures
        The days judged, to be kept.
    alarms : list of (Alarm, Found)
    found : list of Found
        Everything else.
    ended : list of (entity, first day)
        Alarms whose excursion has ended.
    newest : str
        Newest published day.
    """

    days: Days = field(default_factory=dict)
    alarms: list[tuple[Alarm, Found]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    newest: str = ""


def judge(
    monitor: Monitor, kept: Days, known: Mapping[str, Mapping[str, float]], run: str, settings: Settings
) -> Judged:
    """Judge every settled day that was not judged yet, in order.

    Parameters
    ----------
    monitor : Monitor
        Changed in place.
    kept : dict of day to figures
        Days judged earlier, at least the last :data:`auditor.watch.level.WINDOW`; days judged now are added.
    known : mapping of day to figures
        As published up to the run; partial days left out.
    run : str
        Day of the run.
    """
    result = Judged(newest=max(known, default=""))
    settled = (date.fromisoformat(run) - timedelta(days=settings.settled_days)).isoformat()
    looked_at = {day: kept[day] for day in sorted(kept)[-record.LOOK_BACK :] if day in known}
    result.found += record.revisions(settings.source, looked_at, known, run)
    for day in sorted(d for d in known if monitor.last_day < d <= settled):
        row = {name: value for name, value in known[day].items() if value > 0}
        if row:
            _take(monitor, kept, day, row, run, settings, result)
    silent = result.newest and record.silence(
        settings.source, result.newest, run, settled_days=settings.settled_days, stale_days=settings.stale_days
    )
    if silent:
        result.found.append(silent)
    return result


def _take(
    monitor: Monitor, kept: Days, day: str, row: dict[str, float], run: str, settings: Settings, result: Judged
) -> None:
    hole = record.missing(settings.source, monitor.last_day, day, run)
    before = kept.get(monitor.last_day, {})
    result.found += [hole] if hole else []
    result.found += record.changed_day(settings.source, day, row, before, monitor.listed, run)
    recent: dict[str, float] = {}
    for earlier in sorted(kept)[-GONE_AFTER - 1 :]:
        recent.update(kept[earlier])
    for event in happenings(row, day, monitor.entities, recent):
        _note(monitor, event, settings, run, result)
    for name in row:
        first = monitor.entities[name][0] if name in monitor.entities else day
        monitor.entities[name] = [first, day]
    monitor.listed = [*monitor.listed, len(row)][-record.LIST_DAYS :]
    monitor.last_day = day
    kept[day] = row
    result.days[day] = row
    for spare in sorted(kept)[:-WINDOW]:
        del kept[spare]
    excuses = [*monitor.excused, *(list(e) for e in settings.excused)]
    scored = scores(kept, day, row, excuses)
    excused = frozenset(name for name, start, end, _ in excuses if start <= day <= end and name in row)
    step = advance(
        monitor.detector,
        day,
        [(name, score, rise) for name, score, rise in scored if settings.watched(name)],
        settings.budget,
        excused=excused,
    )
    result.alarms += [(alarm, _found(alarm, row, run, settings.source)) for alarm in step.alarms]
    result.ended += step.ended


def _note(monitor: Monitor, event: Happening, settings: Settings, run: str, result: Judged) -> None:
    until = (date.fromisoformat(event.day) + timedelta(days=SETTLING)).isoformat()
    monitor.excused += [[name, event.day, until, event.rule] for name in event.excuses]
    oldest = (date.fromisoformat(event.day) - timedelta(days=WINDOW)).isoformat()
    monitor.excused = [e for e in monitor.excused if e[2] >= oldest]
    if settings.watched(event.entity):
        found = Found(EVENT, event.rule, settings.source, event.entity, event.day, event.day, run, event.text)
        result.found.append(found)


def scores(kept: Days, day: str, row: Mapping[str, float], excuses: list[list[str]]) -> list[tuple[str, float, float]]:
    """Score the entities of a day; days that an event explains do not serve as anybody's past."""
    first = date.fromisoformat(min(kept))
    days = (date.fromisoformat(day) - first).days + 1
    names = sorted(row)
    column = {name: i for i, name in enumerate(names)}
    values = np.full((min(days, WINDOW), len(names)), np.nan)
    start = date.fromisoformat(day) - timedelta(days=len(values) - 1)
    for at, figures in kept.items():
        line = (date.fromisoformat(at) - start).days
        if line >= 0:
            for name in figures.keys() & column.keys():
                values[line, column[name]] = figures[name]
    for name, since, until, _ in excuses:
        if name in column:
            low = max(0, (date.fromisoformat(since) - start).days)
            high = (date.fromisoformat(until) - start).days + 1
            values[low : max(high, 0), column[name]] = np.nan
    measured = level(values)
    return [
        (name, float(measured.score[i]), float(measured.rise[i]))
        for name, i in column.items()
        if np.isfinite(measured.score[i])
    ]


def _found(alarm: Alarm, row: Mapping[str, float], run: str, source: str) -> Found:
    factor = float(np.exp(alarm.rise))
    age = (date.fromisoformat(run) - date.fromisoformat(alarm.day)).days
    text = (
        f"{alarm.entity} has stayed at {factor:.2f} times its level of the four weeks before, relative to its peers, on every one "
        f"of the 4 days up to {alarm.day}; {alarm.p:.2%} of {alarm.reference:,} earlier rises went as far (alarm at "
        f"{alarm.weight:.2%}). This says that it is worth a look, not why."
    )
    figures = {
        "factor": round(factor, 4),
        "value": row.get(alarm.entity),
        "score": alarm.score,
        "p": round(alarm.p, 6),
        "spends": round(alarm.weight, 6),
        "reference": alarm.reference,
    }
    return Found(ALARM, "alarm", source, alarm.entity, alarm.opened, alarm.day, run, text, figures, old=age > NEWS_DAYS)
