"""Vercel AI Gateway leaderboards: shares of requests, tokens or spend, from another gateway with other customers.

Shares only, so levels cannot be compared. The named list is chosen per window, a name that is absent lies outside it
(it is not zero); past months are recomputed, so the vintage matters.
"""

from datetime import date, timedelta

from auditor.errors import SourceError, Where
from auditor.observations import Frequency, Note, Observations, Status
from auditor.sources.answers import CHANGED, Node, Row, csv_node, csv_rows, observations
from auditor.sources.base import Option, Query, Received, Request, Spec, no_events, nothing_follows
from auditor.sources.windows import status_of, window

SPEC = Spec(
    name="vercel",
    title="Vercel AI Gateway",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    citation="2026 Vercel, AI Gateway Leaderboard Data, CC BY 4.0, as retrieved {as_of}.",
    base_url="https://vercel.com/api/ai",
    hosts=("vercel.com", "www.vercel.com"),
    docs="https://vercel.com/ai-gateway/leaderboards",
    grain="share in percent per name and UTC day, from 2025-10-01",
    seconds_between=2.0,
    options=(
        Option("dataset", "what is ranked", ("models", "labs"), "models"),
        Option("modality", "kind of traffic", ("all", "text", "image", "video"), "all"),
        Option("format", "form of the answer", ("json", "csv"), "json"),
    ),
    independence="high: another gateway and other customers; launches and outages are shared",
)
PARSER_VERSION = 1
FIRST_DAY = date(2025, 10, 1)

follow, events = nothing_follows, no_events

_COLUMNS = ("date", "group", "name", "metric", "modality", "share_percent")
#: Shares of a day add to 100 within the rounding of some 20 names to four decimals, and a margin.
_SUM_TOLERANCE = 0.1
#: A day's shares have moved by up to 28.6 points on the day after, so two days count as not settled.
_UNSETTLED = timedelta(days=1)


def requests(query: Query, /) -> list[Request]:
    """Plan one export for the window (the answers are cached for a day)."""
    since, until = window(query, SPEC, days=60, lag=0, floor=FIRST_DAY)
    form = query.option(SPEC, "format")
    asked = ("dataset", query.option(SPEC, "dataset")), ("modality", query.option(SPEC, "modality"))
    return [
        Request(
            SPEC.name,
            form,
            "leaderboard-export",
            params=(*asked, ("format", form), ("from", str(since)), ("to", str(until))),
            context=(*asked, ("since", str(since)), ("until", str(until))),
            accept=("application/json",) if form == "json" else ("text/csv", "text/plain"),
        )
    ]


def parse(received: Received, /) -> Observations:
    """Read an export; shares that do not add to 100 are noted."""
    request = received.request
    if request.kind == "csv":
        items = [
            {c: csv_node(cells, c, line, received.url) for c in _COLUMNS}
            for line, cells in csv_rows(received, _COLUMNS)
        ]
    else:
        answer = Node.of(received)
        stated = answer["dataset"].text()
        if request.get("dataset", stated) != stated:
            raise answer["dataset"].fail(f"is {stated!r}, not {request.get('dataset')!r} as asked for")
        items = [{c: row[c] for c in _COLUMNS} for row in answer["rows"]]
    rows, sums = [], dict[tuple[date, str], float]()
    for item in items:
        day, share, metric = item["date"].day(), item["share_percent"].number(), item["metric"].text()
        if not 0 <= share <= 100:
            raise item["share_percent"].fail(f"is {share}, not a percentage")
        if request.get("modality", "all") != item["modality"].text():
            raise item["modality"].fail(f"is {item['modality'].value!r}, not the modality that was asked for")
        sums[day, metric] = sums.get((day, metric), 0.0) + share
        status = status_of(day, Frequency.DAY, received.retrieved_at - _UNSETTLED)
        rows.append(Row(day, item["name"].text(), f"share_{metric}", share, "percent", status))
    outside = [r.day for r in rows if not request.get("since", "") <= str(r.day) <= request.get("until", "9999")]
    if outside:
        raise SourceError(
            f"the answer holds {outside[0]}, outside the window that was asked for",
            where=Where(received.url, field="rows.date"),
            hint=CHANGED,
        )
    notes = [
        Note("shares", "shares of one gateway, without levels; past days are recomputed by the publisher", received.url)
    ]
    uneven = sum(abs(total - 100) > _SUM_TOLERANCE for total in sums.values())
    if uneven:
        notes.append(Note("share-sum", "shares of a day do not add to 100 percent", received.url, uneven))
    unsettled = len({row.day for row in rows if row.status is Status.PARTIAL})
    if unsettled:
        notes.append(
            Note("unsettled", "the newest two days are not settled and are marked partial", received.url, unsettled)
        )
    return observations(received, SPEC, rows, notes=notes)
