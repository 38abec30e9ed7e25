"""From the ratios of single tests to one ratio per explanation, dependence allowed for.

Five ways are compared; each is fitted on training episodes and answers log10 ratios against organic growth, 0 where there is no evidence.

* ``family_mean``: averaged inside a family, added across families.
* ``logistic``: a weighted sum of the log ratios of the tests, weights between 0 and 1, fitted by multinomial logistic regression
  without intercept and with an L2 penalty. Dependent tests share their weight; without evidence the ratio is 1; and the sum falls
  apart into the contribution of each family.
* ``shared``: the same with one weight per test for all explanations; ``pairwise``: fitted for each explanation against organic
  growth alone, which is what a ratio is about.
* ``boosted``: gradient-boosted trees on the raw statistics.
* ``generative``: a Bayes factor of two multivariate normal densities of the tests' normal scores, with shrunk covariances; tests
  that did not run are integrated out.

References
----------
Bruemmer, N., et al. (2007). Fusion of heterogeneous speaker recognition systems. IEEE TASLP 15(7), 2072-2084.
Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29(5), 1189-1232.
Schafer, J., Strimmer, K. (2005). A shrinkage approach to large-scale covariance matrix estimation. SAGMB 4(1), 32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, Evidence
from auditor.calibration.likelihood import FEWEST, MOST_LOG
from auditor.calibration.weighting import balanced

Floats = npt.NDArray[np.float64]

#: Weight of the L2 penalty per fitted weight, relative to a mean loss of one nat.
PENALTY = 1e-3

_POSITIONS = [CLASSES.index(h) for h in RIVALS]


@dataclass(frozen=True, eq=False)
class Sum:
    """A weighted sum of log ratios: ``weights`` of shape (J, 4) by rule and explanation."""

    rules: tuple[str, ...]
    weights: Floats

    def __call__(self, ratios: Floats) -> Floats:
        """Combine, shape (E, J, 4) to (E, 4)."""
        result: Floats = np.einsum("ejh,jh->eh", ratios, self.weights)
        return result


def family_mean(ratios: Floats, families: tuple[str, ...]) -> Floats:
    """Average inside a family (over tests that say anything), add across, shape (E, 4)."""
    total = np.zeros((ratios.shape[0], ratios.shape[2]))
    for family in sorted(set(families)):
        chosen = [j for j, f in enumerate(families) if f == family]
        part = ratios[:, chosen]
        spoke = (part != 0).any(axis=2).sum(axis=1)
        total += part.sum(axis=1) / np.maximum(spoke, 1)[:, None]
    return total


def fit_sum(
    ratios: Floats,
    evidence: Evidence,
    weight: Floats,
    *,
    penalty: float = PENALTY,
    shared: bool = False,
    pairwise: bool = False,
) -> Sum:
    """Fit non-negative weights by penalised multinomial logistic regression without intercept.

    Parameters
    ----------
    ratios : ndarray, shape (E, J, 4)
        Log ratios of the tests on cases they were not estimated from.
    weight : ndarray, shape (E,)
        Effective counts; explanations are balanced here, so that the odds fitted are ratios.
    penalty : float
        Toward 0, that is toward a ratio of 1.
    shared : bool
        One weight per test for all explanations.
    pairwise : bool
        Fit each explanation against organic growth alone instead of all at once: a ratio is between two.

    Notes
    -----
    No weight exceeds 1: a test never counts for more than it said by itself.
    """
    from scipy.optimize import minimize

    if pairwise:
        return _pairwise(ratios, evidence, weight, penalty)
    e, j, h = ratios.shape
    used = balanced(evidence, weight)
    present = np.array([weight[evidence.truth == k].sum() >= FEWEST for k in _POSITIONS])
    if not present.any():
        return Sum(evidence.rules, np.zeros((j, h)))
    log10 = np.log(10.0)
    nats = ratios * log10
    target = np.zeros((e, h))
    for i, k in enumerate(_POSITIONS):
        target[:, i] = evidence.truth == k
    keep = (evidence.truth == ORGANIC) | target[:, present].any(axis=1)
    nats, target, used = nats[keep][:, :, present], target[keep][:, present], used[keep]
    used = used / used.sum()
    m = int(present.sum())

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = np.repeat(flat[:, None], m, axis=1) if shared else flat.reshape(j, m)
        score = np.einsum("ejh,jh->eh", nats, w)
        high = np.maximum(score.max(axis=1), 0.0)
        norm = high + np.log(np.exp(-high) + np.exp(score - high[:, None]).sum(axis=1))
        value = float(used @ (norm - (score * target).sum(axis=1))) + penalty * float((flat**2).sum())
        error = (np.exp(score - norm[:, None]) - target) * used[:, None]
        slope = np.einsum("ejh,eh->jh", nats, error)
        gradient = slope.sum(axis=1) if shared else slope.ravel()
        return value, gradient + 2 * penalty * flat

    size = j if shared else j * m
    found = minimize(
        loss, np.full(size, 0.5), jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * size, options={"maxiter": 300}
    )
    weights = np.zeros((j, h))
    weights[:, present] = np.repeat(found.x[:, None], m, axis=1) if shared else found.x.reshape(j, m)
    silent = (ratios == 0).all(axis=0)
    return Sum(evidence.rules, np.where(silent, 0.0, np.round(weights, 4)))


def _pairwise(ratios: Floats, evidence: Evidence, weight: Floats, penalty: float) -> Sum:
    columns = []
    for i, k in enumerate(_POSITIONS):
        alone = np.where((evidence.truth == k) | (evidence.truth == ORGANIC), weight, 0.0)
        only = np.zeros_like(ratios)
        only[:, :, i] = ratios[:, :, i]
        columns.append(fit_sum(only, evidence, alone, penalty=penalty).weights[:, i])
    return Sum(evidence.rules, np.column_stack(columns))


def features(evidence: Evidence) -> Floats:
    """Raw statistics and p-values of all tests side by side, shape (E, 2J); NaN where there is none."""
    signed = np.sign(evidence.value) * np.log1p(np.abs(evidence.value))
    return np.column_stack([signed, evidence.p])


def fit_boosted(evidence: Evidence, weight: Floats, *, seed: int, rounds: int = 80) -> Callable[[Evidence], Floats]:
    """Fit boosted trees to the raw statistics; the log ratio is the difference of log probabilities at even odds."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    used = balanced(evidence, weight)
    keep = used > 0
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=8,
        learning_rate=0.08,
        min_samples_leaf=30,
        l2_regularization=5.0,
        random_state=seed,
        early_stopping=False,
    )
    x = features(evidence)
    # A column without two different values tells nothing, and the trees refuse it.
    varied = [c for c in range(x.shape[1]) if np.unique(x[keep, c][np.isfinite(x[keep, c])]).size > 1]
    if not varied:
        return lambda new: np.zeros((len(new), len(RIVALS)))
    x = x[keep][:, varied]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    # One thread: sums in one order give the same bytes, and small fits lose more by waiting than they gain.
    with threadpool_limits(limits=1):
        model.fit(x, evidence.truth[keep], sample_weight=used[keep] / used[keep].mean())
    classes = list(model.classes_)

    def predict(new: Evidence) -> Floats:
        probability = np.log10(np.maximum(model.predict_proba(features(new)[:, varied]), 1e-6))
        out = np.zeros((len(new), len(RIVALS)))
        for i, k in enumerate(_POSITIONS):
            if k in classes and ORGANIC in classes:
                out[:, i] = probability[:, classes.index(k)] - probability[:, classes.index(ORGANIC)]
        return np.clip(out, -MOST_LOG, MOST_LOG)

    return predict


