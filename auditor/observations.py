"""Observations: the long form that every source yields and every panel is built from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from auditor.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Names (lower case) under which publishers list the sum of everything below their cut-off. Never an entity.
REMAINDER_NAMES = frozenset({"other", "others", "rest", "rest of platform", "(other)", "all others"})

#: Names (lower case) of rows or columns that restate the total of the others. Never an entity.
TOTAL_NAMES = frozenset({"total", "sum", "grand total", "all", "summe", "gesamt", "total tokens", "合计", "总计"})


class Status(IntEnum):
    """What a cell of a panel means; the gravest status wins where two meet."""

    MISSING = 0  #: never published
    OBSERVED = 1  #: published, and not known to have changed
    REVISED = 2  #: published more than once with different values; the latest is kept
    CENSORED = 3  #: listed above a cut-off only: absent means "at most the cut-off", not zero
    PARTIAL = 4  #: published while its period was not yet complete

    @property
    def label(self) -> str:
        """The word used in files and reports."""
        return self.name.lower()


class Frequency(StrEnum):
    """The regular spacing of a series; every date is the start of its period, in UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def offset(self) -> str:
        """The pandas offset alias of the period's start."""
        return {"hour": "h", "day": "D", "week": "7D", "month": "MS"}[self.value]

    @property
    def season(self) -> int | None:
        """Periods in the shortest calendar cycle: hours in a day, days in a week; None where there is none."""
        return {"hour": 24, "day": 7}.get(self.value)

    @property
    def days(self) -> float:
        """Length of a period in days (a month counts 30.44)."""
        return {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.44}[self.value]


@dataclass(frozen=True)
class Source:
    """Where figures come from, as a reader must be able to check it."""

    name: str
    citation: str = ""
    licence: str = ""
    url: str = ""
    as_of: str = ""
    sha256: str = ""
    file: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Note:
    """One thing the intake assumed, dropped or could not know; printed in every report."""

    code: str
    text: str
    where: str = ""
    count: int = 1


@dataclass(frozen=True, eq=False)
class Observations:
    """Published figures in long form.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per published figure. Required columns: ``date`` (datetime64, naive UTC, start of the period), ``entity``
        and ``metric`` (str or category), ``value`` (float64; NaN where ``status`` is censored or missing). Optional columns
        and what their absence means: ``low``, ``high`` (float64; the rounding interval; absent or NaN: exact; on
        censored rows ``high`` is the published bound), ``status`` (int8 codes of :class:`Status`; absent: observed),
        ``unit`` (''), ``as_of`` (''; ISO 8601), ``source`` (name of the only source), ``snapshot`` (''; SHA-256 of the
        bytes), ``dimension`` ('').
    frequency : Frequency
        Spacing of the dates, found or stated, never assumed.
    sources : tuple of Source
        Citation cards, one per source named in the frame.
    notes : tuple of Note
        What the reader of the bytes assumed or dropped.
    """

    frame: "pd.DataFrame"
    frequency: Frequency
    sources: tuple[Source, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    def __post_init__(self) -> None:
        missing = {"date", "entity", "metric", "value"} - set(self.frame.columns)
        if missing:
            raise InputError(f"observations lack the column(s) {', '.join(sorted(missing))}")

    def noted(self, notes: Iterable[Note]) -> "Observations":
        """Return the same observations with further notes."""
        return replace(self, notes=(*self.notes, *notes))


def concatenate(parts: Sequence[Observations]) -> Observations:
    """Join observations of several inputs into one set.

    Raises
    ------
    InputError
        When there is nothing to join, or the inputs have different frequencies.
    """
    import pandas as pd

    if not parts:
        raise InputError("no input was given", hint="name a CSV, Parquet or JSON file, or a source")
    if len(parts) == 1:
        return parts[0]
    frequencies = {part.frequency for part in parts}
    if len(frequencies) > 1:
        names = ", ".join(sorted(f.value for f in frequencies))
        raise InputError(
            f"the inputs have different spacing ({names}); one panel needs one",
            hint="audit them apart, or sum the finer one to the coarser one first",
        )
    frames = [part.frame for part in parts]
    optional = [
        c
        for c in ("low", "high", "status", "unit", "as_of", "source", "snapshot", "dimension")
        if any(c in frame for frame in frames)
    ]
    filled = []
    for part, frame in zip(parts, frames, strict=True):
        absent: dict[str, float | int | str] = {
            c: float("nan") for c in ("low", "high") if c in optional and c not in frame
        }
        if "status" in optional and "status" not in frame:
            absent["status"] = int(Status.OBSERVED)
        for column in ("unit", "as_of", "snapshot", "dimension"):
            if column in optional and column not in frame:
                absent[column] = ""
        if "source" in optional and "source" not in frame:
            absent["source"] = part.sources[0].name if part.sources else ""
        filled.append(frame.assign(**absent))
    text = [
        "entity",
        "metric",
        *(c for c in optional if c in {"unit", "as_of", "source", "snapshot", "dimension"}),
    ]
    for column in text:
        union = pd.Index(sorted({str(v) for f in filled for v in f[column].unique()}))
        filled = [f.assign(**{column: pd.Categorical(f[column].astype(str), categories=union)}) for f in filled]
    sources: dict[Source, None] = {source: None for part in parts for source in part.sources}
    return Observations(
        frame=pd.concat(filled, ignore_index=True),
        frequency=parts[0].frequency,
        sources=tuple(sources),
        notes=tuple(note for part in parts for note in part.notes),
    )
