"""Hugging Face Hub: download counts as they stand now. No history: only repeated snapshots make a series.

``downloads`` is a trailing sum of 30 days, ``downloadsAllTime`` a running total that can fall (recounts, deletions).
"""

import re
from urllib.parse import parse_qsl, quote, urlsplit

from auditor.errors import UsageError
from auditor.observations import Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import Key, Option, Query, Received, Request, Spec, no_events
from auditor.sources.http.addresses import relative

SPEC = Spec(
    name="huggingface",
    title="Hugging Face Hub",
    licence="Hugging Face terms of service",
    citation="Hugging Face Hub API (huggingface.co/api/models), as retrieved {as_of}.",
    base_url="https://huggingface.co/api",
    hosts=("huggingface.co",),
    docs="https://huggingface.co/docs/hub/api",
    grain="one snapshot per retrieval: downloads of 30 days, downloads of all time, likes",
    # 500 calls in five minutes without a token.
    seconds_between=0.6,
    key=Key("HF_TOKEN", page="https://huggingface.co/settings/tokens"),
    options=(
        Option("author", "list the models of an author instead of single subjects"),
        Option("search", "list the models that match a text"),
        Option(
            "sort", "order of a list", ("downloads", "likes", "trendingScore", "createdAt", "lastModified"), "downloads"
        ),
        Option("limit", "models in a list, at most 10000", default="1000"),
    ),
    independence="high; counts requests for files, which tests and cold starts inflate",
)
PARSER_VERSION = 1

events = no_events

_METRICS = {"downloads": "downloads_30d", "downloadsAllTime": "downloads_all_time", "likes": "likes"}
_UNITS = {"downloads": "downloads", "downloadsAllTime": "downloads", "likes": "likes"}
_EXPAND = tuple(("expand[]", name) for name in (*_METRICS, "trendingScore", "lastModified", "createdAt"))
_PAGE = 1000
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


def requests(query: Query, /) -> list[Request]:
    """Plan one request per model, or a list."""
    if query.subjects:
        return [
            Request(SPEC.name, "model", f"models/{_checked(s)}", params=_EXPAND, context=(("id", s),), key="optional")
            for s in dict.fromkeys(query.subjects)
        ]
    limit = query.option(SPEC, "limit")
    if not limit.isdigit() or not 0 < int(limit) <= 10_000:
        raise UsageError(f"limit={limit!r} is not a number from 1 to 10000", hint="use --option limit=1000")
    asked = tuple((n, query.option(SPEC, n)) for n in ("author", "search") if query.option(SPEC, n))
    page = min(_PAGE, int(limit))
    order = ("sort", query.option(SPEC, "sort")), ("direction", "-1"), ("limit", str(page))
    left = str(int(limit) - page)
    return [Request(SPEC.name, "list", "models", (*asked, *order, *_EXPAND), context=(("left", left),), key="optional")]


def _checked(subject: str) -> str:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", subject, re.ASCII) or ".." in subject:
        raise UsageError(f"{subject!r} is not the id of a model", hint="use owner/name")
    return quote(subject, safe="/")


def follow(received: Received, /) -> list[Request]:
    """Follow the ``Link`` header while more models are wanted."""
    left = int(received.request.get("left", "0"))
    link = _NEXT.search(received.headers.get("link", ""))
    if received.request.kind != "list" or left <= 0 or not link:
        return []
    path = relative(link.group(1), SPEC, received.url)
    params = tuple(parse_qsl(urlsplit(link.group(1)).query))
    return [Request(SPEC.name, "list", path, params, context=(("left", str(left - _PAGE)),), key="optional")]


def parse(received: Received, /) -> Observations:
    """Read one model or a list; ids can be renamed, so the stable number is kept as dimension."""
    answer = Node.of(received)
    day = received.retrieved_at.date()
    rows = []
    for item in answer if isinstance(answer.value, list) else (answer,):
        name, stable = item["id"].text(), item["_id"].text()
        item["downloads"].integer()
        for field, metric in _METRICS.items():
            if item.has(field):
                rows.append(Row(day, name, metric, float(item[field].integer()), _UNITS[field], dimension=stable))
    note = Note("snapshot", "counts as they stood when read; 30-day sums are no daily figures", received.url)
    return observations(received, SPEC, rows, notes=(note,))
