"""Power against injected inflation, and the smallest inflation that is found in 80 % of injections."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.calibration.scores import isotonic, rate

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: Share of injections that must be called for an inflation to count as found.
ENOUGH = 0.8

#: Fewest injections of a cell of which a share is stated.
FEWEST = 5


def power_rows(info: "pd.DataFrame", called: npt.NDArray[np.bool_], by: list[str]) -> list[dict[str, Any]]:
    """Share of injections that were called inflated, by the columns named, with its exact interval."""
    frame = info[by].copy()
    frame["_called"] = called
    rows = []
    for key, group in frame.groupby(by, sort=True, dropna=True):
        found = rate(int(group["_called"].sum()), len(group))
        values = tuple(key)
        rows.append(
            {name: _plain(v) for name, v in zip(by, values, strict=True)}
            | {"n": found.total, "power": found.value, "low": found.low, "high": found.high}
        )
    return rows


def least_detectable(magnitude: Floats, called: npt.NDArray[np.bool_], *, enough: float = ENOUGH) -> float | None:
    """Smallest magnitude at which the power, made monotone (PAV), reaches ``enough``; None if it never does.

    Between two magnitudes tried the power is interpolated over the logarithm of the magnitude.

    >>> magnitudes = np.repeat([0.5, 1.0, 2.0], 10)
    >>> called = np.r_[np.zeros(10, bool), np.ones(10, bool), np.ones(10, bool)]
    >>> round(least_detectable(magnitudes, called), 2)
    0.87
    """
    level, inverse = np.unique(magnitude, return_inverse=True)
    if not level.size:
        return None
    n = np.bincount(inverse).astype(float)
    share = isotonic(np.bincount(inverse, weights=called) / n, n)
    reached = np.flatnonzero(share >= enough)
    if not reached.size:
        return None
    k = int(reached[0])
    if k == 0 or share[k] == share[k - 1]:
        return float(level[k])
    part = (enough - share[k - 1]) / (share[k] - share[k - 1])
    low, high = np.log(level[k - 1]), np.log(level[k])
    return float(f"{np.exp(low + part * (high - low)):.3g}")


def detectable_rows(
    info: "pd.DataFrame", called: npt.NDArray[np.bool_], *, tier: int, by_kind: bool = False
) -> list[dict[str, Any]]:
    """Smallest detectable inflation by length, known or new subject (and kind of injection)."""
    by = ["established", "days", *(["kind"] if by_kind else [])]
    frame = info[[*by, "magnitude"]].copy()
    frame["_called"] = called
    rows = []
    for key, group in frame.groupby(by, sort=True):
        if len(group) < FEWEST:
            continue
        magnitude = group["magnitude"].to_numpy(dtype=float)
        hit = group["_called"].to_numpy(dtype=bool)
        full = np.isclose(magnitude, 1.0)
        rows.append(
            {name: _plain(v) for name, v in zip(by, key, strict=True)}
            | {
                "tier": tier,
                "least": least_detectable(magnitude, hit),
                "largest": float(magnitude.max()),
                "power": float(hit[full].mean()) if full.any() else None,
                "n": len(group),
            }
        )
    return rows


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
