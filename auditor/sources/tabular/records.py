"""JSON: the OpenRouter response shapes, lists of records, and ``{"x": date, "ys": {name: figure}}`` lists."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from auditor.errors import InputError, Where
from auditor.observations import Note, Observations, Source
from auditor.sources.tabular.build import build
from auditor.sources.tabular.dialect import encoding_of, undecodable
from auditor.sources.tabular.layout import find_layout
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.raw import RawTable

_LISTS = ("data", "rows", "records", "results", "items", "series", "values")
_SAMPLE_ROWS = 500


def load_json(data: bytes, file: str, encoding: str = "") -> Any:
    """Parse JSON or JSON lines.

    Raises
    ------
    InputError
        With line and column of the first mistake.
    """
    used = encoding_of(data, encoding)
    try:
        text = data.decode(used)
    except UnicodeDecodeError as error:
        raise undecodable(data, used, file) from error
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if error.msg == "Extra data" and len(lines) > 1:
            return _json_lines(text, file)
        raise InputError(
            f"the JSON cannot be read: {error.msg}",
            where=Where(file, error.lineno, error.colno),
            hint="the file may have been cut off: fetch it again",
        ) from error
    except RecursionError as error:
        raise InputError("the JSON is nested too deeply", where=Where(file), hint="give a list of records") from error


def _json_lines(text: str, file: str) -> list[Any]:
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise InputError(
                    f"the JSON cannot be read: {error.msg}",
                    where=Where(file, number, error.colno),
                    hint="one record per line",
                ) from error
    return records


def read_json(data: bytes, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read a JSON file.

    Parameters
    ----------
    data : bytes
    file : str
    options : Options
    card : callable
        Returns the source card, given the date of publication the file states.

    Raises
    ------
    InputError or ErrorList
    """
    from auditor.sources import openrouter_json

    document = load_json(data, file, options.encoding)
    if openrouter_json.is_answer(document):
        return openrouter_json.parse(document, file, options, card)
    found = _list(document)
    if found is None:
        keys = ", ".join(map(str, list(document)[:6])) if isinstance(document, dict) else type(document).__name__
        raise InputError(
            f"the JSON holds no list of records (found: {keys})",
            where=Where(file, 1, 1),
            hint='give [{"date": "2026-08-19", "model": "a/b", "tokens": 123}, ...], or the same under "data"',
        )
    return from_records(found, file, options, card, lines=_lines(data, found))


def _list(document: Any) -> list[Any] | None:
    """Return the list of records in a document: itself, or under a usual key (of a usual key)."""
    for _ in range(3):
        if isinstance(document, list):
            return document
        if not isinstance(document, dict):
            return None
        found = next((document[key] for key in _LISTS if isinstance(document.get(key), list | dict)), None)
        if found is None:
            lists = [v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
            found = lists[0] if len(lists) == 1 else None
        document = found
    return None


def _lines(data: bytes, records: Sequence[Any]) -> list[int]:
    """Return the line of each record; its number where lines cannot tell records apart."""
    numbers = list(range(1, len(records) + 1))
    if data.count(b"\n") < len(records):
        return numbers
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    decoder, position = json.JSONDecoder(), text.find("[")
    found: list[int] = []
    line, counted = 1, 0
    if text.lstrip()[:1] == "{" and '"data"' not in text[:200]:
        return numbers
    while len(found) < len(records):
        position = text.find("{", position)
        if position < 0:
            return numbers
        line, counted = line + text.count("\n", counted, position), position
        found.append(line)
        try:
            _, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            return numbers
    return found


def from_records(
    records: Sequence[Any],
    file: str,
    options: Options,
    card: Callable[[str], Source],
    *,
    lines: Sequence[int] | None = None,
    as_of: str = "",
    notes: Sequence[Note] = (),
) -> Observations:
    """Read a list of records, each a mapping of heading to text or number.

    Raises
    ------
    InputError or ErrorList
        When there is no record, or one is not a flat mapping.
    """
    if not records:
        raise InputError("the file holds no records", where=Where(file), hint="check the window that was asked for")
    numbers = list(lines) if lines is not None else list(range(1, len(records) + 1))
    flat = []
    for number, record in zip(numbers, records, strict=True):
        if not isinstance(record, dict):
            raise InputError(
                f"a record is a {type(record).__name__}, not a mapping of names to figures",
                where=Where(file, number),
                hint="see the README",
            )
        if isinstance(record.get("ys"), dict):
            record = {"date": record.get("x"), **record["ys"]}  # noqa: PLW2901 - the compact shape, unfolded
        flat.append(record)
    headings = list(dict.fromkeys(str(key) for record in flat for key in record))
    sample = [[record.get(h) for h in headings] for record in flat[:_SAMPLE_ROWS]]
    layout = find_layout(headings, sample, options, file, numbers[0])
    columns: dict[int, list[object]] = {}
    for i in layout.used:
        columns[i] = [
            _cell(record.get(headings[i]), file, number, headings[i])
            for record, number in zip(flat, numbers, strict=True)
        ]
    return build(RawTable(file, numbers[0], columns, numbers), layout, options, card(as_of), notes)


def _cell(value: Any, file: str, line: int, name: str) -> object:
    if isinstance(value, dict | list):
        raise InputError(
            f"{name!r} holds a {type(value).__name__}, not a text or number",
            where=Where(file, line, field=name),
            hint="flatten the records",
        )
    return value
