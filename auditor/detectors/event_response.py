"""AUD134 asks how the subject moved, against its peers, around each dated event of the case.

The step at an event is the mean, over up to a season of periods from the event on, of the subject's change against the same
point of the season before, less the median of the others' changes on the same periods (so weekday stands against weekday, and a
market that moves as a whole is taken out). It is ranked, by its size in either direction, among the same step at every placebo date of this
series and its peers. The steps carry the autocorrelation of the series, and so do the placebos: no noise model is needed.

Several events are several chances of a small rank: the headline p-value is the smallest one times the number of events measured.

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
MacKinlay, A. C. (1997). Event studies in economics and finance. Journal of Economic Literature 35(1), 13-39.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import Event
from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import severity_of
from auditor.detectors.season_steps import (
    MIN_REFERENCE,
    Relative,
    medians_of_others,
    near,
    own_events,
    placebo_steps,
    relative,
    row_of,
)
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD134", name="event_response", family=Family.PRICE_EVENTS)

#: Events up to so many periods before or after the window belong to the episode.
REACH = 14

#: A move begins "with" an event when it is at most this many periods after it.
WITHIN = 2

#: A change from one period to the next counts as a large move when it is among this share of the largest of the peers.
LARGE = 0.05


@dataclass(frozen=True)
class Response:
    """The step at the events of one period; ``p`` and ``rank`` are None with too few placebo dates."""

    row: int
    events: tuple[Event, ...]
    step: float
    periods: int
    bounded: bool
    n: int = 0
    p: float | None = None
    rank: int | None = None
    low: float = float("nan")
    high: float = float("nan")


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Measure the step at each event and state the one that stands out most. ``params``: ``within`` (default 2 periods)."""
    name, within = scene.subject.name, int(params.get("within", WITHIN))
    placed = _placed(scene)
    if not placed:
        return RULE.not_applicable("no_events", subject=name, reach=REACH)
    data = relative(scene)
    found = responses(data, placed)
    if not found:
        return RULE.not_applicable("no_step", subject=name, lag=data.lag)
    ranked = [r for r in found if r.p is not None]
    best = min(ranked, key=lambda r: (r.p, r.row)) if ranked else max(found, key=lambda r: abs(r.step))
    p = min(1.0, len(ranked) * best.p) if best.p is not None else None
    moves, dated, close = _moves(scene, data, [row for row, _ in placed], within)
    limits = [Message.of("AUD134.limit_cause")]
    if best.bounded:
        limits.append(Message.of("AUD134.limit_bound", day=scene.day(best.row)))
    if not data.paired:
        limits.append(Message.of("AUD134.limit_peers", n=len(data.names)))
    if any(0 < best.row - row <= data.lag for row, _ in placed):
        limits.append(Message.of("AUD134.limit_overlap", day=scene.day(best.row)))
    if len(found) < len(placed):
        limits.append(Message.of("AUD134.limit_unmeasured", n=len(placed) - len(found), of=len(placed)))
    size = float(np.exp(best.step))
    direction = "rise" if best.step >= 0 else "fall"
    values: dict[str, Any] = {
        "subject": name,
        "kinds": " and ".join(dict.fromkeys(e.kind.value.replace("_", " ") for e in best.events)),
        "day": scene.day(best.row),
        "times": size,
        "share": 1.0 - size,
        "periods": best.periods,
        "at_least": (best.rank or 1) - 1,
        "n": best.n,
        "events": len(found),
        "moves": moves,
        "dated": dated,
        "within": within,
        "close": close,
    }
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(best.row, best.row + best.periods - 1),
            statement=Message.of(f"AUD134.{direction}{'' if best.p is not None else '_unranked'}", **values),
            statistic=Statistic(
                name="step of the logarithm at the event, less the peers'",
                value=best.step,
                unit="log ratio",
                reference=Message.of("AUD134.reference", n=best.n) if best.p is not None else None,
                n_reference=best.n,
                rank=best.rank,
                p=p,
                low=best.low if np.isfinite(best.low) else None,
                high=best.high if np.isfinite(best.high) else None,
            ),
            variant=direction,
            severity=severity_of(p if p is not None else 1.0),
            confidence=_confidence(best, data),
            limits=tuple(limits),
            data=_rows(scene, found),
            figures=MappingProxyType(
                {
                    "events_measured": float(len(found)),
                    "large_moves": float(moves),
                    "large_moves_with_an_event": float(dated),
                    "share_of_periods_with_an_event": close,
                }
                | ({"p_of_this_event": best.p} if best.p is not None else {})
            ),
            weighs=p is not None,
        )
    ]


