"""Onset sharpness: how much of the rise was made within one day.

Word spreads over days and weeks; an announcement, a default setting, a batch or a switched-on stream arrives at once. The day's step
is told apart from neither of these by itself: the rank says only how usual so sharp a rise is in this panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.peaks import BASE_DAYS, RISE, Peaks, of_launches, of_stretches, own_peak, positive, positive_of
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import Frequency
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

RULE = Rule(id="AUD104", name="onset_sharpness", family=Family.LEVEL_SHAPE)

#: Rises of peers that are needed.
FEWEST = 20

#: A rise runs from the last day at or below the first share of it to the first day after that at or above the second.
FROM, TO = 0.1, 0.9


@dataclass(frozen=True, eq=False)
class _Onsets:
    """Of each peak: share of the rise made in its largest day, the row it ends on, and the days from 10 to 90 %."""

    share: Floats
    step: Ints
    days: Floats


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the share of the rise made in one day among rises of the peers of about the same height.

    Returns
    -------
    list of Finding
        Variant ``rise`` (from the median of up to 28 days before the window to its highest value) or ``launch`` (from nothing; ranked
        among the panel's other launches followed for as long). The statistic is the largest gain of a day over the day before,
        as a share of the rise; a day below the base can take it above 1. ``p`` is the upper tail.

    Notes
    -----
    References are the highest values of stretches of the peers as long as the window, laid in step with it, at least a week
    apart, with the same definition of base, rise and share; the 300 nearest in log height are kept. The gain is sought in
    the window and up to 7 days before it, after the last day at or below 10 % of the rise. O(T N) plus sorting.
    """
    if scene.panel.frequency is not Frequency.DAY:
        return RULE.not_applicable("not_daily", frequency=scene.panel.frequency.value)
    own = positive_of(scene.subject)
    found = own_peak(scene, own)
    if found is None:
        return RULE.not_applicable("no_base", subject=scene.subject.name)
    peak, launch = found
    if not launch and peak.top[0] < RISE * peak.base[0]:
        return RULE.not_applicable(
            "no_rise", subject=scene.subject.name, ratio=float(peak.top[0] / peak.base[0]), least=RISE
        )
    length = scene.window.stop - (int(peak.start[0]) if launch else scene.window.start)
    mine = _onsets(own[:, None], peak, length)
    if not np.isfinite(mine.share[0]):
        return RULE.not_applicable("unknown_days", subject=scene.subject.name)
    values = positive(scene.peers)
    peaks = (
        of_launches(values, scene.table.cutoff, length)
        if launch
        else of_stretches(values, scene.window.start, length, known=int(np.isfinite(own[scene.window]).sum())).nearest(
            float(peak.height[0])
        )
    )
    theirs = _onsets(values, peaks, length)
    known = np.flatnonzero(np.isfinite(theirs.share))
    if known.size < FEWEST:
        return RULE.not_applicable("few_launches" if launch else "few_peers", n=int(known.size), least=FEWEST)
    peaks = peaks.take(known)
    share = float(mine.share[0])
    rank = conformal_rank(share, theirs.share[known], "greater")
    return [_finding(scene, own, peak, mine, peaks, theirs, known, rank.rank, rank.p, launch=launch)]


def _onsets(values: Floats, peaks: Peaks, length: int) -> _Onsets:
    """Measure the rise into each peak; NaN where no two days in a row of it are known."""
    k = len(peaks.row)
    if not k:
        return _Onsets(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(0))
    launch = peaks.base == 0.0
    reach = length + 7
    padded = np.vstack([np.full((reach + 1, values.shape[1]), np.nan), values])
    # Column j of the path is the row `reach - j` before the peak; a launch starts from nothing the day before it was seen.
    rows = peaks.row[:, None] - reach + np.arange(reach + 1)
    path = padded[rows + reach + 1, peaks.column[:, None]]
    early = rows < (peaks.start - np.where(launch, 0, 7))[:, None]
    path = np.where(early, np.nan, path)
    path = np.where(launch[:, None] & (rows == peaks.start[:, None] - 1), 0.0, path)
    rise = (peaks.top - peaks.base)[:, None]
    risen = (path - peaks.base[:, None]) / rise
    gains = np.diff(risen, axis=1)
    # A jump of an earlier episode, over before this rise began, is not part of it.
    low = _below(risen)
    gains = np.where(np.isfinite(gains) & (np.arange(reach) >= low[:, None]), gains, -np.inf)
    step = gains.argmax(axis=1)
    best = gains.max(axis=1)
    return _Onsets(
        np.where(np.isfinite(best) & (best > 0), best, np.nan),
        np.take_along_axis(rows, step[:, None] + 1, axis=1)[:, 0],
        _days(risen),
    )


def _below(risen: Floats) -> Ints:
    """Last column at or below 10 % of the rise, -1 where there is none, shape (K,)."""
    low = np.where(np.isfinite(risen), risen, 1.0) <= FROM
    return np.where(low.any(axis=1), risen.shape[1] - 1 - low[:, ::-1].argmax(axis=1), -1)


