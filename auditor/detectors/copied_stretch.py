"""AUD174 looks for stretches of the subject's figures that recur: at another time, or in another entity.

A stretch is at least five periods in a row that equal, or are one constant ratio of, those of another stretch. Small and rounded
counts agree by chance, so a match counts by how much agreeing it took: each pair gives ``log2(spread / width)`` bits, where the spread
is what the figures of the stretch vary by and the width is what rounding leaves open (at least one unit of the column's common
divisor). A match is reported when its bits exceed those of the comparisons made by 20, that is when agreement by chance has a
probability below one in a million. The variation is measured around a trend, so constant stretches and steady growth carry no
bits.

Equal stretches are looked for at every distance in time and in every entity; constant ratios inside the subject at distances of
up to 366 periods, and on the same periods in other entities. A ratio that half of the entities share is the table's, not the subject's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

RULE = Rule(id="AUD174", name="copied_stretch", family=Family.RECORD)

#: Shortest stretch that is looked at.
SHORTEST = 5

#: Bits by which a match must exceed the comparisons made: a chance of 2 ** -20.
BITS = 20.0

#: Relative width of a figure that is not a whole number of any decimal unit: floating point itself.
FLOATING = 1e-12

#: Longest distance, in periods, at which constant ratios are looked for inside the subject.
FARTHEST = 366

#: Share of the entities that, moving by the same ratio, make it the table's.
SHARED = 0.5


@dataclass(frozen=True)
class _Match:
    """A stretch of the subject that recurs: rows of the later one, rows of the earlier or other one, and where it lies."""

    kind: str
    entity: str
    first: int
    other: int
    length: int
    ratio: float
    bits: float


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Find the recurring stretch of the subject that is least likely by chance."""
    table, name = scene.table, scene.subject.name
    values = np.where(scene.subject.settled & (scene.subject.values > 0), scene.subject.values, np.nan)
    if np.isfinite(values).sum() < SHORTEST:
        return RULE.not_applicable("too_short", subject=name, least=SHORTEST)
    width = np.maximum(_width(values), np.nan_to_num(scene.subject.high - scene.subject.low))
    peers = table.without(scene.subject.parts)
    others = settled(peers)
    others = np.where(np.isfinite(others) & (others > 0), others, np.nan)
    slack = np.nan_to_num(peers.high - peers.low)
    t_count, n_count = others.shape
    compared = np.log2(max(2.0, t_count * (t_count + t_count * n_count)))
    matches = [
        *_equal_within(values, width),
        *_equal_between(values, width, others, slack, peers.entities),
        *_ratio_within(values, width, others),
        *_ratio_between(values, width, others, slack, peers.entities),
    ]
    found = [m for m in matches if m.bits > compared + BITS]
    best = max(found, key=lambda m: (m.bits, m.length, -m.first, m.entity), default=None)
    limits = [Message.of("AUD174.limit_reason"), Message.of("AUD174.limit_found")]
    known = int(np.isfinite(values).sum())
    rows = range(*(slice(0, 0) if best is None else slice(best.first, best.first + best.length)).indices(t_count))
    inside = bool(best and best.first < scene.window.stop and best.first + best.length > scene.window.start)
    if best is not None and not inside:
        limits.append(Message.of("AUD174.limit_outside"))
    said: dict[str, Any] = {"subject": name, "known": known, "least": SHORTEST, "entities": n_count}
    if best is not None:
        said |= {
            "n": best.length,
            "start": scene.day(best.first),
            "end": scene.day(best.first + best.length - 1),
            "other_start": scene.day(best.other),
            "other_end": scene.day(best.other + best.length - 1),
            "entity": best.entity,
            "ratio": best.ratio,
        }
    source = values if best is None or not best.entity else others[:, peers.index[best.entity]]
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(rows[0], rows[-1]) if rows else scene.span,
            statement=Message.of(f"AUD174.{best.kind if best else 'none'}", **said),
            statistic=Statistic(
                name="length of the longest recurring stretch",
                value=float(best.length if best else 0),
                unit="periods",
                reference=Message.of("AUD174.reference", n=known),
            ),
            variant=best.kind if best else "none",
            severity=Severity.INFO if best is None else Severity.HIGH if inside else Severity.MEDIUM,
            confidence=Confidence.HIGH if best is None or best.kind.startswith("equal") else Confidence.MEDIUM,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(r) for r in rows],
                value=values[rows.start : rows.stop],
                other_date=[scene.day(r - best.first + best.other) for r in rows] if best else [],
                other_value=source[best.other : best.other + best.length] if best else [],
            ),
            figures=MappingProxyType(
                {
                    "bits": best.bits if best else 0.0,
                    "bits_needed": float(compared + BITS),
                    "matches": float(len(found)),
                }
            ),
        )
    ]


