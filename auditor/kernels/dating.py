"""Dates of changes: refined to the sample, with a likelihood-ratio interval."""

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import t_deviance
from auditor.kernels.search import Mean, Search

Floats = npt.NDArray[np.float64]

DATE_CRITICAL = 7.35
"""95 % point of the likelihood ratio of a change's date, ``-2 log(1 - sqrt(.95))`` (Hansen 2000, Econometrica 68:575,
theorem 2); it suits small jumps and is conservative for large ones."""

_REACH = 40


def date_deviances(search: Search, mean: Mean, j: int) -> tuple[int, Floats]:
    """Deviance of moving change ``j`` to every position nearby, all else as fitted.

    Returns
    -------
    first : int
        Position, among the observed samples, of the first entry.
    deviances : ndarray
        One per position.
    """
    fit = search.fit(mean)
    edges = [0, *mean.breaks, search.m]
    shortest = search.min_length(trend=mean.trend)
    at = edges[j + 1]
    low = min(at, max(edges[j] + shortest, at - _REACH))
    high = max(at, min(edges[j + 2] - shortest, at + _REACH))
    window = slice(low - 1, min(high + 1, search.m))
    left, right = _sides(search, mean, j, window, fit.coefficients)
    own = search.design(mean)[window] @ fit.coefficients
    here = np.arange(window.start, window.stop)
    rest = own - np.where(here < at, left, right)
    places = np.arange(low, high + 1)
    expected = np.where(here[None, :] < places[:, None], left, right) + rest
    error = search.y[window] - expected
    filter_ = search.whitener(fit.phi)
    carry, weight = filter_.carry[low - 1 : window.stop - 1], filter_.weight[low - 1 : window.stop - 1]
    innovations = (error[:, 1:] - carry * error[:, :-1]) * weight
    return low, t_deviance(innovations, fit.sigma, search.params.degrees_of_freedom).sum(axis=1)


def _sides(search: Search, mean: Mean, j: int, window: slice, beta: Floats) -> tuple[Floats, Floats]:
    """Means of the segments left and right of change ``j``, both laid over the whole window."""
    per = 2 if mean.trend else 1
    times = search.times[window]
    edges = [0, *mean.breaks]
    sides = []
    for k in (j, j + 1):
        side = np.full(times.size, beta[per * k])
        if mean.trend:
            side = side + beta[per * k + 1] * (times - search.times[edges[k]]) / search.m
        sides.append(side)
    return sides[0], sides[1]


def refine_dates(search: Search, mean: Mean, sweeps: int = 3) -> Mean:
    """Move each change to its most likely date given the others, while the criterion falls."""
    for _ in range(sweeps):
        breaks = list(mean.breaks)
        for j in range(len(breaks)):
            first, deviances = date_deviances(search, mean, j)
            breaks[j] = first + int(np.argmin(deviances))
        moved = Mean(mean.trend, tuple(sorted(set(breaks))), mean.ramp)
        if len(moved.breaks) < len(breaks) or moved == mean or search.criterion(moved) >= search.criterion(mean):
            break
        mean = moved
    return mean


def date_interval(search: Search, mean: Mean, j: int) -> tuple[int, int]:
    """First and last position whose deviance lies within `DATE_CRITICAL` of the best one (95 %)."""
    first, deviances = date_deviances(search, mean, j)
    near = np.flatnonzero(deviances <= deviances.min() + DATE_CRITICAL)
    at = mean.breaks[j]
    return min(at, first + int(near[0])), max(at, first + int(near[-1]))
