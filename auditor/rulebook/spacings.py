"""The same figure from several viewpoints: other sources, and other spacings once the finer figures are added up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from auditor.detectors.base import Scene
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES, Frequency, Observations, Status
from auditor.panel import Panel
from auditor.rulebook.cells import sources_of
from auditor.rulebook.engine import load
from auditor.rulebook.roles import kind

if TYPE_CHECKING:
    import duckdb

_OWN = """
SELECT 0 AS grid, '' AS period, source::VARCHAR AS source, entity::VARCHAR AS entity, date, any_value(period_end) AS period_end,
       arg_max(value, row) AS value, arg_max(low, row) AS low, arg_max(high, row) AS high
FROM observations WHERE metric = '{metric}' AND kind = 'entity' AND dimension = '' AND value > 0 AND status <> 'partial'
GROUP BY source, entity, date
"""

_VIEWPOINTS = """
CREATE VIEW viewpoints AS
SELECT period, source, entity, date, period_end, value, low, high, false AS added FROM ({stated})
"""

#: Weeks, months: figures of finer spacing are added up over exactly the days a coarser figure covers, or not at all.
_ADDED = """
CREATE TABLE viewpoints AS
WITH stated AS ({stated}),
covered AS (SELECT DISTINCT grid, period, entity, date, period_end FROM stated),
toward AS (SELECT s.*, g.grid AS other FROM stated s JOIN (SELECT DISTINCT grid FROM stated) g ON g.grid <> s.grid),
added AS (
  SELECT c.period, t.source, t.entity, c.date, c.period_end, sum(t.value) AS value, sum(coalesce(t.low, t.value)) AS low,
         sum(coalesce(t.high, t.value)) AS high, t.grid
  FROM toward t ASOF JOIN covered c ON c.grid = t.other AND c.entity = t.entity AND t.date >= c.date
  WHERE t.period_end <= c.period_end AND t.period_end - t.date < c.period_end - c.date
  GROUP BY c.period, t.source, t.entity, c.date, c.period_end, t.grid
  HAVING sum(epoch(t.period_end) - epoch(t.date)) = epoch(c.period_end) - epoch(c.date))
SELECT period, source, entity, date, period_end, value, low, high, false AS added FROM stated
UNION ALL
SELECT DISTINCT period, source || ' (added up)', entity, date, period_end, value, low, high, true FROM added
"""


def comparable(scene: Scene) -> "Iterator[tuple[Panel, str]]":
    """Yield the panels beside the question's that state the same kind of figure for other periods, with the metric's name."""
    wanted = kind(scene.table.metric)
    for panel in scene.panel.beside:
        if panel.frequency is not scene.panel.frequency:
            for metric in panel.tables:
                if kind(metric) == wanted:
                    yield panel, metric


def viewpoints(scene: Scene, *, spacings: bool = True) -> int:
    """Count from how many viewpoints the metric in question is stated: its sources, and figures of other spacing."""
    observations = scene.panel.observations
    if observations is None:
        return 1
    frame = observations.frame
    names = sources_of(frame, scene.panel.sources)
    if len(names.categories) > 1:
        own = (frame["metric"] == scene.table.metric).to_numpy()
        count = len(np.unique(names.codes[own]))
    else:
        count = 1
    return count + (sum(1 for _ in comparable(scene)) if spacings else 0)


def load_viewpoints(con: "duckdb.DuckDBPyConnection", scene: Scene) -> None:
    """Create the view ``viewpoints`` on the view ``observations`` and the panels beside."""
    stated = _OWN.format(metric=scene.table.metric.replace("'", "''"))
    parts = [
        _statements(panel.observations, metric, grid)
        for grid, (panel, metric) in enumerate(comparable(scene), 1)
        if panel.observations is not None
    ]
    if not parts:
        con.execute(_VIEWPOINTS.format(stated=stated))
        return
    load(con, "_beside", pd.concat(parts, ignore_index=True))
    beside = "SELECT grid, period, source, entity, date, period_end, value, low, high FROM _beside"
    con.execute(_ADDED.format(stated=f"{stated} UNION ALL {beside}"))


def _statements(observations: Observations, metric: str, grid: int) -> pd.DataFrame:
    """List the latest settled statement of each entity and period."""
    raw = observations.frame
    frame = pd.DataFrame(
        {
            "date": raw["date"].to_numpy(),
            "entity": raw["entity"].astype(str).to_numpy(dtype=object),
            "metric": raw["metric"].astype(str).to_numpy(dtype=object),
            "source": np.asarray(sources_of(raw, observations.sources), dtype=object),
            "value": raw["value"].to_numpy(),
            "low": raw["low"].to_numpy() if "low" in raw else np.full(len(raw), np.nan),
            "high": raw["high"].to_numpy() if "high" in raw else np.full(len(raw), np.nan),
            "status": raw["status"].to_numpy() if "status" in raw else np.full(len(raw), int(Status.OBSERVED)),
            "dimension": raw["dimension"].astype(str).to_numpy(dtype=object) if "dimension" in raw else "",
        }
    )
    apart = frame["entity"].str.strip().str.lower().isin(REMAINDER_NAMES | TOTAL_NAMES)
    kept = frame[
        (frame["metric"] == metric)
        & (frame["dimension"] == "")
        & (frame["value"] > 0)
        & (frame["status"] != int(Status.PARTIAL))
        & ~apart
    ]
    kept = kept.drop_duplicates(["source", "entity", "date"], keep="last")
    return kept.assign(
        grid=np.int32(grid), period=observations.frequency.value, period_end=_end(kept["date"], observations.frequency)
    ).drop(columns=["metric", "status", "dimension"])


def _end(dates: "pd.Series[pd.Timestamp]", spacing: Frequency) -> "pd.Series[pd.Timestamp]":
    step = {
        Frequency.HOUR: pd.DateOffset(hours=1),
        Frequency.DAY: pd.DateOffset(days=1),
        Frequency.WEEK: pd.DateOffset(weeks=1),
        Frequency.MONTH: pd.DateOffset(months=1),
    }[spacing]
    return dates + step
