"""Observations in columns: text as integer codes with their names, so that a million rows load in a fraction of a second."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.archive.durable import write_durably
from auditor.archive.entry import Entry

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("entity", "metric", "as_of", "unit", "dimension", "status")
_NUMBERS = ("value", "low", "high")
_FLAG = "complete"
_ORDER = ("date", "entity", "metric", "value", "as_of", "low", "high", "unit", "dimension", "status", _FLAG)

Array = npt.NDArray[Any]


class Columns:
    """Parsed observations of some entries.

    Attributes
    ----------
    entries : dict of str to int
        Hash of each entry held (also those without rows), numbered from 0.
    entry : array, shape (rows,)
        Number of the entry a row comes from.
    dates : array, shape (rows,), datetime64[s]
    text : dict of str to (codes, names)
        Codes of shape (rows,), -1 where absent.
    numbers : dict of str to array, shape (rows,)
    complete : array of int8, shape (rows,)
        1 whole day, 0 rows only, -1 not stated.
    """

    def __init__(
        self,
        entries: dict[str, int],
        entry: Array,
        dates: Array,
        text: dict[str, tuple[Array, list[str]]],
        numbers: dict[str, Array],
        complete: Array,
    ) -> None:
        self.entries = entries
        self.entry = entry
        self.dates = dates
        self.text = text
        self.numbers = numbers
        self.complete = complete

    @classmethod
    def empty(cls) -> "Columns":
        """Hold nothing."""
        return cls({}, np.empty(0, np.int32), np.empty(0, "datetime64[s]"), {}, {}, np.empty(0, np.int8))

    @classmethod
    def from_parts(cls, parts: "Iterable[tuple[Entry, pd.DataFrame]]") -> "Columns":
        """Encode what a parser returned for each entry."""
        return cls.joined([cls._of(entry, frame) for entry, frame in parts])

    @classmethod
    def _of(cls, entry: Entry, frame: "pd.DataFrame") -> "Columns":
        text = {name: _encoded(frame[name]) for name in _TEXT if name in frame}
        return cls(
            entries={entry.hash: 0},
            entry=np.zeros(len(frame), np.int32),
            dates=frame["date"].to_numpy(dtype="datetime64[s]"),
            text=text,
            numbers={name: frame[name].to_numpy(dtype=float) for name in _NUMBERS if name in frame},
            complete=(
                frame[_FLAG].fillna(value=False).to_numpy(dtype=np.int8)
                if _FLAG in frame
                else np.full(len(frame), -1, np.int8)
            ),
        )

    @classmethod
    def joined(cls, parts: "Sequence[Columns]") -> "Columns":
        """Put parts one after another; of entries held twice the first counts."""
        parts = [part for part in parts if part.entries]
        if len(parts) < 2:
            return parts[0] if parts else cls.empty()
        entries: dict[str, int] = {}
        kept: list[Array | None] = []
        entry: list[Array] = []
        for part in parts:
            twice = [number for hashed, number in part.entries.items() if hashed in entries]
            rows = ~np.isin(part.entry, twice) if twice else None
            numbers = np.array([entries.setdefault(hashed, len(entries)) for hashed in part.entries], np.int32)
            entry.append(numbers[_taken(part.entry, rows)])
            kept.append(rows)
        sizes = [len(rows) for rows in entry]
        return cls(
            entries=entries,
            entry=np.concatenate(entry),
            dates=np.concatenate([_taken(part.dates, rows) for part, rows in zip(parts, kept, strict=True)]),
            text={
                name: _joined_text([part.text.get(name) for part in parts], kept, sizes)
                for name in _TEXT
                if any(name in part.text for part in parts)
            },
            numbers={
                name: np.concatenate(
                    [
                        _taken(part.numbers[name], rows) if name in part.numbers else np.full(size, np.nan)
                        for part, rows, size in zip(parts, kept, sizes, strict=True)
                    ]
                )
                for name in _NUMBERS
                if any(name in part.numbers for part in parts)
            },
            complete=np.concatenate([_taken(part.complete, rows) for part, rows in zip(parts, kept, strict=True)]),
        )

    def write(self, path: Path) -> None:
        """Save as one ``.npz``: whole, or not at all."""
        arrays: dict[str, Array] = {
            "entries": _names(list(self.entries)),
            "entry": self.entry,
            "dates": self.dates.astype(np.int64),
            "complete": self.complete,
            **self.numbers,
        }
        for name, (codes, names) in self.text.items():
            arrays[f"{name}.codes"], arrays[f"{name}.names"] = codes, _names(names)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_durably(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> "Columns | None":
        """Load a saved file; None when it is damaged or gone (the checksums inside are checked)."""
        try:
            with np.load(path, allow_pickle=False) as saved:
                arrays = {name: saved[name] for name in saved.files}
            columns = cls(
                entries={str(name): number for number, name in enumerate(arrays["entries"])},
                entry=arrays["entry"],
                dates=arrays["dates"].astype("datetime64[s]"),
                text={
                    name: (arrays[f"{name}.codes"], [str(value) for value in arrays[f"{name}.names"]])
                    for name in _TEXT
                    if f"{name}.codes" in arrays
                },
                numbers={name: arrays[name] for name in _NUMBERS if name in arrays},
                complete=arrays["complete"],
            )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        return columns

    def frame(self, chosen: Sequence[Entry]) -> "pd.DataFrame":
        """Return the rows of the chosen entries, in the entries' order, as a data frame."""
        import pandas as pd

        held = [entry for entry in chosen if entry.hash in self.entries]
        place = np.full(len(self.entries) + 1, -1, np.int64)  # one more, so that an empty frame can be indexed too
        for position, entry in enumerate(held):
            place[self.entries[entry.hash]] = position
        placed = place[self.entry]
        rows = None if (placed >= 0).all() else np.flatnonzero(placed >= 0)
        placed = _taken(placed, rows)
        if (np.diff(placed) < 0).any():
            order = np.argsort(placed, kind="stable")
            rows, placed = order if rows is None else rows[order], placed[order]
        series: dict[str, Any] = {"date": _taken(self.dates, rows).astype("datetime64[ns]")}
        for name in _NUMBERS:
            if name in self.numbers:
                series[name] = _taken(self.numbers[name], rows)
        for name, (codes, names) in self.text.items():
            series[name] = pd.Categorical.from_codes(_taken(codes, rows), categories=pd.Index(names))
        if (self.complete >= 0).any():
            series[_FLAG] = _taken(self.complete, rows) == 1
        for name in ("entity", "metric", "as_of"):
            series.setdefault(name, pd.Categorical([]))
        series.setdefault("value", np.empty(0))
        table: dict[str, Any] = {name: series[name] for name in _ORDER if name in series}
        table["source"] = _by_entry([entry.source for entry in held], placed)
        table["snapshot"] = _by_entry([entry.sha256 for entry in held], placed)
        return pd.DataFrame(table, copy=False)


