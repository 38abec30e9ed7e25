"""Bytes of OpenRouter's Data API -> observations: ``rankings-daily`` and ``app-rankings``.

Source: OpenRouter (openrouter.ai/rankings), CC BY 4.0. Token figures come as decimal strings (64 bit) and are read as whole
numbers. ``other`` is the sum of everything below the day's 50th, so a model that is absent is below that figure, not zero.
The answer's ``meta`` names neither period nor filter: the spacing is found from the dates and checked against the window.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from auditor.errors import InputError, Where
from auditor.observations import Frequency, Note, Observations, Source
from auditor.sources.tabular.headers import Weeks
from auditor.sources.tabular.options import Options

CITATION = "Source: OpenRouter ({page}), as of {as_of}."
LICENCE = "CC BY 4.0"
_RANKING = {"date", "model_permaslug", "total_tokens"}
_APPS = {"app_name", "total_tokens", "total_requests"}


def is_answer(document: Any) -> bool:
    """Whether a JSON document is an answer of the Data API (data or error)."""
    if not isinstance(document, dict):
        return False
    if isinstance(document.get("error"), dict) and "data" not in document:
        return True
    meta = document.get("meta")
    return isinstance(document.get("data"), list) and isinstance(meta, dict) and "as_of" in meta


def parse(document: Any, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read an answer of the Data API.

    Parameters
    ----------
    document : mapping
        The parsed JSON.
    file : str
        Name for errors and notes.
    options : Options
    card : callable
        Returns the source card, given ``meta.as_of``.

    Returns
    -------
    Observations
        Metric ``total_tokens`` by model; or ``app_tokens`` and ``app_requests`` by app.

    Raises
    ------
    InputError
        For an error answer, an answer without rows, a data set that is no usage series, or a window that is no period.
    """
    if "data" not in document:
        error = document["error"]
        raise InputError(
            f"this is an error answer, not data: {str(error.get('message', ''))[:120]} (code {error.get('code', '?')})",
            where=Where(file),
            hint="fetch it again when the source answers",
        )
    meta, rows = document["meta"], document["data"]
    window = f"{meta.get('start_date', '?')} to {meta.get('end_date', '?')}"
    if not rows:
        raise InputError(
            f"the answer holds no rows for {window}", where=Where(file, field="data"), hint="ask for another window"
        )
    keys = set(rows[0]) if isinstance(rows[0], dict) else set()
    if keys >= _RANKING:
        return rankings(document, file, options, card)
    if keys >= _APPS:
        return app_rankings(document, file, options, card)
    raise InputError(
        f"the answer is no usage series (fields: {', '.join(sorted(keys))[:120]})",
        where=Where(file, field="data"),
        hint="use rankings-daily or app-rankings",
    )


def rankings(document: Any, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read ``rankings-daily``: tokens per model and day (week, month)."""
    from auditor.sources.tabular.records import from_records

    meta = document["meta"]
    as_of = str(meta["as_of"])
    records = [{**_whole(row, "total_tokens", file, i), "as_of": as_of} for i, row in enumerate(document["data"], 1)]
    for i, row in enumerate(records, 1):
        if not set(row) >= _RANKING:
            raise InputError(
                "a row lacks a field", where=Where(file, field=f"data[{i - 1}]"), hint="fetch the answer again"
            )
    found = from_records(
        [{key: row[key] for key in ("date", "model_permaslug", "total_tokens", "as_of")} for row in records],
        file,
        options,
        _cited(card, "openrouter.ai/rankings"),
        as_of=as_of,
    )
    return found.noted(_window_notes(found, meta, file))


def app_rankings(document: Any, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read ``app-rankings``: one figure per app for the whole window, which must be a day, a week or a month."""
    from auditor.sources.tabular.records import from_records

    meta = document["meta"]
    as_of = str(meta["as_of"])
    start, end = _day(meta.get("start_date"), file, "start_date"), _day(meta.get("end_date"), file, "end_date")
    days = (end - start).days + 1
    month = start.day == 1 and (end + timedelta(days=1)).day == 1 and 28 <= days <= 31
    frequency = Frequency.DAY if days == 1 else Frequency.WEEK if days == 7 else Frequency.MONTH if month else None
    if frequency is None:
        raise InputError(
            f"each app has one figure for the {days} days from {start} to {end}, which is no day, week or month",
            where=Where(file, field="meta"),
            hint="ask for one day at a time (start_date = end_date)",
        )
    if not all(isinstance(row, dict) and row.get("app_name") for row in document["data"]):
        raise InputError("a row names no app", where=Where(file, field="data"), hint="fetch the answer again")
    names = [str(row["app_name"]) for row in document["data"]]
    records = []
    for i, row in enumerate(document["data"], 1):
        read = _whole(_whole(row, "total_tokens", file, i), "total_requests", file, i)
        name = str(read["app_name"])
        entity = f"{name} ({read.get('app_id')})" if names.count(name) > 1 else name
        for metric, field in (("app_tokens", "total_tokens"), ("app_requests", "total_requests")):
            records.append(
                {"date": str(start), "entity": entity, "metric": metric, "value": read[field], "as_of": as_of}
            )
    stated = replace(options, frequency=frequency, week_label=Weeks.START)
    found = from_records(records, file, stated, _cited(card, "openrouter.ai/apps"), as_of=as_of)
    note = Note("self_declared", "apps name themselves to the publisher; hidden and private apps are left out", file)
    return found.noted([note])


def _cited(card: Callable[[str], Source], page: str) -> Callable[[str], Source]:
    """Complete the card with the publisher's citation where the file has none of its own."""

    def complete(as_of: str) -> Source:
        base = card(as_of)
        if base.citation:
            return base
        return replace(
            base, citation=CITATION.format(page=page, as_of=as_of), licence=LICENCE, url=f"https://{page}", as_of=as_of
        )

    return complete


def _whole(row: Any, field: str, file: str, number: int) -> dict[str, Any]:
    """Read a decimal string as a whole number of any size."""
    where = Where(file, field=f"data[{number - 1}].{field}")
    if not isinstance(row, dict) or field not in row:
        raise InputError(f"row {number} lacks {field!r}", where=where, hint="fetch the answer again")
    value = row[field]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return dict(row)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return {**row, field: int(value)}
    raise InputError(f"{value!r} is not a whole number", where=where, hint="fetch the answer again")


def _day(text: Any, file: str, field: str) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a date", where=Where(file, field=f"meta.{field}"), hint="fetch the answer again"
        ) from error


def _window_notes(found: Observations, meta: Any, file: str) -> list[Note]:
    """Compare dates and spacing with the window that ``meta`` states."""
    if "start_date" not in meta or "end_date" not in meta:
        return []
    start, end = _day(meta["start_date"], file, "start_date"), _day(meta["end_date"], file, "end_date")
    days = found.frame["date"]
    first, last = days.min().date(), days.max().date()
    reach = {Frequency.WEEK: timedelta(days=6), Frequency.MONTH: timedelta(days=30)}.get(found.frequency, timedelta(0))
    if first < start - reach or last > end:
        raise InputError(
            f"dates run from {first} to {last}, outside the window {start} to {end} that the answer states",
            where=Where(file, field="data"),
            hint="fetch the answer again",
        )
    notes = []
    if first == last and end > start:
        text = f"only one date in a window of {(end - start).days + 1} days: its length cannot be checked; read as one {found.frequency.value}"
        notes.append(Note("spacing_unknown", text, file))
    if first < start:
        text = f"the first {found.frequency.value} begins before the window ({start}) and is whole"
        notes.append(Note("window", text, file))
    return notes
