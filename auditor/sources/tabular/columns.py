"""A whole column of cells -> figures with their rounding intervals.

Decided here, from all cells together: which of ``.`` and ``,`` is the decimal mark. A column in which every cell can be
read both ways is asked about.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from auditor.errors import AuditError, ErrorList, InputError, Where
from auditor.observations import Note
from auditor.sources.tabular.headers import Heading
from auditor.sources.tabular.numbers import Number, is_missing, marks, parse_number
from auditor.sources.tabular.words import counted

Floats = npt.NDArray[np.float64]
_CHUNK = 8192
_PLAIN = re.compile(r"[0-9]{1,15}(?:\n[0-9]{1,15})*")
_MOST_ERRORS = 20
_EXACT = 2**53


@dataclass(eq=False)
class Column:
    """One column of cells as read, with the places they stand in.

    Attributes
    ----------
    cells : sequence
        Text, or numbers where the format has them (JSON, Parquet); None is blank.
    lines : sequence of int
        Line of each cell.
    heading : Heading
    number : int
        Column number from 1.
    file : str
    signed : sequence of bool or None
        Rows whose figure is a change and may be negative; None: none.
    """

    cells: Sequence[object]
    lines: Sequence[int]
    heading: Heading
    number: int
    file: str
    signed: Sequence[bool] | None = None

    def where(self, row: int) -> Where:
        """Return the place of a cell."""
        return Where(self.file, self.lines[row], self.number, self.heading.raw)


@dataclass(eq=False)
class Figures:
    """A column of figures.

    Attributes
    ----------
    value, low, high : ndarray, shape (R,)
        NaN where nothing was published; ``low``/``high`` are None where every figure is exact.
    bound : ndarray of bool or None, shape (R,)
        True where the cell states a bound (``<5``): ``value`` is NaN and ``high`` the bound.
    unit : str
    notes : list of Note
    """

    value: Floats
    low: Floats | None = None
    high: Floats | None = None
    bound: npt.NDArray[np.bool_] | None = None
    unit: str = ""
    notes: list[Note] = field(default_factory=list)


def _plain(column: Column, value: Floats) -> list[int]:
    """Fill in whole numbers written in full; return the rows of all other cells."""
    cells, odd = column.cells, []
    for start in range(0, len(cells), _CHUNK):
        chunk = cells[start : start + _CHUNK]
        try:
            plain = _PLAIN.fullmatch("\n".join(chunk)) is not None  # type: ignore[arg-type]  # cells of JSON may be numbers: TypeError
        except TypeError:
            plain = False
        if plain:
            value[start : start + len(chunk)] = np.fromiter(map(int, chunk), dtype=np.float64, count=len(chunk))  # type: ignore[arg-type]  # all text here
            continue
        for i, cell in enumerate(chunk, start):
            if isinstance(cell, str):
                if len(cell) < 16 and cell.isascii() and cell.isdigit():
                    value[i] = int(cell)
                elif cell:
                    odd.append(i)
            elif cell is not None:
                odd.append(i)
    return odd


def decimal_marks(columns: Iterable[Column], stated: str | None) -> list[str]:
    """Decide the decimal mark of each column.

    Raises
    ------
    InputError
        When cells of one column contradict each other, or nothing in the file shows which mark is the decimal one.
    """
    found: list[str] = []
    open_at: list[tuple[int, Column, int]] = []
    shown: set[str] = set()
    for column in columns:
        possible: frozenset[str] = frozenset(".,")
        example = ambiguous = -1
        for row in _plain(column, np.empty(len(column.cells))):
            text = column.cells[row]
            if stated or not isinstance(text, str) or is_missing(text):
                continue
            can = marks(text)
            if not can:
                continue
            if len(can) == 2:
                ambiguous = row if ambiguous < 0 and re.search(r"[.,]", text.strip().rstrip(".")) else ambiguous
                continue
            if not possible & can:
                raise InputError(
                    f"{text.strip()!r} and {str(column.cells[example]).strip()!r} (line {column.lines[example]}) use different decimal marks",
                    where=column.where(row),
                    hint="write all figures of the column the same way",
                )
            possible, example = possible & can, row if example < 0 else example
        if len(possible) == 1:
            shown |= possible
        elif ambiguous >= 0 and not stated:
            open_at.append((len(found), column, ambiguous))
        found.append(stated or ("." if len(possible) == 2 else next(iter(possible))))
    for position, column, row in open_at:
        if len(shown) != 1:
            raise InputError(
                f"{str(column.cells[row]).strip()!r} can be read with a decimal or a thousands mark, and no other cell shows which",
                where=column.where(row),
                hint="state decimal='.' or decimal=',', or write figures without thousands marks",
            )
        found[position] = next(iter(shown))
    return found


def read_figures(column: Column, decimal: str) -> Figures:
    """Read a column of figures.

    Raises
    ------
    InputError or ErrorList
        Naming up to 20 cells that are not figures.
    """
    count = len(column.cells)
    result = Figures(np.full(count, np.nan), unit=column.heading.unit)
    power = column.heading.power
    if power is None:
        odd = _plain(column, result.value)
    else:
        odd = [i for i, cell in enumerate(column.cells) if cell is not None and cell != ""]
    known: dict[object, Number | None] = {}
    errors: list[AuditError] = []
    tally = _Tally()
    for row in odd:
        cell = column.cells[row]
        signed = column.signed is not None and column.signed[row]
        key = (type(cell), cell, signed)
        if key not in known:
            try:
                known[key] = _one(cell, decimal, power, signed=signed)
            except InputError as error:
                errors.append(InputError(error.what, where=column.where(row), hint=error.hint))
                if len(errors) >= _MOST_ERRORS:
                    break
                continue
        number = known[key]
        if number is None:
            tally.sentinels += not is_missing(str(cell))
            continue
        tally.add(number)
        _place(result, row, number)
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorList(errors)
    units = tally.units
    plain = int(np.count_nonzero(np.isfinite(result.value) & (result.value != 0))) - tally.count
    if "share" in units and (len(units) > 1 or plain > 0):
        raise InputError(
            "the column mixes percentages with other figures",
            where=Where(column.file, None, column.number, column.heading.raw),
            hint="keep shares and figures in columns of their own",
        )
    result.unit = next(iter(units - {""}), result.unit)
    result.notes = tally.notes(column)
    return result


@dataclass
class _Tally:
    count: int = 0
    rounded: int = 0
    approximate: int = 0
    beyond: int = 0
    sentinels: int = 0
    units: set[str] = field(default_factory=set)

    def add(self, number: Number) -> None:
        self.count += number.value != 0 and not number.bound
        self.rounded += number.rounded
        self.approximate += number.approximate
        self.beyond += number.value > _EXACT and float(number.value) != number.value
        if number.value != 0 and not number.bound:
            self.units.add(number.unit)

    def notes(self, column: Column) -> list[Note]:
        name = column.heading.raw or f"column {column.number}"
        told = (
            ("rounded", self.rounded, "abbreviated", "each stands for the interval that rounds to it"),
            ("approximate", self.approximate, "marked as approximate", "only the rounding is known"),
            ("beyond_2_53", self.beyond, "beyond 2^53", "kept to 16 digits"),
            ("sentinel", self.sentinels, "of -1", "it stands for no figure: missing"),
        )
        return [
            Note(code, f"{name}: {counted(count, 'figure')} {kind}; {text}", column.file, count)
            for code, count, kind, text in told
            if count
        ]


def _place(result: Figures, row: int, number: Number) -> None:
    if (number.rounded or number.bound) and result.low is None:
        # Full intervals from here on: exact figures have low = high = value.
        result.low, result.high = result.value.copy(), result.value.copy()
        result.bound = np.zeros(len(result.value), dtype=bool)
    if number.bound:
        value, low, high = np.nan, 0.0, float(number.value)
    else:
        value, low, high = float(number.value), number.low, number.high
    result.value[row] = value
    if result.low is not None and result.high is not None and result.bound is not None:
        result.low[row], result.high[row], result.bound[row] = low, high, number.bound


def _one(cell: object, decimal: str, power: int | None, *, signed: bool) -> Number | None:
    if isinstance(cell, str):
        return parse_number(cell, decimal=decimal, power=power, signed=signed)
    if isinstance(cell, bool):
        raise InputError(f"{cell} is not a number", hint="name the column of figures with columns={'value': HEADING}")
    if isinstance(cell, int | float | np.integer | np.floating):
        if cell != cell:  # noqa: PLR0124 - NaN is the only value that differs from itself
            return None
        text = str(int(cell)) if float(cell).is_integer() else repr(float(cell))
        return parse_number(text, decimal=".", power=power, signed=signed)
    raise InputError(f"{str(cell)[:60]!r} is not a number", hint="each figure must be one number or one text")
