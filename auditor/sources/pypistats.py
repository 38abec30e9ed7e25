"""pypistats: downloads of Python packages, 180 days back. A copy of the same log as BigQuery and ClickPy."""

import re

from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import Option, Query, Received, Request, Spec, no_events, nothing_follows
from auditor.sources.windows import status_of

SPEC = Spec(
    name="pypistats",
    title="PyPI Stats",
    licence="not stated",
    citation="PyPI Stats (pypistats.org), as retrieved {as_of}.",
    base_url="https://pypistats.org/api",
    hosts=("pypistats.org", "www.pypistats.org"),
    docs="https://pypistats.org/api/",
    grain="downloads per package and UTC day, the last 180 days",
    # Bursts are refused per address and recover in about eight seconds, without saying so.
    seconds_between=2.0,
    options=(
        Option("table", "which split", ("overall", "python_major", "python_minor", "system", "recent"), "overall"),
        Option("mirrors", "downloads by mirrors", ("without", "with", "each"), "without"),
    ),
    independence="high, but PyPI Stats, BigQuery and ClickPy are copies of one log and confirm nothing to each other",
)
PARSER_VERSION = 1

follow, events = nothing_follows, no_events

_MIRRORS = {"without_mirrors": "downloads", "with_mirrors": "downloads_with_mirrors"}
_RECENT = {"last_day": "downloads_last_day", "last_week": "downloads_last_week", "last_month": "downloads_last_month"}


def requests(query: Query, /) -> list[Request]:
    """Plan one request per package."""
    table, mirrors = query.option(SPEC, "table"), query.option(SPEC, "mirrors")
    chosen = {"without": "false", "with": "true"}.get(mirrors)
    params = (("mirrors", chosen),) if table == "overall" and chosen else ()
    found = []
    for subject in query.needs_subjects(SPEC, "openai"):
        package = re.sub(r"[-_.]+", "-", subject.strip()).lower()
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", package):
            raise query_error(subject)
        found.append(
            Request(
                SPEC.name,
                "recent" if table == "recent" else "table",
                f"packages/{package}/{table}",
                params=params,
                context=(
                    ("package", package),
                    ("table", table),
                    ("since", str(query.since or "")),
                    ("until", str(query.until or "")),
                ),
            )
        )
    return found


def query_error(subject: str) -> Exception:
    """Build the error for a name that cannot be a package."""
    from auditor.errors import UsageError

    return UsageError(f"{subject!r} is not the name of a Python package", hint="use letters, digits and hyphens")


def parse(received: Received, /) -> Observations:
    """Read one table; ``recent`` carries no date and is dated by its retrieval."""
    request = received.request
    answer = Node.of(received)
    package = answer["package"].text()
    if package != request.get("package", package):
        raise answer["package"].fail(f"is {package!r}, not {request.get('package')!r} as asked for")
    if request.kind == "recent":
        today = received.retrieved_at.date()
        note = Note("undated", "the sums carry no date; they are dated by their retrieval", received.url)
        rows = [
            Row(today, package, metric, float(answer["data"][field].integer()), "downloads")
            for field, metric in _RECENT.items()
        ]
        return observations(received, SPEC, rows, notes=(note,))
    stated = answer["type"].text()
    if stated != f"{request.get('table', 'overall')}_downloads":
        raise answer["type"].fail(f"is {stated!r}, not the table that was asked for")
    rows = []
    for item in answer["data"]:
        day, category = item["date"].day(), item["category"].text()
        metric = _MIRRORS.get(category, f"downloads[{category}]")
        status = status_of(day, Frequency.DAY, received.retrieved_at)
        rows.append(Row(day, package, metric, float(item["downloads"].integer()), "downloads", status))
    return observations(received, SPEC, sorted(rows, key=lambda row: (row.day, row.metric)))
