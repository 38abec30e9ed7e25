"""Segmentation of many series at once: bounded absolute loss on a grid of levels, by dynamic programming."""

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

MAX_PERIODS = 1 << 15
"""Longest series: beyond it the packed integers would leave too few bits to the loss."""

RENEW = 16
"""Steps between subtractions of the running minimum, which keep the packed loss in range."""


def potts_starts(
    y: Single, weight: Single, low: Single, high: Single, penalty: Single, *, levels: int, bound: float
) -> Bools:
    """Find the first periods of the segments of the best piecewise-constant fit.

    Minimises ``sum_t min(|y_t - g_t|, bound) + penalty * changes`` over all paths g on a uniform grid of ``levels``
    values from ``low`` to ``high``: the Potts functional with a truncated L1 loss (Weinmann, Storath & Demaret 2015,
    SIAM J. Numer. Anal. 53:644), solved exactly by the Viterbi recursion. Changing to another level costs the same
    from everywhere, so a step needs only the smallest loss of the step before: ``levels`` operations per sample.

    Parameters
    ----------
    y : ndarray, shape (T, N)
        Series in columns, in units of their noise; finite everywhere (cells of no weight may hold anything finite).
    weight : ndarray, shape (T, N)
        1 where observed, 0 where not: such a cell costs nothing at any level.
    low, high : ndarray, shape (N,)
        Ends of each grid.
    penalty : ndarray, shape (N,)
        Price of one change.
    levels : int
        Grid size.
    bound : float
        Largest loss of one sample, so that a short spike is cheaper than two changes.

    Returns
    -------
    ndarray of bool, shape (T, N)
        Whether a segment starts there; row 0 is True. A start lies on an observed cell, or on the first row.

    Notes
    -----
    Loss and start of the running segment travel in one int32, loss in the high bits: one ``minimum`` then carries both,
    no back-pointers are kept, integers add up exactly (the same in any chunk), and equal losses are decided for the
    earlier start. Losses are rounded to 1/64 of the noise or finer.
    """
    shift = max(12, len(y).bit_length())
    # The largest loss held: penalty, RENEW + 2 samples at the bound, in units of the resolution.
    budget = float((1 << (30 - shift)) - 1)
    top = np.minimum(penalty, np.float32(budget / 64 - (RENEW + 2) * bound)) + np.float32((RENEW + 2) * bound)
    unit = np.exp2(np.floor(np.log2(np.float32(budget) / top)))
    unit = np.minimum(unit, np.float32(1024.0)).astype(np.float32)
    wide = np.maximum((high - low) + np.float32(2.0 * bound), np.float32(1.0))
    unit = np.minimum(unit, np.exp2(np.floor(np.log2(np.float32(budget) / wide)))).astype(np.float32)
    clipped = np.clip(y, low - np.float32(bound), high + np.float32(bound))
    origin = low - np.float32(bound)
    cells = np.rint((clipped - origin) * unit).astype(np.int32) << shift
    fraction = np.linspace(0.0, 1.0, levels, dtype=np.float32)[:, None]
    grid = np.rint((fraction * (high - low) + np.float32(bound)) * unit).astype(np.int32) << shift
    ceiling = np.rint(weight * (np.float32(bound) * unit)).astype(np.int32) << shift
    price = np.maximum(np.rint((top - np.float32((RENEW + 2) * bound)) * unit), 1.0).astype(np.int32) << shift
    best = _forward(cells, ceiling, grid, price, shift)
    best &= np.int32((1 << shift) - 1)
    return _backward(best, weight)


def _forward(cells: Ints, ceiling: Ints, grid: Ints, price: Ints, shift: int) -> Ints:
    """Packed smallest loss at each step: its low bits are the start of the segment that runs there."""
    n_periods, n_series = cells.shape
    high_bits = np.int32(~((1 << shift) - 1))
    state, loss = np.zeros_like(grid), np.empty_like(grid)
    best = np.empty_like(cells)
    change = np.empty(n_series, dtype=np.int32)
    for t in range(n_periods):
        np.subtract(grid, cells[t], out=loss)
        np.abs(loss, out=loss)
        np.minimum(loss, ceiling[t], out=loss)
        if t:
            np.bitwise_and(best[t - 1], high_bits, out=change)
            change += price
            change |= np.int32(t)
            np.minimum(state, change, out=state)
        state += loss
        np.minimum.reduce(state, axis=0, out=best[t])
        if t % RENEW == RENEW - 1:
            np.bitwise_and(best[t], high_bits, out=change)
            state -= change
            best[t] -= change
    return best


def _backward(best: Ints, weight: Single) -> Bools:
    n_periods, n_series = best.shape
    starts = np.zeros(best.shape, dtype=np.bool_)
    starts[0] = True
    active = np.arange(n_series)
    at = np.full(n_series, n_periods - 1)
    observed_next = None
    if not weight.all():
        index = np.where(weight > 0, np.arange(n_periods, dtype=np.int32)[:, None], np.int32(n_periods))
        observed_next = np.minimum.accumulate(index[::-1], axis=0)[::-1]
    while active.size:
        start = best[at, active]
        going = start > 0
        active, start = active[going], start[going]
        at = start - 1
        where = start if observed_next is None else observed_next[start, active]
        inside = where < n_periods
        starts[where[inside], active[inside]] = True
    return starts
