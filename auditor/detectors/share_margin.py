"""AUD124 measures the subject's share of the market, its rank, and its margin over the runner-up.

The share is of the published market total; the sum of the listed rows is never passed off as the market. The peak share
is ranked among the peak shares of all other entities. Without a total the margin takes its place, ranked among the
leader's margins on the periods outside the window.

"Just enough to lead" counts the periods on which the subject is first by at most ``NARROW``; whether a lead is narrow is a
matter of the market's own scatter, so the smallest lead is also given in units of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import total_width
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

RULE = Rule(id="AUD124", name="share_margin", family=Family.MARKET)

#: A lead of at most this ratio over the runner-up is "just enough".
NARROW = 1.05

#: Fewer entities than this make a rank of little meaning.
FEW_ENTITIES = 10


@dataclass(frozen=True)
class Standing:
    """Where the subject stands on each period; arrays of shape (T,), NaN or -1 where it cannot be known.

    Attributes
    ----------
    rival : ndarray of int
        Column of the largest other entity.
    rival_value, margin : ndarray
        Its value, and the subject's value divided by it (above 1 where the subject leads).
    rank : ndarray of int
        1 where no other entity is larger; 0 where unknown.
    lead : ndarray
        Largest over second largest of all, the subject stitched as one, whoever leads.
    """

    rival: Ints
    rival_value: Floats
    margin: Floats
    rank: Ints
    lead: Floats


def standing(subject: Floats, others: Floats) -> Standing:
    """Rank the subject, shape (T,), among other entities, shape (T, N), N >= 1; unknown values are NaN."""
    filled = np.where(np.isfinite(others), others, -np.inf)
    rival = filled.argmax(axis=1)
    best = filled[np.arange(len(filled)), rival]
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.where((best > 0) & np.isfinite(subject), subject / best, np.nan)
    known = np.isfinite(subject) & np.isfinite(best)
    rank = np.where(known, 1 + (filled > np.where(known, subject, np.inf)[:, None]).sum(axis=1), 0)
    everyone = np.column_stack([filled, np.where(np.isfinite(subject), subject, -np.inf)])
    top = np.partition(everyone, -2, axis=1)[:, -2:]
    usable = np.isfinite(top).all(axis=1) & (top[:, 0] > 0)
    lead = np.full(len(filled), np.nan)
    lead[usable] = top[usable, 1] / top[usable, 0]
    return Standing(rival, np.where(np.isfinite(best), best, np.nan), margin, rank, lead)


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Measure share, rank and margin on each period of the window, and rank the peak among other entities."""
    table, subject = scene.table, scene.subject
    others = table.without(subject.parts)
    if not others.entities:
        return RULE.not_applicable("alone", subject=subject.name)
    values = np.where(others.status == Status.PARTIAL, np.nan, others.values)
    settled = np.where(subject.settled, subject.values, np.nan)
    place = standing(settled, values)
    peak = scene.peak
    if not subject.settled[peak] or not np.isfinite(place.margin[peak]):
        return RULE.not_applicable("no_peak", subject=subject.name, day=scene.day(peak))
    if not settled[peak] > 0:
        return RULE.not_applicable("zero", subject=subject.name, day=scene.day(peak))
    return [_finding(scene, place, settled, values, others.entities)]


