"""CSV, TSV and the like, read carefully: every cell with its line, nothing guessed."""

from collections.abc import Callable, Iterator
from itertools import islice

from auditor.errors import AuditError, ErrorList, InputError, Where
from auditor.observations import Note, Observations, Source
from auditor.sources.tabular.build import build
from auditor.sources.tabular.dialect import Dialect, encoding_of, find_dialect, rows
from auditor.sources.tabular.layout import Layout, find_layout
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.raw import RawTable
from auditor.sources.tabular.words import counted

_SAMPLE_ROWS = 500
_MOST_ERRORS = 10


def find_shape(data: bytes, file: str, options: Options) -> tuple[str, Dialect, Layout]:
    """Find encoding, dialect and layout from the first part of a delimited text."""
    encoding = encoding_of(data, options.encoding)
    dialect = find_dialect(data, encoding, file, named=frozenset(options.columns.values()))
    sample: list[list[str]] = []
    try:
        body = rows(data, encoding, dialect.delimiter, file, skip_lines=dialect.body_line - 1)
        sample.extend(cells for _, cells in islice(body, _SAMPLE_ROWS))
    except InputError:
        if not sample:
            raise
    if not sample:
        raise InputError(
            "the table has a heading but no rows",
            where=Where(file, dialect.header_line),
            hint="check the download or export",
        )
    layout = find_layout(dialect.headings, sample, options, file, dialect.header_line)
    return encoding, dialect, layout


def read_delimited(data: bytes, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read a delimited text.

    Parameters
    ----------
    data : bytes
    file : str
        Name for errors and notes.
    options : Options
    card : callable
        Returns the source card, given the date of publication the file states ('' where it states none).

    Raises
    ------
    InputError or ErrorList
    """
    encoding, dialect, layout = find_shape(data, file, options)
    return read_careful(data, encoding, dialect, layout, file, options, card)


def read_careful(
    data: bytes,
    encoding: str,
    dialect: Dialect,
    layout: Layout,
    file: str,
    options: Options,
    card: Callable[[str], Source],
) -> Observations:
    """Read every row of a delimited text whose shape is known, keeping lines."""
    nul = data.find(b"\0") if encoding.startswith("utf-8") else -1
    if nul >= 0:
        raise InputError(
            "the text holds a NUL byte",
            where=Where(file, data.count(b"\n", 0, nul) + 1, nul - data.rfind(b"\n", 0, nul)),
            hint="the file is damaged or not text: fetch or export it again",
        )
    body = rows(data, encoding, dialect.delimiter, file, skip_lines=dialect.body_line - 1)
    table, notes = _table(body, dialect, layout, file)
    return build(table, layout, options, card(dialect.as_of), [*dialect.notes, *notes])


def _table(
    body: Iterator[tuple[int, list[str]]], dialect: Dialect, layout: Layout, file: str
) -> tuple[RawTable, list[Note]]:
    width = len(dialect.headings)
    used = layout.used
    columns: dict[int, list[object]] = {i: [] for i in used}
    appends = [(i, columns[i].append) for i in used]
    lines: list[int] = []
    errors: list[AuditError] = []
    loose: list[int] = []
    # Dates and names repeat: one object each keeps millions of rows in memory.
    shared: dict[str, str] = {}
    repeat = {i for i in used if i not in layout.values}
    for line, cells in body:
        if len(cells) != width:
            if len(cells) > width and not any(map(str.strip, cells[width:])):
                cells = cells[:width]  # noqa: PLW2901 - trailing separators
            elif (
                sum(bool(c.strip()) for c in cells) == 1
                and not next(c.strip() for c in cells if c.strip())[0].isdigit()
            ):
                loose.append(line)
                continue
            else:
                errors.append(_ragged(len(cells), width, file, line))
                if len(errors) >= _MOST_ERRORS:
                    break
                continue
        if loose:
            raise InputError(
                "a line of text stands between the rows of the table",
                where=Where(file, loose[0]),
                hint="remove it, or start it with #; one file holds one table",
            )
        for i, append in appends:
            cell = cells[i]
            append(shared.setdefault(cell, cell) if i in repeat else cell)
        lines.append(line)
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorList(errors)
    notes = []
    if loose:
        text = f"{counted(len(loose), 'line')} of text below the table left out"
        notes.append(Note("trailer", text, f"{file}:{loose[0]}", len(loose)))
    return RawTable(file, dialect.header_line, columns, lines), notes


def _ragged(found: int, width: int, file: str, line: int) -> InputError:
    more = (
        'put quotes around cells that hold the separator, such as "1,234"'
        if found > width
        else "the row may have been cut off: fetch or export the file again"
    )
    return InputError(
        f"the row has {found} cells, the heading has {width}",
        where=Where(file, line, min(found, width) + (found > width)),
        hint=more,
    )
