"""Large plain files, read by an embedded engine; the result is the same as the careful reader's.

Only what needs no judgement is taken: a long table of one column of figures, every figure a plain number, every row whole.
Anything else raises :class:`~auditor.sources.tabular.cells.NotPlainError`, and the careful reader takes over, so that all
refusals come from one place and name their line.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import AuditError
from auditor.observations import Note, Observations, Source
from auditor.sources.tabular.assemble import assemble, companion
from auditor.sources.tabular.cells import Cells, Coded, Dates, NotPlainError
from auditor.sources.tabular.dialect import Dialect
from auditor.sources.tabular.headers import Role, read_heading
from auditor.sources.tabular.layout import Layout, Shape
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.periods import PeriodFinder

if TYPE_CHECKING:
    import duckdb
    import numpy.typing as npt

#: Figures that mean the same under every reading: whole, or with a decimal point that cannot group thousands.
_PLAIN = r"[0-9]{1,15}(\.([0-9]{1,2}|[0-9]{4,9}))?"


def read_fast(
    path: Path, dialect: Dialect, layout: Layout, file: str, options: Options, card: Callable[[str], Source]
) -> Observations:
    """Read a large delimited text.

    Parameters
    ----------
    path : Path
        The file, unpacked.
    dialect, layout
        As found from its first part.
    file : str
        Name for notes.
    options : Options
    card : callable
        Returns the source card, given the date of publication the file states.

    Raises
    ------
    NotPlainError
        When the file needs the careful reader.
    """
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(dialect.headings)))
    table = (
        f"read_csv(?, delim='{_quoted(dialect.delimiter)}', quote='\"', escape='\"', header=false, "
        f"skip={dialect.body_line - 1}, auto_detect=false, strict_mode=true, columns={{{names}}})"
    )
    text = {i: f"c{i}" for i in range(len(dialect.headings))}
    return _read(table, str(path), text, text[0], layout, file, options, card, dialect.notes, dialect.as_of)


def read_fast_parquet(
    path: Path, names: list[str], layout: Layout, file: str, options: Options, card: Callable[[str], Source]
) -> Observations:
    """Read a large Parquet file, as :func:`read_fast` does."""
    text = {i: 'CAST("{}" AS VARCHAR)'.format(name.replace('"', '""')) for i, name in enumerate(names)}
    return _read("read_parquet(?)", str(path), text, "''", layout, file, options, card, (), "")


def _read(
    table: str,
    path: str,
    text: dict[int, str],
    first: str,
    layout: Layout,
    file: str,
    options: Options,
    card: Callable[[str], Source],
    notes: tuple[Note, ...],
    as_of: str,
) -> Observations:
    _refuse_unplain(layout, options)
    assert layout.date is not None
    assert layout.entity is not None
    coded = {"date": layout.date, "entity": layout.entity}
    coded |= {role.value: i for role, i in layout.roles.items()}
    figures = text[layout.values[0]]
    connection = _connection()
    import duckdb

    try:
        distinct, whole = _distinct(connection, table, path, {k: text[i] for k, i in coded.items()}, figures, first)
        columns = [f"enum_code(CAST({text[i]} AS {kind}_type))::INTEGER AS {kind}" for kind, i in coded.items()]
        columns += [f"TRY_CAST({text[i]} AS DOUBLE) AS printed_{name}" for name, i in layout.companions.items()]
        columns.append(f"CAST({figures} AS {'BIGINT' if whole else 'DOUBLE'}) AS figure")
        # Rows must keep their order; one thread hands ordered rows over with less work than several.
        connection.execute("SET threads = 1")
        result = connection.execute(f"SELECT {', '.join(columns)} FROM {table}", [path]).fetchnumpy()  # noqa: S608 - built from numbers and our own names
    except duckdb.Error as error:
        raise NotPlainError(str(error)) from error
    finally:
        connection.close()
    printed = {name: _printed(result.pop(f"printed_{name}")) for name in layout.companions}
    figure = result.pop("figure")
    value = np.asarray(np.ma.getdata(figure), dtype=np.float64)
    if isinstance(figure, np.ma.MaskedArray):
        value[np.ma.getmaskarray(figure)] = np.nan
    del figure
    codes = {kind: Coded(np.ma.getdata(result.pop(kind)), distinct[kind]) for kind in coded}
    heading = layout.headings[layout.date]
    try:
        labels = distinct["date"]
        periods = PeriodFinder(labels, [0] * len(labels), heading, options, file, layout.date + 1).find()
    except AuditError as error:
        raise NotPlainError(error.what) from error
    if np.isnat(periods.starts).any():
        raise NotPlainError("rows that sum others")
    own = layout.headings[layout.values[0]]
    metric = codes.get("metric") or Coded.constant(options.metric or own.key, len(value))
    unit = own.unit
    cells = Cells(
        date=Dates.of_labels(periods.starts, codes["date"].codes),
        entity=codes["entity"],
        metric=metric,
        value=value,
        as_of=codes.get("as_of"),
        unit={name: unit or read_heading(name).unit for name in metric.names},
    )
    beside = [companion(name, figures, cells) for name, figures in printed.items()] if not options.difference else []
    del codes, value, printed
    try:
        return assemble(
            cells,
            periods.frequency,
            card(as_of),
            [*notes, *layout.notes, *periods.notes],
            options,
            beside,
        )
    except AuditError as error:
        raise NotPlainError(error.what) from error


def _printed(column: Any) -> "npt.NDArray[np.float64]":
    """Return a column of printed ranks or shares; one that is no plain number needs the careful reader."""
    if np.ma.getmaskarray(column).any():
        raise NotPlainError("a printed rank or share that needs a careful reading")
    return np.asarray(np.ma.getdata(column), dtype=np.float64)


def _refuse_unplain(layout: Layout, options: Options) -> None:
    value = layout.headings[layout.values[0]]
    if (
        layout.shape is not Shape.LONG
        or layout.date is None
        or layout.entity is None
        or len(layout.values) != 1
        or layout.dimensions
        or set(layout.roles) - {Role.METRIC, Role.AS_OF}
        or value.power is not None
        or value.is_share
        or any(layout.headings[i].power is not None for i in layout.companions.values())
        or options.year is not None
        or options.decimal == ","
        or options.encoding
        or (options.metric and (Role.METRIC in layout.roles or options.metric not in {value.key, value.raw}))
    ):
        raise NotPlainError("needs the careful reader")


def _distinct(
    connection: "duckdb.DuckDBPyConnection", table: str, path: str, coded: dict[str, str], figures: str, first: str
) -> tuple[dict[str, list[str]], bool]:
    """Find the distinct texts of the coded columns in one pass, check every row, and declare the texts as types.

    The second result says whether all figures are whole numbers.
    """
    lists = ", ".join(f"list(DISTINCT {text})" for text in coded.values())
    named = " AND ".join(f"count({text}) = count(*)" for text in coded.values())
    plain = f"bool_and(regexp_full_match({figures}, '{_PLAIN}'))"
    # A row whose first cell starts with # is a comment to the careful reader.
    comment = "false" if first in coded.values() else f"bool_or(starts_with({first}, '#'))"
    whole = f"bool_and(NOT contains({figures}, '.'))"
    row = connection.execute(f"SELECT {named}, {plain}, {comment}, {whole}, {lists} FROM {table}", [path]).fetchone()  # noqa: S608 - built from our own names
    if row is None or not row[0] or not row[1] or row[2]:
        raise NotPlainError("figures that need a careful reading, or comments")
    found: dict[str, list[str]] = {}
    for kind, texts in zip(coded, row[4:], strict=True):
        names = sorted(texts)
        if any(not name or name != name.strip() or name.startswith("#") for name in names):
            raise NotPlainError(f"{kind}s that need a careful reading")
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        connection.execute(f"CREATE TYPE {kind}_type AS ENUM ({listed})")
        found[kind] = names
    return found, bool(row[3])


def _connection() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _quoted(text: Any) -> str:
    return str(text).replace("'", "''")
