"""How inputs become one long table: read where they lie, or through the careful intake."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auditor.errors import UsageError
from auditor.observations import Frequency, Status
from auditor.panel import Table
from auditor.scale.tables import LongTable, connect, find_table, literal


def intake(paths: Sequence[Path], folder: Path, options: Mapping[str, Any]) -> LongTable:
    """Describe the inputs as one long table; what needs the careful intake goes through it and is laid down by entity."""
    from auditor.sources.tabular.headers import Weeks
    from auditor.sources.tabular.options import Options

    stated: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
    for name, kind in (("frequency", Frequency), ("week_label", Weeks)):
        if name in stated:
            try:
                stated[name] = kind(stated[name])
            except ValueError:
                known = ", ".join(k.value for k in kind)
                raise UsageError(f"{name}={stated[name]!r} is not one of {known}", where=name) from None
    found = find_table(paths, Options(**stated))
    if found is not None:
        return found
    place = folder / "intake.parquet"
    if not place.is_file():
        from auditor import session

        panel = session.read(*paths, **{k: v for k, v in options.items() if k != "metric"})
        return lay_down(panel.table(str(options.get("metric") or "")), folder)
    return laid_down(place)


def laid_down(place: Path) -> LongTable:
    """Describe what :func:`lay_down` wrote."""
    return LongTable(
        (str(place),), f"read_parquet({literal(str(place))})", "entity", "moment", "figure", sortable="entity"
    )


def lay_down(held: Table, folder: Path) -> LongTable:
    """Write the settled cells of a table of a panel by entity, as Parquet."""
    import pandas as pd

    place = folder / "intake.parquet"
    column, row = np.nonzero((np.isfinite(held.values) & (held.status != Status.PARTIAL)).T)
    frame = pd.DataFrame(
        {
            "entity": pd.Series(list(held.entities), dtype=object).to_numpy()[column],
            "moment": held.dates.to_numpy()[row],
            "figure": held.values[row, column],
        }
    )
    part = place.with_suffix(".part")
    with connect(1) as con:
        con.register("_frame", frame)
        select = "SELECT entity::VARCHAR AS entity, moment::TIMESTAMP AS moment, figure FROM _frame"
        con.execute(f"COPY ({select}) TO {literal(str(part))} (FORMAT parquet)")
    part.replace(place)
    return laid_down(place)


def union(tables: Sequence[LongTable]) -> LongTable:
    """Describe all buckets of a spread table as one."""
    files = tuple(f for t in tables for f in t.files)
    return LongTable(files, f"read_parquet([{', '.join(literal(f) for f in files)}])", "entity", "moment", "figure")