def _width(column: Floats) -> float:
    """Smallest step between figures of a column: their common divisor where they are whole in some decimal unit."""
    known = column[np.isfinite(column)]
    if not known.size:
        return 0.0
    for power in (0, 2, 4, 6):
        scaled = known * 10.0**power
        if scaled.max() < 2**53 and (np.abs(scaled - np.round(scaled)) <= 1e-9 * np.maximum(scaled, 1.0)).all():
            return float(np.gcd.reduce(np.round(scaled).astype(np.int64))) / 10.0**power
    return FLOATING * float(np.median(known))


def _bits(stretch: Floats, width: Floats) -> float:
    """Bits that agreement with a stretch takes: what its figures vary by around a trend, over what rounding leaves open.

    The trend is a straight line or a steady rate of growth, whichever is nearer; any two stretches may share one.
    """
    time = np.arange(stretch.size) - 0.5 * (stretch.size - 1)
    logs = np.log(stretch)
    line = stretch.mean() + time * float(time @ stretch) / float(time @ time)
    growth = np.exp(logs.mean() + time * float(time @ logs) / float(time @ time))
    spread = 2.0 * min(float(np.mean(np.abs(stretch - trend))) for trend in (line, growth))
    return float(np.log2(np.maximum(1.0, spread / np.maximum(width, 1e-300))).sum())


