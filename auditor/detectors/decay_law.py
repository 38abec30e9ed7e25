"""Decay law: how the subject fell after its peak, while its price stayed what it was.

Attention that an outside shock brought, attention that then spread from mouth to mouth, and attention that had grown by itself decay
with different powers of the time since the peak: about 1.4, 0.6 and 0.2 to 0.4 (Crane and Sornette 2008, with theta = 0.4).

References
----------
Crane, R., Sornette, D. (2008). Robust dynamic classes revealed by measuring the response function of a social system. PNAS 105(41),
15649-15653. doi:10.1073/pnas.0803685105
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import Event, EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.peaks import (
    RISE,
    Peaks,
    of_launches,
    of_stretches,
    own_peak,
    positive,
    positive_of,
    usual_week,
)
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import Frequency
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

RULE = Rule(id="AUD103", name="decay_law", family=Family.LEVEL_SHAPE)

#: Days after the peak that are followed at most, and that are needed.
LONGEST, FEWEST = 21, 5

#: The decay is followed while the excess is above this share of the peak's.
FLOOR = 0.05

#: A day on which the excess is this multiple of its lowest since the peak begins another rise.
REBOUND = 2.0

#: Peaks of peers needed for a rank.
FEWEST_PEAKS = 20

#: Exponents of the classes: an interval each, the published value (theta = 0.4) inside.
CLASSES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"subcritical": (1.4, 1.4), "critical": (0.6, 0.6), "endogenous": (0.2, 0.4)}
)

#: Beyond these exponents the nearest class is none.
SLOWEST, FASTEST = 0.0, 1.8

#: Standard error by least squares from which on noise hides the class: with AR(1) noise of 0.5 its 95 % interval spans 2.4.
SWAMPED = 0.35

#: Rows between the stretches whose peaks are references.
STEP = 2

#: Grid of the AR(1) coefficient that the interval is averaged over.
PHIS = np.linspace(0.0, 0.9, 10)


@dataclass(frozen=True, eq=False)
class _Decays:
    """Of each peak: exponent by least squares on log days since the peak, its error, days followed; NaN with fewer than five."""

    exponent: Floats
    error: Floats
    days: Ints


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Fit ``excess = A t^-p`` to the days after the peak and rank p among decays of peers' peaks of about the same height.

    Returns
    -------
    list of Finding
        The statistic is p. Its interval is 95 %: Student-t intervals of generalised least squares, averaged over an AR(1)
        coefficient with its restricted likelihood, widened by rounding. Variant: the nearest class (``subcritical``, ``critical``,
        ``endogenous``), or ``slower`` and ``faster`` than any. ``p`` is the upper tail: as fast a decay.

    Notes
    -----
    Excess is over the median of up to 28 days before the window; a launch has no base, so its volume is used. The usual
    week of the peers is divided out. The fit ends before the first day that is unknown, above the peak, below 5 % of the
    peak's excess, at twice the lowest excess since the peak, or on which a dated event of the case changed the price; it takes at most 21 days. References are peaks
    of peers' stretches as long as the window, followed in the same way for no more days than the subject could be; those with more noise than is allowed the subject are left out. O(T N).
    """
    if scene.panel.frequency is not Frequency.DAY:
        return RULE.not_applicable("not_daily", frequency=scene.panel.frequency.value)
    name = scene.subject.name
    values = positive(scene.peers)
    week = np.exp(usual_week(values))
    own, values = positive_of(scene.subject), values / week[:, None]
    adjusted = own / week
    found = own_peak(scene, adjusted)
    if found is None:
        return RULE.not_applicable("no_base", subject=name)
    peak, launch = found
    if not launch and peak.top[0] < RISE * peak.base[0]:
        return RULE.not_applicable("no_rise", subject=name, ratio=float(peak.top[0] / peak.base[0]), least=RISE)
    row = int(peak.row[0])
    event, stop = _regime_end(scene, row)
    most = min(LONGEST, stop - row - 1)
    mine = _decays(adjusted[:, None], peak, most)
    m = int(mine.days[0])
    if m < FEWEST:
        if event is not None and m == most:
            return RULE.not_applicable("few_days_event", subject=name, n=m, least=FEWEST, day=event.date)
        return RULE.not_applicable("few_days", subject=name, n=m, least=FEWEST, floor=FLOOR)
    if mine.error[0] > SWAMPED:
        return RULE.not_applicable("swamped", subject=name, n=m, error=float(mine.error[0]), most=SWAMPED)
    excess = adjusted[row + 1 : row + 1 + m] - peak.base[0]
    exponent = float(mine.exponent[0])
    low, high, phi = _interval(np.log(excess))
    slack = _rounding(scene, row, excess, week)
    low, high = min(low, exponent) - slack, max(high, exponent) + slack
    length = scene.window.stop - (int(peak.start[0]) if launch else scene.window.start)
    known = int(np.isfinite(own[scene.window]).sum())
    peaks = (
        of_launches(values, scene.table.cutoff, length)
        if launch
        else of_stretches(values, scene.window.start, length, known=known, step=STEP, decline=FEWEST)
    )
    theirs = _decays(values, peaks, most)
    kept = np.flatnonzero(np.isfinite(theirs.exponent) & (np.nan_to_num(theirs.error) <= SWAMPED))
    return [_finding(scene, peak, excess, exponent, (low, high), phi, event, peaks.take(kept), theirs.exponent[kept])]


