"""Resolves the question of a case on a panel: which table, which subject, which rows."""

import numpy as np

from auditor.case import Case
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.panel import Panel, Series, Table, nearest

#: A spike around a given day lasts while the series stays above this share of the day's rise over its base.
EPISODE_SHARE = 0.5

#: Periods before the day that form its base.
BASE_PERIODS = 28


def resolve(panel: Panel, case: Case) -> Scene:
    """Find the table, stitch the subject and place the window.

    Where the case gives a day instead of a window, the window is the run of periods around that day on which the
    subject stayed at least half way between its base (median of up to 28 earlier periods, zero for a new subject) and
    the day's value. Where it gives neither, the day is the subject's largest settled one.

    Raises
    ------
    UsageError
        When the subject, metric, day or window does not occur in the panel.
    """
    if not case.subject:
        raise UsageError("no subject was named", hint="use --subject ID, or a case file with `subject:`")
    table = _table(panel, case)
    subject = table.series(case.subject, case.name)
    window = _rows(table, case) if case.window is not None else _episode(table, subject, case)
    if not np.isfinite(subject.values[window]).any():
        raise UsageError(
            f"{subject.name} has no published figure in the window {table.dates[window.start]:%Y-%m-%d} to "
            f"{table.dates[window.stop - 1]:%Y-%m-%d}",
            hint=_published(subject),
        )
    return Scene(panel=panel, case=case, table=table, subject=subject, window=window)


def elevation(scene: Scene) -> float | None:
    """Median of the subject inside the window over its median in up to 28 periods before; None for a new subject.

    A subject that had no listed value before the window has no base, and its whole volume is what is in question.
    """
    inside = scene.subject.values[scene.window]
    before = scene.subject.values[max(0, scene.window.start - BASE_PERIODS) : scene.window.start]
    inside, before = inside[np.isfinite(inside)], before[np.isfinite(before)]
    if not before.size or not inside.size or not np.median(before) > 0:
        return None
    return float(np.median(inside) / np.median(before))


def _table(panel: Panel, case: Case) -> Table:
    if case.metric or len(panel.tables) == 1:
        return panel.table(case.metric)
    holding = [t for t in panel.tables.values() if any(i in t.index for i in case.subject)]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        every = sorted({e for t in panel.tables.values() for e in t.entities})
        raise UsageError(
            f"the subject {case.subject[0]!r} does not occur in the input", hint=nearest(case.subject[0], every)
        )
    names = ", ".join(t.metric for t in holding)
    raise UsageError(f"the subject occurs in several metrics ({names}) and none was chosen", hint="use --metric NAME")


def _rows(table: Table, case: Case) -> slice:
    assert case.window is not None
    first = int(table.dates.searchsorted(np.datetime64(case.window.start), side="left"))
    last = int(table.dates.searchsorted(np.datetime64(case.window.end), side="right"))
    if first >= last:
        raise UsageError(
            f"the window {case.window} holds no period of the input",
            hint=f"the input runs from {table.dates[0]:%Y-%m-%d} to {table.dates[-1]:%Y-%m-%d}",
        )
    return slice(first, last)


def _episode(table: Table, subject: Series, case: Case) -> slice:
    if case.date is not None:
        day = table.position(f"{case.date:%Y-%m-%dT%H:%M}")
        if day is None:
            raise UsageError(
                f"the day {case.date:%Y-%m-%d} does not occur in the input",
                hint=f"the input runs from {table.dates[0]:%Y-%m-%d} to {table.dates[-1]:%Y-%m-%d}",
            )
        if not np.isfinite(subject.values[day]):
            raise UsageError(
                f"{subject.name} has no published figure on {table.dates[day]:%Y-%m-%d}", hint=_published(subject)
            )
    else:
        day = int(np.argmax(np.where(subject.settled, subject.values, -np.inf)))
    earlier = subject.values[max(0, day - BASE_PERIODS) : day]
    earlier = earlier[np.isfinite(earlier)]
    new = subject.first_seen is not None and subject.first_seen > 0 and day - subject.first_seen < BASE_PERIODS
    base = 0.0 if new or not earlier.size else float(np.median(earlier))
    level = base + EPISODE_SHARE * (subject.values[day] - base)
    with np.errstate(invalid="ignore"):
        inside = subject.values >= min(level, subject.values[day])
    first = last = day
    while first > 0 and inside[first - 1]:
        first -= 1
    while last + 1 < len(inside) and inside[last + 1]:
        last += 1
    return slice(first, last + 1)


def _published(subject: Series) -> str:
    known = np.flatnonzero(np.isfinite(subject.values))
    if not known.size:
        return "the subject has no published figure at all"
    return f"it is published from {subject.dates[known[0]]:%Y-%m-%d} to {subject.dates[known[-1]]:%Y-%m-%d}"
