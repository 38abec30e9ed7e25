"""Weekday profile: does the subject's week have the shape of its peers' weeks.

Weekend dilution (AUD111) asks one question of the week, how deep the weekend is. A batch every Tuesday, a week shifted by a day or two, or
a campaign that runs Monday to Wednesday leaves the weekend as it is and changes the whole profile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.peaks import departures, positive, positive_of, profiles
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import ConformalRank, conformal_rank
from auditor.observations import Frequency
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD112", name="weekday_profile", family=Family.RHYTHM)

#: Days of the window that are needed (two full weeks), peers on the same days, and reference profiles.
FEWEST_DAYS, FEWEST_PEERS, FEWEST = 14, 5, 20

#: Share of the subject's comparable days that a peer must be known on.
COVERAGE = 0.8

#: Days before the window that make the usual level by weekday, and the rise over it that makes an excess.
BASE_DAYS, EXCESS = 28, 0.2

#: Weight, in days, of the peers' noise in that of one series: two weeks alone leave one degree of freedom.
SHRINK = 7.0

#: Log departures below this are arithmetic, not movement.
STILL = 1e-12

NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, eq=False)
class _Weeks:
    """One stretch of rows: profile (7, N), usual profile (7,), distance, its error and its relative size per column (N,)."""

    profile: Floats
    usual: Floats
    distance: Floats
    error: Floats
    relative: Floats
    scale: Floats


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the distance of the subject's weekday profile from its peers' among such distances of the peers.

    Returns
    -------
    list of Finding
        The statistic is the Aitchison distance of the profiles, in units of its noise, over the median of all series on the same
        days: 1 is usual. ``p`` is the upper tail among the peers' own distances in all stretches of the panel as long as the window.

    Notes
    -----
    Each log value is compared with the mean of the seven days around it, all inside the window, which takes any linear trend
    and most of AR noise out; a gap takes its neighbours out and fills nothing. The profile is the mean departure by
    weekday, centred (Aitchison's centred log-ratio of the seven days). Subject and peers alike are compared with the
    median profile of all. The noise is the spread of the departures about the profile, shrunk to that of the panel. O(T N).
    """
    if scene.panel.frequency is not Frequency.DAY:
        return RULE.not_applicable("not_daily", frequency=scene.panel.frequency.value)
    own = positive_of(scene.subject)
    first, stop = scene.window.start, scene.window.stop
    length = stop - first
    days = int(np.isfinite(own[scene.window]).sum())
    if days < FEWEST_DAYS:
        return RULE.not_applicable("few_weeks", n=days, least=FEWEST_DAYS)
    apart = departures(np.log(np.column_stack([own, positive(scene.peers)])))
    comparable = int(np.isfinite(apart[first + 3 : stop - 3, 0]).sum())
    weeks = _weeks(apart, first, length, comparable)
    if not np.isfinite(weeks.distance[0]):
        return RULE.not_applicable("gaps", subject=scene.subject.name, n=comparable)
    peers = np.flatnonzero(np.isfinite(weeks.distance[1:]))
    if peers.size < FEWEST_PEERS:
        return RULE.not_applicable("few_peers", n=int(peers.size), least=FEWEST_PEERS)
    if not np.isfinite(weeks.relative[0]):
        return RULE.not_applicable("no_noise", n=int(peers.size))
    starts = range(first % length, len(own) - length + 1, length)
    found = [weeks if s == first else _weeks(apart, s, length, comparable) for s in starts]
    reference = [part.relative[1:][np.isfinite(part.relative[1:])] for part in found]
    pooled = np.concatenate(reference)
    if pooled.size < FEWEST:
        return RULE.not_applicable("few_references", n=int(pooled.size), least=FEWEST)
    rank = conformal_rank(float(weeks.relative[0]), pooled, "greater")
    return [_finding(scene, own, weeks, peers, pooled, rank, comparable)]


def _weeks(apart: Floats, first: int, length: int, comparable: int) -> _Weeks:
    """Profiles of all columns over the departures that lie wholly inside a stretch, and their distances from the median."""
    rows = np.arange(first + 3, first + length - 3)
    part = apart[rows]
    profile, counts = profiles(part, rows)
    known = (counts > 0).all(axis=0) & (counts.sum(axis=0) >= COVERAGE * comparable)
    # A series that never moves is a placeholder, except as the subject: then that it has no week is what is seen.
    known[1:] &= np.nan_to_num(np.abs(part[:, 1:])).max(axis=0, initial=0.0) > STILL
    profile = np.where(known, profile, np.nan)
    profile = profile - profile.mean(axis=0)
    usual = np.median(profile[:, known], axis=1) if known.any() else np.full(7, np.nan)
    usual = usual - usual.mean()
    distance = np.sqrt(((profile - usual[:, None]) ** 2).sum(axis=0))
    left = np.where(np.isfinite(part), part - profile[rows % 7], 0.0)
    left = np.where(known, left, 0.0)
    free = np.maximum(counts.sum(axis=0) - 7.0, 0.0)
    squares = (left**2).sum(axis=0)
    several = known & (free > 0)
    panel = float(np.median(squares[several] / free[several])) if several.any() else 0.0
    variance = (squares + SHRINK * panel) / (free + SHRINK)
    error = np.sqrt(variance * (1.0 / np.where(counts > 0, counts, np.inf)).sum(axis=0))
    typical = float(np.median(error[known])) if known.any() else 0.0
    scale = np.sqrt(0.5 * (error**2 + typical**2))
    measured = np.where(scale > 0, distance / np.where(scale > 0, scale, 1.0), np.nan)
    middle = float(np.median(measured[np.isfinite(measured)])) if np.isfinite(measured).any() else 0.0
    relative = measured / middle if middle > 1e-9 else np.full(len(measured), np.nan)
    return _Weeks(profile, usual, distance, error, relative, scale * middle)


