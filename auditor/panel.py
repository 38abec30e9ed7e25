"""The panel: dates x entities per metric, with a status for every cell that is never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, UsageError
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES, Frequency, Note, Observations, Source, Status

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

#: A total row may differ from the sum of its parts by this share before the difference is noted.
TOTAL_TOLERANCE = 5e-4

#: Cells one table may have; each takes about 50 bytes while it is built.
MOST_CELLS = 200_000_000


@dataclass(frozen=True, eq=False)
class Series:
    """One subject over time; several ids of one product may be stitched into it.

    Attributes
    ----------
    name : str
        The subject as reports name it.
    dates : pandas.DatetimeIndex, shape (T,)
    values : ndarray, shape (T,)
        Sum of the parts observed on the day; NaN where no part was observed.
    low, high : ndarray, shape (T,)
        Interval that holds the true value: rounding, plus ``[0, cut-off]`` for each part that was absent below the cut-off.
    status : ndarray of int8, shape (T,)
        Codes of :class:`Status`. A day on which any part was observed is observed (or partial, or revised).
    parts : tuple of str
        Ids found in the panel, in the order asked for.
    part_values : ndarray, shape (T, K)
    """

    name: str
    dates: "pd.DatetimeIndex"
    values: Floats
    low: Floats
    high: Floats
    status: Codes
    parts: tuple[str, ...]
    part_values: Floats

    @cached_property
    def settled(self) -> npt.NDArray[np.bool_]:
        """True on the periods whose value is known and complete, shape (T,)."""
        return np.asarray(np.isfinite(self.values) & (self.status != Status.PARTIAL))

    @cached_property
    def first_seen(self) -> int | None:
        """Index of the first period with a known value; None when there is none."""
        found = np.flatnonzero(np.isfinite(self.values))
        return int(found[0]) if found.size else None

    @cached_property
    def launched_inside(self) -> bool:
        """Whether the subject first appears after the panel's first period."""
        return self.first_seen is not None and self.first_seen > 0


