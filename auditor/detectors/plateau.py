"""Plateau: is the top of the window flatter, and its edges sharper, than those of real series.

Generated traffic, a rate limit or a scheduled job runs at a set level: it is on, flat, and off. People come and go by and by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.smoothness import rounding_noise
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RULE = Rule(id="AUD105", name="plateau", family=Family.LEVEL_SHAPE)

#: The top is the longest run of the window at or above this share of its peak.
TOP = 0.5

#: Periods of the top, and stretches of peers, that are needed.
FEWEST_PERIODS, FEWEST_STRETCHES = 5, 10

#: An edge is sharp when one period multiplies or divides the value by this.
SHARP = 2.0

#: Rounding noise above this share of the peers' usual spread makes the comparison one of rounding.
ROUNDING = 0.3


@dataclass(frozen=True)
class _Stretches:
    """Stretches of the peers as long as the subject's top: their spread, and the smaller of their two edges (log)."""

    spread: Floats
    edge: Floats
    same_days: npt.NDArray[np.bool_]
    peer: npt.NDArray[np.int64]


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the flatness of the window's top among equally long stretches of the peers, and measure its edges.

    Returns
    -------
    list of Finding
        Variant ``on_off`` where the value doubles or more into the top and halves or more out of it, each in one period,
        else ``flat_only``. The statistic is the top's spread over the median spread of the peers on the same days;
        ``p`` is its lower tail among all non-overlapping stretches of the peers of the same length, pooled, which
        ``n_reference`` counts.

    Notes
    -----
    Spread is 1.4826 times the median absolute deviation of the log values. For subject and peers alike it is the smaller of
    the raw one and that left after the peers' common movement is taken out (weekdays), so that neither a series with
    a weekend nor one without is at a disadvantage. O(T N log L) for tops of length L.
    """
    own = np.where(scene.subject.settled & (scene.subject.values > 0), scene.subject.values, np.nan)
    first, stop = _top(own, scene.window)
    length = stop - first
    if length < FEWEST_PERIODS:
        return RULE.not_applicable("short_top", n=length, least=FEWEST_PERIODS)
    values = np.where((scene.peers.status != Status.PARTIAL) & (scene.peers.values > 0), scene.peers.values, np.nan)
    # A series that never moves is a placeholder, not traffic.
    highest, lowest = np.where(np.isfinite(values), values, -np.inf), np.where(np.isfinite(values), values, np.inf)
    moving = highest.max(axis=0, initial=-np.inf) > lowest.min(axis=0, initial=np.inf)
    logs = np.log(values[:, moving])
    if not logs.size:
        return RULE.not_applicable("few_peers", n=0, length=length, least=FEWEST_STRETCHES)
    common = _common(logs, length)
    stretches = _stretches(logs, common, first, length)
    n = len(stretches.spread)
    if n < FEWEST_STRETCHES or not stretches.same_days.any():
        return RULE.not_applicable("few_peers", n=n, length=length, least=FEWEST_STRETCHES)
    usual = float(np.median(stretches.spread[stretches.same_days]))
    width = (scene.subject.high - scene.subject.low)[first:stop]
    rounding = float(rounding_noise(own[first:stop, None], width[:, None])[0])
    if rounding > ROUNDING * usual:
        return RULE.not_applicable("rounded", subject=scene.subject.name, rounding=rounding, usual=usual)
    top = np.log(own[first:stop])
    raw = float(_spread(top[None])[0])
    spread = float(_spreads(top[None], common[first:stop][None])[0])
    ratio = spread / usual
    at_most = int((stretches.spread <= spread).sum())
    # One value a peer could never reach p = .01 with fewer than 99 peers; stretches of one peer do not overlap.
    standing = conformal_rank(spread, stretches.spread, "less")
    p = standing.p
    rise, fall = _edge(scene, own, first - 1, first), _edge(scene, own, stop, stop - 1)
    on_off = min(rise, fall) >= np.log(SHARP)
    sharper = int((stretches.edge >= min(rise, fall)).sum()) if np.isfinite(min(rise, fall)) else -1
    limits = [Message.of(f"{RULE.id}.limit_placebo")]
    if not (np.isfinite(rise) and np.isfinite(fall)):
        limits.append(Message.of(f"{RULE.id}.limit_edges"))
    if length < 10:
        limits.append(Message.of(f"{RULE.id}.limit_short", n=length))
    figures = {
        "spread": spread,
        "spread_raw": raw,
        "spread_peers": usual,
        "periods": float(length),
        "rounding_noise": rounding,
        "rise_factor": float(np.exp(rise)),
        "fall_factor": float(np.exp(fall)),
        "stretches_as_sharp": float(sharper) if sharper >= 0 else float("nan"),
    }
    key = "on_off" if on_off else "flat_only"
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.{key}",
                subject=scene.subject.name,
                first=scene.day(first),
                last=scene.day(stop - 1),
                periods=length,
                spread=spread,
                usual=usual,
                ratio=ratio,
                at_most=at_most,
                n=n,
                rise=float(np.exp(rise)),
                fall=float(np.exp(fall)),
            ),
            statistic=Statistic(
                "relative_spread",
                ratio,
                "ratio",
                reference=Message.of(f"{RULE.id}.reference", n=n, length=length, peers=len(np.unique(stretches.peer))),
                n_reference=n,
                rank=standing.rank,
                p=p,
                low=float(np.sqrt(max(0.0, spread**2 - rounding**2))) / usual,
                high=float(np.hypot(spread, rounding)) / usual,
            ),
            variant=key,
            severity=_severity(p, on_off=bool(on_off)),
            confidence=Confidence.HIGH if length >= 14 else Confidence.MEDIUM if length >= 7 else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(r) for r in range(first, stop)],
                value=own[first:stop].tolist(),
                common_log_movement=common[first:stop].tolist(),
            ),
            figures=MappingProxyType({k: v for k, v in figures.items() if np.isfinite(v)}),
        )
    ]


def _top(own: Floats, window: slice) -> tuple[int, int]:
    """Longest run of consecutive rows of the window at or above half its peak, as (first, stop)."""
    inside = own[window]
    if not np.isfinite(inside).any():
        return window.start, window.start
    high = np.where(np.isfinite(inside), inside, 0.0) >= TOP * float(np.max(inside[np.isfinite(inside)]))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    best = int(np.argmax(stops - starts))
    return window.start + int(starts[best]), window.start + int(stops[best])


def _common(logs: Floats, length: int) -> Floats:
    """Movement that the peers share, per row: median over peers of the departure from their own local level."""
    t_count = len(logs)
    half = max(length, 7) // 2
    moves = np.diff(logs, axis=0)
    steps = np.zeros(t_count)
    steps[1:] = _medians(moves)
    path = np.cumsum(steps)
    # The local level is taken off so that the platform's growth is not counted as a rhythm.
    padded = np.concatenate([np.full(half, path[0]), path, np.full(half, path[-1])])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(path - windows.mean(axis=1))


def _stretches(logs: Floats, common: Floats, first: int, length: int) -> _Stretches:
    """Non-overlapping stretches of every peer, laid out from the subject's own rows."""
    t_count, n = logs.shape
    starts = np.arange(first % length, t_count - length + 1, length)
    rows = starts[:, None] + np.arange(length)
    whole = np.isfinite(logs[rows]).all(axis=1)
    at, column = np.nonzero(whole)
    parts = logs[rows[at], column[:, None]]
    # A stretch without any movement is a placeholder, not traffic.
    moving = parts.max(axis=1) > parts.min(axis=1) if len(parts) else np.zeros(0, dtype=bool)
    at, column, parts = at[moving], column[moving], parts[moving]
    padded = np.vstack([np.full((1, n), np.nan), logs, np.full((1, n), np.nan)])
    rise = parts[:, 0] - padded[starts[at], column] if len(parts) else np.zeros(0)
    fall = parts[:, -1] - padded[starts[at] + length + 1, column] if len(parts) else np.zeros(0)
    spread = _spreads(parts, common[rows[at]]) if len(parts) else np.zeros(0)
    return _Stretches(spread, np.minimum(rise, fall), starts[at] == first, column.astype(np.int64))


