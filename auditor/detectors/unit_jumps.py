"""One entity stated in another unit: a jump, from one period to the next, by a factor that units make. AUD172 uses it.

A figure in thousands that was read as one in units is off by 1,000; a percentage read as a share by 100; minutes for hours by 60; a week
for a day by 7. The series stands at the factor from one period on, after a level that was steady on that scale, and either returns or stays.
Factors of 60 and more hardly occur otherwise, so noise may be large beside them; 7 and 1/7 are reached by real changes, and are only
taken from quiet series, closely, and where the series returns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.kernels.robust import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]

#: Factors that units make, each also inverted.
UNITS = (1e3, 1e6, 1e9, 1e2, 60.0, 7.0)

#: Factors from here on stand out of any ordinary change; below, the series must be quiet, close to the factor, and return.
LARGE = 60.0

#: Tolerance of a small factor: in standard deviations of the series' own steps, its least and its most (logs).
WIDTH, SMALL_WITHIN = 3.0, (0.2, 0.3)

#: Tolerance of a large factor, as a part of it (logs): for 1,000 anything from 180 to 5,600 would do.
LARGE_WITHIN = 0.25

#: Part of a large factor (logs) that the levels before and after may wander by.
WANDER = 0.5

#: Noise below which a small factor is looked for.
QUIET = 0.25

#: Periods that form the level before, fewest of them, and how many of the run are compared with the factor.
SIDE, FEWEST, SHOWN = 7, 5, 7

#: Longest way back from the window that a jump which lasts into it is looked for.
BACK = 31


@dataclass(frozen=True)
class UnitJump:
    """A run of periods in another unit: rows (both included), the factor, and whether the series returned from it."""

    first: int
    last: int
    factor: float
    returned: bool


def find(values: Floats, inside: slice) -> UnitJump | None:
    """Return the first run in another unit that overlaps the rows ``inside``; None without one.

    Parameters
    ----------
    values : ndarray, shape (T,)
        Published figures; NaN where unknown.
    """
    rows = np.flatnonzero(np.isfinite(values) & (np.nan_to_num(values) > 0))
    if rows.size < FEWEST + 1:
        return None
    logs = np.log(values[rows])
    steps = np.abs(np.diff(logs))
    noise = float(MAD_TO_SIGMA * np.median(steps))
    # A count is known to half a unit, which matters where the unit made it small.
    whole = bool((np.round(values[rows]) == values[rows]).all())
    slack = np.log1p(0.5 / values[rows]) if whole else np.zeros(rows.size)
    factors = np.concatenate([np.log(UNITS), -np.log(UNITS)])
    for at in np.flatnonzero(np.concatenate([[False], steps > 0.8 * np.log(min(UNITS))])):
        if rows[at] >= inside.stop:
            break
        if at < FEWEST or rows[at] < inside.start - BACK:
            continue
        found = _run(logs, slack, int(at), noise, factors)
        if found is not None and rows[found[0]] >= inside.start:
            return UnitJump(int(rows[at]), int(rows[found[0]]), found[1], found[2])
    return None


def _run(logs: Floats, slack: Floats, at: int, noise: float, factors: Floats) -> tuple[int, float, bool] | None:
    """Return the last place, factor and return of a run that begins at a place; None where it is none."""
    earlier = logs[max(0, at - SIDE) : at]
    level = float(np.median(earlier))
    jump = logs[at] - level
    factor = float(factors[int(np.argmin(np.abs(jump - factors)))])
    size = abs(factor)
    small = size < 0.99 * np.log(LARGE)
    if small and noise > QUIET:
        return None
    width = min(max(WIDTH * noise, SMALL_WITHIN[0]), SMALL_WITHIN[1]) if small else LARGE_WITHIN * size
    steady = float(np.max(np.abs(earlier - level)))
    if (
        steady > (2 * width if small else WANDER * size)
        or abs(logs[at] - logs[at - 1] - factor) > 1.5 * width + slack[at]
    ):
        return None
    beyond = np.sign(factor) * (logs[at:] - level) > 0.5 * size
    length = int(np.argmin(beyond)) if not beyond.all() else beyond.size
    stretch = slice(at, at + min(length, SHOWN))
    if abs(float(np.median(logs[stretch])) - level - factor) > width + float(slack[stretch].max()):
        return None
    after = logs[at + length : at + length + SIDE]
    returned = bool(after.size) and abs(float(np.median(after)) - level) <= (width if small else WANDER * size)
    # A short run that ends elsewhere is a surge or a collapse; a long one may wander away from its level.
    if not returned and (small or (after.size and length < SHOWN)):
        return None
    return at + length - 1, float(np.exp(factor)), returned
