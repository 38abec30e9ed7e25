"""Hour profile: does the surge keep the day and the night that the subject had before, and that its peers have.

People sleep. A surge that many people make keeps a nightly trough even when its hours shift; a stream that runs round the clock fills
the night up, and a scheduled job puts its volume into a few hours.

References
----------
Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37(1), 145-151.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import ConformalRank, conformal_rank
from auditor.observations import Frequency, Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

RULE = Rule(id="AUD113", name="hour_profile", family=Family.RHYTHM)

#: Days before a block that make its usual profile at most, and whole ones that are needed.
BASE_DAYS, FEWEST_BASE = 28, 7

#: Earlier blocks of one series that make its usual distance, and reference distances (or peers) needed for a rank.
FEWEST_BLOCKS, FEWEST = 4, 5

#: Share of a block's days that must be whole.
COVERAGE = 0.5

#: Hours over which the trough is averaged.
TROUGH_HOURS = 3


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Blocks of days of every series: first day, profile (B, 24, N), distance from the days before, trough; NaN if unknown."""

    first: Ints
    profile: Floats
    usual: Floats
    distance: Floats
    trough: Floats


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the change of the subject's hour profile from its own earlier days, and from its peers' on the same days.

    Returns
    -------
    list of Finding
        Variant ``own``: the statistic is the Jensen-Shannon distance (base 2, 0 to 1) between the mean share of each hour in the
        window's days and in up to 28 days before, over the median of such distances of the subject's earlier blocks of as many
        days. ``p`` is the upper tail among these and the peers' blocks, each over its own median. Variant ``peers``, where the
        subject has too few earlier days: the distance from the median profile of all series on the same days. ``alone``: the
        plain distance from the days before, where nothing ranks it.

    Notes
    -----
    Whole UTC days only, each taken as shares of its own total, so growth from day to day cancels. The days are those that the
    window touches. The trough is the lowest mean of three hours round the clock over the day's mean. O(T N).
    """
    if scene.panel.frequency is not Frequency.HOUR:
        return RULE.not_applicable("not_hourly", frequency=scene.panel.frequency.value)
    peers = np.where(scene.peers.status != Status.PARTIAL, scene.peers.values, np.nan)
    own = np.where(scene.subject.settled, scene.subject.values, np.nan)
    shares, before = _days(np.column_stack([own, peers]), int(scene.table.dates[0].hour))
    first, last = (scene.window.start + before) // 24, (scene.window.stop - 1 + before) // 24
    length = last + 1 - first
    whole = int(np.isfinite(shares[first : last + 1, 0, 0]).sum())
    if whole < max(1.0, COVERAGE * length):
        return RULE.not_applicable("no_whole_day", subject=scene.subject.name, n=whole, days=length)
    blocks = _blocks(shares, first, length)
    at = int(np.flatnonzero(blocks.first == first)[0])
    usual = _usual(blocks, at)
    if np.isfinite(blocks.distance[at, 0]) and np.isfinite(usual[0]):
        relative = blocks.distance / usual
        reference = relative.copy()
        # Only days before the window tell what is usual for the subject; peers are ordinary throughout.
        reference[at:, 0] = np.nan
        variant = "own"
    else:
        relative = _from_peers(blocks)
        reference = relative[:, 1:]
        variant = "peers"
    value = float(relative[at, 0])
    pooled = reference[np.isfinite(reference)]
    if (not np.isfinite(value) or pooled.size < FEWEST) and np.isfinite(blocks.distance[at, 0]):
        return [
            _finding(scene, blocks, at, "alone", float(blocks.distance[at, 0]), 1.0, None, pooled[:0], whole, shares)
        ]
    if not np.isfinite(value) or pooled.size < FEWEST:
        return RULE.not_applicable(
            "few_days", subject=scene.subject.name, n=int(pooled.size), least=FEWEST, base=FEWEST_BASE
        )
    rank = conformal_rank(value, pooled, "greater")
    scale = float(blocks.distance[at, 0] / value) if variant == "own" else float("nan")
    return [_finding(scene, blocks, at, variant, value, scale, rank, pooled, whole, shares)]


def _days(values: Floats, hour: int) -> tuple[Floats, int]:
    """Share of each hour in whole days, shape (D, 24, N), NaN in days that are not whole; and the hours padded in front."""
    t_count, n = values.shape
    after = -(t_count + hour) % 24
    padded = np.vstack([np.full((hour, n), np.nan), values, np.full((after, n), np.nan)])
    days = np.where(padded < 0, np.nan, padded).reshape(-1, 24, n)
    total = days.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(total) & (total > 0)
    return np.where(good, days / np.where(good, total, 1.0), np.nan), hour


def _blocks(shares: Floats, first: int, length: int) -> _Blocks:
    """Cut the days into blocks in step with the window's, and compare each with the days before it."""
    starts = np.arange(first % length, len(shares) - length + 1, length)
    known = np.isfinite(shares)
    sums = np.concatenate([np.zeros((1, *shares.shape[1:])), np.cumsum(np.where(known, shares, 0.0), axis=0)])
    counts = np.concatenate([np.zeros((1, shares.shape[2])), np.cumsum(known[:, 0], axis=0)])

    def mean(a: Ints, b: Ints, least: float) -> Floats:
        n = counts[b] - counts[a]
        enough = n >= least
        return np.where(enough[:, None], (sums[b] - sums[a]) / np.where(enough, n, 1.0)[:, None], np.nan)

    profile = mean(starts, starts + length, max(1.0, COVERAGE * length))
    usual = mean(np.maximum(starts - BASE_DAYS, 0), starts, FEWEST_BASE)
    return _Blocks(starts, profile, usual, distances(profile, usual), _trough(profile))


