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
    beside : tuple of Observations
        Figures that only the rules read, never a test: printed ranks and shares, and figures of another spacing than this
        one (weeks beside days). Each names its own source; none has figures beside it in turn.
    repeats : pandas.DataFrame or None
        Rows left out of ``frame`` because another row states the same figure again; same columns. Rules can report them,
        and no test counts them.
    """

    frame: "pd.DataFrame"
    frequency: Frequency
    sources: tuple[Source, ...] = ()
    notes: tuple[Note, ...] = field(default=())
    beside: "tuple[Observations, ...]" = field(default=())
    repeats: "pd.DataFrame | None" = field(default=None)

    def __post_init__(self) -> None:
        missing = {"date", "entity", "metric", "value"} - set(self.frame.columns)
        if missing:
            raise InputError(f"observations lack the column(s) {', '.join(sorted(missing))}")

    def noted(self, notes: Iterable[Note]) -> "Observations":
        """Return the same observations with further notes."""
        return replace(self, notes=(*self.notes, *notes))


#: Spacings from the finest to the coarsest.
FINEST_FIRST = (Frequency.HOUR, Frequency.DAY, Frequency.WEEK, Frequency.MONTH)


def concatenate(parts: Sequence[Observations]) -> Observations:
    """Join observations of several inputs into one set.

    Inputs of the finest spacing are joined; those of a coarser one (a weekly file beside a daily one) are kept ``beside`` them,
    for the rules alone, with a note that says so. The order of the inputs decides nothing but the order of rows.

    Raises
    ------
    InputError
        When there is nothing to join.
    """
    if not parts:
        raise InputError("no input was given", hint="name a CSV, Parquet or JSON file, or a source")
    if len(parts) == 1:
        return parts[0]
    finest = min((part.frequency for part in parts), key=FINEST_FIRST.index)
    same = [part for part in parts if part.frequency is finest]
    coarser = [part for part in parts if part.frequency is not finest]
    joined = same[0] if len(same) == 1 else _joined(same)
    beside: list[Observations] = [b for part in same for b in part.beside]
    notes: list[Note] = [note for part in parts for note in part.notes]
    for part in coarser:
        beside += [replace(part, beside=(), repeats=None, notes=()), *part.beside]
        named = ", ".join(source.name for source in part.sources) or "an input"
        notes.append(
            Note(
                "spacing",
                f"{named} states one figure per {part.frequency.value}: the question is asked of the figures per {finest.value}; "
                "the others are read by the rules that compare periods, and by no test",
                next((source.file for source in part.sources if source.file), ""),
                len(part.frame),
            )
        )
    sources: dict[Source, None] = {source: None for part in (*same, *coarser) for source in part.sources}
    return replace(joined, sources=tuple(sources), notes=tuple(notes), beside=tuple(beside))


def _joined(parts: Sequence[Observations]) -> Observations:
    """Join observations of one spacing."""
    import pandas as pd

    frames = [part.frame for part in parts]
    repeats = [(part, part.repeats) for part in parts if part.repeats is not None]
    optional = [
        c
        for c in ("low", "high", "status", "unit", "as_of", "source", "snapshot", "dimension")
        if any(c in frame for frame in (*frames, *(r for _, r in repeats)))
    ]
    return Observations(
        frame=pd.concat(alike(list(zip(parts, frames, strict=True)), optional), ignore_index=True),
        frequency=parts[0].frequency,
        repeats=pd.concat(alike(repeats, optional), ignore_index=True) if repeats else None,
    )


def alike(parts: "Sequence[tuple[Observations, pd.DataFrame]]", optional: Sequence[str]) -> "list[pd.DataFrame]":
    """Give frames the same columns and the same categories."""
    import pandas as pd

    filled = []
    for part, frame in parts:
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
    return filled
