"""Series of the same entities elsewhere: they follow demand, not the published number.

A proxy follows demand with an elasticity between a half and one. Demand is what users asked for: volume made by scripts is not in it,
one customer's batch hardly, volume drawn by a free offer in part.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.calibration.composition import Sheet
from auditor.calibration.market import Market

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """One kind of independent series.

    Attributes
    ----------
    level : float
        Median daily level, in its own unit.
    noise : float
        Median log noise per day that has nothing to do with the subject; entities scatter around it (log-normal 0.4). A stated
        assumption between two measured ones: the total of a registry in ``cran_total_daily`` scatters by 0.05 (week on week), counts
        of three packages in ``cran_package_daily_oct2019``, two of them near ten to forty a day, by 0.25.
    shared : float
        Part of the subject's own day-to-day scatter that users elsewhere show too.
    """

    metric: str
    unit: str
    origin: str
    level: float
    noise: float
    shared: float


KINDS = (
    Kind("downloads", "downloads", "package-registry", 2e4, 0.08, 0.8),
    Kind("mentions", "mentions", "public-forum", 3e3, 0.15, 0.6),
)


def proxies(market: Market, rng: np.random.Generator, kinds: tuple[Kind, ...] = KINDS) -> dict[str, Sheet]:
    """Draw the independent series of a market's entities, by metric."""
    rows, n = market.values.shape
    seen = market.values.copy()
    for layer in market.layers:
        seen[:, market.column] -= (1.0 - layer.seen) * layer.amounts
    sheets = {}
    for kind in kinds:
        elasticity = np.asarray(rng.uniform(0.5, 1.0, n))
        noise = np.full(n, kind.noise) * np.exp(0.4 * rng.standard_normal(n))
        level = np.full(n, np.log(kind.level)) + 0.8 * rng.standard_normal(n)
        values = np.full((rows, n), np.nan)
        for i in range(n):
            known = np.isfinite(seen[:, i])
            demand = np.log(np.maximum(seen[known, i], 1.0))
            if not demand.size:
                continue
            slow = _smooth(demand)
            moved = slow + kind.shared * (demand - slow)
            scatter = noise[i] * rng.standard_normal(demand.size)
            moved = elasticity[i] * (moved - float(np.median(moved)))
            values[known, i] = np.round(np.exp(level[i] + moved + scatter))
        sheets[kind.metric] = Sheet(kind.metric, kind.unit, market.entities, values, np.full(rows, np.nan), kind.origin)
    return sheets


def _smooth(values: Floats, half: int = 1) -> Floats:
    """Centred mean over three periods, shorter at the ends."""
    padded = np.concatenate([np.full(half, values[0]), values, np.full(half, values[-1])])
    width = 2 * half + 1
    return np.asarray(np.convolve(padded, np.full(width, 1.0 / width), mode="valid"), dtype=np.float64)
