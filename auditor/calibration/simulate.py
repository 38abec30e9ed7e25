"""Simulated platforms, with the truth beside them. Whatever comes from here is called simulated wherever it appears.

The noise follows what was measured on published daily token figures: log residuals with first-order autocorrelation
(median 0.675), a weekend trough of 20-25 %, levels spread log-normally over about two decades.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Platform:
    """Settings of a simulated leaderboard.

    Attributes
    ----------
    entities, days : int
    median : float
        Median daily level of an entity, in units of the metric.
    spread : float
        Standard deviation of the log level between entities.
    phi : float
        First-order autocorrelation of the log residuals.
    sigma : float
        Standard deviation of the log residuals (stationary).
    weekend : float
        Share of weekday volume lost at weekends, by an entity of typical users.
    weekend_spread : float
        Standard deviation of that share between entities.
    growth : float
        Common growth per day (log).
    """

    entities: int = 30
    days: int = 70
    median: float = 2e10
    spread: float = 1.1
    phi: float = 0.675
    sigma: float = 0.13
    weekend: float = 0.23
    weekend_spread: float = 0.05
    growth: float = 0.002


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated table and what was done to it.

    Attributes
    ----------
    values : ndarray, shape (T, N)
    weekday : ndarray of int, shape (T,)
        0 is Monday.
    injected : ndarray, shape (T, N)
        Volume that no user asked for; zero where nothing was injected.
    """

    values: Floats
    weekday: npt.NDArray[np.int64]
    injected: Floats
    names: tuple[str, ...] = field(default=())


def platform(settings: Platform, *, seed: int, first_weekday: int = 0) -> Simulation:
    """Draw a platform of ordinary entities: level, weekday profile, autocorrelated noise, common growth."""
    rng = np.random.default_rng(seed)
    t, n = settings.days, settings.entities
    weekday = (first_weekday + np.arange(t)) % 7
    level = np.log(settings.median) + settings.spread * rng.standard_normal(n)
    loss = np.clip(settings.weekend + settings.weekend_spread * rng.standard_normal(n), 0.0, 0.9)
    innovation = rng.standard_normal((t, n)) * settings.sigma * np.sqrt(1 - settings.phi**2)
    noise = np.empty((t, n))
    noise[0] = settings.sigma * rng.standard_normal(n)
    for i in range(1, t):
        noise[i] = settings.phi * noise[i - 1] + innovation[i]
    profile = np.where((weekday >= 5)[:, None], np.log1p(-loss)[None, :], 0.0)
    values = np.exp(level[None, :] + profile + noise + settings.growth * np.arange(t)[:, None])
    names = tuple(f"simulated/model-{i + 1:02d}" for i in range(n))
    return Simulation(values=values, weekday=weekday, injected=np.zeros((t, n)), names=names)


def flat_bot(
    base: Simulation, *, entity: int, start: int, stop: int, volume: float, jitter: float, seed: int
) -> Simulation:
    """Add a constant volume per day, the same on weekends, with a little noise: metered traffic.

    Parameters
    ----------
    volume : float
        Added per day, in units of the metric.
    jitter : float
        Relative standard deviation of the added volume from day to day.
    """
    rng = np.random.default_rng(seed)
    injected = base.injected.copy()
    injected[start:stop, entity] += volume * (1 + jitter * rng.standard_normal(stop - start))
    return Simulation(base.values + injected - base.injected, base.weekday, injected, base.names)


def doubled_day(base: Simulation, *, day: int, factor: float = 2.0) -> Simulation:
    """Count one day several times, in every entity: a record error."""
    values = base.values.copy()
    values[day] *= factor
    return Simulation(values, base.weekday, base.injected, base.names)
