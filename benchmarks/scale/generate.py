"""Tables to scan: simulated daily usage, in Parquet by entity, Parquet by day, and CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.screen.simulate import simulate

DAYS = 365

#: Series drawn; larger tables repeat them under other names and other levels, so that drawing is not what is measured.
DRAWN = 2_000

#: Series of one file.
FILE = 10_000


def write_parquet(folder: Path, count: int) -> list[Path]:
    """Write ``count`` series by entity, in files of :data:`FILE`; what is there already is kept."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    values = simulate(np.random.default_rng(9), min(DRAWN, count), DAYS, 0.5, events=True).values
    day = np.datetime64("2025-01-01", "D") + np.arange(DAYS)
    paths = []
    for low in range(0, count, FILE):
        path = folder / f"part-{low // FILE:05d}-of-{count}.parquet"
        paths.append(path)
        if path.exists():
            continue
        number = np.arange(low, min(low + FILE, count))
        level = 1.0 + (number // DRAWN) / 7.0
        frame = pd.DataFrame(
            {
                "e": np.repeat(number, DAYS),
                "date": np.tile(day.astype("datetime64[s]"), len(number)),
                "value": np.rint(values[number % len(values)] * level[:, None]).ravel(),
            }
        )
        with duckdb.connect() as con:
            con.register("f", frame)
            con.execute(
                f"COPY (SELECT 'registry/package-' || lpad(e::VARCHAR, 8, '0') AS entity, date::DATE AS date, "
                f"value::BIGINT AS downloads FROM f) TO '{path}.part' (FORMAT parquet)"
            )
        Path(f"{path}.part").replace(path)
    return paths


def write_csv(path: Path, sources: list[Path]) -> Path:
    """Write the same rows as one CSV, day after day, as a daily collector appends them."""
    import duckdb

    if not path.exists():
        files = ", ".join(f"'{s}'" for s in sources)
        with duckdb.connect() as con:
            con.execute(
                f"COPY (SELECT entity, date, downloads FROM read_parquet([{files}]) ORDER BY date, entity) "
                f"TO '{path}.part' (FORMAT csv, HEADER)"
            )
        Path(f"{path}.part").replace(path)
    return path


def write_by_day(path: Path, sources: list[Path]) -> Path:
    """Write the same rows as one Parquet file, day after day: no range of names lies together."""
    import duckdb

    if not path.exists():
        files = ", ".join(f"'{s}'" for s in sources)
        with duckdb.connect() as con:
            con.execute(
                f"COPY (SELECT entity, date, downloads FROM read_parquet([{files}]) ORDER BY date, entity) "
                f"TO '{path}.part' (FORMAT parquet)"
            )
        Path(f"{path}.part").replace(path)
    return path
