"""Regression with Student-t AR(1) noise on an irregularly observed series."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from auditor.kernels.robust import MAD_TO_SIGMA, median, running_median

Floats = npt.NDArray[np.float64]

CLIP = 3.0
"""Innovations further than this many sigmas from their running median are clipped before the search for changes."""

CLEAN_HALF_WINDOW = 4
"""Half window of that running median: a change that lasts 5 samples survives, a bad day and its echo do not."""

OUTLIER = 6.0
"""Innovations beyond this many sigmas cost no more than at it, so that no single wild day can pay for a change: a jump
is evidence only as far as the new level lasts. At 6 one day is worth 12.6, under the price of any change."""

NOISE_FLOOR = 1e-6
"""Smallest sigma of a series scaled to unit range: exact data are treated as rounded at this relative size."""

_RIDGE = 1e-9
"""Added to the diagonal of the normal matrix, so that columns without data have a coefficient (0)."""


@dataclass(frozen=True)
class Whitener:
    """The AR(1) filter of one coefficient on one set of observation times.

    Attributes
    ----------
    phi : float
        AR(1) coefficient per sample, in [0, 1).
    carry : ndarray, shape (m - 1,)
        ``phi ** gap``: how much of the last observed error is left after each gap.
    weight : ndarray, shape (m - 1,)
        1 / standard deviation of the error that is new, in units of the one-sample innovation.
    start : float
        ``sqrt(1 - phi^2)``, the same for the first observation under stationarity.
    gaps : ndarray, shape (m - 1,)
        Samples from each observation to the next.
    """

    phi: float
    carry: Floats
    weight: Floats
    start: float
    gaps: Floats

    @classmethod
    def of(cls, times: Floats, phi: float) -> "Whitener":
        """Build the filter for strictly increasing integer ``times``."""
        gaps = np.diff(times)
        carry = phi**gaps if phi > 0.0 else np.zeros_like(gaps)
        weight = np.sqrt((1.0 - phi * phi) / (1.0 - carry * carry))
        return cls(phi, carry, weight, float(np.sqrt(1.0 - phi * phi)), gaps)

    @cached_property
    def derivative(self) -> tuple[Floats, Floats]:
        """``d log(weight) / d phi`` of each innovation, shape (m,), and ``weight * d carry / d phi``, shape (m - 1,)."""
        first = -self.phi / (1.0 - self.phi * self.phi)
        change = self.gaps * self.phi ** (self.gaps - 1.0)
        stretch = np.append(first, first + self.carry * change / (1.0 - self.carry * self.carry))
        return stretch, self.weight * change

    def apply_rows(self, x: Floats) -> Floats:
        """Whitened copy of the rows of a matrix (p, m)."""
        out = np.empty_like(x)
        out[:, 0] = x[:, 0] * self.start
        np.multiply(x[:, :-1], self.carry, out=out[:, 1:])
        np.subtract(x[:, 1:], out[:, 1:], out=out[:, 1:])
        out[:, 1:] *= self.weight
        return out

    def apply(self, x: Floats) -> Floats:
        """Whitened copy of a vector (m,) or of the columns of a matrix (m, p)."""
        carry, weight = (self.carry, self.weight) if x.ndim == 1 else (self.carry[:, None], self.weight[:, None])
        out = np.empty_like(x)
        out[0] = x[0] * self.start
        out[1:] = (x[1:] - carry * x[:-1]) * weight
        return out

    @cached_property
    def log_jacobian(self) -> float:
        """Term that makes deviances of different coefficients comparable."""
        return float(-2.0 * np.log(self.start) - 2.0 * np.sum(np.log(self.weight)))


@dataclass(frozen=True)
class NoiseFit:
    """A fitted regression: deviance, coefficients and noise.

    Attributes
    ----------
    deviance : float
        Minus twice the log-likelihood, up to a constant common to all models of the series.
    coefficients : ndarray, shape (p,)
    phi, sigma : float
        AR(1) coefficient and the scale of the Student-t innovations.
    innovations : ndarray, shape (m,)
        Whitened residuals, in the units of y.
    normal_matrix : ndarray, shape (p, p)
        Weighted cross-product; ``sigma^2`` times its inverse is the covariance of the coefficients.
    """

    deviance: float
    coefficients: Floats
    phi: float
    sigma: float
    innovations: Floats
    normal_matrix: Floats


def t_deviance(innovations: Floats, sigma: float, dof: float, outlier: float = OUTLIER) -> Floats:
    """Minus twice the Student-t log-density per innovation, up to a constant, bounded at ``outlier`` sigmas."""
    squares = np.minimum(innovations**2 / (sigma * sigma), outlier * outlier)
    return np.asarray((dof + 1.0) * np.log1p(squares / dof) + 2.0 * np.log(sigma), dtype=np.float64)


def fit_noise(y: Floats, design: Floats, whitener: Whitener, dof: float, steps: int = 4) -> NoiseFit:
    """Maximum-likelihood regression with Student-t AR(1) errors at a given AR coefficient.

    Iteratively reweighted least squares: the EM algorithm of Lange, Little & Taylor (1989, JASA 84:881) on data
    whitened by the AR(1) filter.

    Parameters
    ----------
    y : ndarray, shape (m,)
        Observed values, scaled to about unit range.
    design : ndarray, shape (m, p)
        Regressors, before whitening.
    whitener : Whitener
        The AR(1) filter on the observation times.
    dof : float
        Degrees of freedom of the innovations.
    steps : int
        Reweighting steps; 4 settle the deviance to about 0.1.
    """
    return fit_whitened(whitener.apply(y), np.ascontiguousarray(whitener.apply(design).T), whitener, dof, steps)


def fit_whitened(z: Floats, rows: Floats, whitener: Whitener, dof: float, steps: int = 4) -> NoiseFit:
    """`fit_noise` on data that the filter has already been applied to.

    Parameters
    ----------
    z : ndarray, shape (m,)
        Whitened values.
    rows : ndarray, shape (p, m)
        Whitened regressors, one per row: sums over time then run along memory.
    whitener : Whitener
        The filter that was applied.
    dof, steps
        As in `fit_noise`.
    """
    weights = np.ones(z.size)
    variance = 0.0
    for step in range(steps):
        weighted = rows * weights
        normal = weighted @ rows.T
        normal.ravel()[:: rows.shape[0] + 1] += _RIDGE
        beta = np.asarray(np.linalg.solve(normal, weighted @ z), dtype=np.float64)
        e = z - beta @ rows
        squares = e * e
        if step == 0:
            variance = max((MAD_TO_SIGMA * median(np.abs(e))) ** 2, NOISE_FLOOR**2)
        for _ in range(2):
            weights = (dof + 1.0) / (dof + squares / variance)
            variance = max(float(weights @ squares) / z.size, NOISE_FLOOR**2)
    sigma = float(np.sqrt(variance))
    deviance = float(np.sum(t_deviance(e, sigma, dof))) + whitener.log_jacobian
    return NoiseFit(deviance, beta, whitener.phi, sigma, e, normal)


def slope_in_phi(fit: NoiseFit, errors: Floats, whitener: Whitener, dof: float) -> tuple[float, float]:
    """First and second derivative of a fit's deviance in the AR coefficient, everything else held.

    By the envelope theorem the first is that of the profile deviance; the second (Gauss-Newton) is somewhat above it.

    Parameters
    ----------
    fit : NoiseFit
        The fit.
    errors : ndarray, shape (m,)
        Its residuals before whitening.
    whitener : Whitener
        The filter it was fitted with.
    dof : float
        Degrees of freedom of the innovations.
    """
    stretch, drag = whitener.derivative
    e = fit.innovations
    moved = stretch * e
    moved[1:] -= drag * errors[:-1]
    squares = e * e / (fit.sigma * fit.sigma)
    pull = np.where(squares < OUTLIER * OUTLIER, (dof + 1.0) / (dof + squares), 0.0) / (fit.sigma * fit.sigma)
    first = 2.0 * float(np.sum(pull * e * moved)) - 2.0 * float(np.sum(stretch))
    return first, 2.0 * float(np.sum(pull * moved * moved))


def clean_innovations(y: Floats, whitener: Whitener) -> tuple[Floats, float]:
    """Clip innovation outliers of a series, and measure its innovations on a scale that shifts do not inflate.

    Only what departs from the running median of the whitened series is clipped, so that a change lasting five
    samples or more is kept while a single bad day, and the slow decay that AR(1) noise hangs on it, is not.

    Returns
    -------
    cleaned : ndarray, shape (m,)
        Series rebuilt from the clipped innovations, in the units of ``y``.
    sigma : float
        1.4826 times the median absolute departure, times 1.08 for the samples that the running median absorbs.
    """
    z = whitener.apply(y)[1:]
    centre = running_median(z, CLEAN_HALF_WINDOW)
    departure = z - centre
    sigma = max(1.08 * MAD_TO_SIGMA * median(np.abs(departure)), NOISE_FLOOR)
    clipped = centre + np.clip(departure, -CLIP * sigma, CLIP * sigma)
    removed = (z - clipped) / whitener.weight
    if not removed.any():
        return y, sigma
    # The difference series obeys the same recursion, driven by what was clipped away.
    decay = [0.0]
    for carry, step in zip(whitener.carry.tolist(), removed.tolist(), strict=True):
        decay.append(carry * decay[-1] + step)
    return np.asarray(y - np.array(decay), dtype=np.float64), sigma
