"""Changes over one season less what the peers did on the same days: what the tests of dated events share.

The change of a logarithm over one season (a week of days) compares like weekdays with like. Every entity, the subject included,
is treated alike: from its change the median change of all the others on the same period is taken, so that the subject's step may
be ranked among those of the others. A value below a published cut-off enters as the cut-off, which makes a rise out of it or a
fall into it look smaller than it was, never larger; where both ends lie below, nothing is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from auditor.case import Event
from auditor.detectors.base import Scene
from auditor.observations import Status

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Periods on each side of a step where the frequency has no season.
SPAN = 4

#: Other entities that a common change is the median of; with fewer, none is taken out.
MIN_OTHERS = 5

#: The first periods of an entity that was launched inside the panel are its ramp, and no ordinary ones.
RAMP = 14

#: Placebo steps below which no p-value is stated.
MIN_REFERENCE = 20


@dataclass(frozen=True, eq=False)
class Relative:
    """Logarithms of the subject (column 0) and its peers, and their season changes less the others'.

    Attributes
    ----------
    names : tuple of str, length K
        The peers, in the order of columns 1 to K.
    logs : ndarray, shape (T, 1 + K)
        Natural logarithm of settled positive values; of the upper bound where ``bounded``; NaN where nothing is known.
    bounded : ndarray of bool, shape (T, 1 + K)
        Cells that are known only to lie below the cut-off.
    age : ndarray of int, shape (T, 1 + K)
        Periods since the entity was first listed; large for one listed from the panel's first period.
    lag : int
        Periods of a season.
    """

    names: tuple[str, ...]
    logs: Floats
    bounded: Flags
    age: Ints
    lag: int

    @cached_property
    def change(self) -> Floats:
        """``x[t] - x[t - lag]``, shape (T, 1 + K); NaN where either is unknown or both are bounds."""
        return difference(self.logs, self.bounded, self.lag)

    @cached_property
    def excess(self) -> Floats:
        """Season change less the median of the others' on the same period; the change itself with too few others."""
        return self.change - np.nan_to_num(medians_of_others(self.change))

    @cached_property
    def paired(self) -> bool:
        """Whether there are enough peers for a common change to be taken out."""
        return len(self.names) >= MIN_OTHERS

    @cached_property
    def young(self) -> Flags:
        """Cells whose season change reaches into the first periods after a launch."""
        return np.asarray(self.age < RAMP + self.lag)

    @cached_property
    def touched(self) -> Flags:
        """Changes of which one end is a bound, shape (T, 1 + K)."""
        marked = self.bounded.copy()
        marked[self.lag :] |= self.bounded[: max(len(self.bounded) - self.lag, 0)]
        return marked & np.isfinite(self.excess)

    def bounds(self, length: int) -> Flags:
        """Whether any of the changes that :meth:`steps` averages has a bound for an end."""
        return np.nan_to_num(forward_means(self.touched.astype(np.float64), length)) > 0

    def steps(self, length: int) -> Floats:
        """Mean excess over the ``length`` periods from each period on, shape (T, 1 + K); NaN unless half of them are known."""
        return forward_means(self.excess, length)


def relative(scene: Scene) -> Relative:
    """Lay out the subject and its peers as logarithms; a peer that never moves is a placeholder, not traffic, and left out."""
    subject, peers = scene.subject, scene.peers
    seen = np.isfinite(peers.values)
    highest = np.where(seen, peers.values, -np.inf).max(axis=0, initial=-np.inf)
    moving = highest > np.where(seen, peers.values, np.inf).min(axis=0, initial=np.inf)
    peers = peers if moving.all() else peers.without([e for e, m in zip(peers.entities, moving, strict=True) if not m])
    values = np.column_stack([subject.values, peers.values])
    high = np.column_stack([subject.high, peers.high])
    status = np.column_stack([subject.status, peers.status])
    known = np.isfinite(values) & (status != Status.PARTIAL) & (np.nan_to_num(values) > 0)
    bounded = ~np.isfinite(values) & (status == Status.CENSORED) & (np.nan_to_num(high) > 0)
    level = np.where(known, values, np.where(bounded, high, 1.0))
    logs = np.where(known | bounded, np.log(np.where(level > 0, level, 1.0)), np.nan)
    first = np.where(known.any(axis=0), known.argmax(axis=0), len(values))
    age = np.arange(len(values))[:, None] - np.where(first == 0, -(10**6), first)[None, :]
    return Relative(peers.entities, logs, bounded, age, scene.panel.frequency.season or SPAN)


