"""Simulated daily usage whose events are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

INNOVATION_SD = 0.1
"""Standard deviation of the AR(1) innovations on the log scale."""

SHIFTS = (0.5, 1.2)
"""Smallest and largest size of a level shift on the log scale: 1.65-fold to 3.3-fold, up or down."""

RAMP_DAYS = (10, 30)
"""Shortest and longest launch ramp."""

RAMP_FOLD = (5.0, 30.0)
"""Least and greatest growth over the ramp."""


@dataclass(frozen=True)
class Simulated:
    """Series with their truth.

    Attributes
    ----------
    values : ndarray, shape (N, n)
        Daily volume.
    shifts : ndarray of int, shape (N, 3) or (N, 0)
        First day of each new level.
    ramp : ndarray of int, shape (N,)
        Length of the launch ramp in days; 0 for none.
    """

    values: Doubles
    shifts: npt.NDArray[np.int64]
    ramp: npt.NDArray[np.int64]


def simulate(
    rng: np.random.Generator,
    count: int,
    n: int,
    phi: float,
    *,
    events: bool,
    innovation_sd: float = INNOVATION_SD,
    ramp_fold: tuple[float, float] = RAMP_FOLD,
) -> Simulated:
    """Daily volumes: weekly season, AR(1) noise with Student-t(3) innovations; with events, a ramp and 3 shifts.

    Shifts lie at least ``n / 10`` (and 20) days from each other, the end and the end of the ramp. Each series has its
    own weekend dip (10 to 50 %) and level (1e4 to 1e11).
    """
    from scipy.signal import lfilter

    burn = 200
    e = innovation_sd * rng.standard_t(3, size=(count, n + burn)) / np.sqrt(3.0)
    y = lfilter([1.0], [1.0, -phi], e, axis=1)[:, burn:]
    profile = 0.03 * rng.standard_normal((count, 7))
    profile[:, 5:] += np.log(rng.uniform(0.5, 0.9, (count, 1)))
    y += profile[:, np.arange(n) % 7] + np.log(10.0) * rng.uniform(4, 11, (count, 1))
    shifts = np.zeros((count, 0), dtype=np.int64)
    ramp = np.zeros(count, dtype=np.int64)
    if events:
        ramp = rng.integers(RAMP_DAYS[0], RAMP_DAYS[1] + 1, count)
        share = np.clip(np.arange(n) / ramp[:, None], 0.0, 1.0)
        y += np.log(rng.uniform(*ramp_fold, (count, 1))) * (share - 1.0)
        gap = max(n // 10, 20)
        room = n - ramp - 4 * gap
        offsets = np.sort(rng.random((count, 3)), axis=1) * room[:, None]
        shifts = (ramp[:, None] + gap * np.arange(1, 4) + offsets).astype(np.int64)
        sizes = rng.uniform(*SHIFTS, (count, 3)) * rng.choice([-1.0, 1.0], (count, 3))
        for k in range(3):
            y += np.where(np.arange(n) >= shifts[:, k : k + 1], sizes[:, k : k + 1], 0.0)
    return Simulated(np.exp(y), shifts, ramp)


def event_counts(found: list[int], shifts: list[int], ramp: int, margin: int = 5) -> tuple[int, int, int]:
    """Events met, changes and ramps reported, and true events; the ramp is one event however many changes it takes.

    Changes within the ramp, or ``margin`` days of it, count as one report of it; every other change meets at most one
    shift within the margin.
    """
    inside = [c for c in found if ramp and c <= ramp + margin]
    free = [c for c in found if not (ramp and c <= ramp + margin)]
    reports = len(free) + bool(inside)
    hits = int(bool(inside))
    for shift in shifts:
        near = sorted((abs(c - shift), c) for c in free if abs(c - shift) <= margin)
        if near:
            hits += 1
            free.remove(near[0][1])
    return hits, reports, len(shifts) + bool(ramp)


def event_f1(counts: list[tuple[int, int, int]]) -> float:
    """F1 of the pooled counts."""
    hits, reports, events = (sum(column) for column in zip(*counts, strict=True))
    return float(2.0 * hits / (reports + events))
