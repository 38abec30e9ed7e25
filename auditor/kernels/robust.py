"""Robust scale, autocorrelation and weights that level shifts and outliers do not fool."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826
"""Consistency factor of the median absolute deviation at the normal distribution, 1 / Phi^-1(3/4)."""

HUBER_C = 1.345
"""Tuning constant with 95 % efficiency at the normal distribution (Huber 1964)."""


def mad_scale(x: Floats, axis: int | None = None) -> npt.NDArray[np.float64]:
    """Median absolute deviation times 1.4826; NaN cells are skipped.

    Parameters
    ----------
    x : ndarray
        Values, any shape.
    axis : int, optional
        Axis to reduce; all axes by default.

    Returns
    -------
    ndarray
        Scale in the units of ``x``; NaN where nothing was observed.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).any():
        shape = () if axis is None else tuple(np.delete(np.array(values.shape, dtype=int), axis))
        return np.full(shape, np.nan)
    center = np.nanmedian(values, axis=axis, keepdims=True)
    return np.asarray(MAD_TO_SIGMA * np.nanmedian(np.abs(values - center), axis=axis), dtype=np.float64)


def huber_weights(z: Floats, c: float = HUBER_C) -> Floats:
    """Weights min(1, c / |z|) of standardised residuals ``z`` (Huber 1964)."""
    return np.asarray(np.minimum(1.0, c / np.maximum(np.abs(z), 1e-300)), dtype=np.float64)


def huber_location(x: Floats, c: float = HUBER_C, iterations: int = 25) -> float:
    """Huber M-estimate of location with the scale fixed at the MAD; NaN cells are skipped.

    Returns
    -------
    float
        Location in the units of ``x``; NaN if nothing was observed, the median if the MAD is 0.
    """
    values = np.asarray(x, dtype=np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return float("nan")
    center, scale = float(np.median(values)), float(mad_scale(values))
    if scale <= 0.0:
        return center
    for _ in range(iterations):
        weights = huber_weights((values - center) / scale, c)
        center = float(np.sum(weights * values) / np.sum(weights))
    return center


def median(x: Floats) -> float:
    """Median of a vector of finite values; the same as numpy's, without the cost of its checks.

    >>> median(np.array([3.0, 1.0, 2.0, 10.0]))
    2.5
    """
    half = x.size // 2
    if x.size % 2:
        return float(np.partition(x, half)[half])
    split = np.partition(x, (half - 1, half))
    return float((split[half - 1] + split[half]) / 2.0)


_NINE = (
    (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (0, 3),
    (5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
)  # fmt: skip
"""Exchanges after which the fifth of nine values is their median (Paeth 1990, Graphics Gems, p. 171)."""


def _median_of_nine(rows: list[Floats]) -> Floats:
    for low, high in _NINE:
        rows[low], rows[high] = np.minimum(rows[low], rows[high]), np.maximum(rows[low], rows[high])
    return rows[4]


def running_median(x: Floats, half: int) -> Floats:
    """Median over ``2 * half + 1`` samples, ends mirrored; a series shorter than the window gives its median."""
    values = np.asarray(x, dtype=np.float64)
    if values.size <= 2 * half + 1:
        return np.full(values.size, np.median(values) if values.size else np.nan)
    padded = np.concatenate([values[half:0:-1], values, values[-2 : -half - 2 : -1]])
    if half == 4:
        return _median_of_nine([padded[i : i + values.size] for i in range(9)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


def robust_ar1(y: Floats) -> float:
    """AR(1) coefficient of noise around a piecewise-constant level, in [0, 0.99].

    The squared ratio of the median absolute second-lag and first-lag differences, minus one: a shift enters only two
    differences, so few shifts hardly move the medians (Chakar, Lebarbier, Levy-Leduc & Robin 2017, *A robust approach
    for estimating change-points in the mean of an AR(1) process*, Bernoulli 23:1408, equation 2.2).

    Parameters
    ----------
    y : ndarray, shape (n,)
        Regular series without season; NaN cells are skipped.

    Returns
    -------
    float
        The coefficient; 0 when fewer than 4 differences of either lag exist or the first ones vanish.
    """
    values = np.asarray(y, dtype=np.float64)
    one, two = np.abs(values[1:] - values[:-1]), np.abs(values[2:] - values[:-2])
    one, two = one[np.isfinite(one)], two[np.isfinite(two)]
    if min(one.size, two.size) < 4 or np.median(one) <= 0.0:
        return 0.0
    ratio = float((np.median(two) / np.median(one)) ** 2 - 1.0)
    return float(np.clip(ratio, 0.0, 0.99))


def long_run_variance(x: Floats, lags: int | None = None) -> float:
    """Variance of the scaled mean of a dependent series, by Bartlett weights (Newey & West 1987).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Stationary series; NaN cells are skipped pairwise.
    lags : int, optional
        Truncation; ``floor(4 (n / 100)^(2/9))`` by default.

    Returns
    -------
    float
        ``lim n Var(mean)`` in squared units of ``x``, never negative; NaN with fewer than 2 observations.
    """
    values = np.asarray(x, dtype=np.float64)
    n = int(np.isfinite(values).sum())
    if n < 2:
        return float("nan")
    centred = np.where(np.isfinite(values), values - np.nanmean(values), 0.0)
    depth = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    depth = min(depth, values.size - 1)
    total = float(centred @ centred)
    for lag in range(1, depth + 1):
        total += 2.0 * (1.0 - lag / (depth + 1)) * float(centred[lag:] @ centred[:-lag])
    return max(total / n, 0.0)