@dataclass(frozen=True, eq=False)
class Table:
    """One metric: dates x entities.

    Attributes
    ----------
    metric, unit : str
    dates : pandas.DatetimeIndex, shape (T,)
        Every period from the first to the last, regular, naive UTC; a period nobody published is a row of missing cells.
    entities : tuple of str, length N
        Sorted; never the remainder (``other``) and never a total.
    values, low, high : ndarray, shape (T, N)
        NaN in ``values`` unless the cell is observed, revised or partial. ``low``/``high`` bound the true value where anything
        is known: rounding interval, or ``[0, cut-off]`` for a censored cell.
    status : ndarray of int8, shape (T, N)
    other : ndarray, shape (T,)
        The publisher's remainder row; NaN where none was published.
    published_total : ndarray, shape (T,)
        A total the publisher stated; NaN where none was.
    cutoff : ndarray, shape (T,)
        Smallest value that would have been listed on the day; NaN where the list was not cut off.
    """

    metric: str
    unit: str
    dates: "pd.DatetimeIndex"
    entities: tuple[str, ...]
    values: Floats
    low: Floats
    high: Floats
    status: Codes
    other: Floats
    published_total: Floats
    cutoff: Floats

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Column number of each entity."""
        return {entity: i for i, entity in enumerate(self.entities)}

    @cached_property
    def has_total(self) -> bool:
        """Whether the whole market is known (a remainder row or a published total), not only the listed rows."""
        return bool(np.isfinite(self.other).any() or np.isfinite(self.published_total).any())

    @cached_property
    def total(self) -> Floats:
        """Market total per period, shape (T,): the published one, else listed rows plus remainder, else NaN.

        Where neither is published the market is unknown, and the sum of the listed rows is not passed off as it.
        """
        listed = np.nansum(self.values, axis=1)
        total = np.where(np.isfinite(self.published_total), self.published_total, listed + self.other)
        partial = (self.status == Status.PARTIAL).any(axis=1)
        result: Floats = np.where(partial, np.nan, total)
        return result

    @cached_property
    def listed_total(self) -> Floats:
        """Sum of the listed rows per period, shape (T,); NaN where nothing was published."""
        known = np.isfinite(self.values)
        result: Floats = np.where(known.any(axis=1), np.nansum(self.values, axis=1), np.nan)
        return result

    @cached_property
    def shares(self) -> Floats:
        """Share of the market total per cell, shape (T, N); NaN where either is unknown."""
        result: Floats = self.values / self.total[:, None]
        return result

    @cached_property
    def published(self) -> npt.NDArray[np.bool_]:
        """True on the periods for which anything was published, shape (T,)."""
        result: npt.NDArray[np.bool_] = np.logical_or.reduce(np.isfinite(self.values), axis=1)
        return result

    def series(self, ids: Sequence[str], name: str = "") -> Series:
        """Stitch ids of one product into one subject.

        Parameters
        ----------
        ids : sequence of str
            Ids of one product (preview, dated, paid); at least one must occur in the table.
        name : str, optional
            The subject's name; default is the first id, with the number of further ids.

        Raises
        ------
        UsageError
            When none of the ids occurs.
        """
        found = [i for i in dict.fromkeys(ids) if i in self.index]
        if not found:
            raise UsageError(
                f"the subject {', '.join(ids)!r} does not occur in the {self.metric} table",
                hint=nearest(ids[0] if ids else "", self.entities),
            )
        columns = [self.index[i] for i in found]
        part_values = self.values[:, columns]
        known = np.isfinite(part_values)
        any_known = known.any(axis=1)
        values = np.where(any_known, np.nansum(part_values, axis=1), np.nan)
        low = np.nansum(np.where(known, self.low[:, columns], 0.0), axis=1)
        high = np.nansum(self.high[:, columns], axis=1)
        censored = (self.status[:, columns] == Status.CENSORED).any(axis=1)
        status = np.where(
            any_known,
            np.where(known, self.status[:, columns], 0).max(axis=1),
            np.where(censored, Status.CENSORED, Status.MISSING),
        ).astype(np.int8)
        unknown = ~any_known & ~censored
        return Series(
            name=name or (found[0] if len(found) == 1 else f"{found[0]} (+{len(found) - 1})"),
            dates=self.dates,
            values=values,
            low=np.where(unknown, np.nan, low),
            high=np.where(unknown, np.nan, high),
            status=status,
            parts=tuple(found),
            part_values=part_values,
        )

    def without(self, ids: Sequence[str]) -> "Table":
        """Return the table without some entities (the market total stays what it was)."""
        keep = [i for i, entity in enumerate(self.entities) if entity not in set(ids)]
        return Table(
            metric=self.metric,
            unit=self.unit,
            dates=self.dates,
            entities=tuple(self.entities[i] for i in keep),
            values=self.values[:, keep],
            low=self.low[:, keep],
            high=self.high[:, keep],
            status=self.status[:, keep],
            other=self.other,
            published_total=self.total,
            cutoff=self.cutoff,
        )

    def position(self, day: "pd.Timestamp | str") -> int | None:
        """Row number of a period, or None when it lies outside the table."""
        import pandas as pd

        found = self.dates.get_indexer(pd.DatetimeIndex([pd.Timestamp(day)]))[0]
        return int(found) if found >= 0 else None


@dataclass(frozen=True, eq=False)
class Panel:
    """Everything known to an audit: one :class:`Table` per metric, and where it came from.

    Attributes
    ----------
    tables : mapping of str to Table
        All of one spacing; tests read nothing else.
    beside : tuple of Panel
        Figures that only the rules read: printed ranks and shares, and figures of another spacing (weeks beside days).
    """

    tables: Mapping[str, Table]
    frequency: Frequency
    sources: tuple[Source, ...] = ()
    notes: tuple[Note, ...] = ()
    observations: Observations | None = field(default=None, repr=False)
    beside: "tuple[Panel, ...]" = field(default=(), repr=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, sorted."""
        return tuple(self.tables)

    def table(self, metric: str = "") -> Table:
        """Return the table of a metric; of the only one when none is named.

        Raises
        ------
        UsageError
            When the metric does not occur, or none is named and there are several.
        """
        if not metric:
            if len(self.tables) == 1:
                return next(iter(self.tables.values()))
            raise UsageError(
                f"the input holds several metrics ({', '.join(self.tables)}) and none was chosen",
                hint="use --metric NAME",
            )
        if metric not in self.tables:
            apart = next((p for p in self.beside if metric in p.tables), None)
            if apart is not None:
                raise UsageError(
                    f"the metric {metric!r} is kept beside the question's figures, which are per {self.frequency.value}",
                    hint=f"audit its file alone: it holds {metric!r} per {apart.frequency.value}",
                )
            raise UsageError(f"the metric {metric!r} does not occur in the input", hint=nearest(metric, self.metrics))
        return self.tables[metric]

    @property
    def simulated(self) -> bool:
        """Whether any source is simulated; every report of such a panel says so."""
        return any(source.simulated for source in self.sources)

    @classmethod
    def of(cls, observations: Observations, *, absent: str = "auto") -> "Panel":
        """Build a panel from observations.

        Parameters
        ----------
        observations : Observations
        absent : {'auto', 'censored', 'missing'}
            What an absent cell means. ``auto``: below the cut-off (censored) where the publisher lists a remainder row that
            day, because such lists are cut off by rank; else missing. Absent is never zero.

        Notes
        -----
        Where one cell was published several times, the latest ``as_of`` wins (the last row where ``as_of`` does not
        differ); it is marked revised when the values differ by more than rounding.
        """
        if absent not in {"auto", "censored", "missing"}:
            raise UsageError(f"absent cells cannot be treated as {absent!r}", hint="use auto, censored or missing")
        frame = observations.frame
        metric = frame["metric"].astype("category")
        names = [str(m) for m in metric.cat.categories]
        tables = {}
        for code, name in sorted(enumerate(names), key=lambda item: item[1]):
            rows = np.flatnonzero(metric.cat.codes.to_numpy() == code) if len(names) > 1 else slice(None)
            part = frame.iloc[rows]
            if len(part):
                tables[name] = _table(name, part, observations.frequency, absent)
        if not tables:
            raise InputError("the input holds no observation", hint="check that the file has data rows")
        return cls(
            tables=tables,
            frequency=observations.frequency,
            sources=observations.sources,
            notes=observations.notes,
            observations=observations,
            beside=tuple(cls.of(part, absent="missing") for part in observations.beside if len(part.frame)),
        )


