"""The large tables a rule reads (one row per published cell or statement), loaded in slices to bound memory."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.detectors.base import Scene
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES, Frequency, Observations, Source, Status, alike
from auditor.panel import Table
from auditor.rulebook.engine import append
from auditor.rulebook.roles import meaning, period_of

if TYPE_CHECKING:
    import duckdb

Floats = npt.NDArray[np.float64]

#: Cells loaded at a time.
SLICE = 500_000

_LABELS = pd.Index([s.label for s in sorted(Status)])
_DAILY = """
CREATE VIEW daily AS
SELECT t, date, weekday, entity, value, {low} AS low, {high} AS high, status, previous, next, week_ago, rank, tied, again,
       value / total AS share, total
FROM _daily
"""
_OBSERVATIONS = """
CREATE VIEW observations AS
SELECT row, date, date + {period} AS period_end, entity, {kind} AS kind, metric, {role} AS role, value, {low} AS low, {high} AS high,
       {status} AS status, {as_of} AS as_of, {moment} AS moment, {unit} AS unit, {source} AS source, {snapshot} AS snapshot,
       {dimension} AS dimension, repeated
FROM _observations
"""
_PERIODS = {
    Frequency.HOUR: "INTERVAL 1 HOUR",
    Frequency.DAY: "INTERVAL 1 DAY",
    Frequency.WEEK: "INTERVAL 7 DAY",
    Frequency.MONTH: "INTERVAL 1 MONTH",
}


def shifted(values: Floats, by: int) -> Floats:
    """Values of ``by`` periods earlier (later where negative), along the first axis; NaN beyond the ends."""
    moved = np.full_like(values, np.nan)
    if abs(by) < len(values):
        if by > 0:
            moved[by:] = values[:-by]
        else:
            moved[:by] = values[-by:]
    return moved


def further(scene: Scene) -> "Iterator[tuple[Table, str]]":
    """Yield the tables of all other metrics, and of other spacings, with the period they sum over ('' is the question's own)."""
    own = scene.panel.frequency
    for panel in (scene.panel, *scene.panel.beside):
        for table in panel.tables.values():
            if panel is not scene.panel or table.metric != scene.table.metric:
                yield table, period_of(table.metric, panel.frequency, own)


def cells_of(table: Table) -> pd.DataFrame:
    """List the published cells of a table with the value of the period before."""
    rows, columns = np.nonzero(np.isfinite(table.values))
    entities = pd.Series(list(table.entities), dtype=object)
    return pd.DataFrame(
        {
            "date": table.dates.to_numpy()[rows],
            "entity": entities.to_numpy()[columns],
            "value": table.values[rows, columns],
            "previous": shifted(table.values, 1)[rows, columns],
        }
    )


def load_daily(con: "duckdb.DuckDBPyConnection", scene: Scene) -> None:
    """Load the published cells of the metric in question, with what a rule most often joins."""
    table = scene.table
    again = _again(table.values)
    total = table.total
    exact = _same(table.values, table.low) and _same(table.values, table.high)
    for first, stop in _slices(table.values.shape):
        append(con, "_daily", _daily_slice(table, again, total, first, stop, exact=exact))
    con.execute(_DAILY.format(low="value" if exact else "low", high="value" if exact else "high"))


def _slices(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    height = max(1, SLICE // max(1, shape[1]))
    for first in range(0, shape[0], height):
        yield first, min(shape[0], first + height)


def _same(values: Floats, bound: Floats) -> bool:
    known = np.isfinite(values)
    return bool((values[known] == bound[known]).all())


def _again(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether the same entity states exactly this figure in another period, shape (T, N)."""
    order = np.argsort(values, axis=0, kind="stable").astype(np.int32)
    ordered = np.take_along_axis(values, order, axis=0)
    equal = ordered[1:] == ordered[:-1]
    marked = np.zeros(values.shape, dtype=bool)
    marked[1:] |= equal
    marked[:-1] |= equal
    result = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(result, order, marked, axis=0)
    return result


def _daily_slice(
    table: Table, again: npt.NDArray[np.bool_], total: Floats, first: int, stop: int, *, exact: bool
) -> pd.DataFrame:
    values = table.values[first:stop]
    rows, columns = np.nonzero(np.isfinite(values))
    order = np.argsort(-values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    equal = ordered[:, 1:] == ordered[:, :-1]
    marked = np.zeros(values.shape, dtype=bool)
    marked[:, 1:] |= equal
    marked[:, :-1] |= equal
    tied = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(tied, order, marked, axis=1)
    rank = np.empty(values.shape, dtype=np.int32)
    places = np.arange(1, values.shape[1] + 1, dtype=np.int32)
    np.put_along_axis(rank, order, np.broadcast_to(places, values.shape), axis=1)
    at = rows + first
    frame: dict[str, Any] = {
        "t": at.astype(np.int32),
        "date": table.dates.to_numpy()[at],
        "weekday": (table.dates.day_of_week.to_numpy()[at] + 1).astype(np.int8),
        "entity": pd.Categorical.from_codes(columns, categories=pd.Index(list(table.entities))),
        "value": values[rows, columns],
        "status": pd.Categorical.from_codes(table.status[at, columns], categories=_LABELS),
        "previous": _neighbour(table.values, at, columns, -1),
        "next": _neighbour(table.values, at, columns, 1),
        "week_ago": _neighbour(table.values, at, columns, -7),
        "rank": rank[rows, columns],
        "tied": tied[rows, columns],
        "again": again[at, columns],
        "total": total[at],
    }
    if not exact:
        frame |= {"low": table.low[at, columns], "high": table.high[at, columns]}
    return pd.DataFrame(frame)


def _neighbour(values: Floats, rows: npt.NDArray[Any], columns: npt.NDArray[Any], by: int) -> Floats:
    other = rows + by
    inside = (other >= 0) & (other < len(values))
    found = np.full(len(rows), np.nan)
    found[inside] = values[other[inside], columns[inside]]
    return found


def load_observations(con: "duckdb.DuckDBPyConnection", scene: Scene) -> None:
    """Load the published rows as they came, before several statements of one cell became one."""
    panel = scene.panel
    raw = _as_published(panel.observations) if panel.observations is not None else _no_rows()
    texts = [c for c in ("entity", "metric", "as_of", "unit", "source", "snapshot", "dimension") if c in raw]
    coded = {c: _category(raw[c]) for c in texts}
    keys = [coded[c] for c in ("entity", "metric", "source", "dimension") if c in coded]
    coded["source"] = sources_of(raw, panel.sources)
    numbers = {c: raw[c].to_numpy(dtype=np.float64, copy=False) for c in ("value", "low", "high") if c in raw}
    status = raw["status"].to_numpy(dtype=np.int8) if "status" in raw else None
    dates = raw["date"].to_numpy()
    stamps = _moments(coded["as_of"]) if "as_of" in coded else None
    repeated = _repeated(dates, keys)
    for first in range(0, max(1, len(raw)), SLICE):
        part = slice(first, first + SLICE)
        frame: dict[str, Any] = {
            "row": np.arange(first, min(first + SLICE, len(raw)), dtype=np.int64),
            "date": dates[part],
        }
        frame["repeated"] = repeated[part]
        frame |= {c: v[part] for c, v in coded.items()} | {c: v[part] for c, v in numbers.items()}
        if status is not None:
            frame["status"] = pd.Categorical.from_codes(status[part], categories=_LABELS)
        if stamps is not None:
            frame["moment"] = stamps[coded["as_of"].codes[part]]
        append(con, "_observations", pd.DataFrame(frame))
    entities = [str(c) for c in coded["entity"].categories]
    con.execute(
        _OBSERVATIONS.format(
            period=_PERIODS[panel.frequency],
            kind=_case("entity", {e: k for e in entities if (k := _kind(e)) != "entity"}, "entity"),
            role=_case("metric", {str(m): meaning(str(m)).role for m in coded["metric"].categories}, "other"),
            low="low" if "low" in numbers else "NULL::DOUBLE",
            high="high" if "high" in numbers else "NULL::DOUBLE",
            status="status" if status is not None else "'observed'",
            moment="moment" if stamps is not None else "NULL::TIMESTAMP",
            source="source",
            **{c: c if c in coded else "''" for c in ("as_of", "unit", "snapshot", "dimension")},
        )
    )


def _as_published(observations: Observations) -> pd.DataFrame:
    """Return all rows: those left out because another row states the same figure come first, so that the later row still wins."""
    if observations.repeats is None or not len(observations.repeats):
        return observations.frame
    parts = [(observations, observations.repeats), (observations, observations.frame)]
    columns = sorted({str(c) for _, f in parts for c in f.columns} - {"date", "entity", "metric", "value"})
    return pd.concat(alike(parts, columns), ignore_index=True)


def sources_of(frame: pd.DataFrame, cards: "Sequence[Source]") -> "pd.Categorical[Any]":
    """Name of the source of every row: stated in the row, known by the checksum of its file, or the only one there is."""
    if "source" in frame:
        return _category(frame["source"])
    names = list(dict.fromkeys(card.name for card in cards))
    if "snapshot" not in frame or len(names) < 2:
        return pd.Categorical.from_codes(np.zeros(len(frame), dtype=np.int8), pd.Index([names[0] if names else ""]))
    known = {card.sha256: card.name for card in cards if card.sha256}
    snapshots = _category(frame["snapshot"])
    named = [known.get(str(c), str(c)[:12]) for c in snapshots.categories]
    index = pd.Index(list(dict.fromkeys(named)))
    target = np.append(index.get_indexer(pd.Index(named)), -1)
    return pd.Categorical.from_codes(target[snapshots.codes], index)


def _repeated(dates: npt.NDArray[Any], parts: list[pd.Categorical]) -> npt.NDArray[np.bool_]:
    """Whether a cell (same period, entity, metric, source and dimension) is stated by several rows."""
    key = np.unique(dates, return_inverse=True)[1].astype(np.int64) if len(dates) else np.empty(0, dtype=np.int64)
    for part in parts:
        key = key * (len(part.categories) + 1) + part.codes + 1
    return pd.Series(key).duplicated(keep=False).to_numpy()


def _no_rows() -> pd.DataFrame:
    texts = {c: pd.Series([], dtype=object) for c in ("entity", "metric")}
    return pd.DataFrame({"date": np.empty(0, dtype="datetime64[us]"), "value": np.empty(0)} | texts)


def _category(column: "pd.Series[Any]") -> pd.Categorical:
    made = pd.Categorical(column)
    return made.rename_categories(str)


def _moments(as_of: pd.Categorical) -> npt.NDArray[Any]:
    """Moments of publication by category; the last entry (code -1) is unknown."""
    texts = pd.Series([str(c) for c in as_of.categories], dtype=object)
    read = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
    return np.append(read.to_numpy(dtype="datetime64[us]"), np.datetime64("NaT", "us"))


def _kind(name: str) -> str:
    folded = name.strip().lower()
    return "remainder" if folded in REMAINDER_NAMES else "total" if folded in TOTAL_NAMES else "entity"


def _case(column: str, names: dict[str, str], default: str) -> str:
    """Write a CASE expression that maps names to words."""
    if not names:
        return f"'{default}'"
    whens = " ".join(f"WHEN {_literal(k)} THEN '{v}'" for k, v in sorted(names.items()))
    return f"CASE {column}::VARCHAR {whens} ELSE '{default}' END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
