"""Scores of likelihood ratios whose truth is known: Cllr, Cllr_min, Tippett, reliability, and the bound on misleading evidence.

All ratios are log10, of a proposition against its alternative. NaN is refused: a missing ratio is a ratio of 1 (0 here), and the
caller decides that.

References
----------
Bruemmer, N., du Preez, J. (2006). Application-independent evaluation of speaker detection. Computer Speech & Language 20(2-3),
    230-275. doi:10.1016/j.csl.2005.08.001 (Cllr, and its part due to discrimination, Cllr_min).
Royall, R. (2000). On the probability of observing misleading statistical evidence. JASA 95(451), 760-768 (the bound 1/x).
Clopper, C. J., Pearson, E. S. (1934). The use of confidence or fiducial limits. Biometrika 26(4), 404-413.
Meuwly, D., Ramos, D., Haraksim, R. (2017). A guideline for the validation of likelihood ratio methods. Forensic Science
    International 276, 142-153 (Tippett plots).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError

Floats = npt.NDArray[np.float64]

#: Ratios at which the bound P(LR > x | other) <= 1/x is looked at.
BOUND_AT = (10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Rate:
    """A share of cases with its exact 95 % interval (Clopper-Pearson)."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.count / self.total if self.total else float("nan")


@dataclass(frozen=True)
class Bound:
    """How often a ratio above ``x`` was reached where the proposition was false."""

    x: float
    rate: Rate

    @property
    def holds(self) -> bool:
        """Whether 1/x lies at or above the lower end of the interval of the observed share."""
        return not self.rate.total or self.rate.low <= 1.0 / self.x


def rate(count: int, total: int, *, level: float = 0.95) -> Rate:
    """Return a share with its exact interval.

    >>> r = rate(0, 100)
    >>> round(r.value, 3), round(r.low, 3), round(r.high, 3)
    (0.0, 0.0, 0.036)
    """
    from scipy.stats import beta

    if not 0 <= count <= total:
        raise UsageError(f"a share of {count} in {total} is impossible", hint="count at most as many as there are")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return Rate(int(count), int(total), low, high)


def cllr(true: Floats, false: Floats, w_true: Floats | None = None, w_false: Floats | None = None) -> float:
    """Log-likelihood-ratio cost: 0 is perfect, 1 is what always answering LR = 1 scores, above 1 misleads.

    Parameters
    ----------
    true, false : ndarray
        log10 ratios of the cases where the proposition held, and where it did not.
    w_true, w_false : ndarray, optional
        Weights of the cases (as where many cases come of one entity).

    >>> cllr(np.zeros(3), np.zeros(5))
    1.0
    """
    a, b = _finite(true), _finite(false)
    if not a.size or not b.size:
        return float("nan")
    nats = np.log(10.0)
    cost_true = np.average(np.logaddexp(0.0, -a * nats), weights=w_true)
    cost_false = np.average(np.logaddexp(0.0, b * nats), weights=w_false)
    return float((cost_true + cost_false) / (2 * np.log(2.0)))


