"""Vintages: the same day read twice is kept twice, and what changed between the readings is itself evidence.

Observations are a data frame with one row per figure and reading: ``date`` (datetime64, UTC day or start of the period), ``entity``, ``metric``,
``value``, ``as_of`` (when the publisher stated it), and optionally ``dimension``, ``source``, ``status`` and ``complete``.

The rule for rows that vanish
-----------------------------
A reading is either *rows only* (it restates the rows it lists and says nothing of others) or *whole day* (it lists all that
the publisher shows for that day). Only the parser or the caller knows which, so it is never guessed from the number of rows:

* rows whose column ``complete`` is true belong to a whole-day reading; ``complete_days=True`` says so for all rows,
  ``False`` for none;
* a whole-day reading replaces every earlier row of the same source, metric and date. What it does not list is
  *withdrawn* from then on; the panel then treats it as absent (missing or below the cut-off), never as zero;
* what it lists and an earlier whole-day reading did not is *added*;
* a rows-only reading replaces the rows it lists and leaves the rest.

Of two readings with the same ``as_of`` the later row of the frame (the later entry of the ledger) counts.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_COMPACT = re.compile(r"(?<!\d)\d{14}(?!\d)")
_US_PER_DAY = 86_400_000_000

Times = npt.NDArray[np.datetime64]
Codes = npt.NDArray[np.int64]


def parse_as_of(text: str) -> datetime:
    """Read a publisher's as-of statement as a UTC moment.

    ISO 8601 with or without a zone (none means UTC), a bare date (its midnight), or a text that holds exactly one such
    date or one 14-digit stamp (``week ending 2026-04-05``, ``page:20250205104428``).

    Raises
    ------
    InputError
        No moment, or more than one, in the text.
    """
    found = text.strip()
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        stamps, compact = _STAMP.findall(found), _COMPACT.findall(found)
        if len(stamps) + len(compact) != 1:
            raise InputError(
                f"as_of {text!r} holds no single moment",
                where="as_of",
                hint="state it as ISO 8601, for example 2026-04-05T01:35:00Z",
            ) from None
        try:
            moment = (
                datetime.fromisoformat(stamps[0])
                if stamps
                else datetime.strptime(compact[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            )
        except ValueError as error:
            raise InputError(f"as_of {text!r} is no real date ({error})", where="as_of") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def as_of_times(observations: "pd.DataFrame") -> Times:
    """Return the column ``as_of`` as UTC moments, shape (rows,), datetime64[us].

    Raises
    ------
    InputError
        A value is missing or cannot be read.
    """
    import pandas as pd

    codes, statements = pd.factorize(observations["as_of"])
    if (codes < 0).any():
        raise InputError(
            f"as_of is missing in {int((codes < 0).sum())} rows",
            where="as_of",
            hint="let the parser state it, or pass as_of when importing",
        )
    moments = [
        parse_as_of(statement if isinstance(statement, str) else pd.Timestamp(statement).isoformat())
        for statement in statements
    ]
    times = np.array([moment.replace(tzinfo=None) for moment in moments], dtype="datetime64[us]")
    return times[codes] if len(times) else np.empty(0, dtype="datetime64[us]")


def as_known_on(
    observations: "pd.DataFrame", when: "str | date | datetime | pd.Timestamp", *, complete_days: bool | None = None
) -> "pd.DataFrame":
    """Return what had been published at a moment: per figure the latest reading at or before it.

    Parameters
    ----------
    observations : DataFrame
        See the module's text; not changed.
    when : str, date or datetime
        A day counts to its end (UTC); a moment without a zone is UTC.
    complete_days : bool, optional
        Whether readings restate whole days; None reads the column ``complete`` (absent means rows only).

    Returns
    -------
    DataFrame
        Rows of ``observations``, in their order, with a new index.

    Raises
    ------
    InputError
        An ``as_of`` is missing or cannot be read.
    UsageError
        ``when`` is no date.
    """
    times = as_of_times(observations)
    kept = np.flatnonzero(times <= _moment(when))
    known, times = observations.iloc[kept], times[kept]
    figures, days = _figures(known), _days(known)
    whole = _complete(known, complete_days)
    newest = np.full(int(days.max(initial=-1)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest, days[whole], times[whole].astype(np.int64))
    order = np.lexsort((times, figures))
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = figures[order][1:] != figures[order][:-1]
    rows = np.sort(order[is_last])
    rows = rows[times[rows].astype(np.int64) >= newest[days[rows]]]
    latest: pd.DataFrame = known.iloc[rows].reset_index(drop=True)
    return latest


def revisions(
    observations: "pd.DataFrame", *, complete_days: bool | None = None, period_days: float = 1
) -> "pd.DataFrame":
    """Return every change between consecutive readings of the same figure.

    Parameters
    ----------
    observations : DataFrame
        See the module's text; not changed.
    complete_days : bool, optional
        As in :func:`as_known_on`.
    period_days : float
        Length of what one row measures: 1 for daily, 7 for weekly figures, 1/24 for hourly ones. Lags count from the end of the period.

    Returns
    -------
    DataFrame
        By ``as_of``, date and entity: ``date``, ``entity``, ``metric`` (and ``dimension``, ``source`` where given);
        ``kind``: ``restated``, ``completed`` (the earlier reading had status ``partial``), ``added``, ``withdrawn``;
        ``old``, ``new``, ``change`` (new - old), ``ratio`` (new / old, NaN when old is 0); ``lag_days`` (from the end of
        the period to the new reading); ``as_of_old``, ``as_of`` (UTC).
    """
    import pandas as pd

    times = as_of_times(observations)
    figures, days = _figures(observations), _days(observations)
    values = observations["value"].to_numpy(dtype=float)
    rows = np.arange(len(observations))
    gap_figures, gap_times = _absences(figures, days, times, _complete(observations, complete_days))
    # An absent figure is described by any of its own rows; its value is not a number and its row is marked.
    example = np.zeros(int(figures.max(initial=-1)) + 1, dtype=np.int64)
    example[figures] = rows
    figures = np.concatenate([figures, gap_figures])
    times = np.concatenate([times, gap_times])
    values = np.concatenate([values, np.full(len(gap_figures), np.nan)])
    absent = np.arange(len(figures)) >= len(rows)
    order = np.lexsort((times, figures))
    old, new = order[:-1], order[1:]
    same = figures[old] == figures[new]
    differs = (values[old] != values[new]) & ~(np.isnan(values[old]) & np.isnan(values[new]))
    changed = same & ((absent[old] != absent[new]) | differs)
    old, new = old[changed], new[changed]
    of = observations.iloc[example[figures[new]]]
    table = of[[name for name in ("date", "entity", "metric", "dimension", "source") if name in of]].reset_index(
        drop=True
    )
    table["kind"] = np.select(
        [absent[old], absent[new], _was_partial(observations, old)], ["added", "withdrawn", "completed"], "restated"
    )
    table["old"], table["new"] = values[old], values[new]
    table["change"] = values[new] - values[old]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["ratio"] = np.where(values[old] == 0, np.nan, values[new] / values[old])
    ends = table["date"].to_numpy(dtype="datetime64[us]") + np.timedelta64(round(period_days * _US_PER_DAY), "us")
    table["lag_days"] = (times[new] - ends).astype(np.int64) / _US_PER_DAY
    table["as_of_old"], table["as_of"] = pd.to_datetime(times[old]), pd.to_datetime(times[new])
    ordered: pd.DataFrame = table.sort_values(["as_of", "date", "entity"], kind="stable", ignore_index=True)
    return ordered


def revision_summary(observations: "pd.DataFrame", changes: "pd.DataFrame") -> dict[str, Any]:
    """Count what :func:`revisions` found.

    Returns
    -------
    dict
        ``figures`` (distinct date, entity, metric, ...), ``revised`` (distinct figures restated), ``restatements``, ``upward``,
        ``downward``, ``completed``, ``added``, ``withdrawn``; over restatements ``lag_days_median``, ``lag_days_max``,
        ``relative_median`` and the largest by relative size as ``largest`` (a dict, or None).
    """
    restated = changes[changes["kind"] == "restated"]
    size = (restated["ratio"] - 1).abs()
    largest = None if size.isna().all() else restated.iloc[int(np.nanargmax(size.to_numpy()))].to_dict()
    kinds = changes["kind"].value_counts()
    return {
        "figures": len(np.unique(_figures(observations))),
        "revised": len(np.unique(_figures(restated))),
        "restatements": len(restated),
        "upward": int((restated["change"] > 0).sum()),
        "downward": int((restated["change"] < 0).sum()),
        **{kind: int(kinds.get(kind, 0)) for kind in ("completed", "added", "withdrawn")},
        "lag_days_median": float(restated["lag_days"].median()),
        "lag_days_max": float(restated["lag_days"].max()),
        "relative_median": float(size.median()),
        "largest": largest,
    }


def _moment(when: "str | date | datetime | pd.Timestamp") -> np.datetime64:
    """Return the last moment that counts as known."""
    try:
        if isinstance(when, datetime):
            moment: date = when
        elif isinstance(when, str):
            moment = date.fromisoformat(when) if len(when) == 10 else datetime.fromisoformat(when)
        else:
            moment = when
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{when!r} is no date", hint="for example 2026-04-05 or 2026-04-05T12:00Z") from error
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return np.datetime64(utc.replace(tzinfo=None), "us")


def _coded(observations: "pd.DataFrame", columns: tuple[str, ...]) -> Codes:
    """Return numbers from 0 for the distinct combinations of columns, shape (rows,)."""
    import pandas as pd

    combined = np.zeros(len(observations), dtype=np.int64)
    for name in columns:
        if name in observations:
            codes, distinct = pd.factorize(observations[name])
            combined = combined * (len(distinct) + 1) + (codes + 1)
    return pd.factorize(combined)[0].astype(np.int64)


def _figures(observations: "pd.DataFrame") -> Codes:
    return _coded(observations, ("source", "metric", "dimension", "entity", "date"))


def _days(observations: "pd.DataFrame") -> Codes:
    return _coded(observations, ("source", "metric", "date"))


def _complete(observations: "pd.DataFrame", complete_days: bool | None) -> npt.NDArray[np.bool_]:  # noqa: FBT001  passed on as given
    if complete_days is None and "complete" in observations:
        return observations["complete"].fillna(value=False).to_numpy(dtype=bool)
    return np.full(len(observations), fill_value=bool(complete_days))


def _absences(figures: Codes, days: Codes, times: Times, whole: npt.NDArray[np.bool_]) -> tuple[Codes, Times]:
    """Return figure and time of every whole-day reading in which a figure known from another reading is absent."""
    import pandas as pd

    rows = pd.DataFrame({"figure": figures, "day": days, "time": times})
    readings = rows.loc[whole, ["day", "time"]].drop_duplicates()
    expected = rows[["figure", "day"]].drop_duplicates().merge(readings, on="day")
    listed = rows[["figure", "time"]].drop_duplicates()
    joined = expected.merge(listed, on=["figure", "time"], how="left", indicator=True)
    gaps = joined[joined["_merge"] == "left_only"]
    return gaps["figure"].to_numpy(dtype=np.int64), gaps["time"].to_numpy(dtype="datetime64[us]")


def _was_partial(observations: "pd.DataFrame", rows: Codes) -> npt.NDArray[np.bool_]:
    if "status" not in observations:
        return np.zeros(len(rows), dtype=bool)
    partial = (observations["status"] == "partial").to_numpy(dtype=bool)
    return partial[np.minimum(rows, len(partial) - 1)] & (rows < len(partial))
