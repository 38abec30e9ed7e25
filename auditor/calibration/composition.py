"""Requests, prompt and completion tokens, applications and prices, simulated around real totals.

No real composition per model and day exists in the quantity that calibration needs, so it is drawn; the totals it adds up to are
the real ones. The parameters come from published files, as their comments say; what no file tells is an assumption and is
listed in ``docs/calibration-assumptions.md``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.calibration.injections import ar1
from auditor.calibration.market import Layer, Market, Mix

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """How a ratio (on its log or log-odds scale) varies between entities and over time.

    ``drift`` is the daily standard deviation of a random walk; ``noise`` the stationary one of what returns; ``shifts`` the chance per
    day of a lasting change of size ``shift`` (standard deviation).
    """

    centre: float
    between: float
    noise: float
    phi: float
    drift: float
    shifts: float
    shift: float


@dataclass(frozen=True)
class Habits:
    """Parameters of the simulated composition.

    Attributes
    ----------
    tokens_per_request : Ratio
        ``catalogue_daily``, models above 3 billion tokens a day: mean log 9.25, 1.18 between models, day-to-day changes with a
        quartile range that is normal with 0.12; ``weekly_top10``: week-to-week quartile range normal with 0.10, and 4.4 % of
        model-weeks shift by more than 0.3.
    completion : Ratio
        Log odds of the completion share. ``catalogue_daily``: median -3.1, 0.93 between models, day-to-day 0.15;
        ``weekly_top10``: week-to-week 0.13, and 1.8 % above 0.3.
    listed : float
        Share of the platform that goes through the 20 listed applications: ``app_rankings_daily`` over the long panel, mean 0.34.
    applications, shown : int
        ``app_rankings_daily``: 70 applications were seen in 44 days, 20 a day.
    app_noise : float
        Day-to-day log changes of an application: quartile range normal with 0.107.
    app_tokens_per_request, app_between, app_ratio_noise : float
        ``app_rankings_daily``: mean log 10.07, 1.19 between applications, quartile range of changes normal with 0.04.
    spread : float
        Scatter of an entity's application split around the platform's (log). An assumption: no file shows it.
    """

    tokens_per_request: Ratio = Ratio(9.25, 1.18, 0.14, 0.5, 0.03, 0.01, 0.4)
    completion: Ratio = Ratio(-3.1, 0.93, 0.18, 0.5, 0.03, 0.005, 0.4)
    listed: float = 0.34
    applications: int = 40
    shown: int = 20
    app_noise: float = 0.107
    app_tokens_per_request: float = 10.07
    app_between: float = 1.19
    app_ratio_noise: float = 0.04
    spread: float = 1.2


@dataclass(frozen=True, eq=False)
class Sheet:
    """One metric of a panel, as a table will be made of it: shape (T, N); ``other`` (T,) is NaN where no remainder is published."""

    metric: str
    unit: str
    entities: tuple[str, ...]
    values: Floats
    other: Floats
    origin: str = ""


def wander(r: Ratio, rows: int, columns: int, rng: np.random.Generator) -> Floats:
    """Draw a ratio on its scale: its own level, drift, returning noise, lasting shifts; shape (T, N).

    The noise of an entity is scaled by a log-normal draw (0.5), because some models serve one customer and some serve everybody.
    """
    scale = np.exp(0.5 * rng.standard_normal(columns) - 0.125)
    shocks = rng.standard_normal((rows, columns)) * (r.noise * np.sqrt(1 - r.phi**2)) * scale
    noise = np.empty((rows, columns))
    noise[0] = r.noise * scale * rng.standard_normal(columns)
    for t in range(1, rows):
        noise[t] = r.phi * noise[t - 1] + shocks[t]
    drift = np.cumsum(r.drift * rng.standard_normal((rows, columns)), axis=0)
    shifts = np.cumsum(
        (rng.random((rows, columns)) < r.shifts) * r.shift * rng.standard_normal((rows, columns)), axis=0
    )
    level = r.centre + r.between * rng.standard_normal(columns)
    return np.asarray(level + noise + drift + shifts, dtype=np.float64)


def compose(market: Market, rng: np.random.Generator, habits: Habits | None = None) -> dict[str, Sheet]:
    """Draw requests, prompt and completion tokens, applications and prices that add up to a market's totals.

    Returns
    -------
    dict of str to Sheet
        ``requests``, ``prompt_tokens``, ``completion_tokens``, ``app_tokens``, ``app_requests``, ``price_input_per_1m`` and
        ``price_output_per_1m``. Prompt and completion add up to the total exactly.
    """
    h = habits or Habits()
    rows, n = market.values.shape
    ratio = wander(h.tokens_per_request, rows, n, rng)
    odds = wander(h.completion, rows, n, rng)
    layers = _layers(market)
    fake = np.zeros(rows)
    for layer in layers:
        fake += layer.amounts
    own = market.values.copy()
    own[:, market.column] = np.maximum(own[:, market.column] - fake, 0.0)
    requests = own * np.exp(-ratio)
    completion = own / (1 + np.exp(-odds))
    column = market.column
    for layer in layers:
        shift = layer.mix.tokens_per_request + _scatter(rng, rows, h.tokens_per_request.noise, layer.mix)
        usual = float(np.median(ratio[:, column]))
        if layer.mix.requests:
            requests[:, column] += layer.amounts * np.exp(-(usual + shift))
        share = float(np.median(odds[:, column])) + layer.mix.completion
        completion[:, column] += layer.amounts / (
            1 + np.exp(-(share + _scatter(rng, rows, h.completion.noise, layer.mix)))
        )
    completion = np.minimum(np.round(completion), market.values)
    requests = np.maximum(np.round(requests), 1.0)
    requests = np.where(np.isfinite(market.values), requests, np.nan)
    nothing = np.full(rows, np.nan)
    names = market.entities
    sheets = {
        "requests": Sheet("requests", "requests", names, requests, nothing),
        "prompt_tokens": Sheet("prompt_tokens", "tokens", names, market.values - completion, nothing),
        "completion_tokens": Sheet("completion_tokens", "tokens", names, completion, nothing),
    }
    sheets |= _applications(market, own, layers, rng, h)
    return sheets | _prices(market, rng)


def _layers(market: Market) -> tuple[Layer, ...]:
    return tuple(layer for layer in market.layers if layer.amounts.any())


def _scatter(rng: np.random.Generator, rows: int, noise: float, mix: Mix) -> Floats:
    return ar1(rng, rows, phi=0.5, sigma=noise * mix.scatter)


def _applications(
    market: Market, own: Floats, layers: tuple[Layer, ...], rng: np.random.Generator, h: Habits
) -> dict[str, Sheet]:
    """Spread everything over applications; each layer as its mix says."""
    rows, n = market.values.shape
    count = h.applications
    size = np.exp(-0.9 * np.log(np.arange(1, count + 1)) + 0.4 * rng.standard_normal(count))
    # The entities' own splits scatter around the platform's; the last column of weights is the remainder's.
    weights = size[:, None] * np.exp(h.spread * rng.standard_normal((count, n)))
    weights *= h.listed / weights.sum(axis=0)
    volumes = np.where(np.isfinite(own), own, 0.0) @ weights.T
    volumes += np.where(np.isfinite(market.other), market.other, 0.0)[:, None] * (h.listed * size / size.sum())
    steps = rng.standard_normal((rows, count)) * h.app_noise / np.sqrt(2)
    volumes *= np.exp(np.clip(steps, -0.5, 0.5))
    for layer in layers:
        if layer.mix.app == "own":
            volumes += layer.amounts[:, None] * weights[:, market.column]
        elif layer.mix.app == "one":
            chosen = int(rng.integers(count))
            volumes[:, chosen] += layer.amounts * rng.uniform(0.7, 1.0)
    whole = market.total if np.isfinite(market.other).any() else np.nansum(market.values, axis=1)
    room = 0.98 * whole / np.maximum(volumes.sum(axis=1), 1.0)
    volumes = np.round(volumes * np.minimum(np.where(np.isfinite(room), room, 1.0), 1.0)[:, None])
    level = h.app_tokens_per_request + h.app_between * rng.standard_normal(count)
    drift = np.cumsum(0.5 * h.app_ratio_noise * rng.standard_normal((rows, count)), axis=0)
    requests = np.maximum(
        np.round(volumes * np.exp(-(level + drift + h.app_ratio_noise * rng.standard_normal((rows, count))))), 1.0
    )
    rank = np.argsort(np.argsort(-volumes, axis=1), axis=1)
    published = np.logical_or.reduce(np.isfinite(market.values), axis=1)
    listed = np.asarray((rank < h.shown) & (volumes > 0) & published[:, None])
    seen = np.flatnonzero(listed.any(axis=0))
    names = tuple(f"application-{i + 1:02d}" for i in seen)
    nothing = np.full(rows, np.nan)
    return {
        "app_tokens": Sheet("app_tokens", "tokens", names, np.where(listed, volumes, np.nan)[:, seen], nothing),
        "app_requests": Sheet("app_requests", "requests", names, np.where(listed, requests, np.nan)[:, seen], nothing),
    }


def _prices(market: Market, rng: np.random.Generator) -> dict[str, Sheet]:
    """List prices, constant in time; ids that end in ``:free`` cost nothing.

    ``catalogue_daily``: median 0.4 dollars per million prompt tokens, log scatter 1.6, completion (quartiles) 2.5 to 5.5 times as dear.
    """
    rows, n = market.values.shape
    free = np.array([name.endswith(":free") for name in market.entities])
    prompt = np.where(free, 0.0, np.round(np.exp(np.log(0.4) + 1.6 * rng.standard_normal(n)), 3))
    output = np.round(prompt * rng.uniform(2.5, 5.5, n), 3)
    nothing = np.full(rows, np.nan)
    return {
        name: Sheet(name, "USD per million tokens", market.entities, np.tile(price, (rows, 1)), nothing)
        for name, price in (("price_input_per_1m", prompt), ("price_output_per_1m", output))
    }
