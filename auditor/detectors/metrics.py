"""Which metric of a panel plays which role, and how two metrics of one panel are set side by side.

Publishers name the same quantity differently. The mapping below is the only place that knows those names: a metric's name is
folded (lower case, words joined by ``_``, words for the period taken off) and looked up. A metric that is not listed plays no
role; nothing is guessed from its values.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Scene
from auditor.kernels.conformal import ConformalRank, conformal_rank
from auditor.observations import Status
from auditor.panel import Panel, Table

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: Role -> folded names of metrics that play it.
SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tokens": ("total_tokens", "tokens", "token_count", "volume", "usage"),
        "prompt": ("prompt_tokens", "input_tokens", "tokens_in", "tokens_prompt"),
        "completion": ("completion_tokens", "output_tokens", "tokens_out", "tokens_completion"),
        "requests": ("requests", "request_count", "calls", "api_calls", "generations"),
        "app_tokens": ("app_tokens", "tokens_by_app", "app_total_tokens"),
        "app_requests": ("app_requests", "requests_by_app", "app_request_count"),
        "price_prompt": ("price_input", "price_prompt", "input_price", "prompt_price"),
        "price_completion": ("price_output", "price_completion", "output_price", "completion_price"),
    }
)

#: Words of a metric's name that state its period, not what it counts.
_PERIODS = re.compile(r"^(hourly|daily|weekly|monthly)_|_(hourly|daily|weekly|monthly|day|week|month)$")

#: Words of a price's name that state what it is the price of.
_PER_MILLION = re.compile(r"_(usd_)?per_(1m|m|million|mtok|1m_tokens|million_tokens)$")
_PER_TOKEN = re.compile(r"_(usd_)?per_(1|token)$")

#: A peer counts where it has at least this share of the subject's denominator, so that its ratio is not a handful of cases.
COMPARABLE = 1e-3

#: Periods before the window that a change is measured from.
BASE_PERIODS = 28


def folded(metric: str) -> str:
    """Fold a metric's name: ``Weekly Prompt Tokens`` and ``prompt_tokens`` become the same.

    >>> folded("Weekly Prompt-Tokens"), folded("app_tokens_week")
    ('prompt_tokens', 'app_tokens')
    """
    return _PERIODS.sub("", re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_"))


def role_of(metric: str) -> str:
    """Return the role of a metric, '' when it plays none.

    >>> role_of("weekly_request_count"), role_of("input_price_per_1m"), role_of("stars")
    ('requests', 'price_prompt', '')
    """
    name = _PER_TOKEN.sub("", _PER_MILLION.sub("", folded(metric)))
    return next((role for role, names in SYNONYMS.items() if name in names), "")


def playing(panel: Panel, role: str) -> Table | None:
    """Return the first table (by the order of the synonyms, then by name) that plays a role."""
    found = [t for name, t in sorted(panel.tables.items()) if role_of(name) == role]
    order = SYNONYMS[role]

    def place(table: Table) -> int:
        name = _PER_TOKEN.sub("", _PER_MILLION.sub("", folded(table.metric)))
        return order.index(name)

    return min(found, key=place) if found else None


def price_scale(table: Table) -> float | None:
    """Tokens that a price of the table is for: 1e6 or 1; None where neither its name nor its unit says so."""
    name = folded(table.metric)
    unit = folded(table.unit)
    for text in (name, f"_{unit}"):
        if _PER_MILLION.search(text):
            return 1e6
        if _PER_TOKEN.search(text):
            return 1.0
    return None


def settled(table: Table) -> Floats:
    """Values of a table with periods that were not yet complete taken out, shape (T, N)."""
    return np.where(table.status == Status.PARTIAL, np.nan, table.values)


def on(values: Floats, table: Table, dates: "pd.DatetimeIndex") -> Floats:
    """Lay rows of a table on other dates; periods it does not hold become NaN.

    Parameters
    ----------
    values : ndarray, shape (T, N) or (T,)
        Figures on the table's own dates.
    table : Table
    dates : DatetimeIndex, length S

    Returns
    -------
    ndarray, shape (S, N) or (S,)
    """
    place = table.dates.get_indexer(dates)
    laid = np.full((len(dates), *values.shape[1:]), np.nan)
    laid[place >= 0] = values[place[place >= 0]]
    return laid


def before(scene: Scene) -> slice:
    """Rows that a change is measured from: up to 28 right before the window."""
    return slice(max(0, scene.window.start - BASE_PERIODS), scene.window.start)


@dataclass(frozen=True, eq=False)
class Paired:
    """Two metrics of the same entities on the same periods.

    Attributes
    ----------
    peers : tuple of str, length K
        Entities other than the subject that occur in both.
    over, under : ndarray, shape (T, 1 + K)
        Numerator and denominator on the scene's dates; column 0 is the subject (the sum of its parts known in both). A cell
        is NaN in both where either is unknown or the denominator is not above zero.
    width : ndarray, shape (T,)
        Relative half width of the subject's ratio that rounding of the published figures allows.
    """

    peers: tuple[str, ...]
    over: Floats
    under: Floats
    width: Floats

    def ratio(self, rows: slice, *, least: int = 1) -> Floats:
        """Ratio of sums over some rows, shape (1 + K,); NaN where fewer than ``least`` rows are known."""
        over, under = self.over[rows], self.under[rows]
        known = np.isfinite(over)
        enough = known.sum(axis=0) >= max(least, 1)
        bottom = np.where(known, under, 0.0).sum(axis=0)
        top = np.where(known, over, 0.0).sum(axis=0)
        result: Floats = np.where(enough, top / np.where(bottom > 0, bottom, 1.0), np.nan)
        return result

    def volume(self, rows: slice) -> Floats:
        """Sum of the denominator over some rows, shape (1 + K,)."""
        return np.asarray(np.nansum(self.under[rows], axis=0), dtype=np.float64)

    def comparable(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Peers with at least a thousandth of the subject's denominator, shape (K,)."""
        volume = self.volume(rows)
        result: npt.NDArray[np.bool_] = (volume[1:] >= COMPARABLE * volume[0]) & (volume[1:] > 0)
        return result


