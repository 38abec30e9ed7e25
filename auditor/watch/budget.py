"""The false-alarm budget: from "at most 6 a year" to the expected rate that the detectors may spend."""

import math
from dataclasses import dataclass

from auditor.errors import UsageError

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Budget:
    """How many false alarms a year may bring.

    Parameters
    ----------
    alarms_per_year : int
        Most false alarms in a year, over all entities of a watch together.
    confidence : float
        Share of years in which that number is to be kept.
    share : float
        Part of it that one of several monitors may spend.

    Examples
    --------
    >>> round(Budget(6, 0.95).expected, 3)
    3.285
    """

    alarms_per_year: int = 6
    confidence: float = 0.95
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.alarms_per_year < 1:
            raise UsageError(
                f"a budget of {self.alarms_per_year} false alarms a year lets nothing be told",
                hint="allow at least 1: a monitor without false alarms is one that never speaks",
            )
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"a confidence of {self.confidence} is not between 0.5 and 1", hint="use 0.95")

    @property
    def expected(self) -> float:
        """Expected false alarms per year that may be spent, over all entities.

        The largest Poisson mean that exceeds ``alarms_per_year`` in at most ``1 - confidence`` of the years. The detectors'
        guarantee is on the expectation and needs no Poisson law; only this step from it to single years does.
        """
        return self.share * poisson_mean(self.alarms_per_year, 1 - self.confidence)


def poisson_mean(most: int, exceed: float) -> float:
    """Return the mean at which a Poisson count is above ``most`` with probability ``exceed``."""
    low, high = 0.0, most + 10.0 * math.sqrt(most + 1.0) + 10.0
    for _ in range(80):
        middle = (low + high) / 2
        if 1 - _at_most(most, middle) > exceed:
            high = middle
        else:
            low = middle
    return low


def rate_interval(count: int, years: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval of a yearly rate from a Poisson count (Garwood 1936, Biometrika 28:437).

    >>> [round(x, 2) for x in rate_interval(10, 3.0)]
    [1.6, 6.13]
    """
    tail = (1 - confidence) / 2
    upper = poisson_upper(count, tail)
    lower = 0.0 if count == 0 else poisson_mean(count - 1, tail)
    return lower / years, upper / years


def poisson_upper(count: int, tail: float) -> float:
    """Return the mean at which a Poisson count is at most ``count`` with probability ``tail``."""
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1.0) + 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if _at_most(count, middle) > tail:
            low = middle
        else:
            high = middle
    return high


def _at_most(most: int, mean: float) -> float:
    """P(count <= most) of a Poisson law."""
    term = total = math.exp(-mean)
    for k in range(1, most + 1):
        term *= mean / k
        total += term
    return total
