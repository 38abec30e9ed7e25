"""Columns that say how final a figure is: a status, or a flag such as ``is_partial`` or ``is_estimate``."""

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, Where
from auditor.observations import Note, Status
from auditor.sources.tabular.headers import Role
from auditor.sources.tabular.layout import Layout
from auditor.sources.tabular.raw import RawTable
from auditor.sources.tabular.words import counted

_STATUS: dict[str, Status | None] = {
    **dict.fromkeys(("", "observed", "final", "complete", "ok", "published", "actual"), Status.OBSERVED),
    **dict.fromkeys(
        ("partial", "preliminary", "provisional", "incomplete", "estimate", "estimated", "vorläufig"), Status.PARTIAL
    ),
    **dict.fromkeys(("revised", "restated", "corrected", "revidiert"), Status.REVISED),
    **dict.fromkeys(
        ("censored", "below", "below cut-off", "below cutoff", "below top", "not listed", "absent"), Status.CENSORED
    ),
    **dict.fromkeys(("missing", "not published", "n/a", "na"), Status.MISSING),
}
_YES = frozenset({"true", "yes", "y", "1", "ja", "wahr", "t", "是"})
_NO = frozenset({"false", "no", "n", "0", "nein", "falsch", "f", "", "否"})


def read_status(table: RawTable, layout: Layout, notes: list[Note]) -> npt.NDArray[np.int8] | None:
    """Read the columns that say how final a figure is."""
    result: npt.NDArray[np.int8] | None = None
    column = layout.roles.get(Role.STATUS)
    if column is not None:
        flag = layout.headings[column].key
        result = np.array(
            [_one_status(cell, flag, table, row, column) for row, cell in enumerate(table.columns[column])],
            dtype=np.int8,
        )
    column = layout.roles.get(Role.ESTIMATE)
    if column is not None:
        flags = np.array(
            [_flag(cell, table, row, column) for row, cell in enumerate(table.columns[column])], dtype=bool
        )
        if flags.any():
            result = np.full(len(flags), Status.OBSERVED, dtype=np.int8) if result is None else result
            result[flags] = Status.PARTIAL
            lines = ", ".join(str(table.lines[r]) for r in np.flatnonzero(flags)[:5])
            text = f"{counted(int(flags.sum()), 'figure')} flagged as an estimate: kept, marked partial, and not used as settled"
            notes.append(Note("estimate", text, f"{table.file}:{lines}", int(flags.sum())))
    return result


def _one_status(cell: object, flag: str, table: RawTable, row: int, column: int) -> Status:
    word = str("" if cell is None else cell).strip().casefold()
    if flag in {"is_partial", "partial"} and word in _YES | _NO:
        return Status.PARTIAL if word in _YES else Status.OBSERVED
    if flag in {"is_complete", "complete"} and word in _YES | _NO:
        return Status.OBSERVED if word in _YES or not word else Status.PARTIAL
    found = _STATUS.get(word)
    if found is None:
        raise InputError(
            f"{word!r} is not a known status",
            where=Where(table.file, table.lines[row], column + 1, flag),
            hint="use observed, censored, missing, partial or revised; or rename the column if it is about something else",
        )
    return found


def _flag(cell: object, table: RawTable, row: int, column: int) -> bool:
    word = str("" if cell is None else cell).strip().casefold()
    if word not in _YES | _NO:
        raise InputError(
            f"{word!r} is neither true nor false",
            where=Where(table.file, table.lines[row], column + 1),
            hint="write true or false",
        )
    return word in _YES
