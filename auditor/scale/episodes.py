"""Which episodes are audited: those of a file, or what the screening of a panel puts first."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import InputError, Where

if TYPE_CHECKING:
    from auditor.panel import Table

#: Series screened at a time.
ABREAST = 4096


@dataclass(frozen=True, order=True)
class Episode:
    """An entity and a day in question; the day is kept as it was written."""

    entity: str
    date: str


def read_episodes(path: Path) -> list[Episode]:
    """Read a CSV with columns ``entity`` and ``date`` (any order, further columns are not read).

    Repeated lines count once. A date that is none is the episode's own matter: its line will say so.

    Raises
    ------
    InputError
        When the file cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            heading = [cell.strip().lower() for cell in next(rows, [])]
            lacking = [name for name in ("entity", "date") if name not in heading]
            if lacking:
                raise InputError(
                    f"the list of episodes has no column {' and no column '.join(lacking)}",
                    where=Where(path.name, 1),
                    hint="start it with the line: entity,date",
                )
            at_entity, at_date = heading.index("entity"), heading.index("date")
            found: dict[Episode, None] = {}
            for row in rows:
                if any(cell.strip() for cell in row):
                    cells = [*row, *[""] * len(heading)]
                    found[Episode(cells[at_entity].strip(), cells[at_date].strip())] = None
    except UnicodeDecodeError as error:
        raise InputError(
            "the list of episodes is no UTF-8 text", where=Where(path.name), hint="save it as UTF-8"
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(f"the list of episodes cannot be read: {error}", where=Where(path.name)) from error
    if not found:
        raise InputError("the list of episodes names none", where=Where(path.name), hint="add lines: entity,date")
    return list(found)


def screened_episodes(table: "Table", season: int | None) -> tuple[list[Episode], dict[str, str]]:
    """Find the strongest rise of each entity of a table, most attention first, and say why others have none.

    Parameters
    ----------
    table : Table
    season : int or None
        Periods of a season.
    """
    from auditor.kernels.screen import screen
    from auditor.observations import Status
    from auditor.scale.lines import strongest

    values = np.where(table.status == Status.PARTIAL, np.nan, table.values).T
    weekday = table.dates[0].weekday() if season == 7 else 0
    ranked: list[tuple[float, Episode]] = []
    silent: dict[str, str] = {}
    for low in range(0, len(values), ABREAST):
        part = np.ascontiguousarray(values[low : low + ABREAST])
        rise = strongest(screen(part, period=season or 1, weekday0=weekday))
        for i, entity in enumerate(table.entities[low : low + ABREAST]):
            if rise.found[i]:
                day = table.dates[int(rise.at[i])]
                text = f"{day:%Y-%m-%dT%H:%M}" if day.hour else f"{day:%Y-%m-%d}"
                ranked.append((-round(float(rise.attention[i]), 6), Episode(entity, text)))
            else:
                silent[entity] = "the screening found no rise"
    return [episode for _, episode in sorted(ranked)], silent


def read_markets(paths: Sequence[Path], column: str, entity: str) -> Mapping[str, str]:
    """Read which market each entity belongs to; '' where several are stated.

    Parameters
    ----------
    paths : sequence of Path
        The inputs, CSV or Parquet.
    column : str
        Heading of the market.
    entity : str
        Heading of the entity.

    Raises
    ------
    InputError
        When no input has the column.
    """
    import duckdb

    from auditor.scale.tables import connect, is_parquet, literal

    said: dict[str, set[str]] = {}
    lacking = 0
    with connect(1) as con:
        for path in paths:
            reader = "read_parquet" if is_parquet(path) else "read_csv"
            more = "" if reader == "read_parquet" else ", all_varchar=true"
            source = f"{reader}({literal(str(path))}{more})"
            try:
                names = [str(r[0]) for r in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]  # noqa: S608 - the path is quoted
                folded = {n.strip().lower(): '"' + n.replace('"', '""') + '"' for n in names}
                if column.strip().lower() not in folded or entity.strip().lower() not in folded:
                    lacking += 1
                    continue
                e, m = folded[entity.strip().lower()], folded[column.strip().lower()]
                rows = con.execute(f"SELECT DISTINCT {e}::VARCHAR, {m}::VARCHAR FROM {source}").fetchall()  # noqa: S608 - names are quoted
            except duckdb.Error as error:
                what = " ".join(str(error).split())[:200].replace(str(path), path.name)
                raise InputError(f"the markets cannot be read: {what}", where=Where(path.name)) from error
            for name, market in rows:
                if name is not None and market is not None and market.strip():
                    said.setdefault(name.strip(), set()).add(market.strip())
    if lacking == len(paths):
        raise InputError(
            f"no input has the columns {entity!r} and {column!r}",
            where=Where(paths[0].name if paths else ""),
            hint="--market names the column of the platform or category; --read columns.entity=HEADING that of the entity",
        )
    return {name: next(iter(markets)) if len(markets) == 1 else "" for name, markets in said.items()}


def grouped(episodes: Iterable[Episode], markets: Mapping[str, str] | None) -> dict[str, list[Episode]]:
    """Episodes by market, in order of market and episode; all under '' where there are no markets."""
    groups: dict[str, list[Episode]] = {}
    for episode in sorted(episodes):
        groups.setdefault(markets.get(episode.entity, "") if markets is not None else "", []).append(episode)
    return dict(sorted(groups.items()))
