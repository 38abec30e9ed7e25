"""A whole column of date labels -> period starts in UTC and their spacing.

Decided here, from all labels together: day before month, the zone of times, whether labels are days, weeks or months, and
whether a week is labelled by its first or its last day. What the labels do not settle is asked for, not assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from auditor.errors import AuditError, ErrorList, InputError, Where
from auditor.observations import TOTAL_NAMES, Frequency, Note
from auditor.sources.tabular.dates import Kind, Label, read_label
from auditor.sources.tabular.headers import Heading, Weeks
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.words import counted

Moments = npt.NDArray[np.datetime64]
_DAY = np.timedelta64(1, "D")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_ERRORS = 10


@dataclass(frozen=True, eq=False)
class Periods:
    """What the date labels of an input mean.

    Attributes
    ----------
    starts : ndarray of datetime64[s], shape (L,)
        Start of the period each distinct label names; NaT for labels of total rows.
    frequency : Frequency
    notes : tuple of Note
    """

    starts: Moments
    frequency: Frequency
    notes: tuple[Note, ...] = ()


class PeriodFinder:
    """Reads the distinct labels of one column.

    Parameters
    ----------
    texts : sequence of str
        Distinct labels, in the order in which they first occur.
    lines : sequence of int
        Line of the first occurrence of each.
    heading : Heading
    options : Options
    file, column : str, int
        For errors (the column counts from 1).
    """

    def __init__(
        self, texts: Sequence[str], lines: Sequence[int], heading: Heading, options: Options, file: str, column: int
    ) -> None:
        self.texts = texts
        self.lines = lines
        self.heading = heading
        self.options = options
        self.file = file
        self.column = column
        self.notes: list[Note] = []

    def find(self) -> Periods:
        """Return the periods.

        Raises
        ------
        InputError or ErrorList
            When a label is no date, or the column cannot be read in one way only.
        """
        labels, kept = self._labels()
        if not kept:
            raise InputError("no row has a date", where=Where(self.file), hint="check the date column")
        labels = self._one_kind([labels[i] for i in kept], [self.lines[i] for i in kept])
        lines = [self.lines[i] for i in kept]
        kind = labels[0].kind
        whens = np.array([label.when for label in labels], dtype="datetime64[s]")
        snapshots = False
        if kind is Kind.WEEK or kind is Kind.MONTH:
            frequency = Frequency.WEEK if kind is Kind.WEEK else Frequency.MONTH
            self._agree(frequency, lines[0])
            starts = whens
        elif kind is Kind.DAY:
            frequency, starts = self._days(whens, lines)
        else:
            frequency, starts, snapshots = self._times(labels, whens, lines)
        result = np.full(len(self.texts), np.datetime64("NaT"), dtype="datetime64[s]")
        result[kept] = starts
        if not snapshots:
            self._describe(frequency, starts, kind)
        return Periods(result, frequency, tuple(self.notes))

    def _error(self, what: str, line: int, hint: str) -> InputError:
        return InputError(what, where=Where(self.file, line, self.column, self.heading.raw), hint=hint)

    def _fail(self, what: str, line: int, hint: str) -> NoReturn:
        raise self._error(what, line, hint)

    def _labels(self) -> tuple[list[Label], list[int]]:
        labels: list[Label] = []
        kept: list[int] = []
        errors: list[AuditError] = []
        blank = Label(Kind.DAY, datetime(1, 1, 1))  # noqa: DTZ001 - a stand-in that is never used
        for i, text in enumerate(self.texts):
            if text.strip().rstrip(":").casefold() in TOTAL_NAMES:
                self.notes.append(
                    Note(
                        "total_row",
                        f"the row labelled {text.strip()!r} sums others and was left out",
                        f"{self.file}:{self.lines[i]}",
                    )
                )
                labels.append(blank)
                continue
            try:
                labels.append(read_label(text))
                kept.append(i)
            except InputError as error:
                labels.append(blank)
                where = Where(self.file, self.lines[i], self.column, self.heading.raw)
                what = error.what if text.strip() else "the row has no date"
                errors.append(InputError(what, where=where, hint=error.hint))
                if len(errors) == _MOST_ERRORS and not kept and text.strip():
                    first = errors[0]
                    raise InputError(
                        f"{first.what}, nor is any other of the first {_MOST_ERRORS} labels of the column",
                        where=first.where,
                        hint="if another column holds the dates, name it with columns={'date': HEADING}; "
                        "numbers of periods must be written as dates first",
                    ) from error
                if len(errors) >= _MOST_ERRORS:
                    break
        if errors:
            raise errors[0] if len(errors) == 1 else ErrorList(errors)
        return labels, kept

    def _one_kind(self, labels: list[Label], lines: Sequence[int]) -> list[Label]:
        """Bring all labels to one kind, or refuse."""
        kinds = {label.kind for label in labels}
        if Kind.UNDATED in kinds:
            labels = self._with_year(labels, lines)
            kinds = {label.kind for label in labels}
        midnight = all(label.when.time() == time() for label in labels)
        if kinds == {Kind.NAIVE, Kind.INSTANT}:
            labels = self._zoned(labels, lines)
        elif kinds <= {Kind.DAY, Kind.NAIVE, Kind.INSTANT} and len(kinds) > 1 and midnight:
            labels = [replace(label, kind=Kind.DAY) for label in labels]
        elif len(kinds) > 1:
            places = "; ".join(
                f"{kind} on line {', '.join(str(n) for label, n in zip(labels, lines, strict=True) if label.kind is kind)[:60]}"
                for kind in sorted(kinds)
            )
            first = labels[0].kind
            line = next(n for label, n in zip(labels, lines, strict=True) if label.kind is not first)
            self._fail(
                f"the column mixes periods of different length: {places}",
                line,
                "keep one length per file: take out the other rows, or split the file",
            )
        elif kinds == {Kind.NAIVE}:
            labels = [replace(label, kind=Kind.DAY) for label in labels] if midnight else self._zoned(labels, lines)
        elif kinds == {Kind.INSTANT}:
            labels = self._local_days(labels)
        if labels[0].kind is Kind.DAY:
            labels = self._ordered(labels, lines)
        return labels

    def _with_year(self, labels: Sequence[Label], lines: Sequence[int]) -> list[Label]:
        undated = [(label, line) for label, line in zip(labels, lines, strict=True) if label.kind is Kind.UNDATED]
        if self.options.year is None:
            text = next(t for t, n in zip(self.texts, self.lines, strict=True) if n == undated[0][1])
            self._fail(
                f"the date {text.strip()!r} has no year",
                undated[0][1],
                "state the year of the first row (year=2025; it rolls over inside the file), or write full dates",
            )
        if len(undated) < len(labels):
            self._fail("some dates have a year and some have none", undated[0][1], "write full dates in every row")
        settled = self._ordered(labels, lines)
        year, result = self.options.year, []
        previous: datetime | None = None
        for label, line in zip(settled, lines, strict=True):
            if previous is not None and label.when < previous:
                if (previous - label.when).days < 180:
                    self._fail("dates without a year run backwards", line, "sort the rows by date, or write full dates")
                year += 1
            previous = label.when
            try:
                result.append(Label(Kind.DAY, label.when.replace(year=year), order="year"))
            except ValueError:
                self._fail(f"29 February does not occur in {year}", line, "state the year of the first row")
        self.notes.append(
            Note("year_stated", f"dates have no year: {self.options.year} was stated for the first row", self.file)
        )
        return result

    def _zoned(self, labels: Sequence[Label], lines: Sequence[int]) -> list[Label]:
        """Place times without an offset: in the stated zone; in UTC, saying so, where no other time has an offset."""
        if self.options.tz:
            zone = _zone(self.options.tz)
            self.notes.append(
                Note("time_zone", f"times without an offset are in {self.options.tz}, as stated", self.file)
            )
            return self._local_days(
                [label if label.kind is Kind.INSTANT else _instant(label.when.replace(tzinfo=zone)) for label in labels]
            )
        naive = [n for label, n in zip(labels, lines, strict=True) if label.kind is Kind.NAIVE]
        if len(naive) < len(labels):
            aware = [n for label, n in zip(labels, lines, strict=True) if label.kind is not Kind.NAIVE]
            self._fail(
                f"times without an offset (line {_some(naive)}) stand beside times with one (line {_some(aware)})",
                naive[0],
                "write every time with its offset (2026-08-20T06:30:00Z), or state the zone of the others, such as tz='UTC'",
            )
        self.notes.append(Note("naive_time", "times have no offset: read as UTC", self.file, len(naive)))
        return [replace(label, kind=Kind.INSTANT, offset=timedelta(0)) for label in labels]

    def _local_days(self, labels: Sequence[Label]) -> list[Label]:
        """Turn moments that are all midnight, in UTC or where they were written, into days."""
        zero = timedelta(0)
        local = [label.when + (label.offset or zero) for label in labels]
        if any(when.time() != time() for when in local):
            return list(labels)
        if any(label.offset for label in labels):
            offsets = sorted({f"{(label.offset or zero) / timedelta(hours=1):+g} h" for label in labels})
            self.notes.append(
                Note(
                    "local_days",
                    f"days begin at local midnight ({', '.join(offsets)} from UTC), not at midnight UTC",
                    self.file,
                )
            )
        return [Label(Kind.DAY, when) for when in local]

    def _ordered(self, labels: Sequence[Label], lines: Sequence[int]) -> list[Label]:
        """Settle the order of day and month for all labels."""
        shown = {label.order for label in labels} & {"dmy", "mdy"}
        if len(shown) > 1:
            first = next(label.order for label in labels if label.order in shown)
            line = next(n for label, n in zip(labels, lines, strict=True) if label.order in shown - {first})
            self._fail("some dates have the day first and some the month", line, "write dates as 2026-08-19")
        stated = self.options.date_order
        if stated and shown and stated not in shown:
            line = next(n for label, n in zip(labels, lines, strict=True) if label.order in shown)
            self._fail(
                f"the date contradicts the stated order {stated!r}", line, "leave date_order out, or correct the date"
            )
        unclear = [n for label, n in zip(labels, lines, strict=True) if label.other is not None]
        if not unclear:
            return list(labels)
        order: str = stated or next(iter(shown), "")
        if not order:
            self._fail(
                "every date of the column can be read with the day or the month first",
                unclear[0],
                "state date_order='dmy' or date_order='mdy', or write dates as 2026-08-19",
            )
        return [
            replace(label, when=label.when if order == "dmy" else label.other, other=None) if label.other else label
            for label in labels
        ]

    def _agree(self, found: Frequency, line: int) -> None:
        stated = self.options.frequency
        if stated is not None and stated is not found:
            self._fail(
                f"the labels name {found.value}s, the stated frequency is {stated.value}",
                line,
                "leave the frequency out",
            )

    def _days(self, whens: Moments, lines: Sequence[int]) -> tuple[Frequency, Moments]:
        days = whens.astype("datetime64[D]")
        distinct = np.unique(days)
        steps = np.diff(distinct) // _DAY
        firsts = bool((distinct == distinct.astype("datetime64[M]").astype("datetime64[D]")).all())
        ends = bool(((distinct + _DAY) == (distinct + _DAY).astype("datetime64[M]").astype("datetime64[D]")).all())
        frequency = self.options.frequency or self._frequency(distinct, steps, monthly=firsts or ends)
        if frequency is Frequency.HOUR:
            self._fail("the labels are days, the stated frequency is hour", lines[0], "leave the frequency out")
        if frequency is Frequency.MONTH:
            if not (firsts or ends):
                odd = distinct[distinct != distinct.astype("datetime64[M]").astype("datetime64[D]")][0]
                line = lines[int(np.flatnonzero(days == odd)[0])]
                self._fail(
                    f"{odd} is not the first day of a month",
                    line,
                    "label months as 2026-08, or leave the frequency out",
                )
            if ends and not firsts:
                self.notes.append(
                    Note("month_end", "months are labelled by their last day; their first day is used", self.file)
                )
            return frequency, days.astype("datetime64[M]").astype("datetime64[s]")
        if frequency is Frequency.WEEK:
            return frequency, self._weeks(days, lines).astype("datetime64[s]")
        if self.options.frequency is None:
            self._refuse_mixture(days, distinct, steps, lines)
        return frequency, days.astype("datetime64[s]")

    def _frequency(self, distinct: Moments, steps: npt.NDArray[np.int64], *, monthly: bool) -> Frequency:
        key = self.heading.key
        if len(distinct) == 1:
            return (
                Frequency.WEEK
                if "week" in key or "woche" in key
                else Frequency.MONTH
                if monthly and ("month" in key or "monat" in key)
                else Frequency.DAY
            )
        if monthly and steps.min() >= 28:
            return Frequency.MONTH
        if self.options.week_label is not None and steps.min() >= 5:
            return Frequency.WEEK
        if (
            len(steps) >= 3
            and steps.min() >= 6
            and (steps == 7).mean() >= 0.7
            and (np.abs(steps - 7 * np.rint(steps / 7)) <= 1).all()
        ):
            # Weeks whose label moved by a day; which weeks they are is settled, or asked, with the labels.
            return Frequency.WEEK
        return Frequency.WEEK if steps.min() == 7 and not (steps % 7).any() else Frequency.DAY

    def _weeks(self, days: Moments, lines: Sequence[int]) -> Moments:
        """Normalise week labels to the first day of the week."""
        weekday = (days.astype(np.int64) + 3) % 7
        stated = self.options.week_label or self.heading.weeks
        if stated is Weeks.END and len(np.unique(weekday)) == 2:
            days = self._one_end(days, weekday)
            weekday = (days.astype(np.int64) + 3) % 7
        if (weekday != weekday[0]).any():
            odd = int(np.flatnonzero(weekday != weekday[0])[0])
            self._fail(
                f"{days[odd]} is a {_WEEKDAYS[weekday[odd]]}, earlier weeks are labelled by a {_WEEKDAYS[weekday[0]]}",
                lines[odd],
                "if both are the day on which a week ended (its last day, or the day after), state week_label='end'; "
                "else label every week by the same day, or take out the rows of another length",
            )
        name = _WEEKDAYS[weekday[0]]
        label = self.options.week_label or self.heading.weeks
        if label is Weeks.END:
            self.notes.append(
                Note("week_end", f"weeks are labelled by their last day, a {name}; their first day is used", self.file)
            )
            return np.asarray(days - 6 * _DAY)
        if label is Weeks.UNSTATED and weekday[0] != 0:
            self._fail(
                f"weeks are labelled by a {name}, which can be their first or their last day",
                lines[0],
                "head the column week_start or week_ending, or state week_label='start' or 'end'",
            )
        if weekday[0] != 0:
            self.notes.append(
                Note(
                    "week_start",
                    f"weeks begin on a {name}: they hold other days than ISO weeks, which begin on a Monday",
                    self.file,
                )
            )
        return days

    def _one_end(self, days: Moments, weekday: npt.NDArray[np.int64]) -> Moments:
        """Bring ends of weeks that are named by their last day in one stretch and by the day after it in another to the last day.

        Of two neighbouring weekdays only this reading gives all weeks the same first day.
        """
        one, other = (int(d) for d in np.unique(weekday))
        last, after = (one, other) if other == one + 1 else (other, one)
        if (last + 1) % 7 != after:
            return days
        moved = np.where(weekday == after, days - _DAY, days)
        if len(np.unique(moved)) < len(np.unique(days)):
            return days
        text = (
            f"weeks are labelled by their last day, a {_WEEKDAYS[last]}, or by the day after, a {_WEEKDAYS[after]} "
            f"({int((weekday == after).sum())} of {len(days)} labels): all are taken to run from {_WEEKDAYS[after]} to {_WEEKDAYS[last]}"
        )
        self.notes.append(Note("week_labels", text, self.file, int((weekday == after).sum())))
        return np.asarray(moved, dtype=days.dtype)

    def _refuse_mixture(
        self, days: Moments, distinct: Moments, steps: npt.NDArray[np.int64], lines: Sequence[int]
    ) -> None:
        """Refuse a daily column in which a stretch of labels is spaced by weeks or months."""
        for low, high, name in ((7, 7, "weeks"), (28, 31, "months")):
            wide = (steps >= low) & (steps <= high)
            run = wide[:-2] & wide[1:-1] & wide[2:] if len(wide) >= 3 else wide[:0]
            if run.any() and (steps == 1).sum() >= 2:
                at = distinct[int(np.flatnonzero(run)[0])]
                self._fail(
                    f"labels are spaced by {name} from {at} on and by single days elsewhere: periods of different length",
                    lines[int(np.flatnonzero(days == at)[0])],
                    "split the file; if all rows are single days, state frequency='day'",
                )

    def _times(self, labels: Sequence[Label], whens: Moments, lines: Sequence[int]) -> tuple[Frequency, Moments, bool]:
        if self.options.difference:
            return self.options.frequency or Frequency.DAY, whens, True
        hours = whens.astype("datetime64[h]").astype("datetime64[s]")
        stated = self.options.frequency
        if stated in {Frequency.DAY, Frequency.HOUR}:
            unit = "D" if stated is Frequency.DAY else "h"
            starts = whens.astype(f"datetime64[{unit}]").astype("datetime64[s]")
            if len(np.unique(starts)) < len(np.unique(whens)):
                self._fail(
                    f"several times fall into one {stated.value}", lines[0], "sum them to one row per period first"
                )
            if (starts != whens).any():
                text = f"times are placed in the UTC {stated.value} they fall into, as stated"
                self.notes.append(Note("floored", text, self.file, int((starts != whens).sum())))
            return stated, starts, False
        distinct = np.unique(whens)
        steps = np.diff(distinct) // np.timedelta64(1, "h")
        if (hours == whens).all() and stated is None and (len(distinct) == 1 or steps.min() < 24):
            return Frequency.HOUR, whens, False
        moment = labels[0].when
        raise self._error(
            f"{moment:%Y-%m-%dT%H:%MZ} is a time of day, and the times lie on no grid of hours: moments of reading, not periods",
            lines[0],
            "state frequency='day' if each row stands for the UTC day it falls into, or difference=True if figures run on",
        )

    def _describe(self, frequency: Frequency, starts: Moments, kind: Kind) -> None:
        distinct = np.unique(starts)
        count = len(distinct)
        how = "as stated" if self.options.frequency is not None else f"found from {counted(count, 'distinct date')}"
        placed = "utc" in self.heading.raw.casefold() or any(note.code == "local_days" for note in self.notes)
        utc = "; labels name no time zone and are taken as UTC" if kind in {Kind.DAY, Kind.WEEK} and not placed else ""
        self.notes.append(Note("frequency", f"one figure per {frequency.value}, {how}{utc}", self.file))
        unit = {"hour": "h", "day": "D", "week": "D", "month": "M"}[frequency.value]
        step = 7 if frequency is Frequency.WEEK else 1
        span = (
            int((distinct[-1].astype(f"datetime64[{unit}]") - distinct[0].astype(f"datetime64[{unit}]")).astype(int))
            // step
            + 1
        )
        if span > count:
            text = f"{counted(span - count, frequency.value)} without a row between the first and the last stay missing"
            self.notes.append(Note("gaps", text, self.file, span - count))


def _some(lines: Sequence[int]) -> str:
    return ", ".join(str(n) for n in lines[:5]) + (" and others" if len(lines) > 5 else "")


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{name!r} is not a time zone", where="tz", hint="use an IANA name such as Europe/Berlin or UTC"
        ) from error


def _instant(when: datetime) -> Label:
    offset = when.utcoffset() or timedelta(0)
    return Label(Kind.INSTANT, when.replace(tzinfo=None) - offset, offset=offset)