def pav(scores: Floats, truth: npt.NDArray[np.bool_], weights: Floats | None = None) -> Floats:
    """Best monotone calibration of scores in hindsight: log10 ratios by pool-adjacent-violators (+-inf where a pool is pure).

    The ratio of a pool is its odds of truth divided by the odds of the whole set.
    """
    s, t = _finite(scores), np.asarray(truth, dtype=bool)
    w = np.ones(s.size) if weights is None else np.asarray(weights, dtype=float)
    # Equal scores cannot be told apart, so they are one pool from the outset.
    level, inverse = np.unique(s, return_inverse=True)
    hit = np.bincount(inverse, weights=w * t, minlength=level.size).astype(np.float64)
    mass = np.bincount(inverse, weights=w, minlength=level.size).astype(np.float64)
    share = isotonic(hit / mass, mass)
    prior = float((w * t).sum() / (w * ~t).sum())
    with np.errstate(divide="ignore"):
        ratio = np.log10(share) - np.log10(1 - share) - np.log10(prior)
    result: Floats = ratio[inverse]
    return result


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Weighted least-squares fit that never falls (pool adjacent violators), shape as given.

    >>> isotonic(np.array([1.0, 3.0, 2.0]), np.ones(3)).tolist()
    [1.0, 2.5, 2.5]
    """
    pools: list[list[float]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        pools.append([float(value), float(weight), 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            m2, w2, n2 = pools.pop()
            m1, w1, n1 = pools.pop()
            pools.append([(m1 * w1 + m2 * w2) / (w1 + w2), w1 + w2, n1 + n2])
    return np.repeat([p[0] for p in pools], [int(p[2]) for p in pools])


def cllr_min(true: Floats, false: Floats, w_true: Floats | None = None, w_false: Floats | None = None) -> float:
    """Cllr after the best monotone calibration in hindsight: what discrimination alone allows. ``Cllr - Cllr_min`` is the loss by calibration."""
    a, b = _finite(true), _finite(false)
    if not a.size or not b.size:
        return float("nan")
    wa = np.full(a.size, 1 / a.size) if w_true is None else w_true / w_true.sum()
    wb = np.full(b.size, 1 / b.size) if w_false is None else w_false / w_false.sum()
    truth = np.r_[np.ones(a.size, bool), np.zeros(b.size, bool)]
    best = pav(np.r_[a, b], truth, np.r_[wa, wb])
    # An infinite ratio in hindsight is right by construction, so its cost is 0 and a very large finite one stands in for it.
    best = np.clip(best, -300, 300)
    return cllr(best[truth], best[~truth], wa, wb)


def tippett(true: Floats, false: Floats, at: Sequence[float] | None = None) -> list[dict[str, float]]:
    """Shares of cases with a ratio above each point: of the true ones (to be high) and of the false ones (to be low)."""
    points = np.asarray(at if at is not None else np.arange(-3.0, 3.01, 0.25))
    a, b = _finite(true), _finite(false)
    return [
        {
            "log10_lr": float(x),
            "true": float((a > x).mean()) if a.size else float("nan"),
            "false": float((b > x).mean()) if b.size else float("nan"),
        }
        for x in points
    ]


def reliability(true: Floats, false: Floats, *, bins: int = 10) -> list[dict[str, float]]:
    """Stated against observed probability at even prior odds, in bins of equal stated probability (classes weighted alike)."""
    a, b = _finite(true), _finite(false)
    stated, hit, weight = _even(a, b)
    place = np.minimum((stated * bins).astype(int), bins - 1)
    rows = []
    for k in range(bins):
        chosen = place == k
        if chosen.any():
            mass = weight[chosen].sum()
            rows.append(
                {
                    "stated": float((stated * weight)[chosen].sum() / mass),
                    "observed": float((hit * weight)[chosen].sum() / mass),
                    "weight": float(mass),
                    "n": int(chosen.sum()),
                }
            )
    return rows


def ece(true: Floats, false: Floats, *, bins: int = 10) -> float:
    """Return the expected calibration error at even prior odds: mean distance of stated from observed probability."""
    return float(sum(r["weight"] * abs(r["stated"] - r["observed"]) for r in reliability(true, false, bins=bins)))


def bound_check(false: Floats, at: Sequence[float] = BOUND_AT) -> list[Bound]:
    """Count ratios above each ``x`` where the proposition was false; an honest ratio exceeds x in at most 1/x of them.

    >>> [b.holds for b in bound_check(np.full(1000, 0.5))]
    [True, True, True]
    >>> [b.holds for b in bound_check(np.full(1000, 1.5))]
    [False, True, True]
    """
    values = _finite(false)
    # A ratio of exactly x does not exceed it; sums of rounded logarithms must not decide that.
    return [Bound(x, rate(int((values > np.log10(x) + 1e-9).sum()), values.size)) for x in at]


def _even(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    both = np.clip(np.r_[a, b], -300, 300)
    stated: Floats = 1 / (1 + 10.0**-both)
    hit = np.r_[np.ones(a.size), np.zeros(b.size)]
    weight = np.r_[np.full(a.size, 0.5 / max(a.size, 1)), np.full(b.size, 0.5 / max(b.size, 1))]
    return stated, hit, weight


def _finite(values: Floats) -> Floats:
    array = np.asarray(values, dtype=float)
    if np.isnan(array).any():
        raise UsageError(
            f"{int(np.isnan(array).sum())} of {array.size} ratios are unknown (NaN)", hint="no evidence is a ratio of 1"
        )
    return array
