"""Reads answers: JSON nodes that name the field at fault, CSV rows, and the frame that goes back."""

import contextlib
import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from auditor.errors import SourceError, Where
from auditor.observations import Frequency, Note, Observations, Source, Status
from auditor.sources.base import Received, Spec
from auditor.sources.windows import moment

CHANGED = "the publisher may have changed the format; keep the answer (audit archive) and report it"


class Node:
    """A place in a JSON answer; every step that fails names the field.

    Parameters
    ----------
    value : plain JSON value
    path : str
        Place of the value in the answer, such as ``data[3].total_tokens``.
    url : str
        For the error message.
    """

    __slots__ = ("path", "url", "value")

    def __init__(self, value: Any, path: str, url: str) -> None:
        self.value = value
        self.path = path
        self.url = url

    @classmethod
    def of(cls, received: Received) -> "Node":
        """Read an answer as JSON.

        Raises
        ------
        SourceError
            When it is not.
        """
        try:
            return cls(json.loads(received.raw), "", received.url)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"the answer is not UTF-8 text (byte {error.start})", where=received.url, hint=CHANGED
            ) from None
        except (json.JSONDecodeError, RecursionError) as error:
            place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "depth"
            raise SourceError(
                f"the answer is not valid JSON ({place})", where=received.url, hint="fetch again; it may be cut off"
            ) from None

    def fail(self, what: str) -> SourceError:
        """Build the error that names this field."""
        return SourceError(
            f"the field {self.path or '(whole answer)'} {what}", where=Where(self.url, field=self.path), hint=CHANGED
        )

    def has(self, key: str) -> bool:
        """Whether an object holds a key with a value that is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> "Node":
        inner = f"{self.path}.{key}" if self.path else key
        if not isinstance(self.value, dict):
            raise self.fail(f"is {_kind(self.value)}, not an object with {key!r}")
        if key not in self.value:
            raise SourceError(
                f"the field {inner} is missing from the answer", where=Where(self.url, field=inner), hint=CHANGED
            )
        return Node(self.value[key], inner, self.url)

    def __iter__(self) -> Iterator["Node"]:
        if not isinstance(self.value, list):
            raise self.fail(f"is {_kind(self.value)}, not a list")
        for i, item in enumerate(self.value):
            yield Node(item, f"{self.path}[{i}]", self.url)

    def keys(self) -> list[str]:
        """Return the keys of an object."""
        if not isinstance(self.value, dict):
            raise self.fail(f"is {_kind(self.value)}, not an object")
        return [str(k) for k in self.value]

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.fail(f"is {_kind(self.value)}, not a text")
        return self.value

    def integer(self) -> int:
        """Return a whole number, given as a number or as decimal digits."""
        if isinstance(self.value, str) and self.value.removeprefix("-").isascii():
            if self.value.removeprefix("-").isdigit() and len(self.value) <= 30:
                return int(self.value)
        elif isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        elif isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        raise self.fail(f"is {_kind(self.value)}, not a whole number")

    def number(self) -> float:
        """Return a finite number, given as a number or as text."""
        if isinstance(self.value, str | int | float) and not isinstance(self.value, bool):
            try:
                found = float(self.value)
            except (ValueError, OverflowError):
                found = math.nan
            if math.isfinite(found):
                return found
        raise self.fail(f"is {_kind(self.value)}, not a number")

    def number_or_none(self) -> float | None:
        """Return a finite number, or None for null and ``false``."""
        return None if self.value is None or self.value is False else self.number()

    def day(self) -> date:
        """Return a UTC day written ``YYYY-MM-DD``, alone or with a time."""
        text = self.text()
        # Compact and week forms are ISO 8601 as well, but no publisher here uses them: more likely a number went astray.
        if re.match(r"\d{4}-\d{2}-\d{2}($|[T ])", text, re.ASCII):
            with contextlib.suppress(ValueError):
                return moment(text).date()
        raise self.fail(f"is {_kind(text)}, not a date")

    def moment(self) -> datetime:
        """Return an ISO 8601 moment, as UTC."""
        try:
            return moment(self.text())
        except ValueError:
            raise self.fail(f"is {self.value!r}, not a moment in time") from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."


def csv_rows(received: Received, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield line number and fields of a CSV answer that must have at least the given columns.

    Raises
    ------
    SourceError
        When a column is missing or a row has another number of fields than the header.
    """
    try:
        text = received.raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"the answer is not UTF-8 text (byte {error.start})", where=received.url) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise SourceError(f"the answer is not valid CSV: {error}", where=Where(received.url, 1)) from None
    for column in columns:
        if column not in header:
            raise SourceError(
                f"the column {column} is missing from the answer (found: {', '.join(header)[:200]})",
                where=Where(received.url, 1, field=column),
                hint=CHANGED,
            )
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise SourceError(
                f"the answer is not valid CSV: {error}", where=Where(received.url, reader.line_num)
            ) from None
        if cells is None:
            return
        if cells and len(cells) != len(header):
            raise SourceError(
                f"the row has {len(cells)} fields, the header {len(header)}",
                where=Where(received.url, reader.line_num),
                hint="fetch again; the answer may be cut off",
            )
        if cells:
            yield reader.line_num, dict(zip(header, cells, strict=True))


