"""A stretch of a published panel with the truth beside it: what users asked for, what was added, and in what manner."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.calibration.bases import Base
from auditor.errors import UsageError

Floats = npt.NDArray[np.float64]

#: Periods of history and of aftermath kept around a window.
BEFORE, AFTER = 98, 21


@dataclass(frozen=True)
class Mix:
    """How some traffic is composed, against the subject's own.

    Attributes
    ----------
    tokens_per_request, completion : float
        Shift of log tokens per request, and of the log odds of the completion share.
    app : str
        ``own``: spread over applications like the subject's own traffic; ``one``: nearly all through one application;
        ``none``: through none that is listed.
    scatter : float
        Scatter of the first two from period to period, relative to that of ordinary traffic (1); a script has less.
    requests : bool
        False where the volume was counted without any request behind it.
    """

    tokens_per_request: float = 0.0
    completion: float = 0.0
    app: str = "own"
    scatter: float = 1.0
    requests: bool = True


@dataclass(frozen=True, eq=False)
class Layer:
    """Part of the subject's volume: amounts per period, shape (T,), how it is composed, and how much of it a proxy sees.

    ``seen`` is 1 for demand like any other, 0 for traffic that no user asked for.
    """

    amounts: Floats
    mix: Mix
    seen: float


@dataclass(frozen=True, eq=False)
class Market:
    """A stretch of a base around a window.

    Attributes
    ----------
    base : Base
    first : int
        Row of the base that row 0 here is.
    entities : tuple of str, length N
        Those listed at least once in the stretch.
    values, other : ndarray, shape (T, N) and (T,)
    column : int
        The subject (its first id); further ids in ``columns``.
    window : slice
    layers : tuple of Layer
        What part of the subject's first id is not its ordinary traffic; the amounts are contained in ``values``.
    """

    base: Base
    first: int
    entities: tuple[str, ...]
    values: Floats
    other: Floats
    columns: tuple[int, ...]
    window: slice
    layers: tuple[Layer, ...] = ()

    @property
    def column(self) -> int:
        """Column of the subject's first id."""
        return self.columns[0]

    @property
    def rows(self) -> int:
        """Number of periods."""
        return len(self.values)

    @property
    def total(self) -> Floats:
        """Listed rows and remainder, shape (T,)."""
        return np.asarray(np.nansum(self.values, axis=1) + self.other, dtype=np.float64)


def cut(base: Base, ids: tuple[str, ...], start: int, stop: int, *, before: int = BEFORE, after: int = AFTER) -> Market:
    """Cut a stretch around rows ``start:stop`` of a base.

    Raises
    ------
    UsageError
        When an id does not occur in the stretch, or the window lies outside the base.
    """
    if not 0 <= start < stop <= len(base.dates):
        raise UsageError(f"rows {start}:{stop} lie outside {base.name}", hint=f"it has {len(base.dates)} rows")
    low, high = max(0, start - before), min(len(base.dates), stop + after)
    stretch = base.values[low:high]
    keep = np.flatnonzero(np.isfinite(stretch).any(axis=0))
    entities = tuple(base.entities[i] for i in keep)
    place = {e: i for i, e in enumerate(entities)}
    absent = [i for i in ids if i not in place]
    if absent or not ids:
        raise UsageError(f"{absent[0] if absent else 'no id'!r} is not listed around row {start} of {base.name}")
    return Market(
        base=base,
        first=low,
        entities=entities,
        values=stretch[:, keep].copy(),
        other=base.other[low:high].copy(),
        columns=tuple(place[i] for i in ids),
        window=slice(start - low, stop - low),
    )


def add(market: Market, amounts: Floats, mix: Mix, rng: np.random.Generator, *, seen: float = 0.0) -> Market:
    """Add volume to the subject, in its row and so in the market's total.

    A subject below the cut-off on a period has an unknown ordinary volume, drawn between a fifth and four fifths of the cut-off;
    it enters the list where the sum exceeds the cut-off, the smallest listed entity then goes into the remainder, and the total
    grows by exactly what was added. Amounts are rounded to whole units.

    Parameters
    ----------
    amounts : ndarray, shape (T,)
        Not negative.
    seen : float
        See :class:`Layer`.
    """
    if amounts.shape != (market.rows,) or not (np.isfinite(amounts) & (amounts >= 0)).all():
        raise UsageError("added amounts must be one finite figure per period, none below zero")
    amounts = np.round(amounts)
    values, other, column = market.values.copy(), market.other.copy(), market.column
    shown = np.zeros(market.rows)
    for t in np.flatnonzero(amounts > 0):
        if np.isfinite(values[t, column]):
            values[t, column] += amounts[t]
            shown[t] = amounts[t]
        elif np.isfinite(other[t]):
            last = int(np.nanargmin(values[t]))
            below = float(np.round(values[t, last] * rng.uniform(0.2, 0.8)))
            if below + amounts[t] > values[t, last]:
                other[t] += values[t, last] - below
                values[t, last] = np.nan
                values[t, column] = below + amounts[t]
                shown[t] = amounts[t]
            else:
                other[t] += amounts[t]
        else:
            values[t, column] = amounts[t]
            shown[t] = amounts[t]
    return replace(market, values=values, other=other, layers=(*market.layers, Layer(shown, mix, seen)))


def surge_layer(market: Market, mix: Mix, seen: float) -> Market:
    """Name the part of the subject's volume in the window that lies above its earlier median as a layer of its own.

    The published figures stay as they are; only how that part is composed, and what a proxy sees of it, is stated.
    """
    series = market.values[:, market.column]
    earlier = series[max(0, market.window.start - 28) : market.window.start]
    earlier = earlier[np.isfinite(earlier)]
    level = float(np.median(earlier)) if earlier.size else 0.0
    amounts = np.zeros(market.rows)
    inside = series[market.window]
    amounts[market.window] = np.where(np.isfinite(inside), np.maximum(inside - level, 0.0), 0.0)
    return replace(market, layers=(*market.layers, Layer(amounts, mix, seen)))
