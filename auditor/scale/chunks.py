"""Cuts a long table into chunks that hold whole series, whatever the order of its rows.

A Parquet file whose rows lie by entity is read in place: the statistics of its row groups say where each range of names
lies. Any other table is first spread over buckets by a hash of the entity, once, in a stream of bounded memory.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, Where
from auditor.scale.tables import LongTable, connect, literal

if TYPE_CHECKING:
    import duckdb

#: Rows a chunk aims at; a chunk takes about 60 bytes a row while it is worked on.
ROWS = 2_000_000

#: A table is read in place while its ranges of names together touch at most this multiple of its rows.
OVERLAP = 2.0

#: Most buckets; each is a file being written.
MOST_BUCKETS = 256

#: Bytes of text a row of a delimited file is taken to have.
ROW_BYTES = 30

#: Memory of the spreading.
SPREAD_MEMORY = "900MB"


@dataclass(frozen=True)
class Chunk:
    """A set of whole series.

    Attributes
    ----------
    number : int
        Place in the plan; names the checkpoint.
    table : LongTable
        Where the rows are; its ``where`` holds them and no others.
    """

    number: int
    table: LongTable


def cut(table: LongTable, folder: Path, *, rows: int = ROWS, threads: int = 2) -> list[Chunk]:
    """Cut a table into chunks.

    Parameters
    ----------
    table : LongTable
    folder : Path
        Where buckets go, if the table has to be spread; a finished spread there is used again.
    rows : int
        Rows a chunk aims at.
    threads : int
        Of the spreading.

    Raises
    ------
    InputError
        When the table cannot be read to its end.
    """
    if table.sortable:
        bounds = _ranges(table, rows)
        if bounds is not None:
            return [Chunk(i, _within(table, low, high)) for i, (low, high) in enumerate(bounds)]
    return [Chunk(i, part) for i, part in enumerate(_spread(table, folder, rows, threads))]


def _within(table: LongTable, low: str | None, high: str | None) -> LongTable:
    tests = [f"({table.where})"] if table.where else []
    if low is not None:
        tests.append(f"{table.entity} >= {literal(low)}")
    if high is not None:
        tests.append(f"{table.entity} < {literal(high)}" + (f" OR {table.entity} IS NULL" if low is None else ""))
        tests[-1] = f"({tests[-1]})"
    return replace(table, where=" AND ".join(tests))


def _ranges(table: LongTable, rows: int) -> list[tuple[str | None, str | None]] | None:
    """Ranges of names with about ``rows`` rows each; None where the table does not lie by entity."""
    files = ", ".join(literal(f) for f in table.files)
    column = literal(table.sortable)
    with connect(1) as con:
        found = con.execute(
            "SELECT stats_min_value, stats_max_value, num_values FROM "  # noqa: S608 - paths and name are quoted
            f"parquet_metadata([{files}]) WHERE path_in_schema = {column} AND row_group_num_rows > 0"
        ).fetchall()
    if not found or any(low is None or high is None for low, high, _ in found):
        return None
    groups = sorted((str(low), str(high), int(count)) for low, high, count in found)
    total = sum(count for _, _, count in groups)
    starts: list[str] = []
    held = 0
    for low, _, count in groups:
        if held >= rows and low > (starts[-1] if starts else groups[0][0]):
            starts.append(low)
            held = 0
        held += count
    bounds: list[tuple[str | None, str | None]] = list(zip([None, *starts], [*starts, None], strict=True))
    # Row groups that begin before a range ends, less those that end before it begins, are those it touches.
    beginning, ending = _cumulated((low, n) for low, _, n in groups), _cumulated((high, n) for _, high, n in groups)
    touched = [_before(beginning, high, -1) - _before(ending, low, 0) for low, high in bounds]
    group = max(count for _, _, count in groups)
    if sum(touched) > OVERLAP * total + 2 * rows or max(touched) > 2 * (rows + group):
        return None
    return bounds


def _cumulated(marks: Iterable[tuple[str, int]]) -> tuple[list[str], list[int]]:
    """Sorted names, and the rows of all names before each of them and of all."""
    ordered = sorted(marks)
    return [name for name, _ in ordered], [0, *accumulate(count for _, count in ordered)]


def _before(cumulated: tuple[list[str], list[int]], name: str | None, unbounded: int) -> int:
    """Rows of the names before a name; the ``unbounded`` entry where no name bounds them."""
    names, rows = cumulated
    return rows[unbounded] if name is None else rows[bisect_left(names, name)]


def _spread(table: LongTable, folder: Path, rows: int, threads: int) -> list[LongTable]:
    """Write every row into the bucket of its entity, and describe the buckets."""
    import duckdb

    place, done = folder / "buckets", folder / "buckets.done"
    if not done.is_file():
        _remove(place)
        place.mkdir(parents=True, exist_ok=True)
        with connect(threads, memory=SPREAD_MEMORY, spill=str(folder / "spill")) as con:
            buckets = max(1, min(MOST_BUCKETS, -(-_row_count(con, table) // rows)))
            where = f"WHERE {table.where}" if table.where else ""
            con.execute("SET partitioned_write_flush_threshold = 65536")
            con.execute("SET preserve_insertion_order = false")
            try:
                con.execute(
                    f"COPY (SELECT {table.entity} AS entity, {table.moment} AS moment, {table.figure} AS figure, "  # noqa: S608 - built from quoted names
                    f"(hash({table.entity}) % {buckets})::INTEGER AS bucket FROM {table.source} {where}) "
                    f"TO {literal(str(place))} (FORMAT parquet, PARTITION_BY (bucket), OVERWRITE_OR_IGNORE, "
                    "FILENAME_PATTERN 'rows_{uuid}')"
                )
            except duckdb.Error as error:
                raise _unreadable(error, table) from error
        done.write_bytes(b"")
    found = []
    for bucket in sorted(place.glob("bucket=*"), key=lambda p: int(p.name.partition("=")[2])):
        files = tuple(str(f) for f in sorted(bucket.glob("*.parquet")))
        source = f"read_parquet([{', '.join(literal(f) for f in files)}], hive_partitioning=false)"
        found.append(LongTable(files, source, "entity", "moment", "figure"))
    if not found:
        raise InputError("the input holds no row of this metric", where=Where(Path(table.files[0]).name))
    return found


def _row_count(con: "duckdb.DuckDBPyConnection", table: LongTable) -> int:
    if "read_parquet" in table.source:
        row = con.execute(f"SELECT count(*) FROM {table.source}").fetchone()  # noqa: S608 - paths are quoted
        return int(row[0]) if row else 0
    return sum(Path(f).stat().st_size for f in table.files) // ROW_BYTES


def _unreadable(error: Exception, table: LongTable) -> InputError:
    what = " ".join(str(error).split())[:300]
    for file in table.files:
        what = what.replace(file, Path(file).name)
    return InputError(
        f"the table cannot be read to its end: {what}",
        where=Where(Path(table.files[0]).name),
        hint="a row may be cut off or have another number of cells: correct it, or fetch the file again",
    )


def _remove(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)
