"""Season and noise of many series at once."""

import numpy as np
import numpy.typing as npt

from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.kernels.screen_medians import row_medians, running_medians

Single = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SIGMA = np.float32(MAD_TO_SIGMA)
_NAN = np.float32(np.nan)

LARGEST_PHI = np.float32(0.97)
"""Above it, a level shift and a wandering series cannot be told apart on a year of days."""


def seasonal_profiles(y: Single, seen: Bools, period: int, fewest: int) -> tuple[Single, Single]:
    """Two-pass median seasonal profile, as `auditor.kernels.seasonal.fit_seasonal`, of many series.

    Parameters
    ----------
    y : ndarray, shape (T, N)
        Series in columns, NaN where not observed.
    seen : ndarray of bool, shape (T, N)
        Observed cells.
    period : int
        Periods per season; under 2 for none.
    fewest : int
        Series with fewer observed cells get no profile.

    Returns
    -------
    profile : ndarray, shape (N, period)
        Effect of each phase, summing to 0.
    adjusted : ndarray, shape (T, N)
        The series without it.
    """
    n_periods, n_series = y.shape
    if period < 2 or n_periods < 2 * period:
        return np.zeros((n_series, max(period, 1)), dtype=np.float32), y.copy()
    profile = np.zeros((n_series, period), dtype=np.float32)
    adjusted = y
    keep = (np.count_nonzero(seen, axis=0) >= fewest)[:, None]
    for _ in range(2):
        departures = y - running_medians(adjusted, seen, period)
        profile = np.where(keep, _phase_medians(departures, period), np.float32(0.0))
        adjusted = y - np.take(profile.T, np.arange(n_periods) % period, axis=0)
    return profile, adjusted


def _phase_medians(departures: Single, period: int) -> Single:
    n_periods, n_series = departures.shape
    cycles = -(-n_periods // period)
    padded = np.full((cycles * period, n_series), _NAN)
    padded[:n_periods] = departures
    by_phase = np.ascontiguousarray(padded.reshape(cycles, period, n_series).transpose(2, 1, 0))
    profile = row_medians(by_phase)
    profile = np.where(np.isnan(profile), np.float32(0.0), profile)
    return np.asarray(profile - _row_sums(profile)[:, None] / np.float32(period), dtype=np.float32)


def _row_sums(rows: Single) -> Single:
    """Sum along rows in an order that does not depend on how many rows there are."""
    total: Single = np.ascontiguousarray(rows).sum(axis=1, dtype=np.float32)
    return total


def difference_noise(rows: Single, largest: float) -> tuple[Single, Single]:
    """AR(1) coefficient and innovation scale from differences, which a few shifts hardly move.

    As `auditor.kernels.robust.robust_ar1` (Chakar et al. 2017): the squared ratio of the median absolute second-lag
    and first-lag differences, minus one.

    Parameters
    ----------
    rows : ndarray, shape (N, T)
        Series in rows, season taken off, NaN where not observed.
    largest : float
        Upper bound of the coefficient.
    """
    one = row_medians(np.abs(rows[:, 1:] - rows[:, :-1]))
    two = row_medians(np.abs(rows[:, 2:] - rows[:, :-2]))
    usable = (one > 0) & (two > 0)
    ratio = np.where(usable, two, np.float32(0.0)) / np.where(usable, one, np.float32(1.0))
    phi: Single = np.clip(ratio * ratio - np.float32(1.0), np.float32(0.0), np.float32(largest))
    sigma = _SIGMA * one * np.sqrt((np.float32(1.0) + phi) * np.float32(0.5))
    return phi, np.where(np.isnan(sigma), np.float32(0.0), sigma)


def residual_noise(residual: Single) -> tuple[Single, Single, Single]:
    """AR(1) coefficient, innovation scale and marginal scale of residuals around the fitted levels.

    The coefficient is the lag-1 product moment of residuals clipped at three marginal scales, plus the bias
    ``(1 + 4 phi) / n`` of short samples (Marriott & Pope 1954, Biometrika 41:390). Scales are 1.4826 times medians of
    absolute values.

    Parameters
    ----------
    residual : ndarray, shape (N, T)
        Residuals in rows, NaN where not observed; pairs with a hole are left out.
    """
    zero = np.float32(0.0)
    marginal = _SIGMA * row_medians(np.abs(residual))
    marginal = np.where(np.isnan(marginal), zero, marginal)
    reach = (np.float32(3.0) * marginal)[:, None]
    bounded = np.clip(residual, -reach, reach)
    hole = np.isnan(bounded)
    bounded[hole] = zero
    pair = ~(hole[:, :-1] | hole[:, 1:])
    first, second = bounded[:, :-1], bounded[:, 1:]
    product = _row_sums(first * second)
    energy = np.sqrt(_row_sums(pair * (first * first)) * _row_sums(pair * (second * second)))
    count = np.maximum(np.count_nonzero(pair, axis=1), 1).astype(np.float32)
    phi = np.where(energy > 0, product / np.where(energy > 0, energy, np.float32(1.0)), zero)
    phi = np.clip(phi + (np.float32(1.0) + np.float32(4.0) * phi) / count, zero, LARGEST_PHI).astype(np.float32)
    sigma = _SIGMA * row_medians(np.abs(residual[:, 1:] - phi[:, None] * residual[:, :-1]))
    return phi, np.where(np.isnan(sigma), zero, sigma), marginal
