"""Changes of level from before a window to inside it, for every entity and every earlier window of the same length.

AUD146 and AUD163 rank the subject's change among these. All of them are the same functional of the series, a mean over the
window less a mean over the base, so that the autocorrelation of a series is in the scatter of its earlier changes and need not be modelled.
"""

import numpy as np
import numpy.typing as npt

from auditor.kernels.robust import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: Cycles of the season that must be known before it is taken out.
CYCLES = 3

#: Weight of the scale of all entities beside an entity's own, in windows that do not overlap.
PRIOR_WINDOWS = 4.0

#: Reference changes wanted; windows overlap by half where fewer would be had.
WANTED = 200


def without_season(values: Floats, inside: slice, season: int | None) -> Floats:
    """Take out of each column the median of each place in the season, learned outside the window, shape (T, N).

    A column in which a place is known in fewer than three cycles is left as it is.
    """
    result = values.copy()
    if season is None or season < 2:
        return result
    outside = values.copy()
    outside[inside] = np.nan
    rows = -(-len(values) // season)
    padded = np.full((rows * season, values.shape[1]), np.nan)
    padded[: len(values)] = outside
    profile = column_medians(padded.reshape(rows, -1)).reshape(season, values.shape[1])
    known = np.isfinite(padded).reshape(rows, season, -1).sum(axis=0)
    full = (known >= CYCLES).all(axis=0)
    profile = np.where(full, profile, 0.0)
    profile -= profile.mean(axis=0)
    result -= np.tile(profile, (rows, 1))[: len(values)]
    return result


def column_medians(values: Floats) -> Floats:
    """Median of each column, NaN skipped; NaN for columns without a value."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    at = np.arange(values.shape[1])
    low, high = ordered[np.maximum(count - 1, 0) // 2, at], ordered[np.minimum(count // 2, len(values) - 1), at]
    some = count > 0
    return np.where(some, (np.where(some, low, 0.0) + np.where(some, high, 0.0)) / 2, np.nan)


def changes(values: Floats, length: int, base: int, *, gap: int = 0, least: int = 3) -> Floats:
    """Mean over ``length`` rows from each row on, less the mean over the ``base`` rows that end ``gap`` before it, shape (T, N).

    NaN where fewer than half of the window, or fewer than ``least`` rows (or a quarter) of the base, are known.
    """
    t, n = values.shape
    known = np.isfinite(values)
    sums = np.vstack([np.zeros((1, n)), np.cumsum(np.where(known, values, 0.0), axis=0)])
    counts = np.vstack([np.zeros((1, n)), np.cumsum(known, axis=0)])
    row = np.arange(t)
    stop, upto = np.minimum(row + length, t), np.maximum(row - gap, 0)
    start = np.maximum(upto - base, 0)
    inside, before = counts[stop] - counts[row], counts[upto] - counts[start]
    enough = (inside >= max(1.0, length / 2)) & (before >= max(min(least, base), base / 4))
    mean = (sums[stop] - sums[row]) / np.maximum(inside, 1.0) - (sums[upto] - sums[start]) / np.maximum(before, 1.0)
    return np.where(enough & (row + length <= t)[:, None], mean, np.nan)


def earlier(start: int, length: int, entities: int) -> Ints:
    """First rows of the reference windows: the one in question, then those before it, side by side.

    They overlap by half where side by side they would give fewer than 200 changes.
    """
    step = max(1, length)
    if entities * (start // step) < WANTED:
        step = max(1, length // 2)
    return np.arange(start, -1, -step)


def scales(past: Floats, length: int) -> Floats:
    """Robust scale of each column's earlier changes around zero, shrunk to that of all, shape (N,).

    Parameters
    ----------
    past : ndarray, shape (R, N)
        Changes of windows that end before the one in question, overlapping ones as well; NaN skipped.
    length : int
        Length of a window: overlapping changes count as fewer.
    """
    if not len(past) or not np.isfinite(past).any():
        return np.full(past.shape[1], np.nan)
    own = MAD_TO_SIGMA * column_medians(np.abs(past))
    count = np.isfinite(past).sum(axis=0) / max(1, length)
    some = np.isfinite(own)
    everyone = float(np.median(own[some]))
    square = (count * np.where(some, own, 0.0) ** 2 + PRIOR_WINDOWS * everyone**2) / (count + PRIOR_WINDOWS)
    result: Floats = np.sqrt(square)
    return result
