"""Launch cohort: how large was the start of a new subject, beside the other launches of the panel.

A subject that appeared a week ago has no baseline of its own. What it has is a cohort: everything else that was launched
in the same panel, each followed over the same number of periods since it was first seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import EventKind
from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Frequency, Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD102", name="launch_cohort", family=Family.LEVEL_SHAPE)

#: Days since the launch over which peaks are compared at most.
LONGEST_AGE = 28

#: An entity seen within these first days of the panel may have been there before.
GUARD = 3

#: A launch reaches this multiple of the day's cut-off within EARLY days; what stays below drifts around the cut-off.
ABOVE_CUTOFF, EARLY = 2.0, 7

#: Other launches needed for a rank.
FEWEST = 3


@dataclass(frozen=True)
class _Launch:
    """One launch: where it begins, its largest share within the age compared, and how long it can be followed."""

    entity: str
    first: int
    peak: int
    share: float
    seen: int
    free: bool


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the subject's peak share since its launch among the panel's other launches.

    Returns
    -------
    list of Finding
        The statistic is the largest share of the market total within the first k periods, k being the subject's age at the
        window's end (at most 28 days). ``rank`` 1 is the largest; ``p`` is ``rank / (n_reference + 1)``, upper tail.

    Notes
    -----
    A launch is an entity first seen later than 3 days after the panel begins whose value reaches twice the publisher's
    cut-off within 7 days: entities that drift around the cut-off leave and re-enter the list without being new.
    Other launches count when they can be followed for k periods too; one seen for shorter counts only if it has
    already reached the subject's share, which can only make the subject's rank less extreme. O(T N).
    """
    table, subject = scene.table, scene.subject
    if not table.has_total:
        return RULE.not_applicable("no_total")
    longest, guard, early = (_periods(scene.panel.frequency, days) for days in (LONGEST_AGE, GUARD, EARLY))
    settled = np.where(subject.settled, subject.values, np.nan)
    own = _launch(subject.name, settled, table.total, table.cutoff, guard, early, None)
    if own is None:
        return RULE.not_applicable("not_launched", subject=subject.name)
    if scene.window.stop <= own.first:
        return RULE.not_applicable("before_launch", subject=subject.name, first=scene.day(own.first))
    if scene.window.start - own.first >= longest:
        return RULE.not_applicable("established", subject=subject.name, first=scene.day(own.first))
    age = min(scene.window.stop - own.first, longest)
    own = _launch(subject.name, settled, table.total, table.cutoff, guard, early, age)
    if own is None:
        return RULE.not_applicable("no_share", subject=subject.name)
    free, by_event = _is_free(scene, own.first)

    values = np.where(scene.peers.status == Status.PARTIAL, np.nan, scene.peers.values)
    cohort = []
    for column, entity in enumerate(scene.peers.entities):
        other = _launch(entity, values[:, column], table.total, table.cutoff, guard, early, age)
        if other is not None and (other.seen >= age or other.share >= own.share):
            cohort.append(other)
    n = len(cohort)
    if n < FEWEST:
        return RULE.not_applicable("few_launches", n=n, age=age, least=FEWEST)
    rank = 1 + sum(other.share >= own.share for other in cohort)
    p = rank / (n + 1)
    alike = [other for other in cohort if other.free == free]
    in_class = 1 + sum(other.share >= own.share for other in alike)
    shares = np.array([other.share for other in cohort])
    cohort.sort(key=lambda other: (-other.share, other.entity))
    limits = [Message.of(f"{RULE.id}.limit_chosen", rank=rank, n=n + 1), Message.of(f"{RULE.id}.limit_ids")]
    if np.isfinite(table.cutoff).any():
        limits.append(Message.of(f"{RULE.id}.limit_cutoff", multiple=ABOVE_CUTOFF))
    limits.append(Message.of(f"{RULE.id}.limit_class_{'event' if by_event else 'id'}"))
    everyone = [_Launch(own.entity, own.first, own.peak, own.share, own.seen, free), *cohort]
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.{'largest' if rank == 1 else 'ranked'}",
                subject=subject.name,
                first=scene.day(own.first),
                age=age,
                share=own.share,
                day=scene.day(own.peak),
                rank=rank,
                n=n + 1,
                median=float(np.median(shares)),
                most=cohort[0].share,
                most_entity=cohort[0].entity,
            ),
            statistic=Statistic(
                "peak_share",
                own.share,
                "share",
                reference=Message.of(f"{RULE.id}.reference", n=n, age=age),
                n_reference=n,
                rank=rank,
                p=p,
                low=float(subject.low[own.peak] / table.total[own.peak]),
                high=float(subject.high[own.peak] / table.total[own.peak]),
            ),
            variant="free" if free else "paid_or_unknown",
            severity=_severity(p),
            confidence=Confidence.HIGH if n >= 40 else Confidence.MEDIUM if n >= 10 else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                entity=[x.entity for x in everyone],
                first_seen=[scene.day(x.first) for x in everyone],
                peak_share=[x.share for x in everyone],
                peak_day=[scene.day(x.peak) for x in everyone],
                periods_followed=[x.seen for x in everyone],
                price_class=["free" if x.free else "paid or unknown" for x in everyone],
            ),
            figures=MappingProxyType(
                {
                    "age": float(age),
                    "cohort_median": float(np.median(shares)),
                    "cohort_p95": float(np.quantile(shares, 0.95)),
                    "rank_in_class": float(in_class),
                    "n_in_class": float(len(alike)),
                    "times_cohort_median": float(own.share / np.median(shares)),
                }
            ),
        )
    ]


def _launch(
    entity: str, values: Floats, total: Floats, cutoff: Floats, guard: int, early: int, age: int | None
) -> _Launch | None:
    """Return the launch of a series, or None where it is no launch or no share is known within the age."""
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    if not known.size or known[0] < guard:
        return None
    first = int(known[0])
    start = values[first : first + early]
    # Against the cut-off of the same day: a list grows, and with it what the last place takes.
    bound = np.where(np.isfinite(cutoff[first : first + early]), cutoff[first : first + early], 0.0)
    if not (np.where(np.isfinite(start), start, 0.0) >= ABOVE_CUTOFF * bound).any():
        return None
    last = len(values) if age is None else min(len(values), first + age)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = values[first:last] / total[first:last]
    shares = np.where(np.isfinite(shares), shares, -1.0)
    at = int(np.argmax(shares))
    if shares[at] < 0:
        return None
    return _Launch(entity, first, first + at, float(shares[at]), last - first, entity.endswith(":free"))


def _is_free(scene: Scene, first: int) -> tuple[bool, bool]:
    """Whether the subject was free during its launch, and whether a dated event of the case says so."""
    parts = set(scene.subject.parts)
    early = scene.day(max(0, first - 1))
    for event in scene.case.events_of(EventKind.FREE_START):
        if (not event.entity or event.entity in parts) and early <= event.date <= scene.span.end:
            return True, True
    return any(part.endswith(":free") for part in parts), False


def _severity(p: float) -> Severity:
    return Severity.HIGH if p <= 0.05 else Severity.MEDIUM if p <= 0.1 else Severity.LOW if p <= 0.25 else Severity.INFO


def _periods(frequency: Frequency, days: int) -> int:
    return max(1, round(days / frequency.days))
