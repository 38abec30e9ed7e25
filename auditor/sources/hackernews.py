"""Hacker News, through Algolia's index: stories per day and subject (attention), and single stories (events).

Choose the window before looking at a spike, and count the stories of quiet windows too: with enough stories every spike
finds one.
"""

from datetime import UTC, date, datetime, time, timedelta

from auditor.case import Event, EventKind
from auditor.errors import UsageError
from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import EventList, Option, Query, Received, Request, Spec
from auditor.sources.windows import split, status_of, window

SPEC = Spec(
    name="hackernews",
    title="Hacker News (Algolia)",
    licence="not stated; single facts and links",
    citation="Hacker News search by Algolia (hn.algolia.com), as retrieved {as_of}.",
    base_url="https://hn.algolia.com/api/v1",
    hosts=("hn.algolia.com",),
    docs="https://hn.algolia.com/api",
    grain="stories, points and comments per subject and UTC day of submission, from 2006-10",
    # About 10,000 requests an hour per address.
    seconds_between=0.4,
    options=(
        Option("min_points", "events: only stories with at least so many points", default="100"),
        Option("tags", "what to count", ("story", "comment"), "story"),
    ),
    independence="high; attention, not usage",
)
PARSER_VERSION = 1
FIRST_DAY = date(2006, 10, 9)

_SLICE = 28
_MOST = 1000


def requests(query: Query, /) -> list[Request]:
    """Plan four weeks at a time; a slice with more stories than one answer holds is cut again."""
    points = query.option(SPEC, "min_points")
    if not points.isdigit():
        raise UsageError(f"min_points={points!r} is not a whole number", hint="use --option min_points=100")
    since, until = window(query, SPEC, days=90, floor=FIRST_DAY)
    return [
        _slice(subject, start, end, query.option(SPEC, "tags"), points)
        for subject in query.needs_subjects(SPEC, "ChatGPT")
        for start, end in split(since, until, _SLICE)
    ]


def _slice(subject: str, since: date, until: date, tags: str, points: str) -> Request:
    first = int(datetime.combine(since, time(), UTC).timestamp())
    after = int(datetime.combine(until + timedelta(days=1), time(), UTC).timestamp())
    return Request(
        SPEC.name,
        "search",
        "search_by_date",
        params=(
            # Quoted and without tolerance for typing errors, which would match unwanted titles.
            ("query", '"' + subject.replace('"', " ") + '"'),
            ("tags", tags),
            ("numericFilters", f"created_at_i>={first},created_at_i<{after}"),
            ("hitsPerPage", str(_MOST)),
            ("typoTolerance", "false"),
            ("advancedSyntax", "true"),
        ),
        context=(
            ("subject", subject),
            ("since", str(since)),
            ("until", str(until)),
            ("tags", tags),
            ("min_points", points),
        ),
    )


def _bounds(request: Request) -> tuple[date, date]:
    return date.fromisoformat(request.get("since")), date.fromisoformat(request.get("until"))


def _overflows(received: Received) -> bool:
    answer = Node.of(received)
    return answer["nbHits"].integer() > len(list(answer["hits"]))


def follow(received: Received, /) -> list[Request]:
    """Cut a slice in two when it holds more stories than one answer can."""
    request = received.request
    since, until = _bounds(request)
    if since == until or not _overflows(received):
        return []
    middle = since + (until - since) // 2
    tags, points = request.get("tags"), request.get("min_points")
    return [
        _slice(request.get("subject"), since, middle, tags, points),
        _slice(request.get("subject"), middle + timedelta(days=1), until, tags, points),
    ]


def _hits(received: Received) -> list[tuple[datetime, Node]]:
    since, until = _bounds(received.request)
    found = []
    for item in Node.of(received)["hits"]:
        when = datetime.fromtimestamp(item["created_at_i"].integer(), UTC)
        if not since <= when.date() <= until:
            raise item["created_at_i"].fail(f"is {when:%Y-%m-%d %H:%M}, outside the window that was asked for")
        found.append((when, item))
    return found


def parse(received: Received, /) -> Observations:
    """Count stories per day; a day without a story is a zero, as the search is complete for its slice."""
    request = received.request
    since, until = _bounds(request)
    subject, tags = request.get("subject"), request.get("tags", "story")
    plural = {"story": "stories", "comment": "comments"}[tags]
    if _overflows(received) and since < until:
        note = Note("cut-again", "a slice held more stories than one answer; it was cut and asked again", received.url)
        return observations(received, SPEC, (), notes=(note,))
    counts: dict[date, list[float]] = {}
    for when, item in _hits(received):
        sums = counts.setdefault(when.date(), [0.0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += (item["points"].number_or_none() or 0.0) if item.has("points") else 0.0
        sums[2] += (item["num_comments"].number_or_none() or 0.0) if item.has("num_comments") else 0.0
    rows = []
    day = since
    while day <= until:
        sums = counts.get(day, [0.0, 0.0, 0.0])
        status = status_of(day, Frequency.DAY, received.retrieved_at)
        rows.append(Row(day, subject, f"hn_{plural}", sums[0], plural, status))
        if tags == "story":
            rows.append(Row(day, subject, "hn_points", sums[1], "points", status))
            rows.append(Row(day, subject, "hn_story_comments", sums[2], "comments", status))
        day += timedelta(days=1)
    notes = [
        Note("points-now", "points and comments are those of today, on the day the story was submitted", received.url)
    ]
    if _overflows(received):
        notes.append(Note("list-cut", "a day held more stories than one answer; its counts are too low", received.url))
    return observations(received, SPEC, rows, notes=notes)


def events(received: Received, /) -> EventList:
    """Read the stories with many points as dated news."""
    request = received.request
    least = int(request.get("min_points", "100"))
    found = []
    for when, item in _hits(received) if request.get("tags", "story") == "story" else ():
        points = item["points"].integer() if item.has("points") else 0
        if points >= least:
            found.append(
                Event(
                    date=when,
                    kind=EventKind.NEWS,
                    source=f"https://news.ycombinator.com/item?id={item['objectID'].text()}",
                    note=f"{item['title'].text()} ({points} points when read)",
                    entity=request.get("subject"),
                )
            )
    return EventList(tuple(found))
