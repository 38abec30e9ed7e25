"""Windows of dates: defaults, splitting, and whether a period was complete when it was read."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from auditor.errors import SourceError, UsageError
from auditor.observations import Frequency, Status
from auditor.sources.base import Query, Spec


def window(query: Query, spec: Spec, *, days: int, lag: int = 1, floor: date | None = None) -> tuple[date, date]:
    """Return the first and last day to ask for, both included.

    Parameters
    ----------
    query : Query
    spec : Spec
    days : int
        Length of the window where none is asked for.
    lag : int
        Days before today that the newest complete day lies.
    floor : date, optional
        First day the source has ever published.

    Raises
    ------
    UsageError
        When the window lies before the floor or in the future.
    """
    until = query.until or query.today - timedelta(days=lag)
    since = query.since or until - timedelta(days=days - 1)
    if since > until or since > query.today:
        raise UsageError(
            f"the window {since} to {until} holds no day that {spec.name} can have published by {query.today}",
            hint="ask for an earlier window with --since and --until",
        )
    if floor and until < floor:
        raise UsageError(f"{spec.name} publishes nothing before {floor}", hint=f"use --until {floor} or later")
    return (max(since, floor) if floor else since), min(until, query.today)


def split(since: date, until: date, most: int) -> Iterator[tuple[date, date]]:
    """Cut a window into consecutive ones of at most ``most`` days, oldest first."""
    start = since
    while start <= until:
        end = min(until, start + timedelta(days=most - 1))
        yield start, end
        start = end + timedelta(days=1)


def moment(text: str) -> datetime:
    """Read an ISO 8601 moment; one without a zone is UTC.

    Raises
    ------
    ValueError
        When it is not one.
    """
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def period_end(start: date, frequency: Frequency) -> datetime:
    """Return the moment a period that starts on a day is over."""
    begin = datetime.combine(start, time(), UTC)
    if frequency is Frequency.MONTH:
        return datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
    return begin + timedelta(days=frequency.days)


def status_of(start: date, frequency: Frequency, as_of: datetime) -> Status:
    """Return whether a period was complete when the publisher stated it."""
    return Status.PARTIAL if period_end(start, frequency) > as_of else Status.OBSERVED


def check_dates(days: list[date], since: date, until: date, frequency: Frequency, where: str) -> None:
    """Check that every date lies in the window asked for and on its grid.

    Raises
    ------
    SourceError
        When one does not: the source answered another question than the one asked.
    """
    slack = timedelta(days=6) if frequency is Frequency.WEEK else timedelta(days=30 * (frequency is Frequency.MONTH))
    for day in sorted(set(days)):
        if not since - slack <= day <= until:
            raise SourceError(
                f"the answer holds {day}, outside the window {since} to {until} that was asked for",
                where=where,
                hint="the source may have ignored a parameter; ask again with a plain window",
            )
        off = (frequency is Frequency.WEEK and day.weekday() != 0) or (frequency is Frequency.MONTH and day.day != 1)
        if off:
            raise SourceError(
                f"the answer holds {day}, which is not the start of a {frequency.value}",
                where=where,
                hint="the source answered with another spacing than the one asked for",
            )
    found = sorted(set(days))
    if frequency is Frequency.DAY and len(found) > 1 and all(day.weekday() == 0 for day in found):
        raise SourceError(
            "single days were asked for, but every date of the answer is a Monday",
            where=where,
            hint="a category or language filter forces weekly figures; ask with period=week",
        )
