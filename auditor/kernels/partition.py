"""Optimal partitioning of a series into segments with AR(1) noise: a dynamic programme on prefix sums."""

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import Whitener

Floats = npt.NDArray[np.float64]
_BLOCK = 64


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
    m = y.size
    step = max(1, -(-m // max_candidates))
    edges = np.unique(np.append(np.arange(0, m, step), m))
    starts, ends = edges[:-1], edges[1:] - 1
    costs = _SegmentCosts(y, times, whitener, trend=trend)
    best = np.full(edges.size, np.inf)
    best[0] = -penalty
    origin = np.zeros(edges.size, dtype=np.int64)
    # Position i of ``edges`` may follow a start at ``reach[i] - 1`` at the latest.
    reach = np.searchsorted(starts, edges - min_length, side="right")
    for low in range(0, ends.size, _BLOCK):
        high = min(ends.size, low + _BLOCK)
        usable = int(reach[high])
        if usable == 0:
            continue
        table = costs.table(starts[:usable], ends[low:high])
        for i in range(low, high):
            k = int(reach[i + 1])
            if k:
                total = best[:k] + table[:k, i - low]
                j = int(total.argmin())
                best[i + 1], origin[i + 1] = total[j] + penalty, j
    changes: list[int] = []
    i = edges.size - 1
    while origin[i] > 0:
        i = int(origin[i])
        changes.append(int(edges[i]))
    return tuple(reversed(changes))


class _SegmentCosts:
    """Residual sums of squares of all segments, from prefix sums of whitened products."""

    def __init__(self, y: Floats, times: Floats, whitener: Whitener, *, trend: bool) -> None:
        centred = y - np.median(y)
        line = (times - times.mean()) / max(float(times[-1] - times[0]), 1.0)
        one = np.ones_like(y)
        columns = [centred, one, line] if trend else [centred, one]
        start2 = whitener.start**2
        whitened = [whitener.apply(column) for column in columns]
        self._trend = trend
        self._sums: dict[tuple[int, int], Floats] = {}
        self._heads: dict[tuple[int, int], Floats] = {}
        for a in range(len(columns)):
            for b in range(a, len(columns)):
                product = whitened[a] * whitened[b]
                product[0] = 0.0
                total = np.cumsum(product)
                self._sums[a, b] = total
                self._heads[a, b] = start2 * columns[a] * columns[b] - total

    def table(self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
        """Costs, shape (starts, ends); meaningless where a start lies after an end."""

        def moment(a: int, b: int) -> Floats:
            return np.asarray(self._heads[a, b][starts][:, None] + self._sums[a, b][ends][None, :])

        yy, y1, one = moment(0, 0), moment(0, 1), moment(1, 1)
        one = np.maximum(one, 1e-12)
        cost = yy - y1 * y1 / one
        if self._trend:
            tilt = moment(1, 2) / one
            spread = np.maximum(moment(2, 2) - moment(1, 2) * tilt, 1e-12)
            cost = cost - (moment(0, 2) - tilt * y1) ** 2 / spread
        return np.asarray(np.maximum(cost, 0.0), dtype=np.float64)
