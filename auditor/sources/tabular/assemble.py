"""Cells whose meaning is settled -> :class:`~auditor.observations.Observations`.

Here duplicates, conflicts, counters and incomplete periods are found, the same way for every format and for both the
careful and the fast reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.errors import InputError, Where
from auditor.observations import Frequency, Note, Observations, Source, Status
from auditor.sources.tabular import counters
from auditor.sources.tabular.options import Options

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

#: Above this share of conflicting figures the rows are parts of something, not restatements...
MOST_CONFLICTS = 0.05
#: ... unless they all lie in the last periods, as they do where two readings were pasted together.
LAST_PERIODS = 3


@dataclass(eq=False)
class Coded:
    """A column of few distinct texts: ``names[codes[i]]`` is the text of row ``i``."""

    codes: Codes
    names: list[str]

    @classmethod
    def constant(cls, name: str, count: int) -> "Coded":
        """Return a column that holds one text."""
        return cls(np.zeros(count, dtype=np.int8), [name])

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Coded":
        """Return the column of some texts, numbered in the order of their first occurrence."""
        numbers: dict[str, int] = {}
        codes = np.fromiter((numbers.setdefault(t, len(numbers)) for t in texts), dtype=np.int32, count=len(texts))
        return cls(codes, list(numbers))

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Coded":
        """Return the column for some rows."""
        return Coded(self.codes[rows], self.names)

    def categorical(self) -> "pd.Categorical[str]":
        """Return the column as a categorical whose categories are sorted and all in use."""
        used = np.zeros(len(self.names), dtype=bool)
        used[self.codes if len(self.names) > 1 else slice(None)] = True
        order = sorted(np.flatnonzero(used), key=lambda i: self.names[i])
        target = np.full(len(self.names), -1, dtype=np.min_scalar_type(-max(1, len(order))))
        target[order] = np.arange(len(order))
        ordered = len(order) == len(self.names) and order == list(range(len(order)))
        return pd.Categorical.from_codes(
            self.codes.astype(target.dtype, copy=False) if ordered else target[self.codes],
            categories=pd.Index([self.names[i] for i in order], dtype=str),
        )

    def categorical_merged(self) -> "pd.Categorical[str]":
        """Return the categorical of a column whose names may repeat."""
        names = list(dict.fromkeys(self.names))
        if len(names) == 1:
            return Coded.constant(names[0], len(self.codes)).categorical()
        number = np.array([names.index(name) for name in self.names])
        return Coded(number[self.codes], names).categorical()


@dataclass(eq=False)
class Dates:
    """A column of period starts: ``starts[codes[i]]`` is the period of row ``i``.

    ``starts`` is sorted and distinct, so codes compare as dates do.
    """

    codes: Codes
    starts: npt.NDArray[np.datetime64]

    @classmethod
    def of(cls, starts: npt.NDArray[np.datetime64]) -> "Dates":
        """Return the column of some starts."""
        distinct, codes = np.unique(starts, return_inverse=True)
        return cls(codes.astype(np.int32), distinct)

    @classmethod
    def of_labels(cls, starts: npt.NDArray[np.datetime64], number: Codes) -> "Dates":
        """Return the column of rows that carry labels; ``number`` is the label of each row."""
        labels = cls.of(starts)
        return cls(labels.codes[number], labels.starts)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Dates":
        """Return the column for some rows."""
        return Dates(self.codes[rows], self.starts)

    @property
    def values(self) -> npt.NDArray[np.datetime64]:
        """The start of every row."""
        return self.starts[self.codes]

    def used(self) -> npt.NDArray[np.intp]:
        """Codes that occur, sorted."""
        seen = np.zeros(len(self.starts), dtype=bool)
        seen[self.codes] = True
        return np.flatnonzero(seen)


@dataclass(eq=False)
class Cells:
    """Settled cells, one per figure, in the order of the file.

    Attributes
    ----------
    date : Dates
    entity, metric : Coded
    value : ndarray, shape (R,)
    low, high : ndarray or None, shape (R,)
    status : ndarray of int8 or None, shape (R,)
        None: every cell with a value is observed.
    as_of, dimension : Coded or None
    line : ndarray of int or None, shape (R,)
        None where the reader does not know lines; such cells must be free of trouble.
    unit : mapping of metric to unit
    """

    date: Dates
    entity: Coded
    metric: Coded
    value: Floats
    low: Floats | None = None
    high: Floats | None = None
    status: npt.NDArray[np.int8] | None = None
    as_of: Coded | None = None
    dimension: Coded | None = None
    line: Codes | None = None
    unit: dict[str, str] = field(default_factory=dict)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Cells":
        """Return some cells."""
        return Cells(
            date=self.date.take(rows),
            entity=self.entity.take(rows),
            metric=self.metric.take(rows),
            value=self.value[rows],
            low=None if self.low is None else self.low[rows],
            high=None if self.high is None else self.high[rows],
            status=None if self.status is None else self.status[rows],
            as_of=None if self.as_of is None else self.as_of.take(rows),
            dimension=None if self.dimension is None else self.dimension.take(rows),
            line=None if self.line is None else self.line[rows],
            unit=self.unit,
        )

    def label(self, row: int) -> str:
        """Name a cell for a message."""
        return f"{self.entity.names[self.entity.codes[row]]} on {str(self.date.starts[self.date.codes[row]])[:16].removesuffix('T00:00')}"


class NotPlainError(Exception):
    """Cells without line numbers turned out to need the careful reader."""


def assemble(
    cells: Cells,
    frequency: Frequency,
    source: Source,
    notes: Sequence[Note],
    options: Options,
) -> Observations:
    """Build observations from settled cells.

    Raises
    ------
    InputError
        When rows contradict each other beyond restatement, or figures look like a counter and nothing was stated.
    NotPlainError
        When cells without line numbers are not free of trouble.
    """
    told = list(notes)
    known = np.isfinite(cells.value)
    if cells.status is not None:
        known |= cells.status == Status.CENSORED
    if not known.all():
        blank = int((~known).sum())
        told.append(
            Note(
                "blank",
                f"{blank:,} cell(s) hold no figure; they are missing or below a cut-off, never zero",
                source.file,
                blank,
            )
        )
        cells = cells.take(known)
    if not len(cells.value):
        raise InputError(
            "the input holds no figure", where=Where(source.file), hint="check that the figures are not blank"
        )
    cells = _without_duplicates(cells, source.file, told)
    cells = counters.settle(cells, frequency, source.file, told, options)
    _mark_incomplete(cells, frequency, source, told, options)
    _note_zeros(cells, source.file, told)
    return Observations(_frame(cells, source), frequency, (source,), tuple(told))


def _keys(cells: Cells, *, with_as_of: bool) -> npt.NDArray[np.int64]:
    """Give cells of one date, entity, metric (and date of publication) one number."""
    key = cells.date.codes.astype(np.int64) * len(cells.entity.names)
    key += cells.entity.codes
    if len(cells.metric.names) > 1:
        key = key * len(cells.metric.names) + cells.metric.codes
    if with_as_of and cells.as_of is not None:
        key = key * len(cells.as_of.names) + cells.as_of.codes
    return key


def _repeated(key: npt.NDArray[np.int64]) -> bool:
    """Whether any key occurs twice."""
    top = int(key.max()) + 1
    if top <= max(1_000_000, 16 * len(key)):
        seen = np.zeros(top, dtype=bool)
        seen[key] = True
        return int(seen.sum()) < len(key)
    return len(np.unique(key)) < len(key)


def _without_duplicates(cells: Cells, file: str, notes: list[Note]) -> Cells:
    """Drop rows that say the same twice; keep the later of rows that differ, marked revised.

    Rows that differ in their date of publication are all kept. Of rows that differ without one, the last is kept and marked
    revised, with an interval that holds both, as long as such rows are few; many mean that a column which tells the rows
    apart was not understood, and the input is refused.
    """
    key = _keys(cells, with_as_of=True)
    if not _repeated(key):
        return cells
    if cells.line is None:
        raise NotPlainError("repeated keys")
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    group = np.concatenate([[0], np.cumsum(~same)])
    keep = np.ones(len(key), dtype=bool)
    low = cells.value.copy() if cells.low is None else cells.low.copy()
    high = cells.value.copy() if cells.high is None else cells.high.copy()
    value, status = cells.value.copy(), _status(cells)
    identical, conflicting = 0, []
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    sizes = np.diff(np.append(starts, len(key)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        rows = order[start : start + size]
        last = rows[-1]
        keep[rows[:-1]] = False
        if np.nanmax(low[rows]) <= np.nanmin(high[rows]) * (1 + 1e-12):
            identical += len(rows) - 1
            best = rows[int(np.argmin(high[rows] - low[rows]))]
            value[last], low[last], high[last], status[last] = value[best], low[best], high[best], status[best]
            continue
        conflicting.append(rows)
        low[last], high[last] = np.nanmin(low[rows]), np.nanmax(high[rows])
        status[last] = max(int(status[last]), int(Status.REVISED))
    if conflicting:
        _judge_conflicts(cells, conflicting, int(group[-1]) + 1, file, notes)
    if identical:
        notes.append(Note("duplicate", f"{identical:,} row(s) repeat another row and were left out", file, identical))
    intervals = cells.low is not None or bool(conflicting)
    settled = Cells(
        date=cells.date,
        entity=cells.entity,
        metric=cells.metric,
        value=value,
        low=low if intervals else None,
        high=high if intervals else None,
        status=status if cells.status is not None or conflicting else None,
        as_of=cells.as_of,
        dimension=cells.dimension,
        line=cells.line,
        unit=cells.unit,
    )
    return settled.take(keep)


def _judge_conflicts(
    cells: Cells, conflicting: list[npt.NDArray[np.intp]], count: int, file: str, notes: list[Note]
) -> None:
    first = conflicting[0]
    assert cells.line is not None
    lines = [int(cells.line[r]) for r in first]
    told = ", ".join(f"{cells.value[r]:,.15g} (line {cells.line[r]})" for r in first[:3])
    split = cells.dimension is not None and len(set(cells.dimension.codes[first].tolist())) > 1
    periods = cells.date.used()
    pasted = len(periods) > 2 * LAST_PERIODS and all(
        cells.date.codes[rows[0]] >= periods[-LAST_PERIODS] for rows in conflicting
    )
    if split or (len(conflicting) > max(1, MOST_CONFLICTS * count) and not pasted):
        raise InputError(
            f"{len(conflicting):,} figures are given more than once with different values, such as {cells.label(first[0])}: {told}",
            where=Where(file, lines[1]),
            hint=(
                "the rows are parts of one figure: sum them to one row per date and entity, or name the column that tells "
                "them apart with columns={'entity': HEADING}"
                if split
                else "add the column that tells the rows apart (as_of for restated figures), or keep one row per date and entity"
            ),
        )
    places = ", ".join(str(int(cells.line[rows[-1]])) for rows in conflicting[:5])
    notes.append(
        Note(
            "conflict",
            f"{len(conflicting)} figure(s) are given more than once with different values, such as {cells.label(first[0])}: {told}; "
            "the last is used, marked revised, and its interval holds all of them",
            f"{file}:{places}",
            len(conflicting),
        )
    )


def _status(cells: Cells) -> npt.NDArray[np.int8]:
    if cells.status is not None:
        return cells.status.copy()
    return np.full(len(cells.value), Status.OBSERVED, dtype=np.int8)


def _mark_incomplete(cells: Cells, frequency: Frequency, source: Source, notes: list[Note], options: Options) -> None:
    """Mark figures partial that were read before their period was over."""
    length = {"hour": "h", "day": "D", "week": "D", "month": "M"}[frequency.value]
    step = 7 if frequency is Frequency.WEEK else 1
    moments = [_moment(options.retrieved_at or source.as_of)]
    if cells.as_of is not None:
        moments = [_moment(name) for name in cells.as_of.names]
    if all(moment is None for moment in moments):
        return
    latest = np.array([np.datetime64("NaT") if m is None else m for m in moments], dtype="datetime64[s]")
    starts, number = cells.date.starts, cells.date.codes
    ends = (starts.astype(f"datetime64[{length}]") + step).astype("datetime64[s]")
    read = latest[0] if cells.as_of is None else latest[cells.as_of.codes]
    early = np.asarray(read < ends[number])
    if not early.any():
        return
    touched = np.unique(number[early])
    if len(touched) == len(cells.date.used()) > 2:
        notes.append(
            Note(
                "read_inside",
                f"every figure was read before its {frequency.value} was over: they may cover the time up to the reading, "
                "not the calendar period",
                source.file,
                int(early.sum()),
            )
        )
        return
    cells.status = _status(cells)
    cells.status[early & (cells.status != Status.CENSORED)] = Status.PARTIAL
    named = ", ".join(str(starts[i])[:10] for i in touched[:3])
    notes.append(
        Note(
            "partial",
            f"the {frequency.value}(s) of {named} were not over when the figures were read; marked partial",
            source.file,
            len(touched),
        )
    )


def _moment(text: str) -> np.datetime64 | None:
    """Return the moment of a publication date; a bare day counts from its start, as its end may not have been reached."""
    from auditor.sources.tabular.dates import Kind, read_label

    try:
        label = read_label(text)
    except InputError:
        return None
    if label.other is not None or label.kind not in {Kind.DAY, Kind.INSTANT, Kind.NAIVE}:
        return None
    return np.datetime64(label.when, "s")


def _note_zeros(cells: Cells, file: str, notes: list[Note]) -> None:
    """Say so where zeros look like absences that somebody filled in."""
    zero = cells.value == 0
    if not zero.any():
        return
    number = cells.date.codes
    smallest = np.full(len(cells.date.starts), np.inf)
    positive = cells.value > 0
    np.minimum.at(smallest, number[positive], cells.value[positive])
    with_zero = np.zeros(len(cells.entity.names), dtype=bool)
    with_zero[cells.entity.codes[zero]] = True
    floor = np.full(len(cells.entity.names), np.inf)
    np.minimum.at(floor, cells.entity.codes[positive], cells.value[positive])
    typical = float(np.median(smallest[np.isfinite(smallest)])) if np.isfinite(smallest).any() else np.inf
    doubtful = with_zero & np.isfinite(floor) & (floor >= typical / 2)
    if doubtful.any() and len(cells.entity.names) > 1:
        names = ", ".join(sorted(cells.entity.names[i] for i in np.flatnonzero(doubtful))[:3])
        text = f"{int(zero.sum()):,} zero(s), in {names} and others, may be absences that were filled in: each jumps between 0 and the list's cut-off"
        notes.append(
            Note("zero_filled", text.replace(" and others", "") if doubtful.sum() <= 3 else text, file, int(zero.sum()))
        )


def _frame(cells: Cells, source: Source) -> pd.DataFrame:
    columns: dict[str, object] = {
        "date": cells.date.values.astype("datetime64[s]", copy=False),
        "entity": cells.entity.categorical(),
        "metric": cells.metric.categorical(),
        "value": cells.value,
    }
    if cells.low is not None and cells.high is not None:
        columns |= {"low": cells.low, "high": cells.high}
    if cells.status is not None:
        columns["status"] = cells.status
    if any(cells.unit.values()):
        metric = cells.metric
        columns["unit"] = Coded(metric.codes, [cells.unit.get(name, "") for name in metric.names]).categorical_merged()
    as_of = cells.as_of or (Coded.constant(source.as_of, len(cells.value)) if source.as_of else None)
    if as_of is not None:
        columns["as_of"] = as_of.categorical()
    if cells.dimension is not None:
        columns["dimension"] = cells.dimension.categorical()
    columns["snapshot"] = Coded.constant(source.sha256, len(cells.value)).categorical()
    return pd.DataFrame(columns, copy=False)