def fit_generative(evidence: Evidence, weight: Floats, *, shrinkage: float = 0.3) -> Callable[[Evidence], Floats]:
    """Fit a normal density per explanation to normal scores of the statistics, diagonal-shrunk; missing tests are integrated out."""
    from scipy.special import ndtri

    grids: list[tuple[Floats, Floats]] = []
    for column in evidence.value.T:
        known = np.isfinite(column)
        level, inverse = np.unique(column[known], return_inverse=True)
        if level.size < 2:
            grids.append((np.array([0.0, 1.0]), np.array([0.0, 0.0])))
            continue
        mass = np.bincount(inverse, weights=balanced(evidence, weight)[known] + 1e-12)
        middle = (np.cumsum(mass) - mass / 2) / mass.sum()
        grids.append((level, ndtri(np.clip(middle, 0.005, 0.995))))

    def scores(new: Evidence) -> Floats:
        z = np.column_stack([np.interp(c, *g) for c, g in zip(new.value.T, grids, strict=True)])
        return np.where(np.isfinite(new.value), z, np.nan)

    z = scores(evidence)
    densities = {
        k: _density(z[evidence.truth == k], weight[evidence.truth == k], shrinkage)
        for k in (ORGANIC, *_POSITIONS)
        if weight[evidence.truth == k].sum() >= FEWEST
    }

    def predict(new: Evidence) -> Floats:
        out = np.zeros((len(new), len(RIVALS)))
        if ORGANIC not in densities:
            return out
        zn = scores(new)
        base = _log_density(zn, *densities[ORGANIC])
        for i, k in enumerate(_POSITIONS):
            if k in densities:
                out[:, i] = (_log_density(zn, *densities[k]) - base) / np.log(10)
        return np.clip(out, -MOST_LOG, MOST_LOG)

    return predict


def _density(z: Floats, w: Floats, shrinkage: float) -> tuple[Floats, Floats]:
    known = np.isfinite(z)
    filled = np.where(known, z, 0.0)
    mass = (w[:, None] * known).sum(axis=0)
    mean = (w[:, None] * filled).sum(axis=0) / np.maximum(mass, 1e-9)
    mean *= mass / (mass + 10.0)  # toward the pooled mean, which is 0 by construction
    d = np.where(known, z - mean[None, :], 0.0)
    pair = (w[:, None] * known).T @ known
    covariance = (w[:, None] * d).T @ d / np.maximum(pair, 1e-9)
    covariance = (covariance * pair + 10.0 * np.eye(z.shape[1])) / (pair + 10.0)
    diagonal = np.diag(np.diag(covariance))
    return mean, (1 - shrinkage) * covariance + shrinkage * diagonal


def _log_density(z: Floats, mean: Floats, covariance: Floats) -> Floats:
    """Log density of the known coordinates; rows with the same pattern of known ones are done together."""
    out = np.zeros(z.shape[0])
    patterns, inverse = np.unique(np.isfinite(z), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(inverse.ravel() == number)
        sub = covariance[np.ix_(pattern, pattern)]
        value, vector = np.linalg.eigh(sub)
        value = np.maximum(value, 0.05)
        d = (z[np.ix_(rows, np.flatnonzero(pattern))] - mean[pattern]) @ vector
        out[rows] = -0.5 * ((d**2 / value).sum(axis=1) + np.log(value).sum())
    return out


#: Settings of the fusions that are weighted sums.
SUMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "logistic": {"penalty": PENALTY, "shared": False},
        "logistic_strong": {"penalty": 10 * PENALTY, "shared": False},
        "shared": {"penalty": PENALTY, "shared": True},
        "pairwise": {"penalty": PENALTY, "pairwise": True},
        "pairwise_light": {"penalty": PENALTY / 10, "pairwise": True},
    }
)
