"""Panels made of sheets of figures without the detour over long rows; equal to what ``Panel.of`` makes of the same figures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.calibration.composition import Sheet
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel, Table

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


def table(
    sheet: Sheet, dates: "pd.DatetimeIndex", *, partial: int | None = None, revised: slice | None = None
) -> Table:
    """Build a table of one sheet; entities that it never lists are left out.

    Parameters
    ----------
    partial : int, optional
        Row whose figures were published before the period was over, and marked so.
    revised : slice, optional
        Rows of which every figure was published twice with different values.
    """
    listed = np.isfinite(sheet.values).any(axis=0)
    order = sorted(np.flatnonzero(listed), key=lambda i: sheet.entities[i])
    values = np.ascontiguousarray(sheet.values[:, order])
    known = np.isfinite(values)
    some = known.any(axis=1)
    cut = some & np.isfinite(sheet.other)
    cutoff = np.where(cut, np.where(known, values, np.inf).min(axis=1), np.nan)
    censored = ~known & np.isfinite(cutoff)[:, None]
    status = np.where(known, Status.OBSERVED, np.where(censored, Status.CENSORED, Status.MISSING)).astype(np.int8)
    if revised is not None:
        status[revised] = np.where(known[revised], Status.REVISED, status[revised])
    if partial is not None:
        status[partial] = np.where(known[partial], Status.PARTIAL, status[partial])
    return Table(
        metric=sheet.metric,
        unit=sheet.unit,
        dates=dates,
        entities=tuple(sheet.entities[i] for i in order),
        values=values,
        low=np.where(censored, 0.0, values),
        high=np.where(censored, cutoff[:, None], values),
        status=status,
        other=sheet.other,
        published_total=np.full(len(values), np.nan),
        cutoff=cutoff,
    )


def panel(
    sheets: Mapping[str, Sheet],
    dates: "pd.DatetimeIndex",
    frequency: Frequency,
    sources: Sequence[Source],
    *,
    subject: Sequence[str],
    partial: int | None = None,
    vintages: "pd.DataFrame | None" = None,
    revised: slice | None = None,
) -> Panel:
    """Put sheets into one panel.

    The long form that goes with it holds the subject's rows only (every row where ``vintages`` gives them): what detectors and rules read
    from it concerns the subject, and building millions of rows for thousands of panels would cost more than auditing them.
    """
    import pandas as pd

    tables = {}
    for name, sheet in sorted(sheets.items()):
        whole = sheet.origin == "" and not name.startswith("price_")
        tables[name] = table(
            sheet, dates, partial=partial if whole else None, revised=revised if name == "total_tokens" else None
        )
    home = sources[0].name
    parts = [] if vintages is None else [vintages]
    replaced = set() if vintages is None else set(vintages["metric"])
    for name, made in tables.items():
        if name in replaced:
            continue
        columns = [made.index[i] for i in subject if i in made.index] or ([0] if len(made.entities) == 1 else [])
        for column in columns:
            rows = np.flatnonzero(np.isfinite(made.values[:, column]))
            parts.append(
                pd.DataFrame(
                    {
                        "date": dates[rows],
                        "entity": made.entities[column],
                        "metric": name,
                        "value": made.values[rows, column],
                        "source": sheets[name].origin or home,
                    }
                )
            )
    frame = pd.concat(parts, ignore_index=True)
    if "as_of" in frame:
        frame["as_of"] = frame["as_of"].fillna("")
    return Panel(
        tables=tables,
        frequency=frequency,
        sources=tuple(sources),
        observations=Observations(frame, frequency, tuple(sources)),
    )
