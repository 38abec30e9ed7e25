"""Levels of many series at once: two passes of the dynamic programme, with the noise learnt in between."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.kernels.screen_columns import ScreenParams
from auditor.kernels.screen_medians import running_medians
from auditor.kernels.screen_noise import difference_noise, residual_noise
from auditor.kernels.screen_potts import potts_starts

Single = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

FINEST_SCALE = np.float32(1e-5)
"""Noise below it is taken as this: a thousandth of a percent, where single precision ends."""

COARSEST_STEP = 0.5
"""Widest step of the grid in units of the noise: quieter series are taken to be as noisy as that.

With wider steps, days on a steep ramp lie beyond the bound of every level but their own and look like outliers, and a
level between two grid values is laid in turns on either: with .01 innovations and a 1,000-fold ramp, event F1 was .85
at 1,461 days; with this, .99. The price: next to a 1,000-fold ramp, shifts under about 10 % are not seen.
"""

SPIKE_WIDTH = 7
"""Periods of the running median whose range bounds the levels: an excursion of half of it is no level."""

NEEDLESS = 0.5
"""A change that buys less than this share of its price at the exact medians was the grid's doing; it is dropped."""


@dataclass(frozen=True)
class Segments:
    """Segments of many series, ordered by series and period; arrays of shape (segments,).

    Attributes
    ----------
    series, first, length, count : ndarray of int
        Row, first period, number of periods, and how many of them are observed.
    level : ndarray
        Median of the observed cells; NaN where there are none.
    """

    series: Index
    first: Index
    length: Index
    count: Index
    level: Single

    def path(self, shape: tuple[int, ...]) -> Single:
        """Level of every cell, shape (N, T)."""
        return np.repeat(self.level, self.length).reshape(shape)


def segment_block(adjusted: Single, rows: Single, seen: Bools, n_observed: Index, params: ScreenParams) -> Segments:
    """Find the levels of series without season.

    A first pass on a coarse grid serves only to learn the noise. Where that turns out more persistent than the pass
    assumed, the pass is repeated with what was learnt, or its false levels would pass for signal.

    Parameters
    ----------
    adjusted : ndarray, shape (T, N)
        Series in columns, NaN where not observed.
    rows : ndarray, shape (N, T)
        The same in rows.
    seen : ndarray of bool, shape (T, N)
        Observed cells.
    n_observed : ndarray of int, shape (N,)
        Their number.
    params : ScreenParams
        Settings.
    """
    trend = running_medians(adjusted, seen, SPIKE_WIDTH)
    low, high = (np.nan_to_num(f.reduce(trend, axis=0)) for f in (np.fmin, np.fmax))
    filled = np.where(seen, adjusted, np.float32(0.0))
    weight = seen.astype(np.float32)
    log_n = np.log(np.maximum(n_observed, 2)).astype(np.float32)
    phi, sigma = difference_noise(rows, params.first_phi)

    def run(who: Index | slice, penalty: float, levels: int) -> tuple[Segments, Single, Single]:
        bottom, top = low[who], high[who]
        white, scale = _whitened(filled[:, who], seen[:, who], phi[who], sigma[who], (top - bottom) / (levels - 1))
        price = np.maximum(np.float32(penalty) * log_n[who], np.float32(1.1 * params.bound))
        found = potts_starts(
            white, weight[:, who], bottom / scale, top / scale, price, levels=levels, bound=params.bound
        )
        return segment_levels(rows[who], np.ascontiguousarray(found.T)), scale, price

    def learn(who: Index | slice) -> None:
        own = rows[who]
        parts, _, _ = run(who, params.first_penalty, params.first_levels)
        phi[who], sigma[who], _ = residual_noise(own - parts.path(own.shape))

    learn(slice(None))
    persistent = np.flatnonzero(phi > params.first_phi)
    if persistent.size:
        learn(persistent)
    return _without_needless(rows, *run(slice(None), params.penalty, params.levels))


