"""Reads a chunk of a long table into matrices of series, and sets aside the series that cannot be screened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES
from auditor.scale.chunks import Chunk
from auditor.scale.spacing import Grid
from auditor.scale.tables import connect

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Longest series that is screened, in periods.
LONGEST = 32_767

#: Lengths that series of files often have; they are not padded.
USUAL = (28, 29, 30, 31, 60, 90, 91, 180, 181, 182, 183, 365, 366, 730, 731, 1095, 1096, 1460, 1461)

#: Memory of the reading of one chunk.
MEMORY = "700MB"


@dataclass(frozen=True)
class Block:
    """Series of one length class that start on the same weekday.

    Attributes
    ----------
    names : list of str
    values : ndarray, shape (N, T)
        NaN where nothing was published, and before the first period (padding).
    first : ndarray of int, shape (N,)
        Number of the period in column 0.
    weekday : int
        Of column 0, Monday = 0.
    """

    names: list[str]
    values: Floats
    first: Ints
    weekday: int


@dataclass(frozen=True)
class Loaded:
    """A chunk in memory: the series that can be screened, and why the others cannot."""

    blocks: list[Block]
    refused: Mapping[str, str]
    rows: int


def load(chunk: Chunk, grid: Grid) -> Loaded:
    """Read the series of a chunk.

    A series is set aside, with the reason, when a date or a figure of it cannot be read, a date is no start of a period, or a
    period is stated twice with different figures (which of them holds needs the whole record: `audit run` has it).
    Remainders and totals are no series.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    names, code, slot, value = _rows(chunk, grid)
    count = len(names)
    reasons: dict[str, str] = {}

    def refuse(bad: npt.NDArray[np.bool_], reason: str) -> None:
        numbers = np.bincount(code[bad], minlength=count)
        for i in np.flatnonzero(numbers):
            reasons.setdefault(names[i], reason.format(n=int(numbers[i])))

    data = np.ma.getdata(value)
    unread = np.ma.getmaskarray(slot)
    refuse(unread, f"{{n}} row(s) with a date that cannot be read or is no start of a {grid.frequency.value}")
    absent = np.ma.getmaskarray(value)
    refuse(~absent & ~np.isfinite(data), "{n} figure(s) that cannot be read as one number")
    refuse(~absent & np.isfinite(data) & (data < 0), "{n} figure(s) below zero")
    keep = ~unread & ~absent
    code, at, data = code[keep], np.ma.getdata(slot)[keep].astype(np.int64), data[keep]
    for name in names:
        folded = name.strip().lower()
        if not folded:
            reasons[name] = "rows that name no entity"
        elif folded in REMAINDER_NAMES or folded in TOTAL_NAMES:
            reasons[name] = "a remainder or total, and no entity"
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first, code, at)
    np.maximum.at(last, code, at)
    for nothing in np.flatnonzero(last < first):
        reasons.setdefault(names[nothing], "no published figure")
    length = np.where(last >= first, last - first + 1, 0)
    for long in np.flatnonzero(length > LONGEST):
        reasons.setdefault(names[long], f"{length[long]} periods, more than {LONGEST}")
    length[length > LONGEST] = 0
    blocks = list(_blocks(names, (code, at, data), (first, length), grid, reasons))
    return Loaded(blocks, reasons, len(keep))


def _rows(chunk: Chunk, grid: Grid) -> tuple[list[str], Ints, Any, Any]:
    """Names in order of their bytes, and per row the number of its name, its period and its figure."""
    import duckdb

    table = chunk.table
    where = f" WHERE {table.where}" if table.where else ""
    with connect(1, memory=MEMORY) as con:
        try:
            con.execute(
                f"CREATE TEMP TABLE names AS SELECT DISTINCT coalesce({table.entity}, '') AS n FROM {table.source}{where}"  # noqa: S608 - built from quoted names
            )
            names = [str(r[0]) for r in con.execute("SELECT n FROM names ORDER BY n").fetchall()]
            con.execute("CREATE TYPE name AS ENUM (SELECT n FROM names ORDER BY n)")
            found = con.execute(
                f"SELECT enum_code(coalesce({table.entity}, '')::name)::INTEGER AS code, ({grid.sql(table.moment)})::INTEGER AS slot, "  # noqa: S608 - built from quoted names
                f"{table.figure} AS figure FROM {table.source}{where}"
            ).fetchnumpy()
        except duckdb.Error as error:
            what = " ".join(str(error).split())[:300]
            for file in table.files:
                what = what.replace(file, file.rpartition("/")[2])
            raise InputError(f"a chunk of the table cannot be read: {what}", hint="fetch the file again") from error
    return names, np.asarray(np.ma.getdata(found["code"]), dtype=np.int64), found["slot"], found["figure"]


def padded(length: Ints, whole: int) -> Ints:
    """Length class of each length: itself where it is usual or the whole span, else up to an eighth more.

    The class depends on the series and the table alone, never on its neighbours, so that results do not depend on chunks.
    """
    step = np.maximum(8, 1 << np.maximum(np.log2(np.maximum(length, 1)).astype(np.int64) - 3, 0))
    grown = -(-length // step) * step
    exact = np.isin(length, [*USUAL, whole])
    return np.where(exact, length, np.minimum(grown, LONGEST))


def _blocks(
    names: Sequence[str], rows: tuple[Ints, Ints, Floats], spans: tuple[Ints, Ints], grid: Grid, reasons: dict[str, str]
) -> Iterator[Block]:
    """Lay series out by length class and weekday; a period stated twice differently sets its series aside."""
    code, at, data = rows
    first, length = spans
    size = padded(length, grid.last - grid.first + 1)
    size[length == 0] = 0
    origin = first + length - size
    weekday = np.array([grid.weekday(int(o)) if s else 0 for o, s in zip(origin, size, strict=True)])
    order = np.lexsort((np.arange(len(names)), weekday, size))
    base = np.zeros(len(names), dtype=np.int64)
    base[order] = np.concatenate([[0], np.cumsum(size[order])[:-1]]) if len(order) else 0
    flat = np.full(int(size.sum()), np.nan)
    inside = size[code] > 0
    cell = (base[code] + at - origin[code])[inside]
    flat[cell] = data[inside]
    seen = np.zeros(len(flat), dtype=bool)
    seen[cell] = True
    if int(seen.sum()) < len(cell):
        differing = np.unique(code[inside][flat[cell] != data[inside]])
        for i in differing:
            reasons.setdefault(names[i], "a period is stated more than once, with different figures")
    good = np.array([bool(s) and n not in reasons for n, s in zip(names, size, strict=True)], dtype=bool)
    key = size * 7 + weekday
    for k in np.unique(key[good]):
        members = order[(key[order] == k) & good[order]]
        width = int(k) // 7
        values = flat[base[members][:, None] + np.arange(width)]
        yield Block([names[i] for i in members], values, origin[members], int(k) % 7)
