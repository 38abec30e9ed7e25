"""Builds the views a rule reads from a scene; their columns are documented in ``docs/writing-rules.md``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from auditor.detectors.base import Scene
from auditor.rulebook.cells import cells_of, further, load_daily, load_observations
from auditor.rulebook.engine import load
from auditor.rulebook.frames import FRAMES
from auditor.rulebook.roles import kind, meaning, period_of
from auditor.rulebook.spacings import load_viewpoints

if TYPE_CHECKING:
    import duckdb

#: Views that depend on the question and not only on the panel.
OF_SCENE = frozenset({"events", "subject", "subject_ids", "question", "claims"})

_NEEDS = {
    "ranks": frozenset({"daily"}),
    "shares": frozenset({"daily", "totals"}),
    "revisions": frozenset({"observations"}),
    "measures": frozenset({"daily"}),
    "viewpoints": frozenset({"observations"}),
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
  WINDOW w AS (PARTITION BY o.metric, {source}, o.entity, o.date ORDER BY o.moment NULLS FIRST, o.row))
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
        elif name == "viewpoints":
            load_viewpoints(con, scene)
        elif name in _SQL:
            con.execute(_SQL[name])
        elif name == "revisions":
            raw = scene.panel.observations
            # Files that do not name their source are readings of one publisher.
            con.execute(_REVISIONS.format(source="o.source" if raw is not None and "source" in raw.frame else "''"))
        else:
            load(con, name, FRAMES[name](scene))
        built.names.add(name)


_SQL = {"ranks": _RANKS, "shares": _SHARES}


def _measures(con: "duckdb.DuckDBPyConnection", scene: Scene) -> None:
    """All metrics; the one in question is read from ``daily`` instead of being copied."""
    asked, spacing = scene.table.metric, scene.panel.frequency
    metric = asked.replace("'", "''")
    own = (
        f"SELECT t, date, entity::VARCHAR AS entity, '{metric}' AS metric, '{meaning(asked).role}' AS role, "  # noqa: S608 - quoted
        f"'{period_of(asked, spacing, spacing)}' AS period, value, previous, true AS in_question, true AS same_kind FROM daily"
    )
    parts = []
    for table, period in further(scene):
        frame = cells_of(table)
        at = pd.Series(scene.table.dates.get_indexer(pd.DatetimeIndex(frame["date"])))
        # A week's figure belongs to no single day: only its date places it.
        inside = (at >= 0) & (period == "" or table.dates.freqstr == scene.table.dates.freqstr)
        names = {"metric": table.metric, "role": meaning(table.metric).role, "period": period}
        parts.append(
            frame.assign(t=at.where(inside).astype("Int32"), same_kind=kind(table.metric) == kind(asked), **names)
        )
    if not parts:
        con.execute(f"CREATE VIEW measures AS {own}")
        return
    load(con, "_measures", pd.concat(parts, ignore_index=True))
    rest = "SELECT t, date, entity, metric, role, period, value, previous, false, same_kind FROM _measures"
    con.execute(f"CREATE VIEW measures AS {own} UNION ALL {rest}")