def _without_needless(rows: Single, parts: Segments, scale: Single, price: Single) -> Segments:
    """Drop the changes whose exact medians differ too little.

    Splitting m / n1 + m / n2 = 1 white noise of unit scale at a shift d saves about ``m d^2 phi(0)`` of absolute loss,
    with phi(0) = .4 the normal density at its median.
    """
    later = np.flatnonzero(parts.first > 0)
    owner = parts.series[later]
    before, after = parts.count[later - 1], parts.count[later]
    shift = (parts.level[later] - parts.level[later - 1]) / scale[owner]
    m = before * after / np.maximum(before + after, 1)
    needless = m * 0.4 * shift.astype(np.float64) ** 2 < NEEDLESS * price[owner]
    if not needless.any():
        return parts
    starts = np.zeros(rows.shape, dtype=np.bool_)
    starts[parts.series, parts.first] = True
    starts[owner[needless], parts.first[later[needless]]] = False
    return segment_levels(rows, starts)


def _whitened(filled: Single, seen: Bools, phi: Single, sigma: Single, step: Single) -> tuple[Single, Single]:
    """Quasi-differences with unit innovations and unchanged level, and the scale that made them so.

    Cochrane & Orcutt (1949, JASA 44:32): ``(y_t - phi y_(t-1)) / (1 - phi)`` has the level of y and white noise of
    scale ``sigma / (1 - phi)``. After a hole the value itself stands, whose noise is smaller than that.
    """
    rest = np.float32(1.0) - phi
    scale = np.maximum(np.maximum(sigma / rest, step / np.float32(COARSEST_STEP)), FINEST_SCALE)
    out = filled.copy()
    if len(filled) > 1:
        both = seen[1:] & seen[:-1]
        np.copyto(out[1:], (filled[1:] - phi * filled[:-1]) / rest, where=both)
    out /= scale
    return out, scale


def segment_levels(rows: Single, starts: Bools) -> Segments:
    """Median of the observed cells of every segment.

    Parameters
    ----------
    rows : ndarray, shape (N, T)
        Series in rows, NaN where not observed.
    starts : ndarray of bool, shape (N, T)
        Whether a segment starts there; column 0 is True.
    """
    n_series, n_periods = rows.shape
    series, first = np.nonzero(starts)
    flat = series * n_periods + first
    length = np.diff(flat, append=n_series * n_periods)
    seen = ~np.isnan(rows)
    if seen.all():
        before, count = first, length
    else:
        observed = np.zeros((n_series, n_periods + 1), dtype=np.int64)
        np.cumsum(seen, axis=1, out=observed[:, 1:])
        before = observed[series, first]
        count = observed[series, first + length] - before
    keys, base, unit = _sorted_keys(rows, starts, series)
    low = keys[series, np.clip(before + (count - 1) // 2, 0, n_periods - 1)]
    high = keys[series, np.clip(before + count // 2, 0, n_periods - 1)]
    level = base[series] + 0.5 * (low.astype(np.float64) + high) * unit[series]
    return Segments(series, first, length, count, np.where(count > 0, level.astype(np.float32), np.float32(np.nan)))


def _sorted_keys(rows: Single, starts: Bools, series: Index) -> tuple[npt.NDArray[np.int32], Doubles, Doubles]:
    """Order the values of each segment by one integer sort per series, the segment number in the high bits.

    The bits that the segment numbers of a series do not need hold its values, 24 or more of them up to 127 segments:
    as many as the values have themselves. Returned are the low bits, and the base and unit that turn them into values.
    """
    segments = np.bincount(series, minlength=len(rows))
    bits = (31 - np.ceil(np.log2(segments + 1))).astype(np.int32)
    base = np.nan_to_num(np.fmin.reduce(rows, axis=1)).astype(np.float64)
    extent = np.nan_to_num(np.fmax.reduce(rows, axis=1)).astype(np.float64) - base
    steps = np.ldexp(1.0, bits) - 1.0
    unit = np.where(extent > 0, extent, 1.0) / steps
    number = np.cumsum(starts, axis=1, dtype=np.int32)
    number -= 1
    number <<= bits[:, None]
    scaled = rows - base[:, None]
    scaled /= unit[:, None]
    hole = np.isnan(scaled)
    scaled[hole] = 0.0
    number += np.rint(scaled, out=scaled).astype(np.int32)
    number[hole] = np.iinfo(np.int32).max
    number.sort(axis=1)
    number &= (np.int32(1) << bits)[:, None] - np.int32(1)
    return number, base, unit
