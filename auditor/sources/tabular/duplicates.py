"""Rows that state one figure more than once: repeated, restated, or parts of something."""

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, Where
from auditor.observations import Note, Status
from auditor.sources.tabular.cells import Cells, NotPlainError
from auditor.sources.tabular.words import counted

#: Above this share of conflicting figures the rows are parts of something, not restatements...
MOST_CONFLICTS = 0.05
#: ... unless they all lie in the last periods, as they do where two readings were pasted together.
LAST_PERIODS = 3


def _keys(cells: Cells, *, with_as_of: bool) -> npt.NDArray[np.int64]:
    """Give cells of one date, entity, metric (and date of publication) one number."""
    key = cells.date.codes.astype(np.int64) * len(cells.entity.names)
    key += cells.entity.codes
    if len(cells.metric.names) > 1:
        key = key * len(cells.metric.names) + cells.metric.codes
    if with_as_of and cells.as_of is not None:
        key = key * len(cells.as_of.names) + cells.as_of.codes
    return key


def _repeated(key: npt.NDArray[np.int64]) -> bool:
    """Whether any key occurs twice."""
    top = int(key.max()) + 1
    if top <= max(1_000_000, 16 * len(key)):
        seen = np.zeros(top, dtype=bool)
        seen[key] = True
        return int(seen.sum()) < len(key)
    return len(np.unique(key)) < len(key)


def without_duplicates(cells: Cells, file: str, notes: list[Note]) -> tuple[Cells, Cells | None]:
    """Drop rows that say the same twice; keep the later of rows that differ, marked revised.

    The second result holds the rows left out, for the rules that report them; None where there is none.

    Rows that differ in their date of publication are all kept. Of rows that differ without one, the last is kept and marked
    revised, with an interval that holds both, as long as such rows are few; many mean that a column which tells the rows
    apart was not understood, and the input is refused.
    """
    key = _keys(cells, with_as_of=True)
    if not _repeated(key):
        return cells, None
    if cells.line is None:
        raise NotPlainError("repeated keys")
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    group = np.concatenate([[0], np.cumsum(~same)])
    keep = np.ones(len(key), dtype=bool)
    low = cells.value.copy() if cells.low is None else cells.low.copy()
    high = cells.value.copy() if cells.high is None else cells.high.copy()
    value, status = cells.value.copy(), cells.states()
    identical, conflicting = 0, []
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    sizes = np.diff(np.append(starts, len(key)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        rows = order[start : start + size]
        last = rows[-1]
        keep[rows[:-1]] = False
        least = float(np.nanmin(high[rows]))
        if np.nanmax(low[rows]) <= least + 1e-12 * abs(least):
            identical += len(rows) - 1
            best = rows[int(np.argmin(high[rows] - low[rows]))]
            value[last], low[last], high[last], status[last] = value[best], low[best], high[best], status[best]
            continue
        conflicting.append(rows)
        low[last], high[last] = np.nanmin(low[rows]), np.nanmax(high[rows])
        status[last] = max(int(status[last]), int(Status.REVISED))
    if conflicting:
        _judge_conflicts(cells, conflicting, int(group[-1]) + 1, file, notes)
    if identical:
        notes.append(
            Note("duplicate", f"{counted(identical, 'row repeats', 'rows repeat')} another; left out", file, identical)
        )
    intervals = cells.low is not None or bool(conflicting)
    settled = Cells(
        date=cells.date,
        entity=cells.entity,
        metric=cells.metric,
        value=value,
        low=low if intervals else None,
        high=high if intervals else None,
        status=status if cells.status is not None or conflicting else None,
        as_of=cells.as_of,
        dimension=cells.dimension,
        line=cells.line,
        unit=cells.unit,
    )
    return settled.take(keep), cells.take(~keep)


def _judge_conflicts(
    cells: Cells, conflicting: list[npt.NDArray[np.intp]], count: int, file: str, notes: list[Note]
) -> None:
    first = conflicting[0]
    assert cells.line is not None
    lines = [int(cells.line[r]) for r in first]
    told = ", ".join(f"{cells.value[r]:,.15g} (line {cells.line[r]})" for r in first[:3])
    split = cells.dimension is not None and len(set(cells.dimension.codes[first].tolist())) > 1
    periods = cells.date.used()
    pasted = len(periods) > 2 * LAST_PERIODS and all(
        cells.date.codes[rows[0]] >= periods[-LAST_PERIODS] for rows in conflicting
    )
    if split or (len(conflicting) > max(1, MOST_CONFLICTS * count) and not pasted):
        raise InputError(
            f"{counted(len(conflicting), 'figure is', 'figures are')} given more than once with different values, such as {cells.label(first[0])}: {told}",
            where=Where(file, lines[1]),
            hint=(
                "the rows are parts of one figure: sum them to one row per date and entity, or name the column that tells "
                "them apart with columns={'entity': HEADING}"
                if split
                else "add the column that tells the rows apart (as_of for restated figures), name it if the file has it "
                "(columns={'metric': HEADING}, 'entity' or 'as_of'), or keep one row per date and entity"
            ),
        )
    places = ", ".join(str(int(cells.line[rows[-1]])) for rows in conflicting[:5])
    notes.append(
        Note(
            "conflict",
            f"{counted(len(conflicting), 'figure is', 'figures are')} given more than once with different values, such as {cells.label(first[0])}: {told}; "
            "the last is used, marked revised, and its interval holds all of them",
            f"{file}:{places}",
            len(conflicting),
        )
    )
