"""AUD131 measures what stays of the subject's volume when a free or promoted period ends.

Retention is the level after the end divided by the level before it. The headline compares the last complete period before
with the first complete one after; the second basis compares a week on each side, matched by weekday. Where the subject is
below the published cut-off after the end, retention is bounded from above, never taken as zero.

Which end is read, in this order: ``free_end`` events of the case, ``promotion`` events whose note says that it ended, and
``price`` events; from the first period of the window to ``REACH`` periods after it. Where the case names none, an end is
*inferred* where a part of the subject whose id ends in ``:free`` stops being listed while a part without a suffix is listed.

The headline is ranked among the same ratio of all other entities on all other periods whose level before was high enough
for such a fall to be visible above the cut-off. The rank is a base rate of falls, and a conformal p-value only as far as
those entity-periods are exchangeable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import Event, EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import severity_of
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD131", name="retention", family=Family.PRICE_EVENTS)

#: Ends up to so many periods after the window still belong to the episode.
REACH = 14

#: Periods on each side of the second basis where the frequency has no season.
SPAN = 4

#: A comparison entity must have had at least this many times the cut-off, so that a fall to a tenth is visible.
VISIBLE = 10.0

#: A part must have made up at least this share of the subject for its end to be inferred.
MAIN_PART = 0.5

#: Suffixes after the last ``:`` of an id that mark the variant at no charge.
FREE_SUFFIXES = frozenset({"free"})

ENDED = re.compile(r"\b(end|ends|ended|over|expired?s?|stopped|withdrawn|until)\b", re.IGNORECASE)


@dataclass(frozen=True)
class End:
    """An end of a free or promoted period: first complete period after it, last complete one before, and its source."""

    after: int
    before: int
    kind: str
    mixed: bool = False


@dataclass(frozen=True)
class Ratio:
    """A level after divided by one before, with the bounds that rounding and the cut-off allow."""

    before: float
    after: float
    low: float
    high: float
    n: int = 1

    @property
    def value(self) -> float:
        """``after / before``, or the upper bound where the level after is only known to be below the cut-off."""
        return self.after / self.before if np.isfinite(self.after) else self.high


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Measure retention at each end in reach; the first of the best documented kind carries weight."""
    name = scene.subject.name
    ends = _documented(scene)
    variant = "documented" if ends else "inferred"
    if not ends:
        ends = _inferred(scene)
    if not ends:
        return RULE.not_applicable("no_end", subject=name, reach=REACH)
    measured = [(end, _ratio(scene, end)) for end in ends]
    usable = [(end, ratio) for end, ratio in measured if ratio is not None]
    if not usable:
        return RULE.not_applicable(
            "no_level", subject=name, day=scene.day(min(ends[0].after, len(scene.table.dates) - 1))
        )
    return [_finding(scene, end, ratio, variant, primary=i == 0) for i, (end, ratio) in enumerate(usable)]


def _documented(scene: Scene) -> list[End]:
    """List the ends that the case's events state, best kind first, one per period."""
    found: dict[int, End] = {}
    for kind in (EventKind.FREE_END, EventKind.PROMOTION, EventKind.PRICE):
        for event in scene.case.events_of(kind):
            if event.entity and event.entity not in scene.subject.parts:
                continue
            if kind is EventKind.PROMOTION and not ENDED.search(event.note):
                continue
            place = _place(scene, event)
            if place is None:
                continue
            row, mixed = place
            if scene.window.start <= row < scene.window.stop + REACH:
                found.setdefault(row, End(row + mixed, row - 1, kind.value, mixed))
    return list(found.values())


def _place(scene: Scene, event: Event) -> tuple[int, bool] | None:
    """Row of the period that holds the event, and whether the event lies inside it instead of at its start."""
    dates = scene.table.dates
    row = int(dates.searchsorted(np.datetime64(event.date), side="right")) - 1
    length = timedelta(days=scene.panel.frequency.days)
    if row < 1 or (event.date - dates[row].to_pydatetime() >= length and row == len(dates) - 1):
        return None
    return row, bool(dates[row].to_pydatetime() < event.date)


