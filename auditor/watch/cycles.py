"""When a rise is an alarm: an e-detector per entity whose e-values are conformal ranks of whole excursions.

An *excursion* of an entity starts when its statistic (:mod:`auditor.watch.level`) reaches :data:`OPEN` and ends after
:data:`QUIET` days below it. Only its largest value counts. While an excursion lasts, that value can only grow, so its conformal
p-value among the excursions that had ended before it began, of the entity and of its peers,

    p_k(t) = (1 + #{earlier excursions at least as large}) / (1 + #{earlier excursions}),

can only fall, and never falls below its final value, which is super-uniform if the excursion is exchangeable with the earlier
ones. Hence ``e_k(t) = 1{p_k(t) <= w_k} / w_k`` has expectation at most 1 at *every* stopping time, however often one looks
and however dependent the days of one excursion are: days need not be exchangeable, only excursions.

``w_k`` is fixed when the excursion begins. It is taken from a purse into which ``lambda / 365.25`` is paid every day, in equal
parts: as much as the excursions of the last year would each have got, and never more than the purse holds. ``M_i(t) = sum_k w_k e_k(t)``
over the excursions of entity i is an e-detector in the sense of Shin, Ramdas & Rinaldo (2022, arXiv:2203.03532), started with
weights that spend a budget instead of with ones; an alarm is raised when it reaches 1, which it does at ``p_k <= w_k``. Summing
expectations over entities, which needs no independence between them,

    E[alarms up to T] <= E[sum of all w_k] <= lambda T / 365.25        for every stopping time T,

with lambda from :class:`auditor.watch.budget.Budget`. The bound holds for any number of entities that come and go. It is a
bound on the expected number; a smoother bet on p would also add up evidence over several excursions, at the price of an eight
times larger reference before the first alarm is possible.

What it rests on: excursions are exchangeable between entities (each measured in its own scale) and over time. Where organic
excursions grow more extreme from one year to the next, the bound is exceeded until the reference has followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.watch.budget import DAYS_PER_YEAR, Budget

OPEN = 0.25
"""Score at which an excursion starts."""

QUIET = 7
"""Days in a row below that, or without a figure, after which it has ended."""

LONGEST = 42
"""Days after which an excursion is ended, because by then the reference level has followed."""

PURSE_DAYS = 60
"""Days of allowance that the purse holds at most: a quiet year does not earn a hair trigger."""

WEIGHT_MOST = 0.25
"""Largest weight: an alarm is never raised on a rise that was reached by more than a quarter of the earlier ones."""

MEMORY = 365
"""Days over which the number of excursions is counted."""

POOL_MOST = 20_000
"""Ended excursions kept as the reference; older ones are forgotten first."""


@dataclass
class Excursion:
    """One run of high days of an entity.

    Attributes
    ----------
    opened : str
        Its first day.
    weight : float
        Expected false alarms that it may spend; fixed when it began.
    reference : int
        Number of excursions that had ended before it began, forgotten ones included.
    peak : float
        Largest score so far.
    rise : float
        Log rise on the day of that score.
    p : float
        Conformal p-value of the peak.
    quiet, age : int
        Days in a row below the threshold; days since it began.
    alarm : str
        Day on which it became an alarm; '' if it has not.
    """

    opened: str
    weight: float
    reference: int
    peak: float
    rise: float
    p: float = 1.0
    quiet: int = 0
    age: int = 0
    alarm: str = ""


@dataclass
class Detector:
    """State of all entities; plain values, so that it can be written and read back exactly.

    Attributes
    ----------
    pool : list of float
        Peaks of ended excursions, oldest first.
    forgotten : int
        How many older ones were dropped from it.
    purse : float
        Expected false alarms not yet spent.
    begun : list of int
        Excursions that began, per day of the last :data:`MEMORY` days.
    open : dict of str to Excursion
    """

    pool: list[float] = field(default_factory=list)
    forgotten: int = 0
    purse: float = 0.0
    begun: list[int] = field(default_factory=list)
    open: dict[str, Excursion] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Excursions that ever ended."""
        return self.forgotten + len(self.pool)

    def rank(self, peak: float, reference: int) -> tuple[float, int]:
        """Return the conformal p-value of a peak among the first ``reference`` excursions, and their number."""
        earlier = self.pool[: max(0, reference - self.forgotten)]
        above = sum(value >= peak for value in earlier)
        return (1 + above) / (1 + len(earlier)), len(earlier)

    def least_p(self) -> float:
        """Return the smallest p-value that an excursion starting now could reach."""
        return 1.0 / (1 + len(self.pool))


