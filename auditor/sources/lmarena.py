"""LMArena: ratings from votes, as published on irregular dates. Preference, not usage."""

import math

from auditor.errors import SourceError, UsageError, Where
from auditor.observations import Note, Observations, Status
from auditor.sources.answers import CHANGED, Node, Row, observations
from auditor.sources.base import Option, Query, Received, Request, Spec, no_events

SPEC = Spec(
    name="lmarena",
    title="LMArena",
    licence="see the dataset card",
    licence_url="https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset",
    citation="LMArena leaderboard dataset (huggingface.co/datasets/lmarena-ai/leaderboard-dataset), as retrieved {as_of}.",
    base_url="https://datasets-server.huggingface.co",
    hosts=("datasets-server.huggingface.co",),
    docs="https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset",
    grain="rating, votes and rank per model and date of publication",
    seconds_between=1.0,
    options=(
        Option("config", "arena", default="text"),
        Option("split", "newest publication, or all", ("latest", "full"), "latest"),
        Option("category", "category of prompts", default="overall"),
    ),
    independence="high; votes can be campaigned for",
)
PARSER_VERSION = 1

events = no_events

_PAGE = 100


def requests(query: Query, /) -> list[Request]:
    """Plan the first hundred rows."""
    config = query.option(SPEC, "config")
    if not config.replace("_", "").replace("-", "").isalnum():
        raise UsageError(f"config={config!r} is not the name of an arena", hint="use --option config=text")
    asked = (
        ("config", config),
        ("split", query.option(SPEC, "split")),
        ("category", query.option(SPEC, "category")),
        ("since", str(query.since or "")),
        ("until", str(query.until or "")),
    )
    return [_page(asked, 0)]


def _page(asked: tuple[tuple[str, str], ...], offset: int) -> Request:
    known = dict(asked)
    return Request(
        SPEC.name,
        "rows",
        "rows",
        params=(
            ("dataset", "lmarena-ai/leaderboard-dataset"),
            ("config", known["config"]),
            ("split", known["split"]),
            ("offset", str(offset)),
            ("length", str(_PAGE)),
        ),
        context=(*asked, ("offset", str(offset))),
    )


def follow(received: Received, /) -> list[Request]:
    """Ask for the next hundred rows."""
    request, answer = received.request, Node.of(received)
    offset = int(request.get("offset", "0"))
    here = len(list(answer["rows"]))
    if not here or offset + here >= answer["num_rows_total"].integer():
        return []
    return [_page(tuple((n, v) for n, v in request.context if n != "offset"), offset + here)]


def parse(received: Received, /) -> Observations:
    """Read ratings with their published interval; null in early rows means not published."""
    request, answer = received.request, Node.of(received)
    wanted = request.get("category", "overall")
    rows = []
    for line in answer["rows"]:
        if line["truncated_cells"].value:
            raise SourceError(
                "the source cut off cells of a row",
                where=Where(received.url, field=line["truncated_cells"].path),
                hint=CHANGED,
            )
        item = line["row"]
        day = item["leaderboard_publish_date"].day()
        if item["category"].text() != wanted:
            continue
        name = item["model_name"].text()
        low, high = item["rating_lower"].number_or_none(), item["rating_upper"].number_or_none()
        interval = (math.nan, math.nan) if low is None or high is None else (low, high)
        rows.append(Row(day, name, "rating", item["rating"].number(), "points", Status.OBSERVED, wanted, *interval))
        for field, metric, unit in (("vote_count", "votes", "votes"), ("rank", "rank", "rank")):
            value = item[field].number_or_none()
            if value is not None:
                rows.append(Row(day, name, metric, value, unit, dimension=wanted))
    notes = [Note("refitted", "past ratings change when the model behind them is fitted again", received.url)]
    if answer["partial"].value:
        notes.append(Note("partial-dataset", "the source serves only a part of the dataset", received.url))
    return observations(received, SPEC, rows, notes=notes)