def _inferred(scene: Scene) -> list[End]:
    """Read an end off the parts: a ``:free`` part stops being listed for good while a part without a suffix is listed."""
    subject = scene.subject
    free = np.array([part.rpartition(":")[2] in FREE_SUFFIXES and ":" in part for part in subject.parts], dtype=bool)
    plain = np.array([":" not in part for part in subject.parts], dtype=bool)
    if not free.any() or not plain.any():
        return []
    listed = np.isfinite(subject.part_values)
    stop = min(scene.window.stop + REACH, len(subject.values))
    for row in range(max(scene.window.start, 1), stop):
        if listed[row - 1, free].any() and not listed[row:stop, free].any() and listed[row, plain].any():
            before = float(np.nansum(subject.part_values[row - 1, free]))
            if subject.settled[row - 1] and before >= MAIN_PART * subject.values[row - 1]:
                return [End(row, row - 1, "inferred")]
    return []


def _ratio(scene: Scene, end: End) -> Ratio | None:
    """Retention between two periods; None where either level is unknown or there was nothing to retain."""
    subject = scene.subject
    if end.after >= len(subject.values) or not subject.settled[end.before] or not subject.values[end.before] > 0:
        return None
    if subject.status[end.after] == Status.PARTIAL or not np.isfinite(subject.high[end.after]):
        return None
    before, low = float(subject.values[end.before]), float(subject.low[end.after] / subject.high[end.before])
    floor = subject.low[end.before] if subject.low[end.before] > 0 else before
    after = float(subject.values[end.after])
    return Ratio(before, after, low, float(subject.high[end.after] / floor))


def _matched(scene: Scene, first_after: int, last_before: int) -> Ratio | None:
    """Mean level of up to a season on each side, matched by its phase; values below the cut-off enter as bounds."""
    subject, span = scene.subject, scene.panel.frequency.season or SPAN
    usable = (subject.status != Status.PARTIAL) & np.isfinite(subject.high)
    after = np.arange(first_after, min(first_after + span, len(subject.values)))
    before = after - span
    keep = (before >= 0) & (before <= last_before) & usable[after] & usable[np.maximum(before, 0)]
    after, before = after[keep], before[keep]
    if after.size < 2 or not subject.settled[before].any():
        return None
    middle = np.where(np.isfinite(subject.values), subject.values, 0.5 * (subject.low + subject.high))
    base, low, high = middle[before].mean(), subject.low[before].mean(), subject.high[before].mean()
    if not low > 0:
        return None
    return Ratio(
        float(base),
        float(middle[after].mean()),
        float(subject.low[after].mean() / high),
        float(subject.high[after].mean() / low),
        int(after.size),
    )


def _placebos(scene: Scene, end: End) -> Floats:
    """Lower bounds of the same ratio for all other entities and periods with a level that makes such a fall visible."""
    others = scene.table.without(scene.subject.parts)
    gap = end.after - end.before
    if others.values.shape[0] <= gap or not others.entities:
        return np.zeros(0)
    complete = others.status != Status.PARTIAL
    before, after = others.values[:-gap], others.low[gap:]
    cutoff = others.cutoff[gap:, None]
    known = others.values[np.isfinite(others.values)]
    enough = np.where(np.isfinite(cutoff), VISIBLE * cutoff, float(np.median(known)) if known.size else np.inf)
    with np.errstate(invalid="ignore"):
        keep = complete[:-gap] & complete[gap:] & (before > 0) & (before >= enough) & np.isfinite(after)
    same = max(end.before - 1, 0), end.after + 1
    keep[same[0] : same[1]] = False
    result: Floats = after[keep] / before[keep]
    return result


