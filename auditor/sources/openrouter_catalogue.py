"""OpenRouter's public catalogue: prices, variants, launches, and the map between its three kinds of names.

``id`` is what is called (``tencent/hy3:free``), ``canonical_slug`` the dated name without variant, and rankings use
canonical slug plus variant. 82 of 421 ids cannot be derived by cutting off a date, so names are joined through this map only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from auditor.case import Event, EventKind
from auditor.observations import Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import EventList, Query, Received, Request
from auditor.sources.http.addresses import relative
from auditor.sources.openrouter_spec import SPEC

_CITATION = "Source: OpenRouter model catalogue (openrouter.ai/models), as of {as_of}."
#: Price sentinel of routers, whose price depends on the model they pick.
_VARIABLE = -1.0
_PER_MILLION = 1e6
_PRICES = {"prompt": "price_input", "completion": "price_output"}
_STATES = ("uptime_last_30m", "uptime_last_1d")


@dataclass(frozen=True)
class Listing:
    """One line of the catalogue: the names of one model or variant."""

    id: str
    permaslug: str
    canonical_slug: str
    variant: str
    created: datetime
    name: str
    alias_of: str = ""
    hugging_face_id: str = ""


def models(query: Query) -> list[Request]:  # noqa: ARG001 - the catalogue is fetched whole
    """Plan the catalogue, embeddings and images included (the default leaves them out)."""
    return [Request(SPEC.name, "models", "models", params=(("output_modalities", "all"), ("limit", "500")))]


def follow(received: Received) -> list[Request]:
    """Follow ``links.next``, which is relative to the host."""
    answer = Node.of(received)
    if not (answer.has("links") and answer["links"].has("next")):
        return []
    link = answer["links"]["next"].text()
    path = relative(link, SPEC, received.url)
    params = tuple(parse_qsl(urlsplit(link).query))
    if (path, params) == (received.request.path, received.request.params):
        raise answer["links"]["next"].fail("points to its own page")
    return [Request(SPEC.name, "models", path, params=params)]


def listings(received: Received) -> list[Listing]:
    """Return the map between ids, canonical slugs and the names that rankings use."""
    found = []
    for item in Node.of(received)["data"]:
        name, slug = item["id"].text(), item["canonical_slug"].text()
        variant = name.partition(":")[2]
        found.append(
            Listing(
                id=name,
                permaslug=f"{slug}:{variant}" if variant else slug,
                canonical_slug=slug,
                variant=variant,
                created=_created(item),
                name=item["name"].text(),
                alias_of=item["alias_target"]["slug"].text() if item.has("alias_target") else "",
                hugging_face_id=item["hugging_face_id"].text() if _is_text(item, "hugging_face_id") else "",
            )
        )
    return found


def parse_models(received: Received) -> Observations:
    """Read today's list prices, keyed by the name that rankings use."""
    day = received.retrieved_at.date()
    rows: list[Row] = []
    variable = 0
    for item, listing in zip(Node.of(received)["data"], listings(received), strict=True):
        if listing.alias_of:
            continue
        for field, metric in _PRICES.items():
            price = item["pricing"][field].number()
            if price == _VARIABLE:
                variable += 1
            else:
                rows.append(Row(day, listing.permaslug, metric, price * _PER_MILLION, "USD per million tokens"))
    notes = [
        Note(
            "top-endpoint", "a listed price is that of the current top endpoint and can jump within a day", received.url
        )
    ]
    if variable:
        notes.append(Note("variable-price", "routers have no price of their own", received.url, variable))
    # An id such as ``~z-ai/glm-latest`` and its target share a permaslug, so the first of equal names is kept.
    unique = {(row.entity, row.metric): row for row in reversed(rows)}
    kept = [row for row in rows if unique[(row.entity, row.metric)] is row]
    return observations(received, SPEC, kept, citation=_CITATION, notes=notes)


def events(received: Received) -> EventList:
    """Read launches: ``created`` is when a model came to OpenRouter (the date in its name can be months off)."""
    found = []
    for item, listing in zip(Node.of(received)["data"], listings(received), strict=True):
        if listing.alias_of:
            continue
        free = all(item["pricing"][field].number() == 0 for field in _PRICES)
        found.append(
            Event(
                date=listing.created,
                kind=EventKind.LAUNCH,
                source=received.url,
                note=f"{listing.name} listed as {listing.id}" + (", at no charge when read" if free else ""),
                entity=listing.permaslug,
            )
        )
    retired = Note("retired-absent", "retired models and variants are no longer in the catalogue", received.url)
    return EventList(tuple(found), (retired,))


def endpoints(query: Query) -> list[Request]:
    """Plan the providers of each subject (an ``id`` such as ``z-ai/glm-5.3``)."""
    return [
        Request(
            SPEC.name,
            "endpoints",
            f"models/{quote(subject, safe='/:~')}/endpoints",
            context=(("subject", subject),),
        )
        for subject in query.needs_subjects(SPEC, "z-ai/glm-5.3")
    ]


def parse_endpoints(received: Received) -> Observations:
    """Read each provider's price and uptime; null means too little traffic to measure, not zero."""
    data = Node.of(received)["data"]
    name = data["id"].text()
    day = received.retrieved_at.date()
    rows = []
    for item in data["endpoints"]:
        tag = item["tag"].text()
        for field, metric in _PRICES.items():
            price = item["pricing"][field].number()
            if price != _VARIABLE:
                rows.append(
                    Row(day, f"{name} @ {tag}", metric, price * _PER_MILLION, "USD per million tokens", dimension=tag)
                )
        for state in _STATES:
            percent = item[state].number_or_none() if item.has(state) else None
            if percent is not None:
                rows.append(Row(day, f"{name} @ {tag}", state, percent, "percent", dimension=tag))
        rows.append(
            Row(day, f"{name} @ {tag}", "endpoint_status", float(item["status"].integer()), "code", dimension=tag)
        )
    notes = () if rows else (Note("no-endpoint", "no provider serves this model now", received.url),)
    return observations(received, SPEC, rows, citation=_CITATION, notes=notes)


def _created(item: Node) -> datetime:
    seconds = item["created"].integer()
    if not 0 < seconds < 4_102_444_800:
        raise item["created"].fail(f"is {seconds}, not a moment between 1970 and 2100")
    return datetime.fromtimestamp(seconds, UTC)


def _is_text(item: Node, key: str) -> bool:
    return item.has(key) and bool(item[key].value)