def distances(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon distance in base 2 along the middle axis: 0 for equal shares, 1 where no hour is shared.

    Parameters
    ----------
    p, q : ndarray, shape (B, 24, N)
        Shares that sum to 1 along axis 1, or NaN.

    Returns
    -------
    ndarray, shape (B, N)
    """
    middle = 0.5 * (p + q)

    def entropy(x: Floats) -> Floats:
        some = np.where(x > 0, x, 1.0)
        return np.asarray(-(some * np.log2(some)).sum(axis=1))

    known = np.isfinite(middle).all(axis=1)
    apart = entropy(middle) - 0.5 * (entropy(p) + entropy(q))
    # Equal profiles leave rounding errors of either sign.
    return np.where(known, np.sqrt(np.maximum(apart, 0.0)), np.nan)


def _trough(profile: Floats) -> Floats:
    """Lowest mean share of three hours in a row, round the clock, over that of all hours, shape (B, N)."""
    around = sum((np.roll(profile, -k, axis=1) for k in range(TROUGH_HOURS)), np.zeros(profile.shape))
    return np.asarray(24.0 / TROUGH_HOURS * around.min(axis=1))


def _usual(blocks: _Blocks, at: int) -> Floats:
    """Median distance of each series' blocks, shape (N,): the subject's before the window, the peers' all; NaN if few or zero."""
    distance = blocks.distance.copy()
    distance[at:, 0] = np.nan
    known = np.isfinite(distance)
    n = known.sum(axis=0)
    ordered = np.sort(np.where(known, distance, np.inf), axis=0)
    columns = np.arange(distance.shape[1])
    enough = n >= FEWEST_BLOCKS
    low, high = ordered[np.maximum(n - 1, 0) // 2, columns], ordered[np.minimum(n // 2, len(ordered) - 1), columns]
    middle = 0.5 * (np.where(enough, low, 0.0) + np.where(enough, high, 0.0))
    return np.where(enough & (middle > 1e-9), middle, np.nan)


def _from_peers(blocks: _Blocks) -> Floats:
    """Distance from the median profile of all series in the block, over the median of these distances, shape (B, N)."""
    out = np.full(blocks.distance.shape, np.nan)
    for i, part in enumerate(blocks.profile):
        columns = np.flatnonzero(np.isfinite(part[0]))
        if columns.size <= FEWEST:
            continue
        middle = np.median(part[:, columns], axis=1)
        if middle.sum() > 0:
            usual = np.broadcast_to((middle / middle.sum())[None, :, None], (1, 24, columns.size))
            apart = distances(part[None][:, :, columns], usual)[0]
            typical = float(np.median(apart))
            if typical > 1e-9:
                out[i, columns] = apart / typical
    return out


def _finding(
    scene: Scene,
    blocks: _Blocks,
    at: int,
    variant: str,
    value: float,
    scale: float,
    rank: ConformalRank | None,
    pooled: Floats,
    whole: int,
    shares: Floats,
) -> Finding:
    subject, n, p = scene.subject, int(pooled.size), rank.p if rank is not None else None
    trough = float(blocks.trough[at, 0])
    earlier = blocks.trough[:at, 0]
    earlier = earlier[np.isfinite(earlier)]
    shallow = int((earlier >= trough).sum())
    among = _from_peers(blocks)[at]
    others = among[1:][np.isfinite(among[1:])]
    limits = [Message.of(f"{RULE.id}.limit_clock"), Message.of(f"{RULE.id}.limit_weekday")]
    if scene.window.stop - scene.window.start < 24 * whole:
        limits.append(Message.of(f"{RULE.id}.limit_part", n=whole))
    figures = {"trough": trough, "days": float(whole)}
    if rank is None:
        limits.append(Message.of(f"{RULE.id}.limit_unranked"))
    if variant != "peers":
        figures["distance"] = float(blocks.distance[at, 0])
    if variant == "own":
        figures["distance_usual"] = scale
    if earlier.size:
        figures |= {
            "trough_before": float(np.median(earlier)),
            "blocks_before": float(earlier.size),
            "blocks_as_shallow": float(shallow),
        }
    if np.isfinite(among[0]) and others.size >= FEWEST:
        by_peers = conformal_rank(float(among[0]), others, "greater")
        figures |= {
            "distance_from_peers": float(among[0]),
            "rank_among_peers": float(by_peers.rank),
            "peers": float(others.size),
        }
    usual = blocks.usual[at, :, 0] if variant != "peers" else np.full(24, np.nan)
    low, high = _interval(shares, blocks, at, whole, scale) if variant != "peers" and whole >= 3 else (None, None)
    known_before = earlier.size > 0
    key = variant
    if variant == "own":
        key = "own_apart" if p is not None and p <= 0.05 else "own_alike"
    elif variant == "alone" and known_before:
        key = "alone_trough"
    return Finding(
        RULE.id,
        RULE.version,
        RULE.name,
        RULE.family,
        subject=subject.name,
        window=scene.span,
        statement=Message.of(
            f"{RULE.id}.{key}",
            subject=subject.name,
            days=whole,
            value=value,
            as_far=rank.rank - 1 if rank is not None else 0,
            n=n,
            trough=trough,
            before=float(np.median(earlier)) if known_before else float("nan"),
            shallow=shallow,
            blocks=int(earlier.size),
        ),
        statistic=Statistic(
            "relative_hour_profile_distance" if rank is not None else "hour_profile_distance",
            value,
            "ratio" if rank is not None else "distance",
            reference=Message.of(f"{RULE.id}.reference_{variant}", n=n, days=whole),
            n_reference=n,
            rank=rank.rank if rank is not None else None,
            p=p,
            low=low if low is None else min(low, value),
            high=high if high is None else max(high, value),
        ),
        variant=variant,
        severity=Severity.INFO if p is None or p > 0.05 else Severity.LOW if p > 0.01 else Severity.MEDIUM,
        confidence=Confidence.HIGH if n >= 200 and whole >= 3 else Confidence.MEDIUM if n >= 50 else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            role=["profile"] * 24 + ["reference"] * n,
            hour=[*range(24), *[None] * n],
            share=[*blocks.profile[at, :, 0], *[None] * n],
            share_before=[*usual, *[None] * n],
            relative_distance=[*[None] * 24, *np.sort(pooled)[::-1]],
        ),
        figures=MappingProxyType(figures),
    )


def _interval(shares: Floats, blocks: _Blocks, at: int, whole: int, scale: float) -> tuple[float, float]:
    """95 % jackknife interval of the relative distance over the window's days (Efron and Stein 1981)."""
    first = int(blocks.first[at])
    length = len(shares) if len(blocks.first) < 2 else int(blocks.first[1] - blocks.first[0])
    days = shares[first : first + length, :, 0]
    days = days[np.isfinite(days[:, 0])]
    less = (days.sum(axis=0) - days) / (whole - 1)
    usual = np.broadcast_to(blocks.usual[at, :, 0], less.shape)
    each = distances(less[:, :, None], usual[:, :, None])[:, 0]
    error = float(np.sqrt((whole - 1) / whole * ((each - each.mean()) ** 2).sum()))
    middle = float(blocks.distance[at, 0])
    return max(0.0, middle - 1.96 * error) / scale, (middle + 1.96 * error) / scale
