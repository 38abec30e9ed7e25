"""AUD123 asks whether the market total stepped when the subject rose.

The change of the market total from one period to the next is compared with its usual change for that point of the week
(median of the other weeks), and the remainder is ranked among the remainders of the periods outside the window.

Two days are read, by fixed rules: the *record rise* (the subject's largest rise from one period to the next inside the
window) and the *onset* (the first period of the window whose rise is at least ``ONSET_SHARE`` of the subject's peak).

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer. (conformal ranks)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.panel import Series, Table
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RULE = Rule(id="AUD123", name="platform_total", family=Family.MARKET)

#: A rise of at least this share of the subject's peak marks the onset.
ONSET_SHARE = 0.1

#: Fewer comparable periods than this cannot support a rank at the 5 % level with any margin.
MIN_REFERENCE = 10

#: A usual change is a median of at least so many other periods at the same point of the week.
MIN_SAME_PHASE = 2

#: A step is reported as one when its conformal p-value is at most this.
LEVEL = 0.05


@dataclass(frozen=True)
class Changes:
    """Period-to-period log changes of one series, split into the usual and the rest; arrays of shape (T,).

    Attributes
    ----------
    raw : ndarray
        ``log(x[t] / x[t-1])``; NaN where either is unknown or not positive.
    usual : ndarray
        Median of ``raw`` over the other reference periods at the same phase of the season; NaN with too few of them.
    adjusted : ndarray
        ``raw - usual``.
    reference : ndarray of bool
        Periods that may serve for comparison and have an adjusted change.
    noise : float
        Robust standard deviation of ``adjusted`` over the reference periods (1.4826 x median absolute value); NaN without any.
    """

    raw: Floats
    usual: Floats
    adjusted: Floats
    reference: Flags
    noise: float


def changes(levels: Floats, season: int | None, excluded: Flags) -> Changes:
    """Split the changes of a series into usual seasonal ones and the rest.

    Parameters
    ----------
    levels : ndarray, shape (T,)
    season : int or None
        Periods in the calendar cycle; None: one median for all periods.
    excluded : ndarray of bool, shape (T,)
        Periods whose change may not serve as reference (the window in question).

    Notes
    -----
    The median of a reference period leaves that period out, so that tested and reference periods are treated alike.
    """
    raw = np.full(levels.shape, np.nan)
    with np.errstate(invalid="ignore"):
        logs = np.where(levels > 0, np.log(np.where(levels > 0, levels, 1.0)), np.nan)
    raw[1:] = np.diff(logs)
    usable = np.isfinite(raw) & ~excluded
    usual = np.full(levels.shape, np.nan)
    cycle = season or 1
    for phase in range(min(cycle, len(levels))):
        rows = np.arange(phase, len(levels), cycle)
        inside = rows[usable[rows]]
        outside = rows[~usable[rows]]
        if inside.size >= MIN_SAME_PHASE:
            usual[outside] = np.median(raw[inside])
        if inside.size > MIN_SAME_PHASE:
            usual[inside] = _medians_without_self(raw[inside])
    adjusted = raw - usual
    reference = usable & np.isfinite(adjusted)
    noise = float(1.4826 * np.median(np.abs(adjusted[reference]))) if reference.any() else float("nan")
    return Changes(raw=raw, usual=usual, adjusted=adjusted, reference=reference, noise=noise)


def subject_levels(subject: Series) -> Floats:
    """Return settled values, and the middle of the bounds where the subject was below the cut-off; shape (T,)."""
    bounded = ~np.isfinite(subject.values) & np.isfinite(subject.low) & np.isfinite(subject.high)
    levels: Floats = np.where(
        subject.settled, subject.values, np.where(bounded, 0.5 * (subject.low + subject.high), np.nan)
    )
    return levels


def total_width(table: Table) -> Floats:
    """Half-width of the rounding interval of the market total, shape (T,); zero where the total itself was published."""
    known = np.isfinite(table.values)
    half = 0.5 * np.sum(np.where(known, np.nan_to_num(table.high) - np.nan_to_num(table.low), 0.0), axis=1)
    result: Floats = np.where(np.isfinite(table.published_total), 0.0, half)
    return result


def visible_step(split: Changes) -> float:
    """Smallest relative step that fewer than one reference period in twenty reaches on its own."""
    return float(np.expm1(np.quantile(split.adjusted[split.reference], 1 - LEVEL)))


def record_rise(levels: Floats, total: Floats, window: slice) -> int | None:
    """Row of the largest rise of the subject into a period of the window, where the total is known on both sides."""
    rise = np.full(levels.shape, np.nan)
    rise[1:] = np.diff(levels)
    known = np.isfinite(rise)
    known[1:] &= np.isfinite(total[1:]) & np.isfinite(total[:-1])
    inside = np.zeros(levels.shape, dtype=bool)
    inside[window] = True
    candidates = np.flatnonzero(known & inside & (np.nan_to_num(rise) > 0))
    return int(candidates[np.argmax(rise[candidates])]) if candidates.size else None


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Compare the total's change at the record rise and at the onset with its changes on all other periods."""
    table, name = scene.table, scene.subject.name
    if not table.has_total:
        return RULE.not_applicable("no_total", subject=name)
    total, levels = table.total, subject_levels(scene.subject)
    row = record_rise(levels, total, scene.window)
    if row is None:
        return RULE.not_applicable("no_rise", subject=name)
    excluded = np.zeros(total.shape, dtype=bool)
    excluded[scene.window] = True
    split = changes(total, scene.panel.frequency.season, excluded)
    n = int(split.reference.sum())
    if n < MIN_REFERENCE or not np.isfinite(split.adjusted[row]):
        return RULE.not_applicable("few_periods", n=n, needed=MIN_REFERENCE)
    full, visible = float((levels[row] - levels[row - 1]) / total[row - 1]), visible_step(split)
    if full <= visible:
        return RULE.not_applicable("rise_too_small", subject=name, day=scene.day(row), full=full, visible=visible)
    findings: list[Outcome] = [_finding(scene, split, levels, row, onset=False)]
    onset = _onset(scene, levels, split)
    if onset is not None and onset != row and levels[onset] - levels[onset - 1] > visible * total[onset - 1]:
        findings.append(_finding(scene, split, levels, onset, onset=True))
    return findings


