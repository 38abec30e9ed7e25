"""AUD135 splits the subject's rise over its earlier level into weekday, the peers' common movement, dated events, and the rest.

Per period of the window, on the subject's own scale:

* *level*: the mean level of up to four seasons before the window,
* *weekday*: what that level becomes at the same phase of the season,
* *common*: what the peers' median change since the same periods adds to it; level, weekday and common make up the counterfactual,
* *dated*: the excess over the counterfactual that arose within a few periods of a dated event. Each increase of the excess goes to
  the dated or the undated part, by whether an event lies at most ``within`` periods before it; a decrease is taken from both in proportion,
* *rest*: the part without a dated cause on record.

The four parts add up to the rise exactly. Increases are credited to an event by date alone, so *dated* is the most that the
events on record can account for, and the rest is no evidence of anything: a cause need not have been recorded.

The interval carries the error of the counterfactual, from the same gap over windows of this length of all entities away from the
window; the p-value ranks the rest among those gaps.

References
----------
Angrist, J. D., Pischke, J.-S. (2009). Mostly Harmless Econometrics, chapter 5 (differences in differences). Princeton.
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.case import EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import severity_of
from auditor.detectors.season_steps import (
    MIN_REFERENCE,
    RAMP,
    Flags,
    Floats,
    Relative,
    medians_of_others,
    own_events,
    relative,
    row_of,
)
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.texts.message import Message

RULE = Rule(id="AUD135", name="unexplained_remainder", family=Family.PRICE_EVENTS)

#: Seasons before the window that make up the earlier level.
CYCLES = 4

#: Fewest known periods of the earlier level.
MIN_BASE = 4

#: An increase is dated when an event lies at most this many periods before it.
WITHIN = 3

#: Shortest distance between the starts of two placebo windows, in periods; longer windows start half their length apart.
STRIDE = 5

#: Logarithms beyond this are cut off before they are turned back.
LARGEST = 300.0

#: Kinds of events that cannot raise the subject's volume.
ENDS = frozenset({EventKind.FREE_END, EventKind.OUTAGE})


@dataclass(frozen=True)
class Parts:
    """Sums over the window's known periods."""

    actual: float
    level: float
    weekday: float
    common: float
    dated: float
    rest: float

    @property
    def rise(self) -> float:
        """Actual volume above the earlier level."""
        return self.actual - self.level


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Decompose the rise over the window. ``params``: ``within`` (default 3 periods)."""
    name, within = scene.subject.name, int(params.get("within", WITHIN))
    data = relative(scene)
    rows = np.flatnonzero(scene.subject.settled[scene.window]) + scene.window.start
    rows = rows[scene.subject.values[rows] > 0]
    events = [e for e in own_events(scene) if e.kind not in ENDS]
    placed = sorted({row for e in events if (row := row_of(scene, e)) is not None})
    close = _close(placed, scene.window, within, data.lag, len(data.logs))
    base, common, levels = _gaps(data, scene.window.start, scene.window.stop - scene.window.start)
    offset = rows - scene.window.start
    known = np.isfinite(base[offset, 0])
    if not rows.size or not known.any():
        return _without_base(scene, rows, close, bool(placed))
    rows, offset = rows[known], offset[known]
    x = scene.subject.values[rows]
    log_base, moved = base[offset, 0], np.nan_to_num(common[offset, 0])
    level = float(np.exp(levels[0]))
    counter = np.exp(log_base + moved)
    parts = _split(x, level, np.exp(log_base), counter, close[rows])
    if not parts.rise > 0:
        return RULE.not_applicable("no_rise", subject=name)
    gap = float(np.mean(np.log(x) - np.log(counter)))
    placebo, rising = _placebos(data, scene.window)
    left = float(np.mean(np.log(np.maximum(counter + _rest(x - counter, close[rows]), 0.01 * x)) - np.log(counter)))
    low: float | None = None
    high: float | None = None
    p = rank = None
    if placebo.size >= MIN_REFERENCE:
        ends = []
        for quantile in np.quantile(placebo, [0.05, 0.95]):
            other = counter * np.exp(float(quantile))
            ends.append(_split(x, level, np.exp(log_base), other, close[rows]).rest)
        low, high = min(*ends, parts.rest), max(*ends, parts.rest)
    n = int(rising.size)
    if n >= MIN_REFERENCE:
        standing = conformal_rank(left, rising)
        p, rank = standing.p, standing.rank
    limits = [Message.of("AUD135.limit_record"), Message.of("AUD135.limit_date")]
    if not data.paired:
        limits.append(Message.of("AUD135.limit_peers", n=len(data.names)))
    if rows.size < scene.window.stop - scene.window.start:
        limits.append(Message.of("AUD135.limit_gaps", n=int(rows.size), of=scene.window.stop - scene.window.start))
    key = "events" if placed else "no_events"
    share = parts.rest / parts.rise
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                f"AUD135.{key}{'' if low is not None else '_plain'}",
                subject=name,
                start=scene.span.start,
                end=scene.span.end,
                rise=parts.rise,
                dated=parts.dated,
                common=parts.common,
                weekday=parts.weekday,
                rest=parts.rest,
                low=low,
                high=high,
                within=within,
            ),
            statistic=Statistic(
                name="part of the rise without a dated cause on record",
                value=share,
                unit="share of the rise",
                reference=Message.of("AUD135.reference", n=n) if rank else None,
                n_reference=n if rank else 0,
                rank=rank,
                p=p,
                low=low / parts.rise if low is not None else None,
                high=high / parts.rise if high is not None else None,
            ),
            variant=key,
            severity=severity_of(p if p is not None else 1.0),
            confidence=Confidence.LOW if rank is None or not data.paired else Confidence.MEDIUM,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in rows],
                value=x,
                earlier_level=np.full(rows.size, level),
                at_this_phase=np.exp(log_base),
                counterfactual=counter,
                event_near=close[rows],
                excess_without_event=_rest(x - counter, close[rows]),
            ),
            figures=MappingProxyType(
                {
                    "rise": parts.rise,
                    "weekday": parts.weekday,
                    "common": parts.common,
                    "dated": parts.dated,
                    "rest": parts.rest,
                    "mean_log_gap": gap,
                    "mean_log_gap_without_event": left,
                }
            ),
            weighs=bool(placed) and p is not None,
        )
    ]


def _close(placed: list[int], window: slice, within: int, lag: int, count: int) -> Flags:
    """Mark the rows at most ``within`` periods after an event, shape (T,).

    The first period of the window holds all that was built up before it, so any event of the season before is near to it.
    """
    close = np.zeros(count, dtype=bool)
    for row in placed:
        close[row : row + within + 1] = True
        if window.start - lag <= row <= window.start:
            close[window.start] = True
    return close


def _split(x: Floats, level: float, phased: Floats, counter: Floats, close: Flags) -> Parts:
    """Add up the parts of the rise."""
    rest = _rest(x - counter, close)
    return Parts(
        actual=float(x.sum()),
        level=level * x.size,
        weekday=float((phased - level).sum()),
        common=float((counter - phased).sum()),
        dated=float((x - counter - rest).sum()),
        rest=float(rest.sum()),
    )


def _rest(excess: Floats, close: Flags) -> Floats:
    """Part of the excess that no event is near to; below the counterfactual, the whole (negative) difference."""
    dated = undated = 0.0
    rest = np.empty(excess.size)
    for i, (value, near) in enumerate(zip(np.maximum(excess, 0.0).tolist(), close.tolist(), strict=True)):
        total = dated + undated
        if value >= total:
            dated, undated = (value - undated, undated) if near else (dated, value - dated)
        else:
            kept = value / total
            dated, undated = dated * kept, undated * kept
        rest[i] = undated if excess[i] > 0 else excess[i]
    return rest


def _base_rows(lag: int, start: int) -> slice:
    return slice(max(0, start - CYCLES * lag), start)


def _unbounded(data: Relative) -> Floats:
    return np.where(data.bounded, np.nan, data.logs)


def _gaps(data: Relative, start: int, length: int) -> tuple[Floats, Floats, Floats]:
    """Return the mean logarithm before ``start`` at the phase of each window row, the others' median change since, and the level.

    The first two have shape (L, 1 + K); the level, in which each phase counts alike, (1 + K,). NaN where fewer than
    ``MIN_BASE`` periods of the earlier level, or none at that phase, are known.
    """
    lag, logs = data.lag, _unbounded(data)
    earlier = logs[_base_rows(lag, start)]
    columns = logs.shape[1]
    full = np.full((CYCLES * lag, columns), np.nan)
    full[len(full) - len(earlier) :] = earlier
    cycles = full.reshape(CYCLES, lag, columns)
    known = np.isfinite(cycles)
    counts = known.sum(axis=0)
    sums = np.where(known, cycles, 0.0).sum(axis=0)
    enough = (counts > 0) & (counts.sum(axis=0) >= MIN_BASE)
    phased = np.where(enough, sums / np.maximum(counts, 1), np.nan)
    # Row j of the window has the phase of the row j, lag, 2 lag ... before its end of the last cycle: start + j - lag.
    base = phased[np.arange(length) % lag]
    moved = logs[start : start + length] - base
    phases = np.isfinite(phased)
    level = np.where(phases, phased, 0.0).sum(axis=0) / np.maximum(phases.sum(axis=0), 1)
    return base, medians_of_others(moved), np.where(phases.any(axis=0), level, np.nan)


def _placebos(data: Relative, window: slice) -> tuple[Floats, Floats]:
    """Mean gap over the counterfactual in other windows of the same length, of entities past their launch: all, and where they rose.

    The subject is examined because it rose, so it is ranked among windows that rose too.
    """
    length, lag = window.stop - window.start, data.lag
    logs = _unbounded(data)
    first = 2 * lag
    every, rising = [np.zeros(0)], [np.zeros(0)]
    for start in range(first + (window.start - first) % STRIDE, len(logs) - length + 1, max(length // 2, STRIDE)):
        base, common, level = _gaps(data, start, length)
        inside = logs[start : start + length]
        gap = inside - base - np.nan_to_num(common)
        known = np.isfinite(gap)
        count = known.sum(axis=0)
        mean = np.where(known, gap, 0.0).sum(axis=0) / np.maximum(count, 1)
        keep = (2 * count >= length) & (count > 0) & (data.age[start] >= RAMP + lag)
        if start < window.stop + lag and start + length > window.start - lag:
            keep[0] = False
        # Divided by the level before it is turned back, so that nothing overflows.
        rose = np.where(known, np.expm1(np.minimum(inside - level, LARGEST)), 0.0).sum(axis=0) > 0
        every.append(mean[keep])
        rising.append(mean[keep & rose])
    return np.concatenate(every), np.concatenate(rising)


def _without_base(scene: Scene, rows: Any, close: Flags, has_events: bool) -> list[Outcome]:  # noqa: FBT001 - one caller
    """Say what can be said of a subject that had no level before the window: all of its volume is the rise."""
    subject, name = scene.subject, scene.subject.name
    if not rows.size:
        return RULE.not_applicable("no_window", subject=name)
    if subject.first_seen is None or subject.first_seen < scene.window.start or not subject.launched_inside:
        return RULE.not_applicable("no_base", subject=name)
    x = subject.values[rows]
    rest = _rest(x, close[rows])
    total, left = float(x.sum()), float(rest.sum())
    ceiling = subject.high[max(scene.window.start - 1, 0)]
    slack = float(ceiling) * rows.size if np.isfinite(ceiling) else 0.0
    key = "new" if has_events else "new_no_events"
    limits = [Message.of("AUD135.limit_record"), Message.of("AUD135.limit_date"), Message.of("AUD135.limit_new")]
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                f"AUD135.{key}",
                subject=name,
                start=scene.span.start,
                end=scene.span.end,
                rise=total,
                dated=total - left,
                rest=left,
            ),
            statistic=Statistic(
                name="part of the rise without a dated cause on record",
                value=left / total,
                unit="share of the rise",
                low=max(left - slack, 0.0) / total,
                high=left / total,
            ),
            variant=key,
            confidence=Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in rows], value=x, event_near=close[rows], excess_without_event=rest
            ),
            figures=MappingProxyType({"rise": total, "dated": total - left, "rest": left}),
            weighs=False,
        )
    ]