@dataclass(frozen=True)
class Alarm:
    """An excursion that spent its weight.

    Attributes
    ----------
    entity, opened, day : str
        Whose; the first day of the excursion; the day whose figure made it an alarm.
    score, rise : float
        Peak, and log rise over the reference level.
    p, weight : float
        Conformal p-value, and the level it had to reach.
    reference : int
        Excursions it was ranked among.
    """

    entity: str
    opened: str
    day: str
    score: float
    rise: float
    p: float
    weight: float
    reference: int


@dataclass(frozen=True)
class Step:
    """What one day changed: new alarms, and alarms whose excursion has ended (entity, first day)."""

    alarms: tuple[Alarm, ...]
    ended: tuple[tuple[str, str], ...]


def advance(
    detector: Detector,
    day: str,
    scores: Sequence[tuple[str, float, float]],
    budget: Budget,
    *,
    excused: frozenset[str] = frozenset(),
) -> Step:
    """Take in one day.

    Parameters
    ----------
    detector : Detector
        Changed in place.
    day : str
        ISO day.
    scores : sequence of (entity, score, rise)
        The entities that can be measured that day; every entity occurs at most once.
    budget : Budget
    excused : set of str
        Entities whose level is explained by an event: their excursion is dropped, unranked, and they spend nothing.
    """
    ended = [_close(detector, name, unranked=True) for name in sorted(excused & set(detector.open))]
    measured = {name: (score, rise) for name, score, rise in scores if name not in excused}
    daily = budget.expected / DAYS_PER_YEAR
    if measured:
        detector.purse = min(detector.purse + daily, PURSE_DAYS * daily)
    weight, reference = allotment(detector, budget), detector.ended
    alarms, finished, begun = [], [], 0
    for name in sorted(measured.keys() | detector.open.keys()):
        score, rise = measured.get(name, (float("nan"), float("nan")))
        excursion = detector.open.get(name)
        high = score >= OPEN  # false for NaN
        if excursion is None:
            if not high:
                continue
            begun += 1
            # When more begin on one day than the purse can serve, the later ones (by name) get nothing and cannot alarm.
            spent = min(weight, detector.purse)
            detector.purse -= spent
            excursion = detector.open[name] = Excursion(day, spent, reference, 0.0, 0.0)
        else:
            excursion.age += 1
        excursion.quiet = 0 if high else excursion.quiet + 1
        if score > excursion.peak:
            excursion.peak, excursion.rise = score, rise
            excursion.p, size = detector.rank(score, excursion.reference)
            if not excursion.alarm and excursion.p <= excursion.weight:
                excursion.alarm = day
                alarms.append(Alarm(name, excursion.opened, day, score, rise, excursion.p, excursion.weight, size))
        if excursion.quiet >= QUIET or excursion.age >= LONGEST:
            finished.append(name)
    detector.begun = [*detector.begun, begun][-MEMORY:]
    ended += [_close(detector, name) for name in finished]
    return Step(tuple(alarms), tuple(e for e in ended if e is not None))


def allotment(detector: Detector, budget: Budget) -> float:
    """Return what an excursion that begins now may spend, the purse permitting: an equal part of a year's budget."""
    daily = budget.expected / DAYS_PER_YEAR
    # One more than were counted, so that the first excursion of all does not empty the purse.
    return min(WEIGHT_MOST, daily * (len(detector.begun) + 1) / (sum(detector.begun) + 1))


def _close(detector: Detector, name: str, *, unranked: bool = False) -> tuple[str, str] | None:
    """End an excursion; return it if it was an alarm."""
    excursion = detector.open.pop(name)
    if not unranked:
        detector.pool.append(excursion.peak)
        if len(detector.pool) > POOL_MOST:
            spare = len(detector.pool) - POOL_MOST
            del detector.pool[:spare]
            detector.forgotten += spare
    return (name, excursion.opened) if excursion.alarm else None