def _runs(hit: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield first row and length of runs of at least ``SHORTEST`` true cells."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hit, [False]]).astype(np.int8)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - first >= SHORTEST:
            yield int(first), int(stop - first)


def _equal_within(values: Floats, width: Floats) -> Iterator[_Match]:
    """Stretches of the subject that equal an earlier, disjoint one."""
    for lag in _lags(values):
        for first, length in _runs(values[lag:] == values[:-lag]):
            n = min(length, lag)
            stretch = slice(first + lag, first + lag + n)
            if n >= SHORTEST:
                yield _Match("equal_within", "", first + lag, first, n, 1.0, _bits(values[stretch], width[stretch]))


def _lags(values: Floats) -> list[int]:
    """Distances at which enough figures of the subject recur."""
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    same = values[order][1:] == values[order][:-1]
    if same.sum() < SHORTEST:
        return []
    rows, columns = np.nonzero(np.tril(values[:, None] == values[None, :], -1))
    lags, counts = np.unique(rows - columns, return_counts=True)
    return [int(lag) for lag, count in zip(lags, counts, strict=True) if count >= SHORTEST and lag >= SHORTEST]


def _equal_between(
    values: Floats, width: Floats, others: Floats, slack: Floats, names: tuple[str, ...]
) -> Iterator[_Match]:
    """Stretches of the subject that equal one of another entity, at any distance in time."""
    own = np.unique(values[np.isfinite(values)])
    place = np.searchsorted(own, others)
    present = np.isfinite(others) & (own[np.minimum(place, own.size - 1)] == others)
    for column in np.flatnonzero(present.sum(axis=0) >= SHORTEST):
        rows, cols = np.nonzero(values[:, None] == others[None, :, column])
        lags, counts = np.unique(rows - cols, return_counts=True)
        for lag in lags[counts >= SHORTEST]:
            start, stop = max(0, int(lag)), min(values.size, values.size + int(lag))
            for first, length in _runs(values[start:stop] == others[start - lag : stop - lag, column]):
                stretch = slice(start + first, start + first + length)
                other = slice(stretch.start - int(lag), stretch.stop - int(lag))
                bits = _bits(values[stretch], np.maximum(width[stretch], slack[other, column]))
                yield _Match("equal_between", names[column], stretch.start, other.start, length, 1.0, bits)


def _constant(
    top: Floats, top_width: Floats, bottom: Floats, bottom_width: Floats
) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Mark windows of five rows, shape (T - 4, ...), whose ratios of two series one constant can explain."""
    low = np.maximum(top - 0.5 * top_width, 0.0) / (bottom + 0.5 * bottom_width)
    positive = bottom - 0.5 * bottom_width > 0
    open_ = np.where(np.isfinite(bottom), np.inf, np.nan)
    high = np.where(positive, (top + 0.5 * top_width) / np.where(positive, bottom - 0.5 * bottom_width, 1.0), open_)
    windows = low.shape[0] - SHORTEST + 1
    least, most = low[:windows].copy(), high[:windows].copy()
    for step in range(1, SHORTEST):
        np.maximum(least, low[step : step + windows], out=least)
        np.minimum(most, high[step : step + windows], out=most)
    return least <= most, low, high


def _extended(low: Floats, high: Floats, first: int) -> int:
    """Length of the stretch from a row on that one constant explains."""
    least, most, stop = low[first], high[first], first + 1
    while stop < low.size and np.isfinite(low[stop]) and max(least, low[stop]) <= min(most, high[stop]):
        least, most, stop = max(least, low[stop]), min(most, high[stop]), stop + 1
    return stop - first


def _ratio_within(values: Floats, width: Floats, others: Floats) -> Iterator[_Match]:
    """Stretches of the subject that are a constant ratio of an earlier, disjoint one, and the table's is not."""
    t_count = values.size
    if t_count < 2 * SHORTEST:
        return
    index = np.arange(t_count)
    lags = np.arange(SHORTEST, min(t_count - SHORTEST, FARTHEST) + 1)
    late = index[:, None] + lags[None, :]
    valid = late < t_count
    late = np.minimum(late, t_count - 1)
    top = np.where(valid, values[late], np.nan)
    # Figures are held as decimals, so their ratios carry the error of floating point besides the rounding.
    error = width + FLOATING * np.nan_to_num(values)
    bottom = np.broadcast_to(values[:, None], top.shape)
    hit, low, high = _constant(top, error[late], bottom, np.broadcast_to(error[:, None], top.shape))
    done: set[tuple[int, int]] = set()
    for column in np.flatnonzero(hit.any(axis=0)):
        lag, until = int(lags[column]), -1
        for first in np.flatnonzero(hit[:, column]):
            if first < until:
                continue
            length = min(_extended(low[:, column], high[:, column], int(first)), lag)
            until = int(first) + length
            match = _ratio_match("ratio_within", "", values, width, values, width, int(first) + lag, int(first), length)
            if match and (match.first, match.other) not in done and not _of_the_table(others, match):
                done.add((match.first, match.other))
                yield match


def _ratio_between(
    values: Floats, width: Floats, others: Floats, slack: Floats, names: tuple[str, ...]
) -> Iterator[_Match]:
    """Stretches of the subject that are a constant ratio of another entity's, on the same periods."""
    if values.size < SHORTEST or not others.shape[1]:
        return
    columns = np.flatnonzero(np.isfinite(others).sum(axis=0) >= SHORTEST)
    steps = np.maximum(slack[:, columns], [_width(others[:, c]) for c in columns])
    peers = others[:, columns]
    error = width + FLOATING * np.nan_to_num(values)
    other_error = steps + FLOATING * np.nan_to_num(peers)
    shape = peers.shape
    hit, low, high = _constant(
        np.broadcast_to(values[:, None], shape), np.broadcast_to(error[:, None], shape), peers, other_error
    )
    for place in np.flatnonzero(hit.any(axis=0)):
        until = -1
        for first in np.flatnonzero(hit[:, place]):
            if first < until:
                continue
            length = _extended(low[:, place], high[:, place], int(first))
            until = int(first) + length
            match = _ratio_match(
                "ratio_between",
                names[columns[place]],
                values,
                width,
                peers[:, place],
                steps[:, place],
                int(first),
                int(first),
                length,
            )
            if match:
                yield match


def _ratio_match(
    kind: str,
    entity: str,
    values: Floats,
    width: Floats,
    source: Floats,
    source_width: Floats,
    first: int,
    other: int,
    length: int,
) -> _Match | None:
    """Build a match of a constant ratio; one pair's worth of bits goes to the ratio itself. None for a ratio of one."""
    here, there = slice(first, first + length), slice(other, other + length)
    ratio = float(np.median(values[here] / source[there]))
    open_ = np.maximum(width[here], ratio * source_width[there])
    if abs(ratio - 1.0) < FLOATING:
        return None
    bits = _bits(values[here], open_) * (length - 1) / length
    return _Match(kind, entity, first, other, length, ratio, bits)


def _of_the_table(others: Floats, match: _Match) -> bool:
    """Whether half of the other entities repeat their own earlier stretch in the same way."""
    here, there = others[match.first : match.first + match.length], others[match.other : match.other + match.length]
    known = np.isfinite(here).all(axis=0) & np.isfinite(there).all(axis=0)
    if known.sum() < 2:
        return False
    ratios = here[:, known] / there[:, known]
    same = ratios.max(axis=0) - ratios.min(axis=0) <= 1e-3 * ratios.min(axis=0)
    return bool(same.mean() >= SHARED)