def _by_entry(values: list[str], placed: Array) -> "pd.Categorical":
    """Repeat a property of the entries for each of their rows."""
    import pandas as pd

    codes, names = pd.factorize(np.array(values, dtype=object))
    return pd.Categorical.from_codes(codes[placed] if len(codes) else codes, categories=pd.Index(names))


def _encoded(values: "pd.Series[Any]") -> tuple[Array, list[str]]:
    """Code a text column; values that differ in type but not in their text get one code."""
    import pandas as pd

    codes, distinct = pd.factorize(values)
    names: dict[str, int] = {}
    numbers = np.array([names.setdefault(str(value), len(names)) for value in distinct] + [-1], np.int32)
    return numbers[codes], list(names)


def _taken(values: Array, rows: Array | None) -> Array:
    return values if rows is None else values[rows]


def _names(names: list[str]) -> Array:
    return np.array(names, dtype=str) if names else np.empty(0, dtype="U1")


def _joined_text(
    parts: "Sequence[tuple[Array, list[str]] | None]", kept: Sequence[Array | None], sizes: Sequence[int]
) -> tuple[Array, list[str]]:
    """Give the names of several parts common codes."""
    names: dict[str, int] = {}
    codes: list[Array] = []
    for part, rows, size in zip(parts, kept, sizes, strict=True):
        if part is None:
            codes.append(np.full(size, -1, np.int32))
            continue
        numbers = np.array([names.setdefault(name, len(names)) for name in part[1]] + [-1], np.int32)
        codes.append(numbers[_taken(part[0], rows)])
    return np.concatenate(codes), list(names)