def _onset(scene: Scene) -> dict[str, float]:
    """Response to the first start of a free or promoted period: level after, bounds of the level before, least ratio."""
    for event in scene.case.events_of(EventKind.FREE_START, EventKind.PROMOTION):
        if event.kind is EventKind.PROMOTION and ENDED.search(event.note):
            continue
        place = _place(scene, event)
        if place is None or (event.entity and event.entity not in scene.subject.parts):
            continue
        subject, span = scene.subject, scene.panel.frequency.season or SPAN
        rows = np.arange(place[0] + place[1], min(place[0] + place[1] + span, len(subject.values)))
        rows = rows[subject.settled[rows]]
        if rows.size and np.isfinite(subject.high[place[0] - 1]):
            after, most = float(subject.values[rows].mean()), float(subject.high[place[0] - 1])
            figures = {
                "onset_after": after,
                "onset_before_low": float(subject.low[place[0] - 1]),
                "onset_before_high": most,
            }
            return figures | ({"onset_ratio_at_least": after / most} if most > 0 else {})
    return {}


def _finding(scene: Scene, end: End, ratio: Ratio, variant: str, *, primary: bool) -> Finding:
    subject = scene.subject
    bounded = not np.isfinite(ratio.after)
    value = ratio.value
    placebo = _placebos(scene, end)
    n = int(placebo.size)
    rank = 1 + int((placebo <= value).sum()) if n else None
    p = rank / (n + 1) if rank is not None else None
    week = _matched(scene, end.after, end.before)
    limits = [Message.of("AUD131.limit_cause")]
    if variant == "inferred":
        limits.append(Message.of("AUD131.limit_inferred", day=scene.day(end.after)))
    if bounded:
        limits.append(Message.of("AUD131.limit_bound", day=scene.day(end.after), bound=float(subject.high[end.after])))
    if end.mixed:
        limits.append(Message.of("AUD131.limit_mixed", day=scene.day(end.after - 1)))
    if end.kind in {"price", "promotion"}:
        limits.append(Message.of("AUD131.limit_kind"))
    if week is not None and abs(week.value - value) > max(0.1, value):
        limits.append(Message.of("AUD131.limit_week", week=week.value, value=value))
    kind = {"free_end": "free", "inferred": "inferred"}.get(end.kind, end.kind)
    last = min(end.after + (scene.panel.frequency.season or SPAN), len(subject.values))
    rows = np.arange(max(end.before - (scene.panel.frequency.season or SPAN) + 1, 0), last)
    figures = {
        "before": ratio.before,
        "after": ratio.after,
        "lost": ratio.before - (subject.high[end.after] if bounded else ratio.after),
        "placebo_median": float(np.median(placebo)) if n else float("nan"),
    }
    if week is not None:
        figures |= {"week": week.value, "week_low": week.low, "week_high": week.high, "week_periods": float(week.n)}
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=subject.name,
        window=scene.dates(end.before, end.after),
        statement=Message.of(
            f"AUD131.{kind}{'_bound' if bounded else ''}",
            subject=subject.name,
            before_day=scene.day(end.before),
            day=scene.day(end.after),
            before=ratio.before,
            after=float(subject.high[end.after]) if bounded else ratio.after,
            retention=value,
        ),
        statistic=Statistic(
            name="retention",
            value=value,
            unit="share of the level before",
            reference=Message.of("AUD131.reference", n=n) if n else Message.of("AUD131.reference_none"),
            n_reference=n,
            rank=rank,
            p=p,
            low=ratio.low,
            high=ratio.high,
        ),
        variant=variant,
        severity=severity_of(p) if p is not None else Severity.INFO,
        confidence=_confidence(variant, end),
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(int(r)) for r in rows],
            side=["after" if r >= end.after else "before" if r <= end.before else "mixed" for r in rows],
            value=subject.values[rows].tolist(),
            low=subject.low[rows].tolist(),
            high=subject.high[rows].tolist(),
        ),
        figures=MappingProxyType(figures | _onset(scene)),
        weighs=primary,
    )


def _confidence(variant: str, end: End) -> Confidence:
    if variant == "inferred":
        return Confidence.LOW
    return Confidence.HIGH if end.kind == EventKind.FREE_END.value and not end.mixed else Confidence.MEDIUM