def nearest(name: str, known: Sequence[str], *, most: int = 3) -> str:
    """Return a hint that names the nearest known names."""
    from difflib import get_close_matches

    folded = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), list(folded), n=most, cutoff=0.5)
    close += [f for f in folded if name.lower() and name.lower() in f and f not in close][: most - len(close)]
    if close:
        return "did you mean " + " or ".join(folded[c] for c in close) + "?"
    shown = ", ".join(list(known)[:5])
    return f"the input holds {shown}{' and others' if len(known) > 5 else ''}"


def _table(metric: str, frame: "pd.DataFrame", frequency: Frequency, absent: str) -> Table:
    import pandas as pd

    dates = pd.DatetimeIndex(frame["date"])
    axis = pd.date_range(dates.min(), dates.max(), freq=frequency.offset)
    row = axis.get_indexer(dates)
    if (row < 0).any():
        stray = dates[row < 0][0]
        raise InputError(
            f"the date {stray} of the {metric} figures does not lie on the {frequency.value} grid that starts {axis[0]}",
            hint="state the frequency, or take out the rows of another granularity",
        )
    entity = frame["entity"].astype("category")
    categories = [str(c) for c in entity.cat.categories]
    kind = np.array([_kind(c) for c in categories])
    order = sorted((c, i) for i, c in enumerate(categories) if kind[i] == 0)
    names = tuple(c for c, _ in order)
    target = np.full(len(categories), -1)
    for column, (_, i) in enumerate(order):
        target[i] = column
    codes = entity.cat.codes.to_numpy()
    t_count, n_count = len(axis), len(names)
    if not n_count:
        raise InputError(f"the {metric} figures name no entity besides totals", hint="check the entity column")
    if t_count * n_count > MOST_CELLS:
        raise InputError(
            f"the {metric} figures span {t_count:,} periods and {n_count:,} entities, more than a panel can hold",
            hint="read fewer entities or a shorter span at a time",
        )

    value = frame["value"].to_numpy(dtype=np.float64, copy=False)
    low = frame["low"].to_numpy(dtype=np.float64) if "low" in frame else None
    high = frame["high"].to_numpy(dtype=np.float64) if "high" in frame else None
    status = frame["status"].to_numpy(dtype=np.int8) if "status" in frame else None
    latest_last: npt.NDArray[np.intp] | None = None
    if "as_of" in frame and len(frame["as_of"].unique()) > 1:
        latest_last = np.argsort(_moments(frame["as_of"]), kind="stable")
    # A slice where every row is an entity's, in order: millions of rows are then not copied one by one.
    listed: npt.NDArray[np.intp] | slice = slice(None)
    if latest_last is not None or kind.any():
        latest_last = np.arange(len(frame)) if latest_last is None else latest_last
        listed = latest_last[kind[codes[latest_last]] == 0]
    cell = row[listed] * n_count + target[codes[listed]]
    shape = (t_count, n_count)

    def spread(column: Floats) -> Floats:
        """Lay a column out as the table; the latest of repeated figures wins."""
        flat = np.full(t_count * n_count, np.nan)
        flat[cell] = column[listed]
        return flat.reshape(shape)

    values = spread(value)
    known = np.isfinite(values)
    states = np.zeros(t_count * n_count, dtype=np.int8)
    states[cell] = status[listed] if status is not None else np.isfinite(value[listed])
    states = states.reshape(shape)
    floor, ceiling, bound = values.copy(), values.copy(), None
    if low is not None and high is not None:
        stated_low, stated_high = spread(low), spread(high)
        np.copyto(floor, stated_low, where=known & np.isfinite(stated_low))
        np.copyto(ceiling, stated_high, where=known & np.isfinite(stated_high))
        if (states == Status.CENSORED).any():
            bound = np.where(states == Status.CENSORED, stated_high, np.nan)
    occupied = np.zeros(t_count * n_count, dtype=bool)
    occupied[cell] = True
    if occupied.sum() < len(cell):
        # What was read before its period was over is completed later, which is no revision.
        whole = slice(None) if status is None else status[listed] != Status.PARTIAL
        first = np.full(t_count * n_count, np.nan)
        first[cell[whole][::-1]] = value[listed][whole][::-1]
        with np.errstate(invalid="ignore"):
            changed = np.abs(first.reshape(shape) - values) > (ceiling - floor) + 1e-9 * np.abs(values)
        states[changed & (states == Status.OBSERVED)] = Status.REVISED

    other, published = (
        _one_row(value, row, kind[codes] == code if kind.any() else None, latest_last, t_count) for code in (1, 2)
    )

    some = known.any(axis=1)
    smallest = np.fmin.reduce(values, axis=1)
    cut = some & (np.isfinite(other) if absent == "auto" else np.full(t_count, absent == "censored"))
    cutoff = np.where(cut, smallest, np.nan)
    if bound is not None:
        stated = np.fmax.reduce(bound, axis=1)
        cutoff = np.where(np.isfinite(stated), stated, cutoff)
    gap = ~known
    censored = gap & ((states == Status.CENSORED) | (np.isfinite(cutoff)[:, None] & (states == Status.MISSING)))
    states[gap] = np.where(censored[gap], Status.CENSORED, Status.MISSING)
    floor[censored] = 0.0
    ceiling[censored] = np.broadcast_to(cutoff[:, None], shape)[censored]
    if bound is not None:
        np.copyto(ceiling, bound, where=censored & np.isfinite(bound))
    units = [str(u) for u in frame["unit"].unique() if str(u)] if "unit" in frame else []
    return Table(
        metric=metric,
        unit=units[0] if len(units) == 1 else "",
        dates=axis,
        entities=names,
        values=values,
        low=floor,
        high=ceiling,
        status=states,
        other=other,
        published_total=published,
        cutoff=cutoff,
    )


