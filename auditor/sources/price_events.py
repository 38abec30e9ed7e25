"""Prices and launches: models.dev's catalogue, and ledgers of price changes from a file (CSV).

A date given as a month stays out of the events: it must not become the first of that month.
"""

import re
from datetime import UTC, datetime, time

from auditor.case import Event, EventKind
from auditor.errors import SourceError
from auditor.observations import Note, Observations
from auditor.sources.answers import Node, Row, csv_node, csv_rows, observations
from auditor.sources.base import EventList, Query, Received, Request, Spec, nothing_follows, unknown_kind
from auditor.sources.windows import moment

SPEC = Spec(
    name="price-events",
    title="models.dev",
    licence="MIT",
    licence_url="https://github.com/sst/models.dev/blob/dev/LICENSE",
    citation="models.dev (models.dev/api.json), as retrieved {as_of}.",
    base_url="https://models.dev",
    hosts=("models.dev",),
    docs="https://models.dev",
    grain="list prices now and release dates per provider and model, kept by hand",
    independence="high; explains, does not measure",
)
PARSER_VERSION = 1

follow = nothing_follows

_COSTS = {"input": "price_input", "output": "price_output"}
_UNIT = "USD per million tokens"
_LEDGER = ("date", "entity", "event", "detail", "value")
_LEDGER_PRICES = {"price_usd_per_m_input": "price_input", "price_usd_per_m_output": "price_output"}


def requests(query: Query, /) -> list[Request]:  # noqa: ARG001 - the catalogue is fetched whole
    """Plan the catalogue."""
    return [Request(SPEC.name, "models.dev", "api.json")]


def from_file(raw: bytes, file: str, retrieved_at: datetime) -> Received:
    """Take a ledger (CSV) or a saved catalogue (JSON) from a file as if it had been received.

    Parameters
    ----------
    raw : bytes
    file : str
        Its name, for messages and citation.
    retrieved_at : datetime
        When the file was made or downloaded, UTC.
    """
    kind = "models.dev" if raw.lstrip()[:1] == b"{" else "ledger"
    return Received(Request(SPEC.name, kind, file), raw, file, 200, {}, retrieved_at)


def parse(received: Received, /) -> Observations:
    """Read prices."""
    if received.request.kind == "ledger":
        rows = []
        for line, cells in csv_rows(received, _LEDGER):
            metric = _LEDGER_PRICES.get(cells["detail"])
            if cells["event"] == "price" and metric and cells["value"]:
                value = csv_node(cells, "value", line, received.url).number()
                day = csv_node(cells, "date", line, received.url).day()
                rows.append(Row(day, cells["entity"], metric, value, _UNIT))
        note = Note(
            "change-points", "a price is listed on the day its change was seen, and holds until the next", received.url
        )
        return observations(received, SPEC, rows, citation=f"Ledger of price changes, {received.url}.", notes=(note,))
    if received.request.kind != "models.dev":
        raise unknown_kind(received)
    today = received.retrieved_at.date()
    rows = [
        Row(today, name, metric, item["cost"][field].number(), _UNIT)
        for name, item in _models(received)
        if item.has("cost")
        for field, metric in _COSTS.items()
        if item["cost"].has(field)
    ]
    return observations(received, SPEC, rows)


def events(received: Received, /) -> EventList:
    """Read launches and price changes, with what was left out."""
    if received.request.kind == "ledger":
        return _ledger_events(received)
    found, vague = [], 0
    for name, item in _models(received):
        if not item.has("release_date"):
            continue
        text = item["release_date"].text()
        if re.fullmatch(r"\d{4}(-\d{2})?", text):
            vague += 1
            continue
        when = datetime.combine(item["release_date"].day(), time(), UTC)
        found.append(Event(when, EventKind.LAUNCH, received.url, f"{item['name'].text()} released", name))
    notes = []
    if vague:
        notes.append(Note("month-only", "release dates without a day were left out", received.url, vague))
    return EventList(tuple(found), tuple(notes))


def _models(received: Received) -> list[tuple[str, Node]]:
    answer = Node.of(received)
    found = []
    for provider in answer.keys():  # noqa: SIM118 - a Node is no mapping
        models = answer[provider]["models"]
        found += [(f"{provider}/{name}", models[name]) for name in models.keys()]  # noqa: SIM118 - a Node is no mapping
    if not found:
        raise SourceError("the catalogue names no model", where=received.url, hint="fetch again later")
    return found


def _ledger_events(received: Received) -> EventList:
    found = []
    last: dict[tuple[str, str], float] = {}
    unknown = 0
    for line, cells in csv_rows(received, _LEDGER):
        day = csv_node(cells, "date", line, received.url).day()
        entity, event, detail = csv_node(cells, "entity", line, received.url).text(), cells["event"], cells["detail"]
        if event == "price":
            if not cells["value"]:
                continue
            value = csv_node(cells, "value", line, received.url).number()
            before = last.get((entity, detail))
            last[entity, detail] = value
            if before is None or before == value:
                continue
            kind = EventKind.FREE_START if value == 0 else EventKind.FREE_END if before == 0 else EventKind.PRICE
            note = f"{detail}: {before:g} to {value:g}"
        elif event in {"renamed", "added_by_rename"}:
            kind, note = EventKind.RENAME, f"{event.replace('_', ' ')}: {detail}" if detail else event.replace("_", " ")
        elif event == "added":
            kind, note = EventKind.LAUNCH, "added to the catalogue"
        elif event == "removed":
            kind, note = EventKind.NEWS, "removed from the catalogue"
        else:
            unknown += 1
            continue
        found.append(Event(datetime.combine(day, time(), UTC), kind, received.url, note, entity))
    notes = [
        Note("edit-dates", "dates are those of the edit, which can be hours to weeks after the change", received.url)
    ]
    if unknown:
        notes.append(Note("unknown-event", "rows with an event of another kind were left out", received.url, unknown))
    return EventList(tuple(found), tuple(notes))


def utc_moment(text: str) -> datetime:
    """Read the moment a ledger was made (its ``as_of``), as UTC."""
    return moment(text)
