"""The finished lines as a Parquet file or a DuckDB table."""

from pathlib import Path

from auditor.errors import UsageError
from auditor.scale.tables import connect, literal

SCREENING = {
    "entity": "VARCHAR", "reason": "VARCHAR", "first": "VARCHAR", "last": "VARCHAR", "n": "INTEGER", "attention": "DOUBLE",
    "date": "VARCHAR", "value": "DOUBLE", "rise": "DOUBLE", "changes": "STRUCT(date VARCHAR, fold DOUBLE)[]",
    "fold": "DOUBLE", "spike_z": "DOUBLE", "spike_fold": "DOUBLE", "n_outliers": "INTEGER", "phi": "DOUBLE",
    "sigma": "DOUBLE", "noise": "DOUBLE", "weekend_ratio": "DOUBLE", "roughness": "DOUBLE", "plateau_flatness": "DOUBLE",
    "flags": "VARCHAR[]",
}  # fmt: skip

AUDITS = {
    "entity": "VARCHAR", "date": "VARCHAR", "reason": "VARCHAR", "window": "VARCHAR", "value": "DOUBLE",
    "hypothesis": "VARCHAR",
    "log10_lr": "STRUCT(data_error DOUBLE, organic DOUBLE, incentivised DOUBLE, concentrated DOUBLE, inflated DOUBLE)",
    "strength": "VARCHAR", "rules": "VARCHAR[]", "not_applicable": "VARCHAR[]", "market": "VARCHAR", "simulated": "BOOLEAN",
}  # fmt: skip


def tabulate(lines: Path, place: Path, columns: dict[str, str]) -> None:
    """Write the lines as a table, in their order: ``.parquet`` or ``.duckdb`` (table ``scan``).

    Raises
    ------
    UsageError
        When the place cannot be written.
    """
    import duckdb

    listed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    source = f"read_json({literal(str(lines))}, format='newline_delimited', columns={{{listed}}})"
    part = place.with_name(f".{place.name}.part")
    part.unlink(missing_ok=True)
    try:
        with connect(1) as con:
            if place.suffix == ".duckdb":
                con.execute(f"ATTACH {literal(str(part))} AS made")
                con.execute(f"CREATE TABLE made.scan AS SELECT * FROM {source}")  # noqa: S608 - built from quoted names
                con.execute("DETACH made")
            else:
                con.execute(f"COPY (SELECT * FROM {source}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)")  # noqa: S608 - built from quoted names
        part.replace(place)
    except (duckdb.Error, OSError) as error:
        raise UsageError(
            f"the table cannot be written: {' '.join(str(error).split())[:200]}",
            where=place.name,
            hint="choose another folder with --out",
        ) from error
    finally:
        part.unlink(missing_ok=True)