def _one_row(
    value: Floats,
    row: npt.NDArray[np.intp],
    chosen: npt.NDArray[np.bool_] | None,
    latest_last: npt.NDArray[np.intp] | None,
    periods: int,
) -> Floats:
    """Lay out the rows of a remainder or total, shape (T,); the latest wins."""
    result = np.full(periods, np.nan)
    if chosen is not None and latest_last is not None:
        rows = latest_last[chosen[latest_last]]
        result[row[rows]] = value[rows]
    return result


def _kind(name: str) -> int:
    """0: an entity; 1: the publisher's remainder; 2: a total."""
    folded = name.strip().lower()
    return 1 if folded in REMAINDER_NAMES else 2 if folded in TOTAL_NAMES else 0


def _moments(as_of: "pd.Series[str]") -> npt.NDArray[np.int64]:
    """Order of publication as integers; an empty ``as_of`` sorts first."""
    import pandas as pd

    categories = as_of.astype("category")
    moments = pd.to_datetime(
        pd.Series(categories.cat.categories.astype(str)), errors="coerce", utc=True, format="ISO8601"
    )
    order = np.where(moments.notna(), moments.to_numpy(dtype="datetime64[ns]").view(np.int64), np.iinfo(np.int64).min)
    result: npt.NDArray[np.int64] = order[categories.cat.codes.to_numpy()]
    return result
