"""Outliers, rhythm and shape of many segmented series at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.kernels.screen_medians import row_medians
from auditor.kernels.screen_segments import Segments

Single = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORTEST_PLATEAU = 7
"""Observed periods a level needs before its flatness is measured."""


@dataclass(frozen=True)
class Features:
    """Columns of `auditor.kernels.screen.Screen`, described there."""

    n_changes: Ints
    change_index: Ints
    change_fold: Doubles
    fold: Doubles
    steps_up: Ints
    steps_down: Ints
    spike_z: Single
    spike_fold: Doubles
    spike_index: Ints
    n_outliers: Ints
    weekend_ratio: Doubles
    roughness: Single
    plateau_flatness: Single


def features(
    adjusted: Single,
    residual: Single,
    noise: Single,
    parts: Segments,
    outlier: float,
    profile: Single | None,
    weekday0: int,
) -> Features:
    """Measure what the segments, the residuals and the profile show.

    Parameters
    ----------
    adjusted, residual : ndarray, shape (N, T)
        Logarithms without season, and without season and level; NaN where not observed.
    noise : ndarray, shape (N,)
        Robust scale of the residuals.
    parts : Segments
        Their levels.
    outlier : float
        Robust scales beyond which a residual is counted.
    profile : ndarray, shape (N, 7), or None
        Weekday profile from the first period's weekday on; None for other seasons.
    weekday0 : int
        Weekday of the first period, Monday = 0.
    """
    n_series = len(residual)
    known = noise > 0
    divisor = np.where(known, noise, np.float32(1.0))
    nan = np.float32(np.nan)
    size = np.where(np.isnan(residual), np.float32(-1.0), np.abs(residual))
    at = size.argmax(axis=1)
    rows = np.arange(n_series)
    largest = residual[rows, at]
    n_outliers = np.count_nonzero(size > (np.float32(outlier) * divisor)[:, None], axis=1)
    second = np.abs(adjusted[:, 2:] - np.float32(2.0) * adjusted[:, 1:-1] + adjusted[:, :-2])
    rough = np.float32(MAD_TO_SIGMA / np.sqrt(6.0)) * row_medians(second)
    later = np.flatnonzero(parts.first > 0)
    owner, level = parts.series[later], parts.level
    step = level[later].astype(np.float64) - level[later - 1].astype(np.float64)
    n_changes = np.bincount(owner, minlength=n_series)
    up = np.bincount(owner[step > 0], minlength=n_series)
    with np.errstate(over="ignore"):  # a fold beyond double precision is infinite, and says so
        change_fold, fold = np.exp(step), np.exp(_largest(step, owner, n_series))
        spike_fold = np.exp(largest.astype(np.float64))
    return Features(
        n_changes=n_changes,
        change_index=parts.first[later],
        change_fold=change_fold,
        fold=fold,
        steps_up=up,
        steps_down=n_changes - up,
        spike_z=np.where(known, largest / divisor, nan),
        spike_fold=spike_fold,
        spike_index=at,
        n_outliers=np.where(known, n_outliers, 0),
        weekend_ratio=_weekend_ratio(profile, weekday0, n_series),
        roughness=np.where(known, rough / divisor, nan),
        plateau_flatness=np.where(known, _plateau(residual, parts) / divisor, nan),
    )


def _largest(step: Doubles, owner: Ints, n_series: int) -> Doubles:
    """Step of largest absolute size of each series (the earliest of equals); 0 without steps."""
    out = np.zeros(n_series)
    order = np.lexsort((-np.arange(step.size), np.abs(step), owner))
    out[owner[order]] = step[order]
    return out


def _plateau(residual: Single, parts: Segments) -> Single:
    """Robust scale of the residuals on the highest level; NaN without changes or on too short a level."""
    n_series, n_periods = residual.shape
    out = np.full(n_series, np.nan, dtype=np.float32)
    order = np.lexsort((-np.arange(parts.level.size), np.nan_to_num(parts.level, nan=-np.inf), parts.series))
    top = np.zeros(n_series, dtype=np.int64)
    top[parts.series[order]] = order
    changed = np.flatnonzero(np.bincount(parts.series, minlength=n_series) > 1)
    if not changed.size:
        return out
    begin = parts.first[top[changed]]
    end = begin + parts.length[top[changed]]
    period = np.arange(n_periods)
    inside = (period >= begin[:, None]) & (period < end[:, None])
    cells = np.where(inside, np.abs(residual[changed]), np.float32(np.nan))
    enough = np.count_nonzero(~np.isnan(cells), axis=1) >= SHORTEST_PLATEAU
    scale = np.float32(MAD_TO_SIGMA) * row_medians(cells)
    out[changed] = np.where(enough, scale, np.float32(np.nan))
    return out


def _weekend_ratio(profile: Single | None, weekday0: int, n_series: int) -> Doubles:
    if profile is None:
        return np.full(n_series, np.nan)
    saturday, sunday = (5 - weekday0) % 7, (6 - weekday0) % 7
    weekend = profile[:, saturday].astype(np.float64) + profile[:, sunday]
    # The profile sums to 0, so the other five days sum to minus the weekend.
    ratio: Doubles = np.exp(weekend / 2.0 + weekend / 5.0)
    return ratio