def _finding(scene: Scene, place: Standing, settled: Floats, values: Floats, names: tuple[str, ...]) -> Finding:
    table, subject, peak = scene.table, scene.subject, scene.peak
    total = table.total
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, settled / total, np.nan)
        shares = np.where((total > 0)[:, None], values / total[:, None], np.nan)
    rows = np.arange(scene.window.start, scene.window.stop)
    rows = rows[np.isfinite(place.margin[rows])]
    led = rows[(place.rank[rows] == 1) & (place.margin[rows] > 1)]
    narrow = led[place.margin[led] <= NARROW]
    outside = np.ones(len(total), dtype=bool)
    outside[scene.window] = False
    elsewhere = place.lead[outside & np.isfinite(place.lead)]
    steps = np.diff(np.log(np.where(place.lead > 0, place.lead, np.nan)))
    steps = steps[np.isfinite(steps)]
    noise = float(1.4826 * np.median(np.abs(steps))) if steps.size else float("nan")
    least = float(place.margin[led].min()) if led.size else float("nan")
    has_share = bool(np.isfinite(share[peak]))
    leads = place.rank[peak] == 1
    best = np.max(np.where(np.isfinite(shares), shares, -np.inf), axis=0)
    compared = best[np.isfinite(best)] if has_share else elsewhere
    value = float(share[peak]) if has_share else float(place.margin[peak])
    n = int(compared.size)
    rank = 1 + int((compared > value).sum()) if n else None
    limits = [Message.of("AUD124.limit_ids" if has_share else "AUD124.limit_no_total")]
    if len(names) < FEW_ENTITIES:
        limits.append(Message.of("AUD124.limit_few", n=len(names)))
    usual = float((elsewhere <= NARROW).mean()) if elsewhere.size else float("nan")
    if narrow.size:
        usualness = "limit_narrow" if elsewhere.size else "limit_narrow_alone"
        limits.append(Message.of(f"AUD124.{usualness}", k=int(narrow.size), n=int(led.size), usual=usual))
    half = total_width(table)[peak]
    rival_high = table.high[peak, table.index[names[int(place.rival[peak])]]]
    rival_low = table.low[peak, table.index[names[int(place.rival[peak])]]]
    low = subject.low[peak] / (total[peak] + half) if has_share else subject.low[peak] / rival_high
    high = subject.high[peak] / (total[peak] - half) if has_share else subject.high[peak] / max(rival_low, 1e-300)
    key = ("share" if has_share else "margin") + ("_led" if leads else "_behind")
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=subject.name,
        window=scene.span,
        statement=Message.of(
            f"AUD124.{key}",
            subject=subject.name,
            day=scene.day(peak),
            share=value,
            value=float(settled[peak]),
            total=float(total[peak]),
            margin=float(place.margin[peak]),
            rival=names[int(place.rival[peak])],
            times=1.0 / float(place.margin[peak]),
            rank=int(place.rank[peak]),
            led=int(led.size),
            days=int(rows.size),
            narrow=int(narrow.size),
        ),
        statistic=Statistic(
            name="share of the market at the peak" if has_share else "margin over the runner-up at the peak",
            value=value,
            unit="share of the total" if has_share else "times",
            reference=Message.of("AUD124.reference" if has_share else "AUD124.reference_margin", n=n),
            n_reference=n,
            rank=rank,
            low=float(low),
            high=float(high),
        ),
        variant="" if has_share else "margin",
        severity=_severity(rank, n),
        confidence=Confidence.HIGH if has_share and len(names) >= FEW_ENTITIES else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(r) for r in rows],
            subject=settled[rows].tolist(),
            total=total[rows].tolist(),
            share=share[rows].tolist(),
            rank=place.rank[rows].tolist(),
            largest_other=[names[i] for i in place.rival[rows]],
            largest_other_value=place.rival_value[rows].tolist(),
            margin=place.margin[rows].tolist(),
        ),
        figures=MappingProxyType(
            {
                "share_at_peak": float(share[peak]),
                "margin_at_peak": float(place.margin[peak]),
                "rank_at_peak": float(place.rank[peak]),
                "days_led": float(led.size),
                "days": float(rows.size),
                "min_margin": least,
                "min_margin_in_noise": float(np.log(least) / noise) if noise > 0 and led.size else float("nan"),
                "just_enough_days": float(narrow.size),
                "just_enough_elsewhere": usual,
                "margin_noise": noise,
            }
        ),
    )


def _severity(rank: int | None, n: int) -> Severity:
    """Translate the rank among ``n + 1``: first of 20 or more is high, the upper 5 % medium, the upper fifth low."""
    if rank is None:
        return Severity.INFO
    place = rank / (n + 1)
    if rank == 1 and n >= 20:
        return Severity.HIGH
    return Severity.MEDIUM if place <= 0.05 else Severity.LOW if place <= 0.2 else Severity.INFO