def paired(scene: Scene, over: Sequence[Table], under: Sequence[Table], *, itemised: bool = False) -> Paired | None:
    """Pair two metrics; each may be the sum of several tables.

    ``itemised`` treats a numerator of exactly zero as not stated: publishers fill in 0 where a split was not kept.
    Returns None where the subject does not occur in all of the tables.
    """
    tables = (*over, *under)
    parts = [p for p in scene.subject.parts if all(p in t.index for t in tables)]
    if not parts:
        return None
    own = set(scene.subject.parts)
    donors = set(scene.case.donors)
    names = sorted(set.intersection(*(set(t.entities) for t in tables)) - own)
    peers = tuple(name for name in names if not donors or name in donors)
    order = [*parts, *peers]
    top, top_error = _sum(over, order, scene.table.dates)
    bottom, bottom_error = _sum(under, order, scene.table.dates)
    known = np.isfinite(top) & np.isfinite(bottom) & (np.where(np.isfinite(bottom), bottom, 0.0) > 0)
    if itemised:
        known &= np.where(np.isfinite(top), top, 0.0) > 0
    k = len(parts)

    def stitched(values: Floats) -> Floats:
        kept = np.where(known, values, np.nan)
        some = known[:, :k].any(axis=1)
        subject = np.where(some, np.where(known[:, :k], kept[:, :k], 0.0).sum(axis=1), np.nan)
        return np.column_stack([subject, kept[:, k:]])

    first, second = stitched(top), stitched(bottom)
    slack = [
        np.where(known[:, :k], e[:, :k], 0.0).sum(axis=1) / np.where(v[:, 0] > 0, v[:, 0], 1.0)
        for e, v in ((top_error, first), (bottom_error, second))
    ]
    return Paired(peers, first, second, np.where(np.isfinite(first[:, 0]), slack[0] + slack[1], np.nan))


def _sum(tables: Sequence[Table], order: Sequence[str], dates: "pd.DatetimeIndex") -> tuple[Floats, Floats]:
    """Sum of tables for some entities on some dates, and the half width of its rounding interval."""
    total, error = np.zeros((len(dates), len(order))), np.zeros((len(dates), len(order)))
    for table in tables:
        columns = [table.index[name] for name in order]
        total = total + on(settled(table)[:, columns], table, dates)
        half = 0.5 * (table.high - table.low)[:, columns]
        error = error + np.nan_to_num(on(half, table, dates))
    return total, error


def token_tables(scene: Scene) -> tuple[Table, ...]:
    """Tables whose sum is the token volume: the scene's own where it counts tokens, else a total, else prompt + completion."""
    if role_of(scene.table.metric) in {"tokens", "app_tokens"}:
        return (scene.table,)
    if role_of(scene.table.metric) == "app_requests":
        found = playing(scene.panel, "app_tokens")
        return () if found is None else (found,)
    total = playing(scene.panel, "tokens")
    if total is not None:
        return (total,)
    split = (playing(scene.panel, "prompt"), playing(scene.panel, "completion"))
    return tuple(t for t in split if t is not None) if all(split) else ()


def request_tables(scene: Scene) -> tuple[Table, ...]:
    """Return the table that counts requests of the same kind of entity as the scene's."""
    by_app = role_of(scene.table.metric) in {"app_tokens", "app_requests"}
    found = playing(scene.panel, "app_requests" if by_app else "requests")
    return () if found is None else (found,)


def standing(values: Floats, comparable: npt.NDArray[np.bool_]) -> ConformalRank | None:
    """Two-sided conformal rank of the subject (first value) among its comparable peers; None without any."""
    reference = values[1:][comparable & np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not reference.size:
        return None
    return conformal_rank(float(values[0]), reference, "two-sided")
