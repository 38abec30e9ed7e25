"""Artificial Analysis: quality, price and speed of models as they stand now. Context, not usage."""

from auditor.observations import Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import Key, Query, Received, Request, Spec, no_events

SPEC = Spec(
    name="artificial-analysis",
    title="Artificial Analysis",
    licence="attribution required; no licence to redistribute",
    citation="Artificial Analysis (artificialanalysis.ai), as retrieved {as_of}.",
    base_url="https://artificialanalysis.ai/api/v2",
    hosts=("artificialanalysis.ai",),
    docs="https://artificialanalysis.ai/documentation",
    grain="one snapshot per retrieval: index, price and speed per model",
    seconds_between=1.0,
    key=Key("ARTIFICIAL_ANALYSIS_API_KEY", header="x-api-key", form="{key}", page="https://artificialanalysis.ai"),
    independence="high, but not usage; OpenRouter's catalogue repeats these figures",
)
PARSER_VERSION = 1

events = no_events

_FIELDS = (
    ("evaluations", "artificial_analysis_intelligence_index", "intelligence_index", "index"),
    ("evaluations", "artificial_analysis_coding_index", "coding_index", "index"),
    ("pricing", "price_1m_input_tokens", "price_input", "USD per million tokens"),
    ("pricing", "price_1m_output_tokens", "price_output", "USD per million tokens"),
    ("performance", "median_output_tokens_per_second", "output_speed", "tokens per second"),
)


def requests(query: Query, /) -> list[Request]:  # noqa: ARG001 - the list is fetched whole
    """Plan the first page of the free list."""
    return [_page(1)]


def _page(page: int) -> Request:
    return Request(
        SPEC.name,
        "models",
        "language/models/free",
        params=(("page", str(page)),),
        context=(("page", str(page)),),
        key="required",
    )


def follow(received: Received, /) -> list[Request]:
    """Go to the next page while there is one."""
    pages = Node.of(received)["pagination"]
    here = pages["page"].integer()
    if here != int(received.request.get("page", str(here))):
        raise pages["page"].fail(f"is {here}, not the page that was asked for")
    return [_page(here + 1)] if pages["has_more"].value is True else []


def parse(received: Received, /) -> Observations:
    """Read indices, prices and speeds; the version of the index is kept, as a new one breaks comparison over time."""
    answer = Node.of(received)
    version = str(answer["intelligence_index_version"].value)
    day = received.retrieved_at.date()
    rows = []
    for item in answer["data"]:
        name = item["slug"].text()
        for group, field, metric, unit in _FIELDS:
            value = item[group][field].number_or_none() if item.has(group) and item[group].has(field) else None
            if value is not None:
                rows.append(
                    Row(day, name, metric, value, unit, dimension=f"index {version}" if unit == "index" else "")
                )
    note = Note("index-version", f"indices are of version {version}; other versions do not compare", received.url)
    return observations(received, SPEC, rows, notes=(note,))
