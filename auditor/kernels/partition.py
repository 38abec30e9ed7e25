"""Optimal partitioning of a series into segments with AR(1) noise: a dynamic programme on prefix sums."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import Whitener
from auditor.kernels.robust import median

Floats = npt.NDArray[np.float64]
_BLOCK = 64
_ROW = 4


def optimal_partition(
    y: Floats,
    times: Floats,
    whitener: Whitener,
    penalty: float,
    *,
    min_length: int,
    trend: bool = False,
    max_candidates: int = 256,
) -> tuple[int, ...]:
    """Find the starts of segments that minimise residual sum of squares + ``penalty`` per change.

    Each segment has its own level (or line) and AR(1) noise that starts afresh from its stationary distribution, as
    in Davis, Lee & Rodriguez-Yam (2006, JASA 101:223); the search is optimal partitioning (Jackson et al. 2005, IEEE
    SPL 12:105). The cost of a segment needs only prefix sums, so a block of ends is costed against all starts in one
    sweep. PELT pruning is not used: a fresh start may cost more than carrying on, so its inequality does not hold
    here (and applied all the same it loses changes). Work is instead bounded by ``max_candidates**2 / 2`` costs:
    the result is exact up to that many observations,
    longer series are searched at evenly spaced dates, which the caller refines.

    Parameters
    ----------
    y : ndarray, shape (m,)
        Observed values without season, outliers clipped.
    times : ndarray, shape (m,)
        Their sample numbers, increasing.
    whitener : Whitener
        AR(1) filter on ``times``.
    penalty : float
        Price of a change, in squared units of ``y``.
    min_length : int
        Fewest observations in a segment.
    trend : bool
        Fit a line instead of a level in each segment.
    max_candidates : int
        Largest number of candidate dates.

    Returns
    -------
    tuple of int
        0-based positions, in ``y``, of the first observation of each segment but the first.
    """
    search = Partition(y, times, whitener, max_candidates=max_candidates)
    return search.changes(penalty, min_length=min_length, trend=trend)


class Partition:
    """The dynamic programme of `optimal_partition` with its costs kept, for several prices and both kinds of segment.

    Parameters
    ----------
    y, times, whitener, max_candidates
        As in `optimal_partition`.
    """

    def __init__(self, y: Floats, times: Floats, whitener: Whitener, *, max_candidates: int = 256) -> None:
        m = y.size
        step = max(1, -(-m // max_candidates))
        self._edges = np.append(np.arange(0, m, step), m)
        self._starts = self._edges[:-1]
        centred = y - median(y)
        line = (times - times.mean()) / max(float(times[-1] - times[0]), 1.0)
        self._columns = (centred, np.ones_like(y), line)
        self._whitened = tuple(whitener.apply(column) for column in self._columns)
        self._start2 = whitener.start**2
        self._levels: list[tuple[Floats, ...]] = []
        self._tables: dict[bool, list[Floats]] = {}

    def changes(self, penalty: float, *, min_length: int, trend: bool) -> tuple[int, ...]:
        """Find the starts of the best segments but the first; parameters as in `optimal_partition`."""
        edges = self._edges
        best = np.full(edges.size, np.inf)
        best[0] = -penalty
        origin = np.zeros(edges.size, dtype=np.int64)
        # Position i of ``edges`` may follow a start at ``reach[i] - 1`` at the latest.
        reach = np.searchsorted(self._starts, edges - min_length, side="right")
        free = np.arange(edges.size) - reach
        lag = int(free[reach > 0].min(initial=0)) + 1
        last = reach.tolist()
        for (low, high), table in zip(self._blocks(), self._costs(trend=trend), strict=True):
            # ``lag`` ends in a row depend on no end among themselves: they are settled at once where that saves time.
            for at in range(low, high, lag) if lag >= _ROW else ():
                ends = slice(at + 1, min(high, at + lag) + 1)
                k = last[ends.stop - 1]
                if k:
                    total = best[:k] + table[at - low : ends.stop - 1 - low, :k]
                    total[np.arange(k) >= reach[ends, None]] = np.inf
                    chosen = total.argmin(axis=1)
                    best[ends] = total[np.arange(chosen.size), chosen] + penalty
                    origin[ends] = chosen
            for i in range(low + 1, high + 1) if lag < _ROW else ():
                k = last[i]
                if k:
                    total = best[:k] + table[i - 1 - low, :k]
                    j = total.argmin()
                    best[i], origin[i] = total[j] + penalty, j
        found: list[int] = []
        i = edges.size - 1
        while origin[i] > 0:
            i = int(origin[i])
            found.append(int(edges[i]))
        return tuple(reversed(found))

    def _costs(self, *, trend: bool) -> list[Floats]:
        """Residual sums of squares, one table (ends, starts) per block of ends; garbage where a start lies after an end."""
        if trend not in self._tables:
            if not self._levels:
                moments = [self._moment(a, b) for a, b in ((0, 0), (0, 1), (1, 1))]
                for low, high in self._blocks():
                    yy, y1, one = (moment(low, high) for moment in moments)
                    np.maximum(one, 1e-12, out=one)
                    self._levels.append((yy - y1 * y1 / one, y1, one))
            if trend:
                moments = [self._moment(a, b) for a, b in ((0, 2), (1, 2), (2, 2))]
                tables = []
                for (low, high), (level, y1, one) in zip(self._blocks(), self._levels, strict=True):
                    cross, tilted, spread = (moment(low, high) for moment in moments)
                    tilt = tilted / one
                    tilted *= tilt
                    spread -= tilted
                    np.maximum(spread, 1e-12, out=spread)
                    tilt *= y1
                    cross -= tilt
                    cross *= cross
                    cross /= spread
                    tables.append(np.maximum(level - cross, 0.0))
                self._tables[trend] = tables
            else:
                self._tables[trend] = [np.maximum(level, 0.0) for level, _, _ in self._levels]
        return self._tables[trend]

    def _blocks(self) -> list[tuple[int, int]]:
        return [(low, min(self._starts.size, low + _BLOCK)) for low in range(0, self._starts.size, _BLOCK)]

    def _moment(self, a: int, b: int) -> Callable[[int, int], Floats]:
        """Return what gives the sums of products of two columns over all segments, from prefix sums of whitened ones."""
        product = self._whitened[a] * self._whitened[b]
        product[0] = 0.0
        total = np.cumsum(product)
        # The first sample of a segment starts afresh, from the stationary distribution.
        heads = (self._start2 * self._columns[a] * self._columns[b] - total)[self._starts]
        tails = total[self._edges[1:] - 1][:, None]
        return lambda low, high: np.asarray(tails[low:high] + heads[:high])
