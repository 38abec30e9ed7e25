"""Volume that no user asked for, shaped as those who make it might shape it.

Each shape returns the amounts to add on the periods before and in the window. Except for ``top_up``, whose size follows from its
aim, the mean over the window is the asked magnitude times the subject's median ordinary volume there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ground:
    """What an injection stands on.

    Attributes
    ----------
    ordinary : ndarray, shape (T,)
        The subject's own volume; NaN where not listed.
    others : ndarray, shape (T, N - 1)
        Everybody else's.
    profile : ndarray, shape (T,)
        The platform's usual weekday profile, mean 1.
    window : slice
    magnitude : float
        Relative to the subject's median ordinary volume in the window.
    """

    ordinary: Floats
    others: Floats
    profile: Floats
    window: slice
    magnitude: float

    @property
    def days(self) -> int:
        """Length of the window in periods."""
        return int(self.window.stop - self.window.start)

    @property
    def level(self) -> float:
        """The subject's median ordinary volume in the window."""
        inside = self.ordinary[self.window]
        inside = inside[np.isfinite(inside)]
        if not inside.size or not np.median(inside) > 0:
            raise UsageError("an injection needs an ordinary volume in its window")
        return float(np.median(inside))

    def filled(self) -> Floats:
        """Ordinary volume in the window, gaps as its median, shape (days,)."""
        inside = self.ordinary[self.window]
        return np.where(np.isfinite(inside), inside, self.level)


def ar1(rng: np.random.Generator, n: int, *, phi: float = 0.675, sigma: float = 0.13) -> Floats:
    """Stationary first-order autoregressive noise, shape (n,); the defaults are those measured on published daily tokens."""
    noise = np.empty(n)
    state = float(rng.standard_normal()) * sigma
    shocks = rng.standard_normal(n) * sigma * np.sqrt(1 - phi**2)
    for t in range(n):
        state = phi * state + shocks[t] if t else state
        noise[t] = state
    return noise


def flat_bot(g: Ground, rng: np.random.Generator) -> Floats:
    """Metered traffic: the same every day, no weekend, 1-5 % jitter."""
    return _placed(g, 1 + rng.uniform(0.01, 0.05) * rng.standard_normal(g.days))


def padding(g: Ground, rng: np.random.Generator) -> Floats:
    """Add a constant share to what is there, up to 3 % of noise."""
    return _placed(g, g.filled() * (1 + rng.uniform(0.0, 0.03) * rng.standard_normal(g.days)))


def top_up(g: Ground, rng: np.random.Generator) -> Floats:
    """Each day just enough to overtake the holder of a rank, by 1-5 %; the rank whose cost is nearest the asked magnitude."""
    ordinary = g.filled()
    ranked = -np.sort(-np.where(np.isfinite(g.others[g.window]), g.others[g.window], 0.0), axis=1)
    cost = np.maximum(ranked * 1.03 - ordinary[:, None], 0.0).mean(axis=0) / g.level
    cost = np.where(cost > 0.02, cost, np.inf)
    if not np.isfinite(cost).any():
        return flat_bot(g, rng)
    rank = int(np.argmin(np.abs(np.log(np.maximum(cost, 1e-9) / g.magnitude))))
    margin = 1 + rng.uniform(0.01, 0.05, g.days)
    amounts = np.zeros(g.ordinary.size)
    amounts[g.window] = np.maximum(ranked[:, rank] * margin - ordinary, 0.0)
    return amounts


def scripted_ramp(g: Ground, rng: np.random.Generator) -> Floats:
    """Rise in a straight line or geometrically through the window, 1 % of noise."""
    step = np.arange(1, g.days + 1) / g.days
    shape = step if rng.random() < 0.5 else np.expm1(3.0 * step)
    return _placed(g, shape * (1 + 0.01 * rng.standard_normal(g.days)))


