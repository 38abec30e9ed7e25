"""Runs a source: asks, checks what a manifest promised, follows, and puts the answers together."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from auditor.errors import SourceError
from auditor.observations import Frequency, Note, Observations, concatenate
from auditor.sources.answers import nothing
from auditor.sources.base import EventList, Query, Received, Request, Source
from auditor.sources.http.client import Client

#: Most answers of one fetch: a publisher whose "next page" never ends is stopped here.
MOST_ANSWERS = 5_000


async def fetch(source: Source, query: Query, client: Client) -> AsyncIterator[Received]:
    """Ask a source; yield every answer in the order in which it was asked for.

    Answers come one after the other: the pace of the host decides how fast, and each is handed over (to be archived)
    before the next is asked for, so an interrupted fetch keeps what it had.

    Raises
    ------
    UsageError
        When the question cannot be asked of this source.
    SourceError
        When the source does not answer as it should.
    """
    query.check(source.SPEC)
    waiting = deque(source.requests(query))
    answers = 0
    while waiting:
        request = waiting.popleft()
        answers += 1
        if answers > MOST_ANSWERS:
            raise SourceError(
                f"{source.SPEC.title} asks for more than {MOST_ANSWERS:,} answers",
                where=client.url(source.SPEC, request),
                hint="ask for a shorter window or fewer subjects",
            )
        received = await client.get(source.SPEC, request)
        check_promise(received)
        yield received
        waiting.extendleft(reversed(source.follow(received)))


async def collect(
    source: Source, query: Query, client: Client, keep: Callable[[Received], object] | None = None
) -> list[Received]:
    """Ask a source and return all answers; ``keep`` gets each one as it comes (the archive)."""
    answers = []
    async for received in fetch(source, query, client):
        if keep:
            keep(received)
        answers.append(received)
    return answers


def check_promise(received: Received) -> None:
    """Check an answer against the size and SHA-256 that a manifest stated for it.

    Raises
    ------
    SourceError
        When they differ.
    """
    request = received.request
    if received.absent:
        return
    if request.size is not None and len(received.raw) != request.size:
        raise SourceError(
            f"the file has {len(received.raw):,} bytes, its manifest states {request.size:,}",
            where=received.url,
            hint="the file is cut off, altered, or was replaced while it was read; try again in a few minutes",
        )
    if request.sha256 and received.sha256 != request.sha256.lower():
        raise SourceError(
            f"the file's SHA-256 is {received.sha256}, its manifest states {request.sha256}",
            where=received.url,
            hint="the file is altered, or was replaced while it was read; try again in a few minutes",
        )


def read(source: Source, answers: Iterable[Received]) -> Observations:
    """Read the answers of one fetch into one set of observations, cut to the window that was asked for.

    A parser reads everything that an answer holds, so that the archive can give back more than was asked for at the time.

    Raises
    ------
    SourceError
        When an answer cannot be read, or none holds data.
    """
    parts = [_within(source.parse(received), received.request) for received in answers if received.request.data]
    if not parts:
        raise SourceError(f"{source.SPEC.title} gave no answer that holds data", hint="check window and subjects")
    joined = concatenate(_same_columns(parts))
    return replace(joined, notes=_counted(joined.notes))


def read_events(source: Source, answers: Iterable[Received]) -> EventList:
    """Read the dated events of the answers of one fetch, oldest first, each once."""
    lists = [source.events(received) for received in answers if received.request.data]
    events = sorted({e for found in lists for e in found.events}, key=lambda e: (e.date, e.kind, e.entity, e.note))
    return EventList(tuple(events), _counted([note for found in lists for note in found.notes]))


def restored(
    raw: bytes,
    details: Mapping[str, Any],
    *,
    url: str,
    retrieved_at: datetime,
    status: int | None = 200,
    headers: Mapping[str, str] | None = None,
) -> Received:
    """Rebuild an answer from what the archive kept, so that it can be read again.

    Parameters
    ----------
    raw : bytes
    details : mapping
        What :meth:`Received.details` gave when it was kept.
    url, retrieved_at, status, headers
        From the ledger.
    """
    try:
        request = Request.from_dict(details["request"])
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            "the archive does not say what was asked, so the answer cannot be read again",
            where=url,
            hint="import the bytes as a file instead",
        ) from None
    return Received(request, raw, url, status or 200, dict(headers or {}), retrieved_at)


def reread(source: Source, received: Received) -> Observations:
    """Read an answer kept in the archive, whole; a manifest gives no rows."""
    return source.parse(received) if received.request.data else nothing(received, source.SPEC)


def _within(part: Observations, request: Request) -> Observations:
    """Leave out days before and after the window; a week or month that reaches into it stays whole."""
    since, until = request.get("since"), request.get("until")
    if part.frequency is not Frequency.DAY or not (since or until) or not len(part.frame):
        return part
    inside = part.frame["date"].notna()
    if since:
        inside &= part.frame["date"] >= since
    if until:
        inside &= part.frame["date"] <= until
    return part if inside.all() else replace(part, frame=part.frame[inside].reset_index(drop=True))


def _same_columns(parts: Sequence[Observations]) -> list[Observations]:
    """Leave out empty answers where others hold rows, but keep their notes and cards."""
    filled = [part for part in parts if len(part.frame)]
    if not filled:
        return [parts[0].noted(note for part in parts[1:] for note in part.notes)]
    silent = [note for part in parts if not len(part.frame) for note in part.notes]
    return [filled[0].noted(silent), *filled[1:]]


def _counted(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Say the same thing once, with its count and the first place."""
    counts: dict[tuple[str, str], Note] = {}
    for note in notes:
        key = (note.code, note.text)
        counts[key] = replace(counts[key], count=counts[key].count + note.count) if key in counts else note
    return tuple(counts.values())