def _regime_end(scene: Scene, row: int) -> tuple[Event | None, int]:
    """First event after the peak that changed the subject's price, and the row it falls on (or the number of rows)."""
    parts = set(scene.subject.parts)
    for event in scene.case.events_of(EventKind.PRICE, EventKind.FREE_END, EventKind.FREE_START):
        at = int(scene.table.dates.searchsorted(np.datetime64(event.date), side="left"))
        if at > row and (not event.entity or event.entity in parts):
            return (event, at) if at < len(scene.table.dates) else (None, at)
    return None, len(scene.table.dates)


def _decays(values: Floats, peaks: Peaks, most: int) -> _Decays:
    """Exponent of every peak's decay over at most ``most`` days."""
    if not len(peaks.row) or most < 1:
        none = np.full(len(peaks.row), np.nan)
        return _Decays(none, none, np.zeros(len(peaks.row), dtype=np.intp))
    padded = np.vstack([values, np.full((most, values.shape[1]), np.nan)])
    after = padded[peaks.row[:, None] + 1 + np.arange(most), peaks.column[:, None]]
    excess = after - peaks.base[:, None]
    floor = FLOOR * (peaks.top - peaks.base)
    going = np.isfinite(after)
    going &= (np.where(going, excess, 0.0) > floor[:, None]) & (np.where(going, after, 0.0) <= peaks.top[:, None])
    lowest = np.minimum.accumulate(np.where(going, excess, (peaks.top - peaks.base)[:, None]), axis=1)
    going &= np.where(going, excess, 0.0) <= REBOUND * lowest
    going = np.logical_and.accumulate(going, axis=1)
    m = going.sum(axis=1)
    x = np.where(going, np.log(np.arange(1.0, most + 1.0)), 0.0)
    y = np.where(going, np.log(np.where(going, excess, 1.0)), 0.0)
    enough = m >= FEWEST
    n = np.where(enough, m, 1)
    centred = np.where(going, x - (x.sum(axis=1) / n)[:, None], 0.0)
    below = np.where(enough, (centred**2).sum(axis=1), 1.0)
    slope = (centred * y).sum(axis=1) / below
    level = y.sum(axis=1) / n
    left = np.where(going, y - level[:, None] - slope[:, None] * centred, 0.0)
    error = np.sqrt((left**2).sum(axis=1) / np.maximum(n - 2, 1) / below)
    return _Decays(np.where(enough, -slope, np.nan), np.where(enough, error, np.nan), m)


def _interval(logs: Floats) -> tuple[float, float, float]:
    """95 % interval of the exponent and the most likely AR(1) coefficient.

    For every coefficient of a grid the exponent has a Student-t distribution by generalised least squares; they are mixed with
    weights proportional to the restricted likelihood (Harville 1974, Biometrika 61:383).
    """
    from scipy.special import stdtr

    m = logs.size
    design = np.column_stack([np.ones(m), np.log(np.arange(1.0, m + 1.0))])
    estimate, error, likelihood = np.empty(PHIS.size), np.empty(PHIS.size), np.empty(PHIS.size)
    for i, phi in enumerate(PHIS):
        first = np.sqrt(1.0 - phi * phi)
        rows = np.vstack([design[:1] * first, design[1:] - phi * design[:-1]])
        z = np.concatenate([logs[:1] * first, logs[1:] - phi * logs[:-1]])
        normal = rows.T @ rows
        beta = np.linalg.solve(normal, rows.T @ z)
        left = max(float(((z - rows @ beta) ** 2).sum()), 1e-18)
        estimate[i] = -float(beta[1])
        error[i] = float(np.sqrt(left / (m - 2) * np.linalg.inv(normal)[1, 1]))
        likelihood[i] = np.log(first) - 0.5 * (m - 2) * np.log(left) - 0.5 * np.log(np.linalg.det(normal))
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    reach = 60.0 * float(error.max())
    # Denser in the middle: the ends only bound what a wild tail could do.
    grid = float(weight @ estimate) + reach * np.linspace(-1.0, 1.0, 801) ** 3
    below = weight @ stdtr(m - 2, (grid[None] - estimate[:, None]) / error[:, None])
    low, high = np.interp([0.025, 0.975], below, grid)
    return float(low), float(high), float(PHIS[int(np.argmax(weight))])


def _rounding(scene: Scene, row: int, excess: Floats, week: Floats) -> float:
    """Largest change of the exponent that the rounding intervals of the days followed allow."""
    rows = slice(row + 1, row + 1 + excess.size)
    half = 0.5 * (scene.subject.high - scene.subject.low)[rows] / week[rows]
    x = np.log(np.arange(1.0, excess.size + 1.0))
    centred = x - x.mean()
    return float((np.abs(centred) * np.where(np.isfinite(half), half, 0.0) / excess).sum() / (centred**2).sum())