def app_burst(g: Ground, rng: np.random.Generator) -> Floats:
    """One application's burst: rises at once and decays, log noise of 0.3."""
    decay = np.exp(-np.arange(g.days) / max(1.0, g.days * rng.uniform(0.4, 2.0)))
    return _placed(g, decay * np.exp(0.3 * rng.standard_normal(g.days)))


def replay(g: Ground, rng: np.random.Generator) -> Floats:
    """Send the traffic of an earlier stretch again: the subject's own, else that of a large entity."""
    length, start = g.days, g.window.start
    source = g.ordinary
    usable = [s for s in range(start - length + 1) if np.isfinite(source[s : s + length]).all()]
    if not usable:
        source = g.others[:, int(np.argmax(np.isfinite(g.others).sum(axis=0)))]
        usable = [s for s in range(start - length + 1) if np.isfinite(source[s : s + length]).all()]
    if not usable:
        return padding(g, rng)
    aligned = [s for s in usable if (start - s) % 7 == 0] or usable
    first = aligned[int(rng.integers(len(aligned)))]
    return _placed(g, source[first : first + length])


def on_off(g: Ground, rng: np.random.Generator) -> Floats:
    """Switched on for one to three days and off for as long, flat while on."""
    length = int(rng.integers(1, 4))
    on = (np.arange(g.days) // length) % 2 == 0
    return _placed(g, on * (1 + 0.03 * rng.standard_normal(g.days)))


def slow_drip(g: Ground, rng: np.random.Generator) -> Floats:
    """Rise a little every day over the fortnight before the window, and stay: no step anywhere."""
    lead = min(g.window.start, int(rng.integers(10, 22)))
    rise = np.arange(1, lead + 1) / (lead + 1)
    shape = np.concatenate([rise, np.ones(g.days)]) * np.exp(ar1(rng, lead + g.days, sigma=0.05))
    amounts = np.zeros(g.ordinary.size)
    amounts[g.window.start - lead : g.window.stop] = shape
    return np.asarray(amounts * (g.magnitude * g.level / amounts[g.window].mean()), dtype=np.float64)


def profile_copy(g: Ground, rng: np.random.Generator) -> Floats:
    """Copy the platform's weekday profile and the noise of an ordinary entity: an adversary who has read this."""
    return _placed(g, g.profile[g.window] * np.exp(ar1(rng, g.days)))


def batch(g: Ground, rng: np.random.Generator) -> Floats:
    """One customer's job: uneven from day to day (log noise of 0.6), and over. Concentrated, not inflated."""
    return _placed(g, np.exp(0.6 * rng.standard_normal(g.days)))


SHAPES: dict[str, Callable[[Ground, np.random.Generator], Floats]] = {
    "flat_bot": flat_bot,
    "padding": padding,
    "top_up": top_up,
    "scripted_ramp": scripted_ramp,
    "app_burst": app_burst,
    "replay": replay,
    "on_off": on_off,
    "slow_drip": slow_drip,
    "profile_copy": profile_copy,
}


def weekday_profile(total: Floats, season: int | None) -> Floats:
    """Ratio of each period to the median of the cycle around it, averaged by place in the cycle (mean 1), shape (T,)."""
    if season is None or total.size < 2 * season:
        return np.ones(total.size)
    total = np.where(np.isfinite(total), total, np.nanmedian(total))
    smooth = np.array(
        [np.median(total[max(0, t - season // 2) : t + season // 2 + 1]) for t in range(total.size)],
        dtype=np.float64,
    )
    ratio = total / smooth
    place = np.arange(total.size) % season
    usual = np.array([np.median(ratio[place == p]) for p in range(season)])
    return np.asarray((usual / usual.mean())[place], dtype=np.float64)


def _placed(g: Ground, shape: Floats) -> Floats:
    """Lay a shape into the window so that its mean is the magnitude times the ordinary level, shape (T,)."""
    shape = np.maximum(np.asarray(shape, dtype=np.float64), 0.0)
    amounts = np.zeros(g.ordinary.size)
    amounts[g.window] = shape * (g.magnitude * g.level / shape.mean())
    return amounts
