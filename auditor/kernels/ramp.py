"""Launch ramps: an initial stretch of bounded length in which the level climbs to its first plateau."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import Whitener

Floats = npt.NDArray[np.float64]
RampKind = Literal["linear", "saturating", "logarithmic"]

KINDS: tuple[RampKind, ...] = ("linear", "saturating", "logarithmic")

LAUNCH_FOLD = 20.0
"""Curvature of the logarithmic ramp: the growth, as a fold, at which it is exact; its height is fitted freely."""


@dataclass(frozen=True)
class Ramp:
    """A launch ramp.

    Attributes
    ----------
    start, end : int
        First sample of the ramp, and first sample after it.
    kind : str
        ``linear`` in the units of y (exponential growth if y is a logarithm), ``saturating`` (exponential approach,
        within 2 % at the end), or ``logarithmic`` (y is the logarithm of a count that grows linearly 20-fold).
    rise : float
        How far the level rises from the first sample to the plateau, in the units of y.
    """

    start: int
    end: int
    kind: RampKind
    rise: float


def ramp_column(times: Floats, length: int, kind: RampKind) -> Floats:
    """Shortfall from the plateau: -1 at the first observation, 0 from ``length`` samples later on, shape (m,).

    >>> ramp_column(np.array([0.0, 1.0, 2.0, 3.0]), 2, "linear").tolist()
    [-1.0, -0.5, -0.0, -0.0]
    """
    return _shape(np.clip((times - times[0]) / length, 0.0, 1.0), kind)


def _shape(share: Floats, kind: RampKind) -> Floats:
    """Shortfall from the plateau after a share of the ramp's length."""
    if kind == "linear":
        shortfall = 1.0 - share
    elif kind == "saturating":
        shortfall = (np.exp(-4.0 * share) - np.exp(-4.0)) / (1.0 - np.exp(-4.0))
    else:
        shortfall = 1.0 - np.log1p((LAUNCH_FOLD - 1.0) * share) / np.log(LAUNCH_FOLD)
    return np.asarray(-shortfall, dtype=np.float64)


def candidate_ramps(
    y: Floats, times: Floats, whitener: Whitener, lengths: tuple[int, ...], least: float
) -> list[tuple[int, RampKind, float]]:
    """Find the rising ramps that fit the beginning of the series best, by least squares beside one level.

    Judged on windows of 1.5 and 3 times the longest ramp: the short one in case a change follows soon, the long one
    for a sure plateau.

    Parameters
    ----------
    y : ndarray, shape (m,)
        Observed values without season, outliers clipped.
    times : ndarray, shape (m,)
        Their sample numbers.
    whitener : Whitener
        AR(1) filter on ``times``.
    lengths : tuple of int
        Lengths tried, in samples.
    least : float
        Smallest drop in the residual sum of squares worth pursuing.

    Returns
    -------
    list of (int, str, float)
        Length, kind and rise; at most one per window.
    """
    shapes = [(length, kind) for kind in KINDS for length in lengths]
    longest = int(np.searchsorted(times, times[0] + 3.0 * max(lengths)))
    y, times = y[:longest], times[:longest]
    whitener = Whitener.of(times, whitener.phi)
    z, one = whitener.apply(y), whitener.apply(np.ones_like(y))
    share = np.clip((times - times[0]) / np.array(lengths)[:, None], 0.0, 1.0)
    columns = whitener.apply_rows(np.concatenate([_shape(share, kind) for kind in KINDS])).T
    chosen: dict[tuple[int, RampKind], float] = {}
    for reach in (1.5, 3.0):
        window = slice(0, int(np.searchsorted(times, times[0] + reach * max(lengths))))
        base = one[window] @ one[window]
        flat = z[window] - one[window] * ((one[window] @ z[window]) / base)
        bent = columns[window] - np.outer(one[window], (one[window] @ columns[window]) / base)
        cross, size = flat @ bent, np.maximum(np.sum(bent * bent, axis=0), 1e-12)
        gain = np.where(cross > 0.0, cross * cross / size, 0.0)
        best = int(np.argmax(gain))
        if gain[best] > least:
            chosen[shapes[best]] = float(cross[best] / size[best])
    return [(length, kind, rise) for (length, kind), rise in chosen.items()]
