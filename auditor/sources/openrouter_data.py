"""OpenRouter's keyed Data API: rankings, apps, session cost and task shares.

Quirks that are checked, not trusted: ``meta`` does not echo filters or period, an early start is moved silently, weekly
buckets may start before the window and end after it, token counts are decimal text of 64 bits.
"""

from datetime import date, timedelta

from auditor.errors import UsageError
from auditor.observations import Frequency, Note, Observations, Status
from auditor.sources.answers import Node, Row, observations
from auditor.sources.base import Query, Received, Request
from auditor.sources.openrouter_spec import FIRST_DAY, REMAINDER, SPEC
from auditor.sources.windows import check_dates, period_end, split, status_of, window

#: Longest window of one call.
MOST_DAYS = 366
#: Calls a day that one account may make, shared by all Data API endpoints.
MOST_CALLS = 500

_FILTERS = ("modality", "context_bucket", "category", "language_type")
_ESTIMATES = ("category", "language_type")
_APP_CITATION = "Source: OpenRouter (openrouter.ai/apps), as of {as_of}. Licensed under CC BY 4.0."
_API_CITATION = (
    "Source: OpenRouter Data API (openrouter.ai/docs/cookbook/administration/data-api), as of {as_of}. "
    "Licensed under CC BY 4.0."
)


def needs_api(query: Query) -> bool:
    """Whether the question can be asked of the keyed API only."""
    asked = any(query.option(SPEC, name) for name in _FILTERS)
    return query.option(SPEC, "via") == "api" or asked or query.option(SPEC, "period") != "day"


def rankings(query: Query) -> list[Request]:
    """Plan rankings: windows of at most 366 days, oldest first."""
    filters = [(name, query.option(SPEC, name)) for name in _FILTERS if query.option(SPEC, name)]
    estimate = [name for name, _ in filters if name in _ESTIMATES]
    period = query.option(SPEC, "period")
    if estimate and len(filters) > 1:
        raise UsageError(
            f"the filter {estimate[0]} cannot be combined with {' and '.join(n for n, _ in filters if n != estimate[0])}",
            hint="use one of them",
        )
    if estimate and period == "day":
        if "period" in query.options:
            raise UsageError(f"figures by {estimate[0]} are weekly estimates", hint="use --option period=week")
        period = "week"
    since, until = window(query, SPEC, days=30, floor=FIRST_DAY)
    found = []
    for start, end in split(since, until, MOST_DAYS):
        asked = [("start_date", str(start)), ("end_date", str(end))]
        if period != "day":
            asked.append(("period", period))
        found.append(
            Request(
                SPEC.name,
                "rankings-daily",
                "datasets/rankings-daily",
                params=(*asked, *filters),
                context=(
                    ("since", str(start)),
                    ("until", str(end)),
                    ("period", period),
                    ("filter", ",".join(f"{n}={v}" for n, v in filters)),
                ),
                key="required",
                complete_days=period == "day",
            )
        )
    return found


def parse_rankings(received: Received) -> Observations:
    """Read rankings; every date must lie in the window and on the grid that was asked for."""
    request = received.request
    answer = Node.of(received)
    as_of = answer["meta"]["as_of"].moment()
    start, end = answer["meta"]["start_date"].day(), answer["meta"]["end_date"].day()
    frequency = Frequency(request.get("period", "day"))
    since = date.fromisoformat(request.get("since", str(start)))
    until = date.fromisoformat(request.get("until", str(end)))
    filtered = request.get("filter")
    metric = "total_tokens" + (f"[{filtered}]" if filtered else "")
    rows, notes = [], []
    for item in answer["data"]:
        day = item["date"].day()
        entity, tokens = item["model_permaslug"].text(), item["total_tokens"].integer()
        status = status_of(day, frequency, as_of)
        # The last weekly bucket may hold traffic after the window, or stop inside the week.
        if frequency is not Frequency.DAY and period_end(day, frequency).date() > until + timedelta(days=1):
            status = Status.PARTIAL
        rows.append(Row(day, entity, metric, float(tokens), "tokens", status))
    check_dates([row.day for row in rows], since, until, frequency, received.url)
    if start != since or end != until:
        notes.append(Note("window-moved", f"asked for {since} to {until}, answered for {start} to {end}", received.url))
    if any(name in filtered for name in _ESTIMATES):
        notes.append(Note("estimate", "figures by category or language are sampled and scaled up weekly", received.url))
    complete = {row.day for row in rows if row.entity == REMAINDER}
    bare = {row.day for row in rows} - complete
    if bare:
        notes.append(
            Note("no-remainder", "no remainder row: every model of the day is listed", received.url, len(bare))
        )
    return observations(received, SPEC, rows, frequency=frequency, as_of=answer["meta"]["as_of"].text(), notes=notes)


