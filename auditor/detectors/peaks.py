"""Peaks of the peers, taken as the subject's own is: what a decay or an onset is ranked among.

A spike is not to be compared with ordinary days. Each stretch of a peer as long as the window has a highest value, a usual level
before it and hence a height; the references are those whose height lies nearest to the subject's.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Scene
from auditor.observations import Status
from auditor.panel import Series, Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: Days before the window that make the usual level, and known ones that are needed.
BASE_DAYS, FEWEST_BASE = 28, 7

#: A peak below this multiple of the usual level is no rise to speak of.
RISE = 1.1

#: References nearest in height that are kept: enough for two-sided p-values below .01.
KEPT = 300

#: Days at the start of the panel in which an entity may merely be seen again, and the oldest age of a launch.
GUARD, LONGEST_AGE = 3, 28

#: Full weeks of the panel, and peers, from which a usual week is known.
FEWEST_WEEKS, FEWEST_PEERS = 4, 5


@dataclass(frozen=True, eq=False)
class Peaks:
    """Highest values of stretches, each with the level before it.

    Attributes
    ----------
    column, start, row : ndarray of int, shape (K,)
        Column of the values, first row of the stretch, row of its highest value.
    base : ndarray, shape (K,)
        Median of up to 28 days before the stretch; 0 for a launch, which has none.
    top : ndarray, shape (K,)
        The highest value.
    weight : ndarray, shape (K,)
        How often a window of the length meets the peak, 1 on average.
    """

    column: Ints
    start: Ints
    row: Ints
    base: Floats
    top: Floats
    weight: Floats

    @property
    def height(self) -> Floats:
        """Log of the peak over its base; for launches, which have none, 0."""
        return np.asarray(np.log(self.top / np.where(self.base > 0, self.base, self.top)))

    def take(self, chosen: Ints) -> "Peaks":
        """Return some of the peaks."""
        column, start, row = self.column[chosen], self.start[chosen], self.row[chosen]
        return Peaks(column, start, row, self.base[chosen], self.top[chosen], self.weight[chosen])

    def nearest(self, height: float, most: int = KEPT) -> "Peaks":
        """Return the peaks whose height lies nearest, in their own order."""
        if len(self.row) <= most:
            return self
        order = np.argsort(np.abs(self.height - height), kind="stable")[:most]
        return self.take(np.sort(order))


def positive(table: Table) -> Floats:
    """Settled values above zero, shape (T, N); NaN elsewhere."""
    return np.where((table.status != Status.PARTIAL) & (table.values > 0), table.values, np.nan)


def positive_of(series: Series) -> Floats:
    """Settled values above zero of one subject, shape (T,); NaN elsewhere."""
    return np.where(series.settled & (series.values > 0), series.values, np.nan)


def of_stretches(values: Floats, first: int, length: int, *, known: int = 1, step: int = 0, decline: int = 0) -> Peaks:
    """Peaks of the stretches of every column that lie in step with the window.

    Parameters
    ----------
    values : ndarray, shape (T, N)
        Above zero or NaN.
    first, length : int
        Row and length of the window.
    known : int
        Known rows that a stretch must have: as many as the window, since series with gaps are noisier ones.
    step : int
        Rows from one stretch to the next; 0 is the length, or the next whole number of them from a week on.
    decline : int
        Rows after the peak that must be known and not above it.
    """
    step = step or length * -(-7 // length)
    # Where the window has a whole base period before it in the panel, so have the stretches.
    starts = first % step + step * np.arange(0, len(values) // step + 1)
    starts = starts[(starts + length + decline <= len(values)) & (starts >= min(first, BASE_DAYS))]
    if not starts.size or not values.shape[1]:
        return _empty()
    low = np.where(np.isfinite(values), values, -np.inf)
    inside = np.lib.stride_tricks.sliding_window_view(low, length, axis=0)[starts]
    at, top = inside.argmax(axis=2), inside.max(axis=2)
    some = np.isfinite(inside).sum(axis=2) >= max(known, 1)
    if decline:
        after = np.lib.stride_tricks.sliding_window_view(np.where(np.isfinite(values), values, np.inf), decline, axis=0)
        highest = after.max(axis=2)
        rows = np.minimum(starts[:, None] + at + 1, len(highest) - 1)
        some &= highest[rows, np.arange(values.shape[1])] <= top
    place, column = np.nonzero(some)
    row, top = starts[place] + at[some], top[some]
    before = np.vstack([np.full((BASE_DAYS, values.shape[1]), np.nan), values])
    base = _medians(before[starts[place][:, None] + np.arange(BASE_DAYS), column[:, None]], FEWEST_BASE)
    risen = np.flatnonzero(np.isfinite(base) & (top >= RISE * np.where(np.isfinite(base), base, np.inf)))
    found = Peaks(column[risen], starts[place][risen], row[risen], base[risen], top[risen], np.ones(risen.size))
    return _distinct(found, len(values)) if step < length else found


def _distinct(peaks: Peaks, rows: int) -> Peaks:
    """Keep each peak that overlapping stretches share once, weighed by their number, with the base of the middle one.

    A window chosen anywhere meets a prominent peak more often than a slight one; without the weights prominent peaks, which
    decay faster, would be too few among the references.
    """
    key = peaks.column * rows + peaks.row
    order = np.argsort(key, kind="stable")
    _, first, counts = np.unique(key[order], return_index=True, return_counts=True)
    if not first.size:
        return peaks
    one = peaks.take(order[first + counts // 2])
    return replace(one, weight=counts / counts.mean())


def of_launches(values: Floats, cutoff: Floats, age: int) -> Peaks:
    """Peaks of the columns' first ``age`` rows, for those first seen later than the guard that rise above the cut-off.

    A column that can not be followed for that long is left out; one that stays within twice the cut-off drifts around it.
    """
    t_count, n = values.shape
    if t_count < age or not n:
        return _empty()
    known = np.isfinite(values)
    first = known.argmax(axis=0)
    columns = np.flatnonzero(known.any(axis=0) & (first >= GUARD) & (first + age <= t_count))
    rows = first[columns] + np.arange(age)[:, None]
    part = np.where(known[rows, columns], values[rows, columns], -np.inf)
    bound = np.where(np.isfinite(cutoff), cutoff, 0.0)[rows]
    clear = (part >= 2.0 * bound).any(axis=0)
    part, columns = part[:, clear], columns[clear]
    if not columns.size:
        return _empty()
    return Peaks(
        columns,
        first[columns],
        first[columns] + part.argmax(axis=0),
        np.zeros(columns.size),
        part.max(axis=0),
        np.ones(columns.size),
    )


def own_peak(scene: Scene, own: Floats) -> tuple[Peaks, bool] | None:
    """Return the subject's peak in its window, and whether it is a launch; None without a level before and without a launch.

    A launch is a subject first seen later than the guard, fewer than 28 days before the window's end, and without a level.
    """
    inside = np.where(np.isfinite(own), own, -np.inf)[scene.window]
    if not np.isfinite(inside).any():
        return None
    start: int = scene.window.start
    row = start + int(inside.argmax())
    before = own[max(0, start - BASE_DAYS) : start]
    before = before[np.isfinite(before)]
    launch = False
    if before.size >= FEWEST_BASE:
        base = float(np.median(before))
    else:
        first = scene.subject.first_seen
        if first is None or first < GUARD or scene.window.stop - first > LONGEST_AGE:
            return None
        base, launch, start = 0.0, True, first
        # The launch's own highest value, which other launches followed for as long are compared with.
        row = first + int(np.where(np.isfinite(own), own, -np.inf)[first : scene.window.stop].argmax())
    return (
        Peaks(np.array([0]), np.array([start]), np.array([row]), np.array([base]), own[row : row + 1], np.ones(1)),
        launch,
    )


def usual_week(values: Floats) -> Floats:
    """Log departure of each row from the peers' usual level by weekday, shape (T,); zeros where no week is known.

    The median over columns of the mean departure, by place in the week, from the centred mean of seven days.
    """
    t_count, n = values.shape
    if t_count < 7 * FEWEST_WEEKS or n < FEWEST_PEERS:
        return np.zeros(t_count)
    profile, counts = profiles(departures(np.log(values)))
    known = (counts >= 2).all(axis=0)
    if int(known.sum()) < FEWEST_PEERS:
        return np.zeros(t_count)
    week = np.median(profile[:, known], axis=1)
    return np.asarray((week - week.mean())[np.arange(t_count) % 7])


def departures(logs: Floats) -> Floats:
    """Departure of each row from the mean of the seven around it, shape (T, N); NaN unless all seven are known."""
    out = np.full(logs.shape, np.nan)
    if len(logs) >= 7:
        weeks = np.lib.stride_tricks.sliding_window_view(logs, 7, axis=0)
        out[3:-3] = logs[3:-3] - weeks.mean(axis=-1)
    return out


def profiles(apart: Floats, rows: Ints | None = None) -> tuple[Floats, Floats]:
    """Mean departure by place in the week (row number modulo 7), and how many make it, both shape (7, N).

    Places without a departure are NaN.
    """
    place = (np.arange(len(apart)) if rows is None else rows) % 7
    one = (place[None] == np.arange(7)[:, None]).astype(np.float64)
    known = np.isfinite(apart)
    counts = one @ known
    sums = one @ np.where(known, apart, 0.0)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan), counts


def _medians(values: Floats, least: int) -> Floats:
    """Median over axis 1, NaN skipped; NaN where fewer than ``least`` are known."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    low = np.take_along_axis(ordered, np.maximum(n - 1, 0)[:, None] // 2, axis=1)[:, 0]
    high = np.take_along_axis(ordered, np.minimum(n // 2, values.shape[1] - 1)[:, None], axis=1)[:, 0]
    enough = n >= least
    return np.where(enough, 0.5 * (np.where(enough, low, 0.0) + np.where(enough, high, 0.0)), np.nan)


def _empty() -> Peaks:
    none = np.zeros(0, dtype=np.intp)
    return Peaks(none, none, none, np.zeros(0), np.zeros(0), np.zeros(0))
