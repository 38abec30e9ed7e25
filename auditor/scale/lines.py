"""Lines of a screening: one JSON object per series, with its place in the order of attention."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.kernels.screen import Flag, Screen
from auditor.scale.series import Block
from auditor.scale.spacing import Grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Digits that a line keeps.
DIGITS = 6

#: A single period counts as a rise from so many robust scales on, as in the screen's count of outliers.
SPIKE = 5.0

#: Noise below this (2 % a period) is taken as this, so that very regular series do not fill the top of the list.
QUIETEST = 0.02

#: Columns of a line after the entity, in order.
NUMBERS = (
    "fold", "spike_z", "spike_fold", "phi", "sigma", "noise", "weekend_ratio", "roughness", "plateau_flatness",
)  # fmt: skip


def significant(values: Floats, digits: int = DIGITS) -> Floats:
    """Round to significant digits; NaN and infinities stay."""
    known = np.isfinite(values) & (values != 0)
    power = np.zeros(values.shape)
    power[known] = digits - 1 - np.floor(np.log10(np.abs(values[known])))
    up, down = 10.0 ** np.clip(power, 0, 300), 10.0 ** np.clip(-power, 0, 300)
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.rint(values * up / down) * down / up
    return np.where(known, rounded, values)


def plain(values: Floats) -> list[float | None]:
    """Numbers for JSON: rounded, None where not defined."""
    return [v if math.isfinite(v) else None for v in significant(values).tolist()]


def screened(block: Block, screen: Screen, grid: Grid) -> list[dict[str, Any]]:
    """Return one record per series of a block.

    ``attention`` is that of :func:`strongest`. ``date`` is the period in which the rise begins, or peaks where it is a single
    period.
    """
    rise = strongest(screen)
    at, fold, rose, attention = rise.at, rise.fold, rise.found, rise.attention
    rows = np.arange(len(screen))
    value = np.where(rose, block.values[rows, np.where(rose, at, 0)], np.nan)
    known = np.isfinite(block.values)
    last = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    first = known.argmax(axis=1)
    columns = {name: plain(np.asarray(getattr(screen, name), dtype=np.float64)) for name in NUMBERS}
    dates = _Dates(grid)
    starts = screen.change_offsets.tolist()
    change_at, change_fold = screen.change_index.tolist(), plain(screen.change_fold)
    shown_value, shown_rise, shown_attention = plain(value), plain(np.where(rose, fold, np.nan)), plain(attention)
    outliers = screen.n_outliers.tolist()
    origin, flags, n = block.first.tolist(), screen.flags.tolist(), screen.n_observed.tolist()
    records = []
    for i, name in enumerate(block.names):
        zero = origin[i]
        record: dict[str, Any] = {
            "entity": name,
            "first": dates[zero + int(first[i])],
            "last": dates[zero + int(last[i])],
            "n": n[i],
            "attention": shown_attention[i],
            "date": dates[zero + int(at[i])] if rose[i] else None,
            "value": shown_value[i],
            "rise": shown_rise[i],
            "changes": [
                {"date": dates[zero + change_at[k]], "fold": change_fold[k]} for k in range(starts[i], starts[i + 1])
            ],
        }
        for key, column in columns.items():
            record[key] = column[i]
        record["n_outliers"] = outliers[i]
        record["flags"] = _flags(flags[i])
        records.append(record)
    return records


@dataclass(frozen=True)
class Rise:
    """The strongest rise of each series.

    Attributes
    ----------
    at : ndarray of int, shape (N,)
        Its period.
    fold, attention : ndarray, shape (N,)
    found : ndarray of bool, shape (N,)
    """

    at: Ints
    fold: Floats
    attention: Floats
    found: npt.NDArray[np.bool_]


def strongest(screen: Screen) -> Rise:
    """Find the strongest rise of each series, and its place in the order of attention.

    Attention orders series for reading and is no finding: the largest rise (a new level, or a single period of
    :data:`SPIKE` robust scales or more) as a natural logarithm, over the robust scale of the series' residuals; 0 where
    nothing rose.
    """
    at, fold = _rises(screen)
    spike = (screen.spike_z >= SPIKE) & (screen.spike_fold > np.where(np.isfinite(fold), fold, 1.0))
    fold = np.where(spike, screen.spike_fold, fold)
    at = np.where(spike, screen.spike_index, at)
    found = np.isfinite(fold) & (fold > 1.0)
    noise = np.maximum(np.nan_to_num(screen.noise, nan=QUIETEST), QUIETEST)
    attention = np.where(found, np.log(np.where(found, fold, 1.0)) / noise, 0.0)
    return Rise(at, fold, attention, found)


def refused(reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one record per series that was not screened, with the reason."""
    return [{"entity": name, "reason": reason} for name, reason in sorted(reasons.items())]


def encode(records: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Write records as sorted lines of JSON."""
    dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
    # A lone half of a surrogate pair becomes its JSON escape.
    return sorted(dump(r).encode("utf-8", "backslashreplace") + b"\n" for r in records)


def _rises(screen: Screen) -> tuple[Ints, Floats]:
    """Period and size of the largest rise to a new level of each series; NaN where there is none."""
    count = len(screen)
    best, at = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    owner = np.repeat(np.arange(count), screen.n_changes)
    up = np.flatnonzero(screen.change_fold > 1.0)
    # Smallest first, so that the largest is what stays; of equals the earliest, which is written last.
    up = up[np.lexsort((-screen.change_index[up], screen.change_fold[up]))]
    best[owner[up]] = screen.change_fold[up]
    at[owner[up]] = screen.change_index[up]
    return at, best


class _Dates(dict[int, str]):
    """Dates of periods, each written once."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid

    def __missing__(self, number: int) -> str:
        text = self[number] = self.grid.start(number)
        return text


@cache
def _flags(code: int) -> tuple[str, ...]:
    return tuple(str(flag.name).lower() for flag in Flag if flag & code)
