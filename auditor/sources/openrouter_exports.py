"""OpenRouter's keyless exports: a manifest, then the dated file that it names, with size and SHA-256.

A snapshot of day D holds the 30 days before D. ``latest.*`` can come from two dates around the time of publication, so
the manifest is read first and the dated file fetched. Longer windows are stitched from earlier snapshots; where two
snapshots hold the same day, both are kept (they are vintages of one figure).
"""

import re
from datetime import date, timedelta

from auditor.errors import SourceError, UsageError, Where
from auditor.observations import Frequency, Note, Observations
from auditor.sources.answers import CHANGED, Node, Row, csv_node, csv_rows, nothing, observations
from auditor.sources.base import Query, Received, Request
from auditor.sources.http.addresses import relative
from auditor.sources.openrouter_spec import FIRST_EXPORT_DAY, REMAINDER, SPEC
from auditor.sources.windows import check_dates, status_of

DAYS = 30
_FOLDER = "datasets/exports/rankings-daily"
_COLUMNS = ("date", "model_permaslug", "rank", "total_tokens", "share_of_daily_tokens")
#: The publisher divides in double precision; an unedited file agrees to the last bit or two.
_SHARE_TOLERANCE = 1e-12
#: A dated snapshot may be missing; so many later ones are tried instead.
_LATER = 7


def requests(query: Query) -> list[Request]:
    """Plan: the newest manifest first."""
    if any(day and day < FIRST_EXPORT_DAY for day in (query.since, query.until)):
        raise UsageError(
            f"the keyless exports hold nothing before {FIRST_EXPORT_DAY}",
            hint=f"use --since {FIRST_EXPORT_DAY}, or the Data API with --option via=api and a key in "
            "OPENROUTER_API_KEY, which reaches back to 2025-01-01",
        )
    wanted = (("since", str(query.since or "")), ("until", str(query.until or "")))
    return [
        Request(SPEC.name, "manifest", f"{_FOLDER}/latest.manifest.json", context=(*wanted, ("tries", "0")), data=False)
    ]


def follow(received: Received) -> list[Request]:
    """From a manifest to its file, and to the snapshot that ends where this one starts."""
    request = received.request
    if received.absent:
        return _next_after_hole(request)
    manifest = Node.of(received)
    snapshot = manifest["snapshot_date"].day()
    file = manifest["files"]["csv"]
    digest = file["sha256"].text()
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise file["sha256"].fail(f"is {digest[:80]!r}, not a SHA-256")
    path = relative(file["url"].text(), SPEC, received.url)
    if not path.endswith(f"/{snapshot}.csv"):
        raise file["url"].fail(f"names {path!r}, not the file of {snapshot}")
    since, until = request.get("since"), request.get("until")
    first = snapshot - timedelta(days=DAYS)
    found = [
        Request(
            SPEC.name,
            "export",
            path,
            accept=("text/csv", "application/octet-stream", "text/plain"),
            context=(
                ("since", since),
                ("until", until),
                ("snapshot", str(snapshot)),
                ("retrieved_at", manifest["retrieved_at"].text()),
                ("rows", str(manifest["row_count"].integer())),
                ("attribution", manifest["attribution"].text()),
            ),
            sha256=digest,
            size=file["bytes"].integer(),
            complete_days=True,
        )
    ]
    # A snapshot that lies wholly after the window is passed over, but its manifest showed where the record ends.
    if until and date.fromisoformat(until) < first:
        found = []
    if since and date.fromisoformat(since) < first:
        found.append(_dated(request, first))
    return found


def _dated(request: Request, snapshot: date, tries: int = 0) -> Request:
    context = (("since", request.get("since")), ("until", request.get("until")))
    return Request(
        SPEC.name,
        "manifest",
        f"{_FOLDER}/{snapshot}.manifest.json",
        context=(*context, ("snapshot", str(snapshot)), ("tries", str(tries))),
        data=False,
        absent=f"OpenRouter publishes no snapshot of {snapshot}; a later one was used",
    )


def _next_after_hole(request: Request) -> list[Request]:
    tries = int(request.get("tries", "0")) + 1
    if tries > _LATER:
        raise SourceError(
            f"no snapshot of OpenRouter's exports was found within {_LATER} days after "
            f"{date.fromisoformat(request.get('snapshot')) - timedelta(days=tries - 1)}",
            where=f"{SPEC.base_url}/{_FOLDER}",
            hint="ask for a later window, or use --option via=api with a key in OPENROUTER_API_KEY",
        )
    return [_dated(request, date.fromisoformat(request.get("snapshot")) + timedelta(days=1), tries)]


def parse(received: Received) -> Observations:
    """Read a dated CSV file; shares are recomputed, as an edited file would not match them."""
    if received.absent:
        return nothing(received, SPEC)
    request = received.request
    as_of = request.get("retrieved_at")
    stated = Node(as_of, "retrieved_at", received.url).moment()
    rows: list[tuple[date, str, int, float]] = []
    for line, cells in csv_rows(received, _COLUMNS):
        rows.append(
            (
                csv_node(cells, "date", line, received.url).day(),
                csv_node(cells, "model_permaslug", line, received.url).text(),
                csv_node(cells, "total_tokens", line, received.url).integer(),
                csv_node(cells, "share_of_daily_tokens", line, received.url).number(),
            )
        )
    promised = request.get("rows")
    if promised and len(rows) != int(promised):
        raise SourceError(
            f"the file has {len(rows):,} rows, its manifest states {int(promised):,}",
            where=Where(received.url, field="row_count"),
            hint=CHANGED,
        )
    snapshot = date.fromisoformat(request.get("snapshot")) if request.get("snapshot") else stated.date()
    check_dates([r[0] for r in rows], snapshot - timedelta(days=DAYS), snapshot, Frequency.DAY, received.url)
    totals: dict[date, int] = {}
    for day, _, tokens, _ in rows:
        totals[day] = totals.get(day, 0) + tokens
    wrong = sum(abs(share - tokens / totals[day]) > _SHARE_TOLERANCE for day, _, tokens, share in rows if totals[day])
    notes = []
    if wrong:
        notes.append(
            Note(
                "share-mismatch",
                "stated shares differ from tokens divided by the day's sum; OpenRouter's own files agree exactly, so this "
                "file may be cut or edited",
                received.url,
                wrong,
            )
        )
    kept = [
        Row(day, entity, "total_tokens", float(tokens), "tokens", status_of(day, Frequency.DAY, stated))
        for day, entity, tokens, _ in rows
    ]
    if not any(row.entity == REMAINDER for row in kept):
        notes.append(Note("no-remainder", "no remainder row: the market total is unknown on these days", received.url))
    attribution = request.get("attribution")
    citation = f"{attribution} As of {as_of}." if attribution else ""
    return observations(received, SPEC, kept, as_of=as_of, citation=citation, notes=notes)