def nearest_class(exponent: float) -> str:
    """Name of the class whose exponents lie nearest; ``slower`` or ``faster`` beyond all.

    >>> [nearest_class(p) for p in (-0.1, 0.25, 0.62, 1.2, 2.5)]
    ['slower', 'endogenous', 'critical', 'subcritical', 'faster']
    """
    if exponent < SLOWEST:
        return "slower"
    if exponent > FASTEST:
        return "faster"
    return min(CLASSES, key=lambda name: max(CLASSES[name][0] - exponent, exponent - CLASSES[name][1], 0.0))


def _finding(
    scene: Scene,
    peak: Peaks,
    excess: Floats,
    exponent: float,
    interval: tuple[float, float],
    phi: float,
    event: Event | None,
    peaks: Peaks,
    others: Floats,
) -> Finding:
    subject, row, m, n = scene.subject, int(peak.row[0]), excess.size, int(others.size)
    launch = float(peak.base[0]) == 0.0
    low, high = interval
    nearest = nearest_class(exponent)
    held = [name for name, (a, b) in CLASSES.items() if low <= b and high >= a]
    ranked = conformal_rank(exponent, others, "greater") if n >= FEWEST_PEAKS else None
    usual = float(np.median(others)) if n else float("nan")
    limits = [
        Message.of(f"{RULE.id}.limit_power"),
        Message.of(f"{RULE.id}.limit_base_{'none' if launch else 'median'}"),
    ]
    if len(held) > 1:
        limits.append(Message.of(f"{RULE.id}.limit_classes", n=len(held)))
    if event is not None and row + 1 + m == _regime_end(scene, row)[1]:
        limits.append(Message.of(f"{RULE.id}.limit_event", day=event.date, kind=event.kind.value.replace("_", " ")))
    if ranked is not None and not launch and float(np.median(peaks.height)) < 0.5 * float(peak.height[0]):
        height, median = float(np.exp(peak.height[0])), float(np.exp(np.median(peaks.height)))
        limits.append(Message.of(f"{RULE.id}.limit_height", height=height, median=median))
    if ranked is None:
        limits.append(Message.of(f"{RULE.id}.limit_few_peaks", n=n, least=FEWEST_PEAKS))
    figures = {
        "exponent": exponent,
        "ar1": phi,
        "days": float(m),
        "base": float(peak.base[0]),
        "height": float(np.exp(peak.height[0])) if not launch else np.nan,
        "exponent_peers_median": usual,
        **{f"holds_{name}": float(name in held) for name in CLASSES},
    }
    key = nearest if ranked is not None else f"{nearest}_alone"
    # Weighed as windows meet the peaks: weights sum to the number of references (Tibshirani et al. 2019, weighted conformal).
    weight = peaks.weight / peaks.weight.mean() if n else peaks.weight
    p = float((1.0 + weight[others >= exponent].sum()) / (n + 1.0)) if ranked is not None else None
    return Finding(
        RULE.id,
        RULE.version,
        RULE.name,
        RULE.family,
        subject=subject.name,
        window=scene.dates(row, row + m),
        statement=Message.of(
            f"{RULE.id}.{key}",
            subject=subject.name,
            day=scene.day(row),
            top=float(subject.values[row]),
            n=m,
            exponent=exponent,
            low=low,
            high=high,
            rank=ranked.rank if ranked is not None else 0,
            peaks=n,
            usual=usual,
        ),
        statistic=Statistic(
            "decay_exponent",
            exponent,
            "exponent",
            reference=Message.of(f"{RULE.id}.{'reference' if ranked is not None else 'reference_none'}", n=n, days=m),
            n_reference=n if ranked is not None else 0,
            rank=ranked.rank if ranked is not None else None,
            p=p,
            low=low,
            high=high,
        ),
        variant=nearest,
        severity=Severity.INFO if p is None or p > 0.05 else Severity.LOW if p > 0.01 else Severity.MEDIUM,
        confidence=Confidence.HIGH
        if m >= 14 and len(held) == 1
        else Confidence.MEDIUM
        if m >= 7 and len(held) <= 2
        else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            role=["subject"] * m + ["reference"] * n,
            entity=[subject.name] * m + [scene.peers.entities[int(c)] for c in peaks.column],
            date=[scene.day(r) for r in range(row + 1, row + 1 + m)] + [scene.day(int(r)) for r in peaks.row],
            days_since_peak=[*range(1, m + 1), *[None] * n],
            value=[*subject.values[row + 1 : row + 1 + m], *peaks.top],
            excess=[*excess, *[None] * n],
            exponent=[*[None] * m, *others],
        ),
        figures=MappingProxyType({k: float(v) for k, v in figures.items() if np.isfinite(v)}),
    )