def _spreads(parts: Floats, common: Floats) -> Floats:
    return np.asarray(np.minimum(_spread(parts), _spread(parts - common)))


def _spread(parts: Floats) -> Floats:
    """Scaled median absolute deviation of each row."""
    return np.asarray(1.4826 * np.median(np.abs(parts - np.median(parts, axis=1)[:, None]), axis=1))


def _edge(scene: Scene, own: Floats, outside: int, inside: int) -> float:
    """Log ratio of the top's edge to the period outside; at least that where the outside is below a cut-off."""
    if not 0 <= outside < len(own):
        return float("nan")
    value = own[outside]
    if not np.isfinite(value) and scene.subject.status[outside] == Status.CENSORED:
        value = scene.subject.high[outside]
    return float(np.log(own[inside] / value)) if np.isfinite(value) and value > 0 else float("nan")


def _medians(values: Floats) -> Floats:
    """Median of each row, NaN skipped; 0 for rows without a value."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(n - 1, 0) // 2], ordered[rows, np.minimum(n // 2, values.shape[1] - 1)]
    return np.where(n > 0, 0.5 * (np.where(n > 0, low, 0.0) + np.where(n > 0, high, 0.0)), 0.0)


def _severity(p: float, *, on_off: bool) -> Severity:
    if p > 0.1:
        return Severity.INFO
    if not on_off:
        return Severity.LOW
    return Severity.HIGH if p <= 0.02 else Severity.MEDIUM
