"""Simulated log-usage series that return the truth with the signal; every generator takes its random state."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WEEKDAYS = np.array([0.0, 0.02, 0.03, 0.02, 0.0, -0.25, -0.22])
"""Weekday profile on the log scale: the weekend trough of 20-25 % seen on model-usage leaderboards."""

INNOVATION_SD = 0.1
"""Standard deviation of the AR(1) innovations on the log scale: a day's surprise of about 10 %."""


@dataclass(frozen=True)
class Truth:
    """A simulated series and the first samples of its new segments."""

    values: Floats
    changes: tuple[int, ...]


def ar1_noise(rng: np.random.Generator, n: int, phi: float, *, heavy: bool, columns: int = 1) -> Floats:
    """Stationary AR(1) noise, shape (n, columns); ``heavy``: Student-t(3) innovations of the same variance."""
    from scipy.signal import lfilter

    burn = 200
    shape = (n + burn, columns)
    e = rng.standard_t(3, size=shape) / np.sqrt(3.0) if heavy else rng.standard_normal(shape)
    return np.asarray(lfilter([1.0], [1.0, -phi], INNOVATION_SD * e, axis=0)[burn:], dtype=np.float64)


def usage(
    rng: np.random.Generator,
    n: int,
    phi: float,
    *,
    heavy: bool = False,
    weekdays: bool = True,
    shape: str = "flat",
) -> Truth:
    """Log-usage of n days.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random state.
    n : int
        Days.
    phi : float
        AR(1) coefficient.
    heavy : bool
        Student-t(3) innovations.
    weekdays : bool
        Add the weekday profile, from a random first weekday.
    shape : str
        ``flat``; ``step``: twice the level from the middle on; ``spike``: three times the level for 7 days at the
        middle; ``ramp``: a launch that grows 20-fold over 5 to 21 days along one of three curves, then stays.
    """
    y = 20.0 + ar1_noise(rng, n, phi, heavy=heavy)[:, 0]
    if weekdays:
        y += WEEKDAYS[(np.arange(n) + rng.integers(7)) % 7]
    middle = n // 2
    if shape == "step":
        y[middle:] += np.log(2.0)
        return Truth(y, (middle,))
    if shape == "spike":
        y[middle : middle + 7] += np.log(3.0)
        return Truth(y, (middle, middle + 7))
    if shape == "ramp":
        length = int(rng.integers(5, 22))
        share = np.clip(np.arange(n) / length, 0.0, 1.0)
        curve = int(rng.integers(3))
        rise = np.log(20.0)
        if curve == 0:
            y += rise * (share - 1.0)
        elif curve == 1:
            y -= rise * np.exp(-4.0 * np.arange(n) / length)
        else:
            y += np.log(0.05 + 0.95 * share)
    return Truth(y, ())


def peers(rng: np.random.Generator, n: int, count: int) -> Floats:
    """Log-usage of ``count`` exchangeable peers, shape (n, count).

    Two common random-walk factors (3 % a day) with loadings in [.3, 1.3], a weekend dip of each peer's own depth,
    and AR(.6) noise whose innovations have standard deviation 6 to 16 %.
    """
    burn = 100
    factors = np.cumsum(0.03 * rng.standard_normal((n + burn, 2)), axis=0)[burn:]
    dips = np.outer(np.where(np.isin(np.arange(n) % 7, (5, 6)), -0.25, 0.0), rng.uniform(0.5, 1.3, count))
    noise = ar1_noise(rng, n, 0.6, heavy=False, columns=count) * rng.uniform(0.6, 1.6, count)
    return np.asarray(rng.uniform(15, 25, count) + factors @ rng.uniform(0.3, 1.3, (2, count)) + dips + noise)
