"""Wikimedia pageviews: attention, with the publisher's own split into people, declared bots and suspected bots."""

import re
from datetime import date
from urllib.parse import quote

from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import Node, Row, nothing, observations
from auditor.sources.base import Option, Query, Received, Request, Spec, no_events, nothing_follows
from auditor.sources.windows import check_dates, status_of, window

SPEC = Spec(
    name="wikimedia",
    title="Wikimedia pageviews",
    licence="CC0 1.0",
    licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
    citation="Wikimedia Foundation, Pageviews API (wikimedia.org/api/rest_v1), as retrieved {as_of}.",
    base_url="https://wikimedia.org/api/rest_v1",
    hosts=("wikimedia.org",),
    docs="https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html",
    grain="views per article, kind of reader and UTC day or month, from 2015-07-01",
    # About 200 requests a minute are allowed with a descriptive user agent.
    seconds_between=0.35,
    options=(
        Option("project", "which wiki", default="en.wikipedia"),
        Option("access", "how it was read", ("all-access", "desktop", "mobile-web", "mobile-app"), "all-access"),
        Option("agent", "which readers", ("each", "user", "spider", "automated"), "each"),
        Option("period", "spacing", ("day", "month"), "day"),
    ),
    independence="high, but it measures curiosity, not usage",
)
PARSER_VERSION = 1
FIRST_DAY = date(2015, 7, 1)
AGENTS = ("user", "spider", "automated")

follow, events = nothing_follows, no_events

_GRANULARITY = {"day": "daily", "month": "monthly"}


def requests(query: Query, /) -> list[Request]:
    """Plan one request per article and kind of reader; the three kinds are never added up."""
    since, until = window(query, SPEC, days=180, floor=FIRST_DAY)
    period, chosen = query.option(SPEC, "period"), query.option(SPEC, "agent")
    project, access = query.option(SPEC, "project"), query.option(SPEC, "access")
    found = []
    for subject in query.needs_subjects(SPEC, "ChatGPT"):
        title = re.sub(r"\s+", "_", subject.strip())
        for agent in AGENTS if chosen == "each" else (chosen,):
            place = "/".join(quote(part, safe="") for part in (project, access, agent, title))
            found.append(
                Request(
                    SPEC.name,
                    "per-article",
                    f"metrics/pageviews/per-article/{place}/{_GRANULARITY[period]}/{since:%Y%m%d}00/{until:%Y%m%d}00",
                    context=(
                        ("article", title),
                        ("project", project),
                        ("agent", agent),
                        ("period", period),
                        ("since", str(since)),
                        ("until", str(until)),
                    ),
                    absent=f"{project} reports no {agent} views of {title}: an unknown title (redirects are not followed), "
                    "before its creation, or none in the window",
                )
            )
    return found


def parse(received: Received, /) -> Observations:
    """Read views of one article by one kind of reader."""
    request = received.request
    frequency = Frequency(request.get("period", "day"))
    if received.absent:
        return nothing(received, SPEC, frequency)
    rows = []
    for item in Node.of(received)["items"]:
        agent, article = item["agent"].text(), item["article"].text()
        if agent != request.get("agent", agent) or item["granularity"].text() != _GRANULARITY[frequency.value]:
            raise item["agent"].fail(f"is {agent!r} ({item['granularity'].value}), not what was asked for")
        stamp = item["timestamp"].text()
        if not re.fullmatch(r"\d{10}", stamp):
            raise item["timestamp"].fail(f"is {stamp!r}, not YYYYMMDDHH")
        day = Node(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}", item["timestamp"].path, received.url).day()
        project = item["project"].text().removesuffix(".org")
        entity = article if project == "en.wikipedia" else f"{project}:{article}"
        status = status_of(day, frequency, received.retrieved_at)
        rows.append(Row(day, entity, f"views_{agent}", float(item["views"].integer()), "views", status))
    since, until = request.get("since"), request.get("until")
    if since and until:
        check_dates_loosely(rows, date.fromisoformat(since), date.fromisoformat(until), frequency, received.url)
    notes = [
        Note("left-out-days", "days without views are left out by the publisher and stay missing here", received.url)
    ]
    if any(row.day < date(2020, 5, 1) for row in rows):
        notes.append(Note("bots-in-user", "before 2020 suspected bots are counted among the users", received.url))
    return observations(received, SPEC, rows, frequency=frequency, notes=notes)


def check_dates_loosely(rows: list[Row], since: date, until: date, frequency: Frequency, url: str) -> None:
    """Check the window, but not the spacing: a quiet article may have views on Mondays only."""
    for row in rows:
        check_dates([row.day], since, until, frequency, url)
