"""A long table on disk that is read by columns: which files, and the SQL of its entity, moment and figure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, Where

if TYPE_CHECKING:
    import duckdb

    from auditor.sources.tabular.layout import Layout
    from auditor.sources.tabular.options import Options

#: Rows of which the roles of columns are read.
SAMPLE = 500

#: A figure of which nobody can say whether the point groups thousands.
UNSURE = r"^\s*[+-]?[0-9]{1,3}\.[0-9]{3}\s*$"

#: What of a file is read to find its shape.
HEAD = 1 << 20


@dataclass(frozen=True)
class LongTable:
    """One row per entity and period; small enough to be sent to every worker.

    Attributes
    ----------
    files : tuple of str
        Paths, all of one kind.
    source : str
        The SQL after FROM.
    entity, moment, figure : str
        SQL of a VARCHAR, a TIMESTAMP (NULL: cannot be read) and a DOUBLE (NULL: not published, NaN: cannot be read).
    where : str
        SQL that chooses the metric; '' chooses all rows.
    sortable : str
        Name of the entity's column in Parquet, whose statistics tell where an entity lies; '' where there are none.
    """

    files: tuple[str, ...]
    source: str
    entity: str
    moment: str
    figure: str
    where: str = ""
    sortable: str = ""


def connect(threads: int, *, memory: str = "1GB", spill: str = "") -> "duckdb.DuckDBPyConnection":
    """Open an empty database of bounded memory."""
    import duckdb

    config: dict[str, Any] = {"threads": threads, "memory_limit": memory}
    if spill:
        config["temp_directory"] = spill
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def is_parquet(path: Path) -> bool:
    """Whether a file is a Parquet file, by its first bytes.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PAR1"
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", where=Where(path.name), hint="check the path"
        ) from error


def find_table(paths: Sequence[Path], options: "Options") -> LongTable | None:
    """Describe files that are one long table of plain figures; None where they need the careful intake.

    Raises
    ------
    InputError
        When a file cannot be opened, or its columns have no clear role.
    UsageError
        When the table holds several metrics and none was chosen.
    """
    if options.date or options.entity or options.year or options.difference or options.encoding or options.tz:
        return None
    kinds = {is_parquet(path) for path in paths}
    if kinds == {True}:
        return _parquet(paths, options)
    if kinds == {False} and len(paths) == 1:
        return _delimited(paths[0], options)
    return None


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _parquet(paths: Sequence[Path], options: "Options") -> LongTable | None:
    import duckdb

    from auditor.sources.tabular.layout import find_layout

    source = f"read_parquet([{', '.join(literal(str(p)) for p in paths)}])"
    with connect(1) as con:
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - paths are quoted
            names, kinds = [str(r[0]) for r in described], [str(r[1]) for r in described]
            texts = ", ".join(f"{_name(n)}::VARCHAR" for n in names)
            sample = con.execute(f"SELECT {texts} FROM {source} LIMIT {SAMPLE}").fetchall()  # noqa: S608 - names are quoted
        except duckdb.Error as error:
            what = str(error).splitlines()[0][:200]
            for path in paths:
                what = what.replace(str(path), path.name)
            raise InputError(
                f"the Parquet file cannot be read: {what}",
                where=Where(paths[0].name),
                hint="it may have been cut off: fetch it again",
            ) from error
        if not sample:
            raise InputError("the file has columns but no rows", where=Where(paths[0].name), hint="check the export")
        layout = find_layout(names, sample, options, paths[0].name, 1)
        if not _plain(layout):
            return None
        assert layout.date is not None
        assert layout.entity is not None
        value, date = layout.values[0], layout.date
        if kinds[date] not in {
            "DATE",
            "TIMESTAMP",
            "TIMESTAMP_NS",
            "TIMESTAMP_MS",
            "TIMESTAMP WITH TIME ZONE",
            "VARCHAR",
        }:
            return None
        if kinds[date] == "VARCHAR" and not _iso(sample, date):
            return None
        table = LongTable(
            files=tuple(str(p) for p in paths),
            source=source,
            entity=f"{_name(names[layout.entity])}::VARCHAR",
            moment=f"TRY_CAST({_name(names[date])} AS TIMESTAMP)",
            figure=_figure(_name(names[value]), sample, value, options, text=kinds[value] == "VARCHAR"),
            sortable=names[layout.entity] if kinds[layout.entity] == "VARCHAR" else "",
        )
        return _of_metric(con, table, layout, names, options)