def _days(risen: Floats) -> Floats:
    """Days from the last crossing of 10 % of the rise to the first of 90 % after it, each by linear interpolation.

    NaN where the level is not known on both sides of a crossing.
    """
    known = np.isfinite(risen)
    width = risen.shape[1]
    at = _below(risen)
    after = np.arange(width) > at[:, None]
    high = known & after & (np.where(known, risen, 0.0) >= TO)
    to = high.argmax(axis=1)
    rows = np.arange(len(risen))

    def crossing(left: Ints, level: float) -> Floats:
        a, b = risen[rows, left], risen[rows, np.minimum(left + 1, width - 1)]
        gap = np.where(np.isfinite(b - a) & (b > a), b - a, np.nan)
        return np.asarray(left + (level - a) / gap)

    start, end = crossing(np.maximum(at, 0), FROM), crossing(np.maximum(to - 1, 0), TO)
    return np.where((at >= 0) & high.any(axis=1), end - start, np.nan)


def _finding(
    scene: Scene,
    own: Floats,
    peak: Peaks,
    mine: _Onsets,
    peaks: Peaks,
    theirs: _Onsets,
    known: Ints,
    rank: int,
    p: float,
    *,
    launch: bool,
) -> Finding:
    subject, n = scene.subject, int(known.size)
    share, step, row, base = float(mine.share[0]), int(mine.step[0]), int(peak.row[0]), float(peak.base[0])
    shares, spans = theirs.share[known], theirs.days[known]
    usual = float(np.median(shares))
    key = "launch" if launch else "rise"
    days = float(mine.days[0])
    spanned = np.isfinite(days)
    before = 0.0 if launch and step == int(peak.start[0]) else float(own[step - 1])
    values = {
        "subject": subject.name,
        "day": scene.day(step),
        "before": before,
        "after": float(own[step]),
        "base": base,
        "top": float(peak.top[0]),
        # A day below the base makes the gain larger than the rise; a sentence about a share stays at the whole.
        "share": min(share, 1.0),
        "days": days,
        "as_sharp": rank - 1,
        "n": n,
        "usual": min(usual, 1.0),
    }
    limits = [Message.of(f"{RULE.id}.limit_jumps"), Message.of(f"{RULE.id}.limit_{key}", n=n)]
    if not launch and np.abs(peaks.height - peak.height[0]).max() > np.log(2.0):
        limits.append(
            Message.of(
                f"{RULE.id}.limit_height",
                height=float(np.exp(peak.height[0])),
                median=float(np.exp(np.median(peaks.height))),
            )
        )
    low, high = _rounding(scene, step, row, base, share)
    first = max(0, min(scene.window.start, int(peak.start[0])) - (0 if launch else BASE_DAYS))
    figures = {
        "days_10_to_90": days,
        "days_10_to_90_peers": float(np.median(spans[np.isfinite(spans)])) if np.isfinite(spans).any() else np.nan,
        "height": float(np.exp(peak.height[0])) if not launch else np.nan,
        "factor_of_day": float(own[step]) / before if before > 0 else np.nan,
        "share_peers_median": usual,
    }
    shown = np.argsort(-shares, kind="stable")
    return Finding(
        RULE.id,
        RULE.version,
        RULE.name,
        RULE.family,
        subject=subject.name,
        window=scene.span,
        statement=Message.of(f"{RULE.id}.{key}" + ("" if spanned else "_at_once"), **values),
        statistic=Statistic(
            "share_of_rise_in_one_day",
            share,
            "share",
            reference=Message.of(f"{RULE.id}.reference_{key}", n=n, length=scene.window.stop - scene.window.start),
            n_reference=n,
            rank=rank,
            p=p,
            low=low,
            high=high,
        ),
        variant=key,
        severity=Severity.MEDIUM if p <= 0.01 else Severity.LOW if p <= 0.05 else Severity.INFO,
        confidence=Confidence.HIGH if n >= 200 else Confidence.MEDIUM if n >= 50 else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            role=["subject"] * (row + 1 - first) + ["reference"] * n,
            entity=[subject.name] * (row + 1 - first) + [scene.peers.entities[int(peaks.column[i])] for i in shown],
            date=[scene.day(r) for r in range(first, row + 1)] + [scene.day(int(peaks.row[i])) for i in shown],
            value=[*own[first : row + 1], *peaks.top[shown]],
            base=[base] * (row + 1 - first) + peaks.base[shown].tolist(),
            share_in_one_day=[*(share if r == step else None for r in range(first, row + 1)), *shares[shown].tolist()],
        ),
        figures=MappingProxyType({k: float(v) for k, v in figures.items() if np.isfinite(v)}),
    )


def _rounding(scene: Scene, step: int, row: int, base: float, share: float) -> tuple[float, float]:
    """Interval of the share that the rounding intervals of the day, the day before and the peak allow (the base is a median)."""
    low, high, value = scene.subject.low, scene.subject.high, scene.subject.values
    widths = np.where(np.isfinite(value), high - low, 0.0)
    half = 0.5 * float(widths[step] + (widths[step - 1] if step else 0.0))
    rise = float(value[row]) - base
    top = 0.5 * float(widths[row])
    gain = share * rise
    most = (gain + half) / max(rise - top, 1e-9 * rise)
    return max(0.0, (gain - half) / (rise + top)), most