def _placed(scene: Scene) -> list[tuple[int, tuple[Event, ...]]]:
    """Events of the subject in reach of the window, by the period that holds them."""
    grouped: dict[int, list[Event]] = {}
    for event in own_events(scene):
        row = row_of(scene, event)
        if row is not None and scene.window.start - REACH <= row < scene.window.stop + REACH:
            grouped.setdefault(row, []).append(event)
    return [(row, tuple(events)) for row, events in sorted(grouped.items())]


def responses(data: Relative, placed: Sequence[tuple[int, tuple[Event, ...]]]) -> list[Response]:
    """Measure and rank the step at each placed event.

    A step ends before the next event, so that it is not credited with that one's effect, and at the latest after a season.
    """
    rows = [row for row, _ in placed]
    excluded = near(rows, len(data.logs), data.lag)
    found = []
    for i, (row, events) in enumerate(placed):
        stop = min([row + data.lag, len(data.logs), *rows[i + 1 : i + 2]])
        length = stop - row
        value = float(data.steps(length)[row, 0])
        if not np.isfinite(value):
            continue
        bounded = bool(data.bounds(length)[row, 0])
        placebo = placebo_steps(data, length, excluded, row)
        response = Response(row, events, value, length, bounded, int(placebo.size))
        if placebo.size >= MIN_REFERENCE:
            standing = conformal_rank(abs(value), np.abs(placebo))
            low, high = np.quantile(placebo, [0.05, 0.95])
            middle = float(np.median(placebo))
            response = Response(
                row,
                events,
                value,
                length,
                bounded,
                standing.n_reference,
                standing.p,
                standing.rank,
                value - max(float(high) - middle, 0.0),
                value + max(middle - float(low), 0.0),
            )
        found.append(response)
    return found


def _moves(scene: Scene, data: Relative, rows: Sequence[int], within: int) -> tuple[int, int, float]:
    """Count the subject's large moves around the window, those that begin with an event, and the share of periods with one."""
    daily = np.full(data.logs.shape, np.nan)
    daily[1:] = np.where(data.bounded[1:] & data.bounded[:-1], np.nan, np.diff(data.logs, axis=0))
    # Weekdays move all series alike, so the others' change on the same period takes them out.
    daily = np.abs(daily - np.nan_to_num(medians_of_others(daily)))
    first, stop = max(scene.window.start - data.lag, 1), min(scene.window.stop + data.lag, len(daily))
    usual = daily[:, 1:] if data.paired else daily[~near([scene.window.start], len(daily), REACH)]
    known = usual[np.isfinite(usual)]
    if first >= stop or not known.size:
        return 0, 0, 0.0
    large = np.nan_to_num(daily[first:stop, 0]) > np.quantile(known, 1 - LARGE)
    close = np.zeros(len(daily), dtype=bool)
    for row in rows:
        close[row : row + within + 1] = True
    return int(large.sum()), int((large & close[first:stop]).sum()), float(close[first:stop].mean())


def _confidence(best: Response, data: Relative) -> Confidence:
    if best.n < MIN_REFERENCE or not data.paired:
        return Confidence.LOW
    return Confidence.HIGH if best.n >= 200 and 2 * best.periods >= data.lag else Confidence.MEDIUM


def _rows(scene: Scene, found: Sequence[Response]) -> Rows:
    return Rows.of(
        date=[scene.day(r.row) for r in found],
        event=["; ".join(e.kind.value for e in r.events) for r in found],
        note=["; ".join(e.note for e in r.events if e.note) for r in found],
        periods=[r.periods for r in found],
        log_step_less_peers=[r.step for r in found],
        below_cutoff_on_one_side=[r.bounded for r in found],
        placebo_dates=[r.n for r in found],
        p=[float("nan") if r.p is None else r.p for r in found],
    )