def _delimited(path: Path, options: "Options") -> LongTable | None:
    from auditor.sources.tabular.delimited import find_shape

    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head[:2] == b"\x1f\x8b" or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["} or b"\0" in head:
        return None
    cut = head if len(head) < HEAD else head[: head.rfind(b"\n") + 1]
    encoding, dialect, layout = find_shape(cut, path.name, options)
    if encoding not in {"utf-8", "utf-8-sig"} or not _plain(layout):
        return None
    assert layout.date is not None
    assert layout.entity is not None
    names = [f"c{i}" for i in range(len(dialect.headings))]
    columns = ", ".join(f"'{n}': 'VARCHAR'" for n in names)
    source = (
        f"read_csv({literal(str(path))}, delim={literal(dialect.delimiter)}, quote='\"', escape='\"', header=false, "
        f"skip={dialect.body_line - 1}, auto_detect=false, strict_mode=true, columns={{{columns}}})"
    )
    with connect(1) as con:
        import duckdb

        try:
            sample = con.execute(f"SELECT * FROM {source} LIMIT {SAMPLE}").fetchall()  # noqa: S608 - the path is quoted
        except duckdb.Error:
            return None  # the careful reader names what is wrong
        value = layout.values[0]
        if not _iso(sample, layout.date) or not _numbers(sample, value):
            return None
        table = LongTable(
            files=(str(path),),
            source=source,
            entity=names[layout.entity],
            moment=f"TRY_CAST({names[layout.date]} AS TIMESTAMP)",
            figure=_figure(names[value], sample, value, options, text=True),
        )
        return _of_metric(con, table, layout, names, options)


def _plain(layout: "Layout") -> bool:
    """Whether a table needs no judgement of the intake: long, one column of figures without a power of ten."""
    from auditor.sources.tabular.headers import Role
    from auditor.sources.tabular.layout import Shape

    heading = layout.headings[layout.values[0]]
    return (
        layout.shape is Shape.LONG
        and layout.date is not None
        and layout.entity is not None
        and len(layout.values) == 1
        and not layout.dimensions
        and not set(layout.roles) - {Role.METRIC, Role.UNIT}
        and heading.power is None
        and not heading.is_share
    )


def _iso(sample: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether the dates of the sample are written as ISO 8601 writes them (single bad ones are their series' matter)."""
    found = [str(r[column]) for r in sample if r[column] is not None]
    good = sum(bool(re.match(r"\d{4}-\d{2}-\d{2}(?![\d-])", text)) for text in found)
    return good > len(found) / 2


def _numbers(sample: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether most figures of the sample are plain numbers."""
    found = [str(r[column]) for r in sample if r[column] is not None]
    good = sum(bool(re.fullmatch(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", text)) for text in found)
    return good > len(found) / 2


def _figure(column: str, sample: Sequence[Sequence[Any]], at: int, options: "Options", *, text: bool) -> str:
    if not text:
        return f"{column}::DOUBLE"
    from auditor.sources.tabular.numbers import MISSING

    absent = ", ".join(literal(word) for word in sorted(MISSING))
    point = options.decimal == "." or any(
        re.fullmatch(r"[+-]?\d*\.(\d{1,2}|\d{4,})", str(row[at]).strip()) for row in sample if row[at] is not None
    )
    doubtful = f"contains({column}, '.') AND regexp_matches({column}, {literal(UNSURE)})"
    first = "" if point else f"WHEN {doubtful} THEN 'nan'::DOUBLE "
    # The common case first: what is a finite number needs no look at its text.
    return (
        f"CASE {first}"
        f"WHEN isfinite(TRY_CAST({column} AS DOUBLE)) THEN TRY_CAST({column} AS DOUBLE) "
        f"WHEN {column} IS NULL OR lower(trim({column})) IN ({absent}) THEN NULL ELSE 'nan'::DOUBLE END"
    )


def _of_metric(
    con: "duckdb.DuckDBPyConnection", table: LongTable, layout: "Layout", names: Sequence[str], options: "Options"
) -> LongTable:
    """Restrict a table to the metric asked for; a table of several asks back."""
    from auditor.errors import UsageError
    from auditor.panel import nearest
    from auditor.sources.tabular.headers import Role

    if Role.METRIC not in layout.roles:
        return table
    column = _name(names[layout.roles[Role.METRIC]])
    found = sorted(str(r[0]) for r in con.execute(f"SELECT DISTINCT {column} FROM {table.source}").fetchall())  # noqa: S608 - names are quoted
    if not options.metric and len(found) > 1:
        raise UsageError(
            f"the input holds several metrics ({', '.join(found[:8])}) and none was chosen", hint="use --metric NAME"
        )
    if options.metric and options.metric not in found:
        raise UsageError(
            f"the metric {options.metric!r} does not occur in the input", hint=nearest(options.metric, found)
        )
    return replace(table, where=f"{column} = {literal(options.metric or found[0])}")