def _onset(scene: Scene, levels: Floats, split: Changes) -> int | None:
    rise = np.full(levels.shape, np.nan)
    rise[1:] = np.diff(levels)
    threshold = ONSET_SHARE * levels[scene.peak]
    for row in range(scene.window.start, scene.window.stop):
        if np.isfinite(rise[row]) and rise[row] > 0 and rise[row] >= threshold and np.isfinite(split.adjusted[row]):
            return row
    return None


def _finding(scene: Scene, split: Changes, levels: Floats, row: int, *, onset: bool) -> Finding:
    table, name, total = scene.table, scene.subject.name, scene.table.total
    reference = split.adjusted[split.reference]
    n = int(reference.size)
    rank = 1 + int((reference >= split.adjusted[row]).sum())
    p = rank / (n + 1)
    rise = float(levels[row] - levels[row - 1])
    full = float(rise / total[row - 1])
    visible = visible_step(split)
    excess = float(np.expm1(split.adjusted[row]))
    half = total_width(table)
    peak = scene.peak
    limits = [Message.of("AUD123.limit_offset")]
    if np.isfinite(split.usual[row]) and abs(split.usual[row]) > 2 * split.noise:
        limits.append(Message.of("AUD123.limit_season", usual=float(np.expm1(split.usual[row]))))
    if n < 28:
        limits.append(Message.of("AUD123.limit_short", n=n))
    values: dict[str, Any] = {
        "subject": name,
        "before_day": scene.day(row - 1),
        "day": scene.day(row),
        "rise": rise,
        "before": float(total[row - 1]),
        "after": float(total[row]),
        "change": float(np.expm1(split.raw[row])),
        "excess": excess,
        "rank": rank,
        "n": n + 1,
        "full": full,
        "peak_day": scene.day(peak),
        "peak_total": float(total[peak]),
    }
    place = "onset" if onset else "peak" if peak != row and np.isfinite(total[peak]) else "record"
    step = "step" if p <= LEVEL else "no_step"
    rows = np.arange(max(scene.window.start - 1, 0), scene.window.stop)
    scale = total[row] / (total[row - 1] * np.exp(split.usual[row]))
    spread = float(scale * (half[row] / total[row] + half[row - 1] / total[row - 1]))
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=name,
        window=scene.dates(row - 1, row),
        statement=Message.of(f"AUD123.{step}_{place}", **values),
        statistic=Statistic(
            name="change of the market total beyond the usual one",
            value=excess,
            unit="share of the total",
            reference=Message.of("AUD123.reference", n=n),
            n_reference=n,
            rank=rank,
            p=p,
            low=excess - spread,
            high=excess + spread,
        ),
        severity=severity_of(p),
        confidence=Confidence.HIGH if n >= 28 else Confidence.MEDIUM,
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(r) for r in rows],
            subject=levels[rows].tolist(),
            total=total[rows].tolist(),
            change=np.expm1(split.raw[rows]).tolist(),
            usual_change=np.expm1(split.usual[rows]).tolist(),
            excess_change=np.expm1(split.adjusted[rows]).tolist(),
        ),
        figures=MappingProxyType(
            {
                "total_before": float(total[row - 1]),
                "total_after": float(total[row]),
                "rise": rise,
                "change": float(np.expm1(split.raw[row])),
                "usual_change": float(np.expm1(split.usual[row])),
                "excess_change": excess,
                "step_if_all_new": full,
                "visible_step": visible,
                "noise": split.noise,
                "share_of_rise_in_total": float(total[row - 1] * excess / rise),
            }
        ),
        weighs=not onset,
    )


def severity_of(p: float) -> Severity:
    """Translate a p-value into a severity: 1 %, 5 % and 20 % are the borders."""
    return (
        Severity.HIGH if p <= 0.01 else Severity.MEDIUM if p <= LEVEL else Severity.LOW if p <= 0.2 else Severity.INFO
    )


def _medians_without_self(x: Floats) -> Floats:
    """Median of all other values, for each value; O(n log n)."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]
    place = np.empty(x.size, dtype=int)
    place[order] = np.arange(x.size)
    low, high = (x.size - 2) // 2, (x.size - 1) // 2
    lower = ordered[np.where(low < place, low, low + 1)]
    upper = ordered[np.where(high < place, high, high + 1)]
    result: Floats = 0.5 * (lower + upper)
    return result
