"""Cloudflare Radar: daily ranks of internet services by DNS requests. Ranks only: no magnitudes."""

from datetime import timedelta

from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import Key, Option, Query, Received, Request, Spec, no_events, nothing_follows
from auditor.sources.windows import split, status_of, window

SPEC = Spec(
    name="cloudflare-radar",
    title="Cloudflare Radar",
    licence="CC BY-NC 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc/4.0/",
    citation="Cloudflare Radar (radar.cloudflare.com), as of {as_of}. CC BY-NC 4.0: no commercial use.",
    base_url="https://api.cloudflare.com/client/v4/radar",
    hosts=("api.cloudflare.com",),
    docs="https://developers.cloudflare.com/radar/",
    grain="rank per service and UTC day (1 is best), from about 2025-02",
    # 1,200 requests in five minutes per user.
    seconds_between=0.3,
    key=Key("CLOUDFLARE_API_TOKEN", page="https://dash.cloudflare.com/profile/api-tokens (Account, Radar, Read)"),
    options=(
        Option("table", "ranks over time, or the list of one day", ("timeseries", "top"), "timeseries"),
        Option("service_category", "group of services", default="Generative AI"),
        Option("limit", "services in a list", default="50"),
    ),
    independence="high; DNS requests of browsers and apps, little of programs",
)
PARSER_VERSION = 1

follow, events = nothing_follows, no_events

_MOST_DAYS = 364


def requests(query: Query, /) -> list[Request]:
    """Plan ranks over time, at most 364 days at once, or the list of the last day of the window."""
    since, until = window(query, SPEC, days=28)
    category = ("serviceCategory", query.option(SPEC, "service_category"))
    limit = ("limit", query.option(SPEC, "limit"))
    if query.option(SPEC, "table") == "top":
        return [
            Request(
                SPEC.name,
                "top",
                "ranking/internet_services/top",
                params=(category, ("date", str(until)), limit),
                context=(("day", str(until)),),
                key="required",
            )
        ]
    return [
        Request(
            SPEC.name,
            "timeseries",
            "ranking/internet_services/timeseries_groups",
            params=(
                category,
                ("dateStart", f"{start}T00:00:00Z"),
                ("dateEnd", f"{end + timedelta(days=1)}T00:00:00Z"),
                limit,
            ),
            context=(("since", str(start)), ("until", str(end))),
            key="required",
        )
        for start, end in split(since, until, _MOST_DAYS)
    ]


def parse(received: Received, /) -> Observations:
    """Read ranks; they come as numbers or text, with gaps."""
    answer = Node.of(received)
    if answer["success"].value is not True:
        raise answer["success"].fail("is not true: the source reports a failure")
    result = answer["result"]
    meta = result["meta"]
    as_of = meta["lastUpdated"].moment()
    rows = []
    if received.request.kind == "top":
        day = Node(received.request.get("day"), "date", received.url).day()
        ranked = [(day, item["service"].text(), item["rank"]) for item in result["top_0"]]
    else:
        series = result["serie_0"]
        days = [stamp.day() for stamp in series["timestamps"]]
        ranked = []
        for name in series.keys():  # noqa: SIM118 - a Node is no mapping
            if name == "timestamps":
                continue
            cells = list(series[name])
            if len(cells) != len(days):
                raise series[name].fail(f"has {len(cells)} ranks for {len(days)} days")
            ranked += [
                (day, name, cell)
                for day, cell in zip(days, cells, strict=True)
                if cell.value is not None and cell.value != ""
            ]
    for day, name, cell in ranked:
        rank = cell.integer()
        if rank < 1:
            raise cell.fail(f"is {rank}, not a rank")
        rows.append(Row(day, name, "rank", float(rank), "rank", status_of(day, Frequency.DAY, as_of)))
    notes = [Note("ranks", "ranks hold no magnitude; a service that is absent lies outside the list", received.url)]
    stated = meta["normalization"].text() if meta.has("normalization") else ""
    if stated not in {"", "RAW_VALUES"}:
        notes.append(Note("normalization", f"the publisher states the figures as {stated}", received.url))
    if meta.has("confidenceInfo") and meta["confidenceInfo"].has("annotations"):
        for incident in meta["confidenceInfo"]["annotations"]:
            said = incident["description"].text() if incident.has("description") else "unnamed"
            notes.append(Note("incident", f"the publisher notes an incident: {said}", received.url))
    return observations(received, SPEC, rows, as_of=meta["lastUpdated"].text(), notes=notes)