def difference(logs: Floats, bounded: Flags, lag: int) -> Floats:
    """Change over ``lag`` periods, shape as ``logs``; NaN where either end is unknown or both are bounds."""
    change = np.full(logs.shape, np.nan)
    if len(logs) > lag:
        moved = logs[lag:] - logs[:-lag]
        change[lag:] = np.where(bounded[lag:] & bounded[:-lag], np.nan, moved)
    return change


def medians_of_others(values: Floats) -> Floats:
    """Median of the other columns of the same row, for each known cell; NaN with fewer than ``MIN_OTHERS``. O(T N log N)."""
    n = np.isfinite(values).sum(axis=1, keepdims=True)
    ordered = np.sort(values, axis=1)
    last = max(values.shape[1] - 1, 0)

    def without_self(place: Ints) -> Floats:
        # What lies at or below the value of this place moves down by one when it is left out itself.
        here = np.take_along_axis(ordered, np.minimum(place, last), axis=1)
        above = np.take_along_axis(ordered, np.minimum(place + 1, last), axis=1)
        return np.where(values <= here, above, here)

    low, high = without_self(np.maximum(n - 2, 0) // 2), without_self(np.maximum(n - 1, 0) // 2)
    result: Floats = np.where(np.isfinite(values) & (n > MIN_OTHERS), 0.5 * (low + high), np.nan)
    return result


def forward_means(values: Floats, length: int) -> Floats:
    """Mean over the ``length`` rows from each row on; NaN unless at least half of them exist and are known."""
    known = np.isfinite(values)
    sums = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), np.where(known, values, 0.0)]), axis=0)
    counts = np.cumsum(np.vstack([np.zeros((1, values.shape[1]), dtype=np.int64), known]), axis=0)
    stop = np.minimum(np.arange(len(values)) + length, len(values))
    total, n = sums[stop] - sums[:-1], counts[stop] - counts[:-1]
    result: Floats = np.where((n > 0) & (2 * n >= length), total / np.maximum(n, 1), np.nan)
    return result


def row_of(scene: Scene, event: Event) -> int | None:
    """Row of the period that holds an event; None where it lies outside the panel."""
    dates = scene.table.dates
    row = int(dates.searchsorted(np.datetime64(event.date), side="right")) - 1
    length = np.timedelta64(round(scene.panel.frequency.days * 86400), "s")
    if row < 0 or (row == len(dates) - 1 and np.datetime64(event.date) - dates[row].to_datetime64() >= length):
        return None
    return row


def own_events(scene: Scene) -> tuple[Event, ...]:
    """Events of the case that name no entity or one of the subject's ids, by date."""
    own = (e for e in scene.case.events if not e.entity or e.entity in scene.subject.parts)
    return tuple(sorted(own, key=lambda e: (e.date, e.kind.value)))


def near(rows: Iterable[int], count: int, reach: int) -> Flags:
    """Mark the rows at most ``reach`` away from any of ``rows``, shape (count,)."""
    marked = np.zeros(count, dtype=bool)
    for row in rows:
        marked[max(row - reach, 0) : max(row + reach + 1, 0)] = True
    return marked


def placebo_steps(data: Relative, length: int, excluded: Flags, row: int) -> Floats:
    """Return the steps of the subject and the peers away from the events, of the same kind as the subject's at a row.

    Parameters
    ----------
    length : int
        Periods of the step.
    excluded : ndarray of bool, shape (T,)
        Rows around the events.
    row : int
        Where the subject's step begins. Its placebos are steps of launches only where it lies in a launch, and steps that
        reach below the cut-off only where it does.
    """
    steps, bounds = data.steps(length), data.bounds(length)
    same = (data.young == data.young[row, 0]) & (bounds == bounds[row, 0])
    result: Floats = steps[np.isfinite(steps) & ~excluded[:, None] & same]
    return result