def csv_node(cells: Mapping[str, str], column: str, line: int, url: str) -> Node:
    """Return one CSV field as a node, so that what is wrong with it names its column and line."""
    return Node(cells[column], f"{column}, line {line}", url)


class Row(NamedTuple):
    """One published figure."""

    day: date
    entity: str
    metric: str
    value: float
    unit: str = ""
    status: Status = Status.OBSERVED
    dimension: str = ""
    low: float = math.nan
    high: float = math.nan


def card(received: Received, spec: Spec, *, as_of: str = "", citation: str = "") -> Source:
    """Return the citation card of an answer."""
    stated = as_of or f"{received.retrieved_at:%Y-%m-%dT%H:%M:%SZ}"
    return Source(
        name=spec.name,
        citation=(citation or spec.citation).replace("{as_of}", stated),
        licence=spec.licence,
        url=received.url,
        as_of=stated,
        sha256=received.sha256,
    )


def observations(
    received: Received,
    spec: Spec,
    rows: Sequence[Row],
    *,
    frequency: Frequency | None = None,
    as_of: str = "",
    citation: str = "",
    notes: Sequence[Note] = (),
) -> Observations:
    """Put rows into the long frame, with the card of the answer they came from.

    Parameters
    ----------
    received : Received
    spec : Spec
    rows : sequence of Row
    frequency : Frequency, optional
        Default: the usual one of the source.
    as_of : str, optional
        When the publisher stated the figures; default: when they were retrieved.
    citation : str, optional
        The publisher's own words, where the answer holds them.
    notes : sequence of Note
    """
    import numpy as np
    import pandas as pd

    source = card(received, spec, as_of=as_of, citation=citation)
    frame = pd.DataFrame(
        {
            "date": np.array([row.day for row in rows], dtype="datetime64[us]"),
            "entity": pd.Series([row.entity for row in rows], dtype="str"),
            "metric": pd.Series([row.metric for row in rows], dtype="str"),
            "value": np.array([row.value for row in rows], dtype=np.float64),
            "unit": pd.Series([row.unit for row in rows], dtype="str"),
            "status": np.array([int(row.status) for row in rows], dtype=np.int8),
            "dimension": pd.Series([row.dimension for row in rows], dtype="str"),
        }
    )
    if any(math.isfinite(row.low) or math.isfinite(row.high) for row in rows):
        frame["low"] = np.array([row.low for row in rows], dtype=np.float64)
        frame["high"] = np.array([row.high for row in rows], dtype=np.float64)
    for column, text in (("as_of", source.as_of), ("source", spec.name), ("snapshot", source.sha256)):
        frame[column] = pd.Categorical([text] * len(frame), categories=[text])
    return Observations(frame, frequency or spec.frequency, (source,), tuple(notes))


def nothing(received: Received, spec: Spec, frequency: Frequency | None = None) -> Observations:
    """Return no rows, and the note that says why: what an absence means under this address."""
    note = Note("absent", received.request.absent or "the source has nothing under this address", received.url)
    return observations(received, spec, (), frequency=frequency, notes=(note,))
