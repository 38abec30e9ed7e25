"""One cell of text -> one date label, as far as the cell alone can tell.

A label keeps what was written: ``2026-08`` is a month, ``2026-W33`` a week, ``08/09/2026`` one of two days. What only the
whole column can settle (day before month, the length of the period, the time zone) is left to
:mod:`auditor.sources.tabular.periods`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from auditor.errors import InputError


class Kind(StrEnum):
    """What a label names."""

    DAY = "day"
    WEEK = "ISO week"
    MONTH = "month"
    NAIVE = "time without offset"
    INSTANT = "time with offset"
    UNDATED = "date without year"


@dataclass(frozen=True, slots=True)
class Label:
    """A date as written.

    Attributes
    ----------
    kind : Kind
    when : datetime
        Naive. First moment of the day, week (Monday) or month; for an instant the moment in UTC.
    other : datetime or None
        The second reading of a day whose order of day and month is open; ``when`` is then day-month-year.
    order : str
        'dmy' or 'mdy' where the label itself shows the order; '' otherwise.
    offset : timedelta or None
        The stated offset from UTC of an instant.
    """

    kind: Kind
    when: datetime
    other: datetime | None = None
    order: str = ""
    offset: timedelta | None = None


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner janvier enero",
            "feb february februar février febrero",
            "mar march märz mär mrz mars marzo",
            "apr april avril abril",
            "may mai mayo",
            "jun june juni juin junio",
            "jul july juli juillet julio",
            "aug august août agosto",
            "sep sept september septembre septiembre",
            "oct october okt oktober octobre octubre",
            "nov november novembre noviembre",
            "dec december dez dezember décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
_TIME = (
    r"(?P<hour>[0-2]\d):?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
)
_ISO = re.compile(rf"(?P<y>\d{{4}})(?P<s>[-/.]?)(?P<m>\d{{2}})(?P=s)(?P<d>\d{{2}})(?:[T ]\s*{_TIME})?", re.IGNORECASE)
_LOOSE = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})")
_NUMERIC = re.compile(
    rf"(?P<a>\d{{1,2}})(?P<s>[-/.])(?P<b>\d{{1,2}})(?P=s)(?P<y>\d{{4}})(?:[T ,]\s*{_TIME})?", re.IGNORECASE
)
_SHORT_YEAR = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2}")
_UNDATED = re.compile(r"(?P<a>\d{1,2})(?:[-/]|\.(?=\d+\.))(?P<b>\d{1,2})\.?")
_WEEK = re.compile(r"(?P<y>\d{4})[- ]?(?:W|KW|week|第)\s*(?P<w>\d{1,2})周?(?:-?(?P<d>[1-7]))?", re.IGNORECASE)
_WEEK_FIRST = re.compile(r"(?:W|KW|week)\s*(?P<w>\d{1,2})[-/ ,]+(?P<y>\d{4})", re.IGNORECASE)
_MONTH = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})")
_CHINESE = re.compile(r"(?P<y>\d{4})\s*[年년]\s*(?P<m>\d{1,2})\s*[月월](?:\s*(?P<d>\d{1,2})\s*[日号일])?")
_NAMED = (
    re.compile(r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?P<name>[^\W\d_]+)\.?,?[ -](?P<y>\d{4})"),
    re.compile(r"(?P<name>[^\W\d_]+)\.?[ -](?P<d>\d{1,2})(?:st|nd|rd|th)?,?[ -](?P<y>\d{4})"),
    re.compile(r"(?P<name>[^\W\d_]+)\.?,?[ -](?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})[ -](?P<name>[^\W\d_]+)"),
)
_NAMED_UNDATED = (
    re.compile(r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?P<name>[^\W\d_]+)\.?"),
    re.compile(r"(?P<name>[^\W\d_]+)\.?[ -](?P<d>\d{1,2})(?:st|nd|rd|th)?"),
)
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so)[a-zé]*\.?,?\s+", re.IGNORECASE)
_HOUR = re.compile(r"(?P<y>19\d{2}|20\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?P<h>[01]\d|2[0-3])")
_EPOCH = re.compile(r"(?P<whole>\d{10}|\d{13}|\d{16}|\d{19})(?:\.(?P<part>\d+))?")

_FORMS = "write dates as 2026-08-19, weeks as 2026-W34, months as 2026-08, times as 2026-08-19T13:00Z"


def read_label(text: str) -> Label:
    """Read one date label.

    Raises
    ------
    InputError
        When the text is not a date, or not one that can be placed (a quarter, a two-digit year, an impossible day).
    """
    label = text.strip().strip("'\"")
    try:
        found = _iso(label) or _numeric(label) or _calendar(label) or _epoch(label) or _named(label)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{label!r} is not a date that exists", hint="check the cell") from error
    if found is not None:
        return found
    if _SHORT_YEAR.fullmatch(label):
        raise InputError(f"the year of {label!r} has two digits", hint=_FORMS)
    if re.fullmatch(r"(?:19|20)\d{2}", label):
        raise InputError(f"{label!r} is a whole year; hours, days, weeks and months can be audited", hint=_FORMS)
    if re.fullmatch(r"(?:19|20)\d{2}[- ]?Q[1-4]|Q[1-4][- ](?:19|20)\d{2}", label, re.IGNORECASE):
        raise InputError(f"{label!r} is a quarter; hours, days, weeks and months can be audited", hint=_FORMS)
    if re.fullmatch(r"[34]\d{4}(?:\.\d+)?", label):
        raise InputError(
            f"{label!r} looks like a spreadsheet's serial day number",
            hint="format the column as a date (YYYY-MM-DD) and export again",
        )
    raise InputError(f"{label[:60]!r} is not a date", hint=_FORMS)


def is_label(text: str) -> bool:
    """Whether a cell holds a date label of any kind."""
    try:
        read_label(text)
    except InputError:
        return False
    return True


def _moment(day: datetime, found: "re.Match[str]") -> Label | None:
    """Add the time of day that a pattern found, if any."""
    if found["hour"] is None:
        return None
    fraction = (found["fraction"] or "")[:6].ljust(6, "0")
    when = day.replace(
        hour=int(found["hour"]),
        minute=int(found["minute"]),
        second=int(found["second"] or 0),
        microsecond=int(fraction),
    )
    zone = (found["zone"] or "").upper()
    if not zone:
        return Label(Kind.NAIVE, when)
    if zone in {"Z", "UTC", "GMT"}:
        return Label(Kind.INSTANT, when, offset=timedelta(0))
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    return Label(Kind.INSTANT, when - offset, offset=offset)


def _iso(label: str) -> Label | None:
    found = _ISO.fullmatch(label)
    if found is not None:
        day = datetime(int(found["y"]), int(found["m"]), int(found["d"]))  # noqa: DTZ001 - labels are naive until the column is known
        return _moment(day, found) or Label(Kind.DAY, day)
    found = _LOOSE.fullmatch(label)
    if found is not None:
        return Label(Kind.DAY, datetime(int(found["y"]), int(found["m"]), int(found["d"])))  # noqa: DTZ001 - as above
    return None


def _numeric(label: str) -> Label | None:
    found = _NUMERIC.fullmatch(label)
    if found is None:
        return None
    first, second, year = int(found["a"]), int(found["b"]), int(found["y"])
    if first > 12 and second > 12:
        raise ValueError(label)
    # Points are used with the day first wherever they are used at all.
    order = "dmy" if first > 12 or (found["s"] == "." and second <= 12) else "mdy" if second > 12 else ""
    day_first = datetime(year, second, first) if order != "mdy" else None  # noqa: DTZ001 - as above
    month_first = datetime(year, first, second) if order != "dmy" else None  # noqa: DTZ001 - as above
    day = day_first or month_first
    if day is None:
        raise ValueError(label)
    if first == second:
        order, month_first = "same", None
    timed = _moment(day, found)
    if timed is None:
        return Label(Kind.DAY, day, other=None if order else month_first, order=order)
    if not order:
        raise InputError(f"{label!r} can be read with the day or the month first", hint=_FORMS)
    return timed


def _calendar(label: str) -> Label | None:
    found = _WEEK.fullmatch(label) or _WEEK_FIRST.fullmatch(label)
    if found is not None:
        weekday = found.groupdict().get("d")
        monday = date.fromisocalendar(int(found["y"]), int(found["w"]), int(weekday or 1))
        return Label(Kind.DAY if weekday else Kind.WEEK, datetime(monday.year, monday.month, monday.day))  # noqa: DTZ001 - as above
    found = _MONTH.fullmatch(label)
    if found is not None:
        return Label(Kind.MONTH, datetime(int(found["y"]), int(found["m"]), 1))  # noqa: DTZ001 - as above
    found = _CHINESE.fullmatch(label)
    if found is not None:
        kind = Kind.DAY if found["d"] else Kind.MONTH
        return Label(kind, datetime(int(found["y"]), int(found["m"]), int(found["d"] or 1)))  # noqa: DTZ001 - as above
    found = _UNDATED.fullmatch(label)
    if found is not None:
        first, second = int(found["a"]), int(found["b"])
        return _undated(first, second)
    return None


def _undated(first: int, second: int) -> Label | None:
    """Return a day and a month; the leap year 2000 stands for the year that is not written."""
    if first > 31 or second > 31 or (first > 12 and second > 12) or not first or not second:
        return None
    if first > 12:
        return Label(Kind.UNDATED, datetime(2000, second, first), order="dmy")  # noqa: DTZ001 - as above
    month_first = datetime(2000, first, second)  # noqa: DTZ001 - as above
    if second > 12:
        return Label(Kind.UNDATED, month_first, order="mdy")
    return Label(Kind.UNDATED, datetime(2000, second, first), other=month_first if first != second else None)  # noqa: DTZ001 - as above


def _epoch(label: str) -> Label | None:
    # Ten digits that spell a day and an hour are one: as seconds they would lie after 2030.
    found = _HOUR.fullmatch(label)
    if found is not None:
        return Label(Kind.NAIVE, datetime(int(found["y"]), int(found["m"]), int(found["d"]), int(found["h"])))  # noqa: DTZ001 - as above
    found = _EPOCH.fullmatch(label)
    if found is None:
        return None
    digits = found["whole"]
    seconds = int(digits[:10])
    if not 631_152_000 <= seconds <= 4_102_444_800:
        return None
    micro = int(digits[10:16].ljust(6, "0")) if len(digits) > 10 else 0
    when = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=micro)
    return Label(Kind.INSTANT, when, offset=timedelta(0))


def _named(label: str) -> Label | None:
    bare = _WEEKDAY.sub("", label, count=1) if _WEEKDAY.match(label) else label
    for text in dict.fromkeys((label, bare)):
        for pattern in _NAMED:
            found = pattern.fullmatch(text)
            month = _MONTHS.get(found["name"].casefold()) if found else None
            if found is not None and month is not None:
                day = found.groupdict().get("d")
                when = datetime(int(found["y"]), month, int(day or 1))  # noqa: DTZ001 - as above
                return Label(Kind.DAY if day else Kind.MONTH, when)
        for pattern in _NAMED_UNDATED:
            found = pattern.fullmatch(text)
            month = _MONTHS.get(found["name"].casefold()) if found else None
            if found is not None and month is not None:
                return Label(Kind.UNDATED, datetime(2000, month, int(found["d"])), order="named")  # noqa: DTZ001 - as above
    return None
