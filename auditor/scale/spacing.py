"""Places moments on a regular grid: the number of a period, and its date."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from auditor.errors import InputError, Where
from auditor.observations import Frequency

if TYPE_CHECKING:
    from auditor.scale.tables import LongTable

_MICROSECONDS = {
    Frequency.HOUR: 3_600_000_000,
    Frequency.DAY: 86_400_000_000,
    Frequency.WEEK: 7 * 86_400_000_000,
}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all moments are naive UTC


@dataclass(frozen=True)
class Grid:
    """A regular spacing of periods.

    Attributes
    ----------
    frequency : Frequency
    phase : int
        Day of the week on which weeks start, as days since 1970-01-01 modulo 7.
    first, last : int
        Numbers of the first and last period of the whole table; approximate for months.
    """

    frequency: Frequency
    phase: int = 0
    first: int = 0
    last: int = 0

    def sql(self, moment: str) -> str:
        """Return the SQL of the number of a moment's period; NULL where it is no start of one."""
        if self.frequency is Frequency.MONTH:
            number = f"(year({moment}) * 12 + month({moment}) - 1)"
            return f"CASE WHEN isfinite({moment}) AND {moment} = date_trunc('month', {moment}) THEN {number} END"
        length = _MICROSECONDS[self.frequency]
        shifted = f"(epoch_us({moment}) - {self.phase * _MICROSECONDS[Frequency.DAY]})"
        return f"CASE WHEN isfinite({moment}) AND {shifted} % {length} = 0 THEN {shifted} // {length} END"

    def number(self, microseconds: int) -> int:
        """Return the number of the period that holds a moment, given in microseconds since 1970."""
        if self.frequency is Frequency.MONTH:
            return int(microseconds / (30.436875 * _MICROSECONDS[Frequency.DAY])) + 1970 * 12
        shifted = microseconds - self.phase * _MICROSECONDS[Frequency.DAY]
        return shifted // _MICROSECONDS[self.frequency]

    def start(self, number: int) -> str:
        """Date of a period, as ISO text."""
        try:
            match self.frequency:
                case Frequency.HOUR:
                    return f"{_EPOCH + timedelta(hours=number):%Y-%m-%dT%H:%M}"
                case Frequency.WEEK:
                    return f"{_EPOCH + timedelta(days=7 * number + self.phase):%Y-%m-%d}"
                case Frequency.MONTH:
                    return f"{date(number // 12, number % 12 + 1, 1):%Y-%m-%d}"
                case _:
                    return f"{_EPOCH + timedelta(days=number):%Y-%m-%d}"
        except (OverflowError, ValueError):
            return ""

    def weekday(self, number: int) -> int:
        """Weekday of a period's start, Monday = 0; 0 where periods are not days."""
        return (number + 3) % 7 if self.frequency is Frequency.DAY else 0


def find_grid(first: "LongTable", whole: "LongTable", stated: Frequency | None) -> Grid:
    """Find the spacing from the dates of one chunk, and the span from the whole table.

    Parameters
    ----------
    first : LongTable
        A chunk of many series.
    whole : LongTable
        The table, or all of its buckets.
    stated : Frequency or None
        What the caller says the spacing is.

    Raises
    ------
    InputError
        When no date can be read, or the spacing is none of hour, day, week and month.
    """
    from auditor.scale.tables import connect

    with connect(2) as con:
        where = f" AND {first.where}" if first.where else ""
        rows = con.execute(
            f"SELECT DISTINCT {first.moment} AS m FROM {first.source} WHERE isfinite({first.moment}){where} ORDER BY m"  # noqa: S608 - built from quoted names
        ).fetchall()
        found = [r[0] for r in rows]
        if not found:
            raise InputError(
                "no date of the input can be read",
                where=Where(first.files[0].rpartition("/")[2]),
                hint="write dates as 2026-05-12",
            )
        frequency = stated or _frequency(found)
        phases = [(m - _EPOCH).days % 7 for m in found]
        phase = max(sorted(set(phases)), key=phases.count) if frequency is Frequency.WEEK else 0
        grid = Grid(frequency, phase)
        where = f" AND {whole.where}" if whole.where else ""
        row = con.execute(
            f"SELECT min(epoch_us({whole.moment})), max(epoch_us({whole.moment})) FROM {whole.source} "  # noqa: S608 - built from quoted names
            f"WHERE isfinite({whole.moment}){where}"
        ).fetchone()
    low, high = row if row and row[0] is not None else (0, 0)
    return Grid(frequency, phase, grid.number(int(low)), grid.number(int(high)))


def _frequency(moments: list[datetime]) -> Frequency:
    """Tell the spacing from sorted distinct moments: the commonest gap."""
    if len(moments) < 2:
        return Frequency.DAY
    gaps = [(b - a).total_seconds() / 3600 for a, b in pairwise(moments)]
    usual = max(sorted(set(gaps)), key=gaps.count)
    if all(m.day == 1 and m.hour == 0 for m in moments) and usual >= 28 * 24:
        return Frequency.MONTH
    known = {1.0: Frequency.HOUR, 24.0: Frequency.DAY, 168.0: Frequency.WEEK}
    if usual not in known:
        raise InputError(
            f"the dates lie {usual / 24:g} days apart, which is no hour, day, week or month",
            hint="state the spacing with --read frequency=day",
        )
    return known[usual]
