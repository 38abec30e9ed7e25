"""Simulated organic years of a leaderboard: launches, retirements, promotions, growth, bursts, strong autocorrelation. All simulated.

Built after what the published panel shows (217 days, 184 models): autocorrelation between .3 and .9, stationary standard
deviation of the log level .11 to .29 (10 to 90 %), about 1 % of model-days doubling overnight, heavy-tailed innovations, a weekend
trough of 20-25 %, and a platform that grows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.calibration.simulate import Platform

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Promotion:
    """A stretch of promoted days; ``announced``: a dated event says so."""

    entity: int
    start: int
    stop: int
    log_factor: float
    announced: bool


@dataclass(frozen=True, eq=False)
class Years:
    """Simulated figures and the truth beside them.

    Attributes
    ----------
    values : ndarray, shape (T, M)
        Tokens a day; NaN while a model is not listed. M counts all models that ever were, 50 at a time.
    phi : ndarray, shape (M,)
        Autocorrelation of each model.
    promotions : tuple of Promotion
    """

    values: Floats
    names: tuple[str, ...]
    phi: Floats
    born: npt.NDArray[np.int64]
    gone: npt.NDArray[np.int64]
    promotions: tuple[Promotion, ...]


@dataclass(frozen=True)
class Habits:
    """How organic models behave.

    Attributes
    ----------
    entities : int
        Listed at a time.
    turnover : float
        Share of the list replaced by launches in a year.
    promotions : float
        Promotions per model and year.
    unannounced : float
        Share of them that no event tells of.
    strong : float
        Share of the models with the largest autocorrelation, .9.
    bursts : float
        Share of days on which a burst of one or two days starts (log size .9 +- .35).
    """

    entities: int = 50
    turnover: float = 0.5
    promotions: float = 1.0
    unannounced: float = 0.05
    strong: float = 0.15
    bursts: float = 0.01


def organic_years(days: int, *, seed: int, habits: Habits | None = None) -> Years:
    """Draw ``days`` days of a leaderboard on which nothing is inflated."""
    habits = habits or Habits()
    usual = Platform()
    rng = np.random.default_rng(seed)
    listed = habits.entities
    launched = int(listed * days / 365 * habits.turnover)
    count = listed + launched
    born = np.concatenate([np.full(listed, -400), np.sort(rng.integers(30, days, launched))]).astype(np.int64)
    gone = np.full(count, days + 1)
    living = list(range(listed))
    for new in range(listed, count):
        place = int(rng.integers(len(living)))
        gone[living[place]] = born[new]
        living[place] = new
    t = np.arange(days)
    phi = np.clip(rng.beta(5, 2.6, count), 0.2, 0.9)
    phi[rng.random(count) < habits.strong] = 0.9
    sigma = np.exp(np.log(0.15) + 0.4 * rng.standard_normal(count))
    innovation = rng.standard_t(4, (days, count)) / np.sqrt(2) * sigma * np.sqrt(1 - phi**2)
    noise = np.zeros((days, count))
    noise[0] = innovation[0] / np.sqrt(1 - phi**2)
    common = np.zeros(days)
    for i in range(1, days):
        noise[i] = phi * noise[i - 1] + innovation[i]
        common[i] = 0.7 * common[i - 1] + 0.04 * rng.standard_normal()
    loss = np.clip(usual.weekend + usual.weekend_spread * rng.standard_normal(count), 0.0, 0.6)
    weekend = np.where((t % 7 >= 5)[:, None], np.log1p(-loss), 0.0)
    drift = np.cumsum(rng.normal(0, 0.01, (days, count)), axis=0) + rng.normal(0, 0.0015, count) * t[:, None]
    start = np.log(usual.median) + usual.spread * rng.standard_normal(count)
    logs = start + noise + weekend + drift + (common + usual.growth * t)[:, None]
    size = np.abs(rng.normal(0.9, 0.35, (days, count))) * (rng.random((days, count)) < habits.bursts)
    logs += size
    logs[1:] += 0.6 * (size * (rng.random((days, count)) < 0.3))[:-1]
    promotions = []
    for m in range(count):
        if born[m] >= 0:
            ramp, overshoot = rng.integers(5, 25), rng.normal(0.3, 0.5)
            age = t[born[m] :] - born[m]
            logs[born[m] :, m] += overshoot * np.exp(-age / 20.0) - 2.5 * np.exp(-3.0 * age / ramp)
        for day in range(max(int(born[m]), 0) + 35, min(int(gone[m]), days)):
            if rng.random() < habits.promotions / 365:
                stop = min(day + int(rng.integers(5, 22)), days)
                factor = float(rng.uniform(0.4, 1.6))
                logs[day:stop, m] += factor
                promotions.append(Promotion(m, day, stop, factor, bool(rng.random() >= habits.unannounced)))
    values = np.exp(logs)
    listed_then = (t[:, None] >= born) & (t[:, None] < gone)
    return Years(
        values=np.where(listed_then, np.round(values), np.nan),
        names=tuple(f"simulated/model-{i:03d}" for i in range(count)),
        phi=phi,
        born=born,
        gone=gone,
        promotions=tuple(promotions),
    )