def _finding(
    scene: Scene,
    own: Floats,
    weeks: _Weeks,
    peers: npt.NDArray[np.intp],
    pooled: Floats,
    rank: ConformalRank,
    days: int,
) -> Finding:
    subject, n = scene.subject, int(pooled.size)
    value, distance, error = float(weeks.relative[0]), float(weeks.distance[0]), float(weeks.error[0])
    scale = float(weeks.scale[0])
    # Row r of the profiles is the place in the week of the panel's first date, r days on.
    shift = int(scene.table.dates[0].weekday())
    order = [(day - shift) % 7 for day in range(7)]
    profile, usual = weeks.profile[order, 0], weeks.usual[order]
    apart = profile - usual
    worst = int(np.argmax(np.abs(apart)))
    over = _excess_distance(own, scene, weeks.usual)
    limits = [Message.of(f"{RULE.id}.limit_clock"), Message.of(f"{RULE.id}.limit_dilution")]
    if days < 15:
        limits.append(Message.of(f"{RULE.id}.limit_short", n=days))
    figures = {
        "distance": distance,
        "distance_error": error,
        "distance_peers_median": float(np.median(weeks.distance[1:][peers])),
        "peers": float(peers.size),
        "days_compared": float(days),
    }
    if over is not None:
        figures["distance_excess"] = over
        limits.append(Message.of(f"{RULE.id}.limit_excess", distance=over, level=distance))
    half = 1.96 * error
    p = rank.p
    return Finding(
        RULE.id,
        RULE.version,
        RULE.name,
        RULE.family,
        subject=subject.name,
        window=scene.span,
        statement=Message.of(
            f"{RULE.id}.{'apart' if p <= 0.05 else 'alike'}",
            subject=subject.name,
            value=value,
            peers=int(peers.size),
            weekday=NAMES[worst].capitalize(),
            own=float(np.exp(profile[worst])),
            usual=float(np.exp(usual[worst])),
            as_far=rank.rank - 1,
            n=n,
        ),
        statistic=Statistic(
            "relative_profile_distance",
            value,
            "ratio",
            reference=Message.of(f"{RULE.id}.reference", n=n, length=scene.window.stop - scene.window.start),
            n_reference=n,
            rank=rank.rank,
            p=p,
            low=max(0.0, distance - half) / scale,
            high=(distance + half) / scale,
        ),
        severity=Severity.MEDIUM if p <= 0.01 else Severity.LOW if p <= 0.05 else Severity.INFO,
        confidence=Confidence.HIGH if days >= 22 and n >= 200 else Confidence.MEDIUM if n >= 100 else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            role=["profile"] * 7 + ["value"] * (scene.window.stop - scene.window.start) + ["reference"] * n,
            day=[
                *(name.capitalize() for name in NAMES),
                *(f"{scene.day(r):%Y-%m-%d}" for r in range(scene.window.start, scene.window.stop)),
                *[None] * n,
            ],
            subject=[*np.exp(profile), *own[scene.window], *[None] * n],
            peers=[*np.exp(usual), *[None] * (scene.window.stop - scene.window.start), *np.sort(pooled)[::-1]],
        ),
        figures=MappingProxyType(figures),
    )


def _excess_distance(own: Floats, scene: Scene, usual: Floats) -> float | None:
    """Distance of the profile of what lies above the subject's usual level; None without such a level or such an excess."""
    start, stop = scene.window.start, scene.window.stop
    if start < BASE_DAYS:
        return None
    earlier = own[start - BASE_DAYS : start]
    place = np.arange(start - BASE_DAYS, start) % 7
    groups = [earlier[(place == k) & np.isfinite(earlier)] for k in range(7)]
    if min(len(group) for group in groups) < 2:
        return None
    base = np.array([float(np.median(group)) for group in groups])
    over = own[start:stop] - base[np.arange(start, stop) % 7]
    known = np.isfinite(over)
    if not known.any() or not (over[known] > EXCESS * float(np.median(base))).all():
        return None
    apart = departures(np.log(np.where(known, over, np.nan))[:, None])[3:-3]
    profile, counts = profiles(apart, np.arange(start + 3, stop - 3))
    if not (counts > 0).all():
        return None
    centred = profile[:, 0] - profile[:, 0].mean()
    return float(np.sqrt(((centred - usual) ** 2).sum()))
