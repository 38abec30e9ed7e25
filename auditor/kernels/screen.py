"""The fast screen: season, noise, level shifts, outliers, rhythm and shape of every series of a big matrix.

Each series is read in five steps, each on many series abreast and none on a compiler:

1. logarithms, less their median; a weekday profile by two passes of medians (`screen_noise.seasonal_profiles`);
2. AR(1) coefficient and innovation scale from differences, at most ``first_phi``;
3. a coarse segmentation, whose residuals give the coefficient and the scale again;
4. the segmentation: exact minimum of a bounded absolute loss on a grid of levels, by Viterbi (`screen_potts`), on the
   quasi-differences ``(y_t - phi y_(t-1)) / (1 - phi)``, which keep the levels and have white noise. Their scale
   ``sigma / (1 - phi)`` is the square root of the long-run variance;
5. residual outliers by median absolute deviation, rhythm and shape (`screen_features`).

A row is a hint where the full model (`auditor.kernels.segmentation`) should look, not a finding.

Error rates (``python -m benchmarks.screen``, 2,000 series a cell; weekday profile, AR(1) noise with Student-t(3)
innovations of 10 %, three shifts of 1.65 to 3.3-fold, a launch ramp; margin 5 days, the ramp is one event):

======  =====================  =====================  =====================  =====================
days    phi 0                  phi .5                 phi .8                 phi .9
======  =====================  =====================  =====================  =====================
90      F1 -, false .009       F1 -, false .034       F1 -, false .179       F1 -, false .566
120     F1 1.000, false .009   F1 .999, false .015    F1 .984, false .145    F1 .928, false .586
365     F1 1.000, false .003   F1 1.000, false .004   F1 .984, false .013    F1 .857, false .217
1,461   F1 .999, false .000    F1 1.000, false .000   F1 .982, false .000    F1 .832, false .003
======  =====================  =====================  =====================  =====================

(F1 of events; false changes per series without change. Pelt with an rbf cost on robust STL at 365 days and phi = .5, 30
series: 1.000 and 5.1 false changes with penalty 3, .992 and none with penalty 10.)

Three things bought this, each measured on the way at phi = .5 and 365 days: whitening (F1 .87, against .74 for plain
residuals with the penalty scaled by the long-run variance), a bound on the coefficient of the first pass (.997, against
.89: unfound shifts pass for persistence, which hides them for good), and a bound on losses wide enough to keep short
ramps. Penalties and ``first_phi`` were chosen on other seeds of the same simulator.

Limits: beyond phi = .8 a year of days cannot tell shifts from wandering, so read ``phi`` first. Levels only: a slope is
told as a staircase. On 131 models of a real 217-day leaderboard the screen reports changes in 79, the full model, which
knows slopes, in 37; of its 28 breaks of 1.5-fold or more 20 lie within 5 days of one of the screen's. A fixed season:
where it drifts, use the full model or STL. Excursions of one or two days are outliers, not levels.

Means, measured (CPU us a series of 365 / 1,461 days, wheels from PyPI, numpy 2.4; the machine was shared, and four runs
of the first and third rows spread over 93-132 / 425-584 and 114-176 thousand / 558-762 thousand):

===============================================  ================  =============================================
means                                            us                cost to a newcomer
===============================================  ================  =============================================
this screen in numpy, blocks of 384 series       132 / 534         none
this screen in numpy, one series at a time       13,500 / 33,800   none
usual defaults (STL, Pelt rbf, forest)           176,000 / 762,000
one 64-level recursion, numpy                    27 / 108          none
one 64-level recursion, numba                    8 / 31            208 MB; 0.6 s to import, 2 to 4 s to compile once
running median of 7, network in numpy            1.5 / 11          none
running median of 7, bottleneck                  13 / 46           1.6 MB
running median of 7, scipy.ndimage               31 / 116          none
===============================================  ================  =============================================

So numpy it is: 1,330 and 1,430 times faster than the usual defaults in that run (never under 1,220 and 950 in four),
15,100 and 3,700 series a second of two whole cores, and no new dependency; numba would about halve the time. Cost per
period falls up to 365 days and is flat beyond (43 us at 90 days, 1,260 at 3,650).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError
from auditor.kernels.screen_columns import Flag, Screen, ScreenParams
from auditor.kernels.screen_features import features
from auditor.kernels.screen_medians import row_medians
from auditor.kernels.screen_noise import residual_noise, seasonal_profiles
from auditor.kernels.screen_potts import MAX_PERIODS
from auditor.kernels.screen_segments import segment_block

Single = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

__all__ = ["Flag", "Screen", "ScreenParams", "screen", "screen_chunks"]

SHORTEST = 8
"""Fewer observed periods than this and nothing is said (as in `auditor.kernels.segmentation`)."""

NOISELESS = np.float32(2e-6)
"""Residual scale that single precision cannot tell from none."""

Work = Callable[[npt.NDArray[np.generic]], Screen]


def screen(values: npt.ArrayLike, *, period: int = 7, weekday0: int = 0, params: ScreenParams | None = None) -> Screen:
    """Screen every row of a matrix of volumes.

    Parameters
    ----------
    values : array_like, shape (N, T)
        Volumes of N series over T regular periods; NaN = missing or censored. Logarithms are taken here, so values at
        or below zero count as not observed (and are flagged).
    period : int
        Periods per season; 7 for daily data, 1 for no season.
    weekday0 : int
        Weekday of the first period, Monday = 0. Only the weekend ratio depends on it.
    params : ScreenParams, optional
        Settings.

    Returns
    -------
    Screen

    Raises
    ------
    UsageError
        If ``values`` is not a matrix of numbers, or has more periods than 32,767, or a setting is out of range.
    """
    matrix = _matrix(values)
    if period < 1:
        raise UsageError(f"a season has 1 period or more, got {period}", hint="period=7 for weekdays, 1 for none")
    if not 0 <= weekday0 <= 6:
        raise UsageError(f"weekday0 must lie between 0 (Monday) and 6, got {weekday0}")
    settings = params or ScreenParams()
    blocks = range(0, max(len(matrix), 1), settings.block)
    return Screen.concatenate(
        _screen_block(matrix[first : first + settings.block], period, weekday0, settings) for first in blocks
    )


def screen_chunks(
    values: npt.ArrayLike,
    *,
    period: int = 7,
    weekday0: int = 0,
    params: ScreenParams | None = None,
    rows: int = 2048,
    mapper: Callable[[Work, Sequence[npt.NDArray[np.generic]]], Iterable[Screen]] = map,
) -> Screen:
    """Screen a matrix in chunks of rows that a caller may spread over threads or processes.

    The kernel starts no pool. Give the ``map`` of one: ``ThreadPoolExecutor(2).map`` (numpy releases the lock in the
    long loops), or ``ProcessPoolExecutor(2).map``. The result is the same, bit for bit, whatever the mapper and chunk.

    Parameters
    ----------
    values, period, weekday0, params
        As in `screen`.
    rows : int
        Series per chunk.
    mapper : callable
        Applies a function to each chunk and returns the results in order, as the built-in ``map``.
    """
    if rows < 1:
        raise UsageError(f"a chunk has 1 row or more, got {rows}")
    matrix = _matrix(values)
    work = partial(screen, period=period, weekday0=weekday0, params=params)
    parts = [matrix[first : first + rows] for first in range(0, max(len(matrix), 1), rows)]
    return Screen.concatenate(mapper(work, parts))


def _matrix(values: npt.ArrayLike) -> npt.NDArray[np.generic]:
    matrix = np.asarray(values)
    if matrix.ndim != 2:
        raise UsageError(f"a screen reads a matrix of series by periods, got shape {matrix.shape}")
    if matrix.dtype.kind not in "fiu":
        raise UsageError(f"a screen reads numbers, got {matrix.dtype}", hint="convert to float64, NaN where missing")
    if matrix.shape[1] > MAX_PERIODS:
        raise UsageError(
            f"{matrix.shape[1]} periods are more than {MAX_PERIODS}", hint="screen a shorter window of periods"
        )
    if matrix.shape[1] == 0:
        return np.full((len(matrix), 1), np.nan)
    return matrix


def _screen_block(values: npt.NDArray[np.generic], period: int, weekday0: int, params: ScreenParams) -> Screen:
    rows, flags, n_observed = _centred_logs(values, period)
    usable = (flags & (Flag.EMPTY | Flag.SHORT | Flag.CONSTANT)) == 0
    rows[~usable] = np.nan
    y = np.ascontiguousarray(rows.T)
    seen = ~np.isnan(y)
    profile, adjusted = seasonal_profiles(y, seen, period, 3 * period)
    adjusted_rows = np.ascontiguousarray(adjusted.T)
    parts = segment_block(adjusted, adjusted_rows, seen, n_observed, params)
    residual = adjusted_rows - parts.path(adjusted_rows.shape)
    phi, sigma, noise = residual_noise(residual)
    noise = np.where(noise > NOISELESS, noise, np.float32(0.0))
    flags |= np.where(usable & (noise <= 0), Flag.NOISELESS, 0)
    weekdays = profile if period == 7 else None
    found = features(adjusted_rows, residual, noise, parts, params.outlier, weekdays, weekday0)
    unknown = ~usable
    return Screen(
        n_observed=n_observed,
        flags=flags,
        phi=_column(phi, unknown),
        sigma=_column(sigma, unknown),
        noise=_column(noise, unknown),
        n_changes=found.n_changes,
        change_offsets=np.concatenate([[0], np.cumsum(found.n_changes)]).astype(np.int64),
        change_index=found.change_index,
        change_fold=found.change_fold,
        fold=_column(found.fold, unknown),
        steps_up=found.steps_up,
        steps_down=found.steps_down,
        spike_z=_column(found.spike_z, unknown),
        spike_fold=_column(found.spike_fold, unknown),
        spike_index=np.where(unknown, -1, found.spike_index),
        n_outliers=found.n_outliers,
        weekend_ratio=_column(found.weekend_ratio, unknown | ((flags & Flag.NO_SEASON) > 0)),
        roughness=_column(found.roughness, unknown),
        plateau_flatness=_column(found.plateau_flatness, unknown),
    )


def _column(values: Single | Doubles, unknown: Bools) -> Doubles:
    return np.where(unknown, np.nan, values.astype(np.float64))


def _centred_logs(values: npt.NDArray[np.generic], period: int) -> tuple[Single, Ints, Ints]:
    """Logarithms less their median (so that units cancel before precision is halved), flags, and observed periods."""
    x = np.ascontiguousarray(values, dtype=np.float64)
    positive = x > 0
    seen = positive & (x < np.inf)
    logs = np.log(np.where(seen, x, 1.0))
    logs[~seen] = np.nan
    n = np.count_nonzero(seen, axis=1)
    rows = (logs - row_medians(logs)[:, None]).astype(np.float32)
    flags = np.where(n == 0, Flag.EMPTY, 0) | np.where((n > 0) & (n < SHORTEST), Flag.SHORT, 0)
    spread = np.fmax.reduce(rows, axis=1) - np.fmin.reduce(rows, axis=1)
    extent = np.where(n > 0, x.shape[1] - seen.argmax(axis=1) - seen[:, ::-1].argmax(axis=1), 0)
    flags |= np.where((n >= SHORTEST) & (spread <= 0), Flag.CONSTANT, 0) | np.where(extent > n, Flag.HOLES, 0)
    flags |= np.where((x <= 0).any(axis=1), Flag.NOT_POSITIVE, 0)
    short = (n < 3 * period) | (x.shape[1] < 3 * period)
    flags |= np.where(short & (n > 0) & (period > 1), Flag.NO_SEASON, 0)
    return rows, flags.astype(np.int64), n.astype(np.int64)
