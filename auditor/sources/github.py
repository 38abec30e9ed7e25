"""GitHub: stars per day and releases of a repository. Stars are cheap to buy, and a withdrawn one leaves no trace."""

import re
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

from auditor.case import Event, EventKind
from auditor.errors import UsageError
from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import EventList, Key, Option, Query, Received, Request, Spec
from auditor.sources.windows import status_of

SPEC = Spec(
    name="github",
    title="GitHub",
    licence="GitHub terms of service",
    citation="GitHub REST API (api.github.com), as retrieved {as_of}.",
    base_url="https://api.github.com",
    hosts=("api.github.com",),
    docs="https://docs.github.com/rest",
    grain="new stars per repository and UTC day (the first 40,000), and releases",
    seconds_between=0.75,
    key=Key("GITHUB_TOKEN", page="https://github.com/settings/tokens"),
    options=(
        Option("table", "what to fetch", ("stars", "releases"), "stars"),
        Option("pages", "most pages of 100 stars per repository, at most 400", default="400"),
    ),
    independence="high, weak evidence of use",
)
PARSER_VERSION = 1

_LAST_PAGE = 400
_HEADERS = (("x-github-api-version", "2022-11-28"),)
_STARS = (("accept", "application/vnd.github.star+json"), *_HEADERS)
_LINK = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


def requests(query: Query, /) -> list[Request]:
    """Plan the first page per repository."""
    pages = query.option(SPEC, "pages")
    if not pages.isdigit() or not 0 < int(pages) <= _LAST_PAGE:
        raise UsageError(f"pages={pages!r} is not a number from 1 to {_LAST_PAGE}", hint="use --option pages=400")
    found = []
    for subject in query.needs_subjects(SPEC, "owner/name"):
        if not re.fullmatch(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}", subject) or subject.endswith(("/.", "/..")):
            raise UsageError(f"{subject!r} is not a repository", hint="use owner/name")
        context = (
            ("repository", subject),
            ("since", str(query.since or "")),
            ("until", str(query.until or "")),
            ("pages", pages),
        )
        found.append(_page(query.option(SPEC, "table"), subject, 1, context))
    return found


def _page(table: str, repository: str, page: int, context: tuple[tuple[str, str], ...]) -> Request:
    kept = tuple((n, v) for n, v in context if n != "page")
    return Request(
        SPEC.name,
        table,
        f"repos/{repository}/" + ("stargazers" if table == "stars" else "releases"),
        params=(("per_page", "100"), ("page", str(page))),
        headers=_STARS if table == "stars" else _HEADERS,
        context=(*kept, ("page", str(page))),
        key="optional",
    )


def _next_page(received: Received) -> int:
    link = _LINK.search(received.headers.get("link", ""))
    numbers = parse_qs(urlsplit(link.group(1)).query).get("page", []) if link else []
    here = int(received.request.get("page", "1"))
    return here + 1 if numbers == [str(here + 1)] else 0


def follow(received: Received, /) -> list[Request]:
    """Go to the next page, until the window ends or the publisher's last page is reached.

    The day at a page's edge goes on overleaf: its count so far is handed to the next page, which alone reports the day.
    """
    request = received.request
    page = _next_page(received)
    counts, edge = _counts(received)
    if not page or page > int(request.get("pages", str(_LAST_PAGE))) or edge is None:
        return []
    until = request.get("until")
    if request.kind == "stars" and until and str(edge) > until:
        return []
    kept = tuple((n, v) for n, v in request.context if n not in {"carry_day", "carry"})
    carried = (("carry_day", str(edge)), ("carry", str(counts[edge])))
    return [_page(request.kind, request.get("repository"), page, (*kept, *carried))]


def _counts(received: Received) -> tuple[dict[date, int], date | None]:
    """Return counts per day with what the page before handed on, and the day of the last line."""
    request = received.request
    counts: dict[date, int] = {}
    edge = None
    if request.get("carry_day"):
        edge = date.fromisoformat(request.get("carry_day"))
        counts[edge] = int(request.get("carry"))
    field = "starred_at" if request.kind == "stars" else "published_at"
    for item in Node.of(received):
        if request.kind == "releases" and (item["draft"].value is True or not item.has(field)):
            continue
        edge = item[field].moment().date()
        counts[edge] = counts.get(edge, 0) + 1
    return counts, edge


def parse(received: Received, /) -> Observations:
    """Count stars or releases per day of one page; a day without any lies between days with some and is a zero."""
    request = received.request
    repository = request.get("repository")
    counts, edge = _counts(received)
    days = [min(counts) + timedelta(days=i) for i in range((max(counts) - min(counts)).days + 1)] if counts else []
    metric, unit = ("new_stars", "stars") if request.kind == "stars" else ("releases", "releases")
    rows = [
        Row(
            day,
            repository,
            metric,
            float(counts.get(day, 0)),
            unit,
            status_of(day, Frequency.DAY, received.retrieved_at),
        )
        for day in days
        if day != edge or not _next_page(received)
    ]
    notes = []
    if request.kind == "stars":
        notes.append(Note("survivors", "withdrawn and purged stars are gone from the past as well", repository))
        if _next_page(received) > int(request.get("pages", str(_LAST_PAGE))):
            notes.append(
                Note("stars-cut", f"the list of stars was cut off on {edge}; later ones are missing", repository)
            )
    return observations(received, SPEC, rows, notes=notes)


def events(received: Received, /) -> EventList:
    """Read releases as launches, dated by publication; drafts are left out."""
    if received.request.kind != "releases":
        return EventList()
    repository = received.request.get("repository")
    found = [
        Event(
            item["published_at"].moment(),
            EventKind.LAUNCH,
            f"https://github.com/{repository}/releases/tag/{item['tag_name'].text()}",
            f"release {item['tag_name'].text()}",
            repository,
        )
        for item in Node.of(received)
        if item["draft"].value is not True and item.has("published_at")
    ]
    return EventList(tuple(found))
