"""Weekday (or other fixed-period) profile by two passes of medians, and a check that it does not drift."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError
from auditor.kernels.robust import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeasonalModel:
    """A fixed seasonal profile.

    Attributes
    ----------
    profile : ndarray, shape (period,)
        Additive effect of each phase, summing to 0; phase 0 is the first sample of the series.
    seasonal : ndarray, shape (n,)
        The profile laid along the series.
    adjusted : ndarray, shape (n,)
        The series without it; NaN where the series is NaN.
    gain : float
        ``2 m log(s0 / s1) - (period - 1) / 2 log m`` with s0 the mean absolute departure from the trend and s1 the same once the
        profile, learnt from the other three quarters of the cycles, is taken off: positive where a profile predicts
        cycles it has not seen. Half the price of the Bayesian information criterion, since the gain is out of sample
        already; measured: positive on 4 to 12 % of AR(1) series without season.
    drift : float
        Mean square change of the profile from the first to the second half of the series over the one that noise
        alone explains; about 1 if the profile is stable, NaN under 4 cycles. Above 3 escalate to a changing season.
    """

    profile: Floats
    seasonal: Floats
    adjusted: Floats
    gain: float
    drift: float

    @property
    def supported(self) -> bool:
        """Whether the data support a profile at all."""
        return self.gain > 0.0


def fit_seasonal(y: Floats, period: int = 7) -> SeasonalModel:
    """Robust seasonal profile in two passes of medians.

    First pass: running median over one period as trend, median of the departures by phase. Second pass: the same
    on the adjusted series, whose running median follows the level closely. A level shift spoils at most one window
    of departures, which the phase medians outvote. After the seasonal medians of Tukey (1977, ch. 7) and Cleveland
    et al. (1990, STL).

    Parameters
    ----------
    y : ndarray, shape (n,)
        Regular series, on the scale where the season is additive (logs for usage); NaN = not observed.
    period : int
        Samples per cycle, 2 or more.

    Raises
    ------
    UsageError
        If ``period`` is under 2.
    """
    if period < 2:
        raise UsageError(f"a season needs a period of 2 samples or more, got {period}", hint="period=7 for weekdays")
    values = np.asarray(y, dtype=np.float64)
    n = values.size
    zero = np.zeros(period)
    if n < 2 * period + 2:
        return SeasonalModel(zero, np.zeros(n), values.copy(), -np.inf, float("nan"))
    phase = np.arange(n) % period
    first = values - _centred_median(values, period)
    profile = _phase_medians(first, period)
    second = values - _centred_median(values - profile[phase], period)
    profile = _phase_medians(second, period)
    after = second - profile[phase]
    seen = np.isfinite(second)
    m = int(seen.sum())
    gain = -np.inf
    if m > period:
        unseen = _cross_predicted(second, period)[seen]
        before, left = _mean_absolute(second[seen]), _mean_absolute(second[seen] - unseen)
        if before > 0.0:
            gain = 2.0 * m * np.log(before / max(left, 1e-9 * before)) - 0.5 * (period - 1) * np.log(m)
    seasonal = profile[phase]
    return SeasonalModel(profile, seasonal, values - seasonal, float(gain), _drift(second, after, period))


def _mean_absolute(x: Floats) -> float:
    """Mean absolute value, single cells bounded at five medians."""
    size = np.abs(x)
    return float(np.mean(np.minimum(size, 5.0 * np.median(size)))) if np.median(size) > 0 else float(size.mean())


def _cross_predicted(departures: Floats, period: int) -> Floats:
    """Profile value of each sample, learnt without its own quarter of the cycles (every fourth cycle)."""
    index = np.arange(departures.size)
    fold = (index // period) % 4
    out = np.zeros(departures.size)
    for k in range(4):
        profile = _phase_medians(np.where(fold == k, np.nan, departures), period)
        out[fold == k] = profile[index[fold == k] % period]
    return out


def _mad(x: Floats) -> float:
    return MAD_TO_SIGMA * float(np.median(np.abs(x - np.median(x))))


def _row_medians(rows: Floats) -> Floats:
    """Medians of the finite cells of each row (NaN if none); numpy's own nanmedian is far slower here."""
    ordered = np.sort(rows, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    index = np.arange(rows.shape[0])
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, rows.shape[1] - 1)
    return np.asarray((ordered[index, low] + ordered[index, high]) / 2.0, dtype=np.float64)


def _centred_median(values: Floats, period: int) -> Floats:
    """Compute the running median over one period; NaN at the ends, where it would lean.

    An even period has no middle sample: the medians of the two windows of one period around a sample are averaged, so
    that every phase counts once in each (as in the 2 x 12 average of classical decomposition).
    """
    half = period // 2
    windows = np.lib.stride_tricks.sliding_window_view(values, period)
    medians = _row_medians(np.ascontiguousarray(windows))
    if period % 2 == 0:
        medians = (medians[:-1] + medians[1:]) / 2.0
    out = np.full(values.size, np.nan)
    out[half : values.size - half] = medians
    return out


def _phase_medians(departures: Floats, period: int) -> Floats:
    cycles = -(-departures.size // period)
    padded = np.full(cycles * period, np.nan)
    padded[: departures.size] = departures
    profile = _row_medians(np.ascontiguousarray(padded.reshape(cycles, period).T))
    profile = np.where(np.isfinite(profile), profile, 0.0)
    return np.asarray(profile - profile.mean(), dtype=np.float64)


def _drift(departures: Floats, residuals: Floats, period: int) -> float:
    cycles = departures.size // period
    if cycles < 4:
        return float("nan")
    cut = (cycles // 2) * period
    change = _phase_medians(departures[:cut], period) - _phase_medians(departures[cut:], period)
    finite = residuals[np.isfinite(residuals)]
    # The variance of a median is pi / 2 times that of a mean; centring removes one part in ``period``.
    noise = (np.pi / 2) * _mad(finite) ** 2 * (2.0 / (cycles / 2.0)) * (1.0 - 1.0 / period)
    return float(np.mean(change**2) / noise) if noise > 0.0 else float("nan")
