"""Errors of the record, put into panels that had none: the users did nothing, the publisher's figures are wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from auditor.calibration.composition import Sheet
from auditor.calibration.market import Market
from auditor.errors import UsageError

Floats = npt.NDArray[np.float64]

#: Metrics that the publisher of the totals counts from the same records.
COUNTED = ("requests", "prompt_tokens", "completion_tokens", "app_tokens", "app_requests")


@dataclass(frozen=True, eq=False)
class Damage:
    """Sheets after an error, with what it did.

    Attributes
    ----------
    magnitude : float
        Relative size of the error on the subject (1: doubled).
    partial : int or None
        Row that was read before its period was over, where the publisher says so.
    restated : ndarray, shape (T,)
        What the subject's figures were before they were restated; NaN where they were not.
    """

    sheets: Mapping[str, Sheet]
    magnitude: float
    partial: int | None = None
    restated: Floats | None = None


def doubled_day(sheets: Mapping[str, Sheet], metric: str, row: int, *, factor: float = 2.0) -> Damage:
    """Count one period ``factor`` times, in every entity and every metric counted from the same records."""
    return Damage({n: _times(s, row, factor) if _counted(n, metric) else s for n, s in sheets.items()}, factor - 1)


def partial_day(sheets: Mapping[str, Sheet], metric: str, row: int, *, share: float) -> Damage:
    """Publish a period of which only ``share`` had passed."""
    made = {n: _times(s, row, share) if _counted(n, metric) else s for n, s in sheets.items()}
    return Damage(made, share - 1, partial=row)


def unit_jump(
    sheets: Mapping[str, Sheet], metric: str, rows: slice, entity: str, *, factor: float, parts: bool
) -> Damage:
    """State one entity's figures in another unit on some periods; ``parts``: its prompt and completion tokens as well."""
    wrong = {metric, *(("prompt_tokens", "completion_tokens") if parts else ())}
    return Damage({n: _column(s, entity, rows, factor) if n in wrong else s for n, s in sheets.items()}, factor - 1)


def merged_ids(
    sheets: Mapping[str, Sheet], metric: str, start: int, entity: str, absorbed: str, rng: np.random.Generator
) -> Damage:
    """From ``start`` on, publish two ids as one; what stood just below the cut-off moves up into the list."""
    made = {}
    magnitude = float("nan")
    for name, sheet in sheets.items():
        if not (_counted(name, metric) and entity in sheet.entities and absorbed in sheet.entities):
            made[name] = sheet
            continue
        values, other = sheet.values.copy(), sheet.other.copy()
        a, b = sheet.entities.index(entity), sheet.entities.index(absorbed)
        both = np.isfinite(values[start:, a]) & np.isfinite(values[start:, b])
        if name == metric and both.any():
            magnitude = float(np.median((values[start:, b] / values[start:, a])[both]))
        gained = np.where(np.isfinite(values[start:, b]), values[start:, b], 0.0)
        some = np.isfinite(values[start:, a]) | np.isfinite(values[start:, b])
        merged = np.where(some, np.nan_to_num(values[start:, a]) + gained, np.nan)
        gone = np.flatnonzero(np.isfinite(values[start:, b])) + start
        values[start:, a] = merged
        values[start:, b] = np.nan
        for t in gone:
            if np.isfinite(other[t]):
                _move_up(values, other, int(t), b, rng)
        made[name] = replace(sheet, values=values, other=other)
    if not np.isfinite(magnitude):
        raise UsageError(
            f"{entity} and {absorbed} are never listed together", hint="choose two ids listed on the same days"
        )
    return Damage(made, magnitude)


def restatement(sheets: Mapping[str, Sheet], metric: str, rows: slice, entity: str, *, factor: float) -> Damage:
    """Restate one entity's figures on some periods by a factor, its requests and parts along with the total."""
    sheet = sheets[metric]
    column = sheet.entities.index(entity)
    before = np.full(len(sheet.values), np.nan)
    before[rows] = sheet.values[rows, column]
    counted = {metric, "requests", "prompt_tokens", "completion_tokens"}
    made = {n: _column(s, entity, rows, factor) if n in counted else s for n, s in sheets.items()}
    return Damage(made, factor - 1, restated=before)


def partner(market: Market, rng: np.random.Generator, *, least: float = 0.25) -> str | None:
    """Another id of at least ``least`` the subject's size, listed throughout the window, that could be merged into it."""
    inside = market.values[market.window]
    own = float(np.nanmedian(inside[:, market.column]))
    size = np.where(np.isfinite(inside).all(axis=0), inside.min(axis=0), 0.0)
    fit = [i for i in np.flatnonzero((size >= least * own) & (size <= 4 * own)) if i not in market.columns]
    return market.entities[fit[int(rng.integers(len(fit)))]] if fit else None


def _counted(name: str, metric: str) -> bool:
    return name == metric or name in COUNTED


def _times(sheet: Sheet, row: int, factor: float) -> Sheet:
    values, other = sheet.values.copy(), sheet.other.copy()
    values[row] = np.round(values[row] * factor)
    other[row] = np.round(other[row] * factor)
    return replace(sheet, values=values, other=other)


def _column(sheet: Sheet, entity: str, rows: slice, factor: float) -> Sheet:
    if entity not in sheet.entities:
        return sheet
    values = sheet.values.copy()
    column = sheet.entities.index(entity)
    values[rows, column] = np.round(values[rows, column] * factor)
    return replace(sheet, values=values)


def _move_up(values: Floats, other: Floats, t: int, gone: int, rng: np.random.Generator) -> None:
    """List the largest of those below the cut-off in place of one that left; it comes out of the remainder."""
    free = [i for i in np.flatnonzero(~np.isfinite(values[t])) if i != gone]
    if not free:
        return
    near = values[max(0, t - 7) : t + 8][:, free]
    known = np.isfinite(near).sum(axis=0)
    chosen = free[int(np.argmax(known))]
    value = float(np.round(np.nanmin(values[t]) * rng.uniform(0.85, 0.99)))
    if value < other[t]:
        values[t, chosen] = value
        other[t] -= value
