"""The cells of a table once their meaning is settled: small codes for what repeats, arrays for figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.observations import Status

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class NotPlainError(Exception):
    """Cells without line numbers turned out to need the careful reader."""


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

    def states(self) -> npt.NDArray[np.int8]:
        """Return the status of every cell, as an array of its own."""
        if self.status is not None:
            return self.status.copy()
        return np.full(len(self.value), Status.OBSERVED, dtype=np.int8)
