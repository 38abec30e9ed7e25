"""Parquet -> observations, through the same decisions as a CSV of the same table."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, Where
from auditor.observations import Observations, Source
from auditor.sources.tabular.build import build
from auditor.sources.tabular.cells import NotPlainError
from auditor.sources.tabular.fast import read_fast_parquet
from auditor.sources.tabular.layout import find_layout
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.raw import RawTable

if TYPE_CHECKING:
    import duckdb

_SAMPLE_ROWS = 500
_LARGE = 200_000
_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)


def read_parquet(data: bytes, file: str, options: Options, card: Callable[[str], Source]) -> Observations:
    """Read a Parquet file.

    Parameters
    ----------
    data : bytes
    file : str
        Name for errors and notes; errors count rows as lines.
    options : Options
    card : callable
        Returns the source card, given the date of publication the file states.

    Raises
    ------
    InputError or ErrorList
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        path = Path(folder) / "input.parquet"
        path.write_bytes(data)
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        try:
            return _read(connection, path, file, options, card)
        except duckdb.Error as error:
            first = str(error).splitlines()[0].replace(str(path), file)[:200]
            raise InputError(
                f"the Parquet file cannot be read: {first}",
                where=Where(file),
                hint="it may have been cut off: fetch it again",
            ) from error
        finally:
            connection.close()


def _read(
    connection: "duckdb.DuckDBPyConnection", path: Path, file: str, options: Options, card: Callable[[str], Source]
) -> Observations:
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    names, kinds = [str(row[0]) for row in described], [str(row[1]) for row in described]
    select = [_cast(name, kind) for name, kind in zip(names, kinds, strict=True)]
    first = f"SELECT {', '.join(select)} FROM read_parquet(?) LIMIT {_SAMPLE_ROWS}"  # noqa: S608 - names are quoted
    sample = connection.execute(first, [str(path)]).fetchall()
    if not sample:
        raise InputError("the file has columns but no rows", where=Where(file), hint="check the export")
    layout = find_layout(names, sample, options, file, 1)
    count = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    if count is not None and count[0] > _LARGE and kinds[layout.values[0]] in _WHOLE:
        try:
            return read_fast_parquet(path, names, layout, file, options, card)
        except NotPlainError:
            pass  # the careful reading below names what is wrong
    used = layout.used
    every = f"SELECT {', '.join(select[i] for i in used)} FROM read_parquet(?)"  # noqa: S608 - names are quoted
    rows = connection.execute(every, [str(path)]).fetchall()
    columns: dict[int, list[object]] = {i: [row[n] for row in rows] for n, i in enumerate(used)}
    return build(RawTable(file, 1, columns, list(range(1, len(rows) + 1))), layout, options, card(""), ())


def _cast(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _WHOLE:
        return quoted
    if kind.startswith("DECIMAL") or kind in {"FLOAT", "DOUBLE"}:
        return f"CAST({quoted} AS DOUBLE)"
    return f"CAST({quoted} AS VARCHAR)"
