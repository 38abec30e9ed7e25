"""Builds the views a rule reads from a scene; their columns are documented in ``docs/writing-rules.md``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from auditor.detectors.base import Scene
from auditor.rulebook.cells import cells_of, load_daily, load_observations
from auditor.rulebook.engine import load
from auditor.rulebook.frames import FRAMES
from auditor.rulebook.roles import meaning

if TYPE_CHECKING:
    import duckdb

#: Views that depend on the question and not only on the panel.
OF_SCENE = frozenset({"events", "subject", "subject_ids", "question", "claims"})

_NEEDS = {
    "ranks": frozenset({"daily"}),
    "shares": frozenset({"daily", "totals"}),
    "revisions": frozenset({"observations"}),
    "measures": frozenset({"daily"}),
}

_RANKS = """
CREATE VIEW ranks AS
SELECT t, date, weekday, entity, value, rank, lead(value) OVER (PARTITION BY t ORDER BY rank) AS next_value FROM daily
"""

_SHARES = """
CREATE VIEW shares AS
SELECT d.t, d.date, d.weekday, d.entity, d.value, d.share, d.previous / s.previous_total AS previous_share, d.total
FROM daily d JOIN totals s USING (t) WHERE d.share IS NOT NULL
"""

_REVISIONS = """
CREATE TABLE revisions AS
WITH ordered AS (
  SELECT o.*, lag(o.value) OVER w AS previous_value, lag(o.moment) OVER w AS previous_moment,
         first_value(o.value) OVER w AS first_value
  FROM observations o WHERE o.repeated AND o.value IS NOT NULL AND o.dimension = ''
  WINDOW w AS (PARTITION BY o.metric, o.source, o.entity, o.date ORDER BY o.moment NULLS FIRST, o.row))
SELECT date, period_end, entity, kind, metric, role, source, previous_moment, moment, previous_value, value, first_value,
       value / nullif(previous_value, 0) - 1 AS change,
       date_diff('minute', period_end, moment) / 1440.0 AS age_days
FROM ordered WHERE previous_value IS NOT NULL AND value <> previous_value AND moment IS DISTINCT FROM previous_moment
"""


@dataclass(frozen=True)
class Built:
    """Which views a connection holds already."""

    names: set[str]


def build(con: "duckdb.DuckDBPyConnection", scene: Scene, wanted: frozenset[str], built: Built) -> None:
    """Create the wanted views that are not there yet, and what they rest on."""
    for name in sorted(wanted):
        if name in built.names:
            continue
        build(con, scene, _NEEDS.get(name, frozenset()), built)
        if name == "daily":
            load_daily(con, scene)
        elif name == "observations":
            load_observations(con, scene)
        elif name == "measures":
            _measures(con, scene)
        elif name in _SQL:
            con.execute(_SQL[name])
        else:
            load(con, name, FRAMES[name](scene))
        built.names.add(name)


_SQL = {"ranks": _RANKS, "shares": _SHARES, "revisions": _REVISIONS}


def _measures(con: "duckdb.DuckDBPyConnection", scene: Scene) -> None:
    """All metrics; the one in question is read from ``daily`` instead of being copied."""
    said = meaning(scene.table.metric)
    metric = scene.table.metric.replace("'", "''")
    own = (
        f"SELECT t, date, entity::VARCHAR AS entity, '{metric}' AS metric, '{said.role}' AS role, "  # noqa: S608 - quoted
        f"'{said.period}' AS period, value, previous, true AS in_question FROM daily"
    )
    parts = []
    for table in scene.panel.tables.values():
        if table.metric == scene.table.metric:
            continue
        frame = cells_of(table)
        at = scene.table.dates.get_indexer(pd.DatetimeIndex(frame["date"]))
        other = meaning(table.metric)
        names = {"metric": table.metric, "role": other.role, "period": other.period}
        parts.append(frame.assign(t=pd.Series(at).where(at >= 0).astype("Int32"), **names))
    if not parts:
        con.execute(f"CREATE VIEW measures AS {own}")
        return
    load(con, "_measures", pd.concat(parts, ignore_index=True))
    rest = "SELECT t, date, entity, metric, role, period, value, previous, false FROM _measures"
    con.execute(f"CREATE VIEW measures AS {own} UNION ALL {rest}")
