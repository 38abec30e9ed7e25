"""Short episodes: the level jumps for one to ten samples and comes back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import NoiseFit, Whitener, t_deviance

Floats = npt.NDArray[np.float64]

RETURN_SHARE = 0.5
"""A short segment is an episode if the levels on its two sides differ by less than this share of its height."""


@dataclass(frozen=True)
class Episode:
    """A short excursion of the level.

    Attributes
    ----------
    start, end : int
        First sample, and first sample after it.
    height : float
        Mean excursion in the units of y.
    score : float
        Drop in deviance when the excursion is allowed for.
    """

    start: int
    end: int
    height: float
    score: float

    @property
    def fold(self) -> float:
        """Factor by which the count was raised, if y is a natural logarithm."""
        return float(np.exp(self.height))


def scan_episodes(
    fit: NoiseFit, whitener: Whitener, times: Floats, longest: int, price: float, dof: float
) -> list[Episode]:
    """List excursions left in the residuals of a segmentation, strongest first, not overlapping.

    A box of height h adds h to the innovation of its first sample, h (1 - phi) to the following ones and -h phi to
    the first after it. Heights are weighted least squares with the Student-t weights of the fit; the score is the
    drop of the Student-t deviance, so one wild innovation earns no more than its tail allows.

    Parameters
    ----------
    fit : NoiseFit
        Fit of the segmentation; units of the scaled y.
    whitener : Whitener
        Its AR(1) filter.
    times : ndarray, shape (m,)
        Sample numbers of the observations.
    longest : int
        Longest excursion, in observations.
    price : float
        Smallest score reported.
    dof : float
        Degrees of freedom of the innovations.
    """
    e, sigma = fit.innovations, fit.sigma
    m = e.size
    own = np.append(whitener.start, whitener.weight)
    echo = np.append(whitener.carry * whitener.weight, 0.0)
    base = t_deviance(e, sigma, dof, np.inf) - 2.0 * np.log(sigma)
    total = np.concatenate([[0.0], np.cumsum(base)])
    found: list[tuple[float, int, int, float]] = []
    for length in range(1, min(longest, m // 3) + 1):
        # No box can gain more than its innovations cost without it: only those that cost enough are looked at.
        begin = np.flatnonzero(total[length + 1 :] - total[: m - length] > price)
        if not begin.size:
            continue
        # Row i holds the filtered unit box that starts at i: length + 1 affected innovations.
        rows = begin[:, None] + np.arange(length + 1)[None, :]
        shape = own[rows]
        shape[:, 1:] -= echo[rows[:, 1:] - 1]
        shape[:, -1] = -echo[rows[:, -1] - 1]
        local = e[rows]
        height = np.sum(shape * local, axis=1) / np.sum(shape * shape, axis=1)
        left = t_deviance(local - height[:, None] * shape, sigma, dof, np.inf) - 2.0 * np.log(sigma)
        score = base[rows].sum(axis=1) - left.sum(axis=1)
        found.extend(
            (float(score[i]), int(begin[i]), int(begin[i]) + length, float(height[i]))
            for i in np.flatnonzero(score > price)
        )
    found.sort(key=lambda item: (-item[0], item[1], item[2]))
    taken = np.zeros(m, dtype=bool)
    out = []
    for score_, low, high, height_ in found:
        if not taken[max(0, low - 1) : high + 1].any():
            taken[low:high] = True
            out.append(Episode(int(times[low]), int(times[high - 1]) + 1, height_, score_))
    return out