def apps(query: Query) -> list[Request]:
    """Plan app rankings: the API gives one sum per app and call, so a series takes one call a day."""
    since, until = window(query, SPEC, days=7, floor=FIRST_DAY)
    days = (until - since).days + 1
    if days > MOST_CALLS:
        raise UsageError(
            f"{days} days take {days} calls, and one account has {MOST_CALLS} a day",
            hint=f"ask for at most {MOST_CALLS} days at once, and continue tomorrow",
        )
    category = query.option(SPEC, "category")
    extra = (("category", category),) if category else ()
    return [
        Request(
            SPEC.name,
            "app-rankings",
            "datasets/app-rankings",
            params=(("start_date", str(day)), ("end_date", str(day)), ("limit", "100"), *extra),
            context=(("day", str(day)), ("filter", ",".join(f"{n}={v}" for n, v in extra))),
            key="required",
        )
        for day, _ in split(since, until, 1)
    ]


def parse_apps(received: Received) -> Observations:
    """Read the apps of one day; an app's name can be shared, its number cannot."""
    answer = Node.of(received)
    as_of = answer["meta"]["as_of"].moment()
    start, end = answer["meta"]["start_date"].day(), answer["meta"]["end_date"].day()
    asked = received.request.get("day")
    if asked and not str(start) == str(end) == asked:
        raise answer["meta"]["start_date"].fail(f"says {start} to {end}, not the one day {asked} that was asked for")
    if start != end:
        raise answer["meta"]["end_date"].fail(f"makes a window of {start} to {end}; a series needs single days")
    items = list(answer["data"])
    names = [item["app_name"].text() for item in items]
    filtered = received.request.get("filter")
    tail = f"[{filtered}]" if filtered else ""
    status = status_of(start, Frequency.DAY, as_of)
    rows = []
    for item, name in zip(items, names, strict=True):
        number = item["app_id"].integer()
        entity = name if names.count(name) == 1 else f"{name} (app {number})"
        tokens, calls = item["total_tokens"].integer(), item["total_requests"].integer()
        rows.append(Row(start, entity, "app_tokens" + tail, float(tokens), "tokens", status, str(number)))
        rows.append(Row(start, entity, "app_requests" + tail, float(calls), "requests", status, str(number)))
    note = Note("self-declared", "apps name themselves in a request header; hidden apps are left out", received.url)
    return observations(
        received, SPEC, rows, as_of=answer["meta"]["as_of"].text(), citation=_APP_CITATION, notes=(note,)
    )


def session_cost(query: Query) -> list[Request]:
    """Plan the session cost table, a weekly snapshot."""
    asked = [(n, query.option(SPEC, n)) for n in ("app_slug", "model") if query.option(SPEC, n)]
    return [_cost_page(tuple(asked), 0)]


def _cost_page(asked: tuple[tuple[str, str], ...], offset: int) -> Request:
    return Request(
        SPEC.name,
        "session-cost",
        "datasets/session-cost",
        params=(*asked, ("limit", "500"), ("offset", str(offset))),
        context=(*asked, ("offset", str(offset))),
        key="required",
    )


def follow(received: Received) -> list[Request]:
    """Ask for the next page of the session cost table while pages are full."""
    request = received.request
    if request.kind != "session-cost" or len(list(Node.of(received)["data"])) < 500:
        return []
    offset = int(request.get("offset", "0")) + 500
    asked = tuple((n, v) for n, v in request.context if n != "offset")
    return [_cost_page(asked, offset)] if offset <= 5000 else []


def parse_session_cost(received: Received) -> Observations:
    """Read the session cost table; it is dated by the end of its window."""
    answer = Node.of(received)
    meta = answer["meta"]
    if not meta.has("window_end_date"):
        note = Note("no-snapshot", "no session cost snapshot is published", received.url)
        return observations(received, SPEC, (), as_of=meta["as_of"].text(), citation=_API_CITATION, notes=(note,))
    day, days = meta["window_end_date"].day(), meta["window_days"].integer()
    rows = [
        Row(
            day,
            f"{item['app_slug'].text()}|{item['model_permaslug'].text()}|{item['turn_range'].text()}",
            "median_session_cost",
            item["median_session_cost_usd"].number(),
            "USD",
            dimension=f"{days} days",
        )
        for item in answer["data"]
    ]
    return observations(received, SPEC, rows, as_of=meta["as_of"].text(), citation=_API_CITATION)


def classifications(query: Query) -> list[Request]:  # noqa: ARG001 - the API offers one window only
    """Plan the task shares of the last seven days."""
    return [Request(SPEC.name, "classifications", "classifications/task", params=(("window", "7d"),), key="required")]


def parse_classifications(received: Received) -> Observations:
    """Read task shares: shares of classified sampled traffic, so no levels; the answer has no ``meta``."""
    data = Node.of(received)["data"]
    day = data["as_of"].day()
    window_note = Note(
        "window-share",
        f"each figure is a share over {data['window_days'].integer()} days of sampled, classified traffic",
        received.url,
    )
    rows = []
    for task in data["classifications"]:
        tag = task["tag"].text()
        shares = ("usage_share", "token_share")
        rows += [Row(day, tag, f"task_{name}", task[name].number(), "share") for name in shares]
        for model in task["models"]:
            for name in shares:
                value = model[f"tag_{name}"].number()
                rows.append(Row(day, model["id"].text(), f"task_{name}[{tag}]", value, "share", dimension=tag))
    return observations(received, SPEC, rows, as_of=data["as_of"].text(), citation=_API_CITATION, notes=(window_note,))
