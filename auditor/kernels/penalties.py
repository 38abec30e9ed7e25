"""Penalties and shortest segments of the segmentation: formulas, where they come from, what they cost.

The criterion is the deviance (minus twice the log-likelihood) of Student-t AR(1) noise plus a price per change. A
change of level costs two parameters (the level and the date), a change of line three (level, slope, date), each at
``log n`` as in the Bayesian information criterion of Yao (1988, Stat. Prob. Letters 6:181). Short series make the
maximum over dates and over the AR coefficient heavier-tailed than that, so a term that fades with n is added. Its
constants were set on simulated series **without** change (n = 30 to 365; phi = 0, .5, .8, .9; normal and Student-t(3)
innovations), where the 95 % points of the largest deviance drop per change are 7 to 16 for levels and 8 to 21 for
lines, nearly flat in n; then raised, and made to fade slower, until the cells below held 5 %.

Not blind to annotated series: the rate at which the price of a line fades (of those that held 5 %), the end of
``phi_grid``, the fifteenth in `min_trend_segment` and ``integrated_min_n`` were settled with the Turing Change Point
Dataset in view, so its score is somewhat optimistic.

Series of log-usage with any break, measured: at n = 30, 0 to 5 % in each of 16 cells (phi = 0, .5, .8, .9; normal
or Student-t(3); with and without weekdays; 200 series each, the 5 % at phi = .9 with Student-t(3)); at n = 90 at most 4 % (150 each; every cell but the worst
measured at a slightly lower price). ``python -m benchmarks.changepoints`` prints the table.
"""

import math
from dataclasses import dataclass

SHORT_LINE = 15.0
"""Price of a line in a short series, see `line_penalty`."""


def level_penalty(n: int) -> float:
    """Price of one change of level in deviance units: ``2 log n + 11 (30 / n)^(1/4)``.

    >>> round(level_penalty(30), 1), round(level_penalty(365), 1)
    (17.8, 17.7)
    """
    return 2.0 * math.log(n) + 11.0 * math.sqrt(math.sqrt(30.0 / n))


def trend_penalty(n: int) -> float:
    """Price of one change of level and slope in deviance units: ``3 log n + 12 (30 / n)^(1/3)``.

    >>> round(trend_penalty(30), 1), round(trend_penalty(365), 1)
    (22.2, 22.9)
    """
    return 3.0 * math.log(n) + 12.0 * math.cbrt(30.0 / n)


def line_penalty(n: int, *, short: bool) -> float:
    """Price of a slope where no level changes: ``log n``, and ``15`` in short series.

    A step in the middle of a month resembles a line with persistent noise: at the plain price a third of the steps of a
    doubling were taken for lines.

    >>> round(line_penalty(365, short=False), 1), line_penalty(30, short=True)
    (5.9, 15.0)
    """
    return SHORT_LINE if short else math.log(n)


def nuisance_factor(n: int, nuisance: int) -> float:
    """Factor ``n / (n - nuisance)`` on the penalties when ``nuisance`` further coefficients are fitted.

    The deviance uses the maximum-likelihood scale, which shrinks with every coefficient fitted; this is the usual
    degrees-of-freedom correction of a likelihood ratio (Bartlett 1937, first order).

    >>> nuisance_factor(30, 0), round(nuisance_factor(30, 6), 2)
    (1.0, 1.25)
    """
    return n / max(n - nuisance, 1)


def min_level_segment(n: int) -> int:
    """Shortest segment with a level of its own: 5 samples, fewer (a quarter) in series under 20 samples.

    Below 5 a clipped outlier and its echo in AR(1) noise look like a segment; such short spikes are episodes.
    """
    return min(5, max(3, n // 4))


def min_trend_segment(n: int) -> int:
    """Shortest segment with a slope of its own: 10 samples or a fifteenth of the series, whichever is longer.

    Shorter slopes are what AR(1) noise does anyway: at phi = .8 noise keeps its sign for about 10 samples.
    """
    return min(max(10, n // 15), max(3, n // 4))


@dataclass(frozen=True)
class SegmentationParams:
    """Settings of `auditor.kernels.segmentation.segment`; the defaults serve every series.

    Attributes
    ----------
    models : tuple of str
        Which means compete: ``"level"`` (piecewise constant), ``"trend"`` (piecewise linear), ``"ramp"`` (piecewise
        constant after one launch ramp).
    phi_grid : tuple of float
        AR(1) coefficients tried with changes. It ends at .8: above, a shift cannot be told from the noise's own
        wandering within a few weeks.
    phi_null : tuple of float
        Further coefficients tried without changes, so that persistent noise is preferred to a chain of shifts.
    degrees_of_freedom : float
        Of the Student-t noise; 5 loses under 5 % at normal noise and bounds the pull of one bad day.
    penalty_scale : float
        Multiplies every penalty; above 1 finds less.
    ramp_lengths : tuple of int
        Lengths in samples that a launch ramp may have; bounded so that growth over a season is not called a ramp.
    season_min_cycles : int
        Fewer full cycles than this and no seasonal profile is fitted.
    max_candidates : int
        Longest list of candidate dates of the dynamic programme; longer series are searched on a coarser grid, then
        every date is refined to the sample.
    max_changes : int
        Most changes a candidate may have; the price is doubled until this holds. A series that would need more is
        not a series of levels.
    max_episode : int
        Longest episode, in samples.
    short_n : int
        Below this many samples a season is always fitted (never tested for), the AR coefficients of ``phi_null`` are not
        tried beside it, and a line costs more (`line_penalty`): what those three buy in long series costs short ones their power.
    integrated_min_n : int
        Shortest series on which a smooth (integrated) stochastic trend may explain changes away.
    """

    models: tuple[str, ...] = ("level", "trend", "ramp")
    phi_grid: tuple[float, ...] = (0.0, 0.25, 0.5, 0.7, 0.8)
    phi_null: tuple[float, ...] = (0.9,)
    degrees_of_freedom: float = 5.0
    penalty_scale: float = 1.0
    ramp_lengths: tuple[int, ...] = tuple(range(3, 29))
    season_min_cycles: int = 4
    max_candidates: int = 256
    max_changes: int = 30
    max_episode: int = 10
    short_n: int = 50
    integrated_min_n: int = 50
