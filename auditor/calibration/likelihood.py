"""Likelihood ratios of one test: how much more probable an outcome is under each explanation than under organic growth.

The default is a short table of bins: at most six, cut at weighted quantiles of the statistic or of its rank p-value, whichever tells
the explanations apart better on the training cases. With effective counts n and shares s, and ``m`` pseudo-counts,

    P(bin | organic) = (n_0 s_0 + m s_pooled) / (n_0 + m),
    P(bin | h)       = (n_h s_h + m P(bin | organic)) / (n_h + m),

so that an explanation with few cases keeps a ratio near 1 (its prior is organic growth), and no bin that organic cases have not yet
shown can carry an infinite ratio. ``m = 10`` means: ten independent cases are needed before data and prior weigh alike.

For comparison stand kernel densities, isotonic regression (pool adjacent violators) and polynomial logistic regression, each fitted to one
test at a time and shrunk and capped in the same way.

References
----------
Good, I. J. (1965). The Estimation of Probabilities. MIT Press (pseudo-counts).
Bruemmer, N., Swart, A. (2014). Bayesian calibration for forensic evidence reporting. Interspeech (shrinkage toward a ratio of 1).
Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis. Chapman & Hall, eq. 3.31 (bandwidth).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, Evidence
from auditor.calibration.scores import isotonic
from auditor.findings import Hypothesis

Floats = npt.NDArray[np.float64]

#: Pseudo-counts that hold a ratio near 1.
STRENGTH = 10.0

#: Most bins of a test, and the effective organic cases each bin should hold.
MOST_BINS, PER_BIN = 6, 12.0

#: Effective cases of an explanation, and of organic growth, below which a test's ratio is not measured.
FEWEST, FEWEST_ORGANIC = 8.0, 30.0

#: Quantiles of the pooled cases at which a smooth curve is kept.
KNOTS = (0.01, 0.05, 0.12, 0.22, 0.34, 0.5, 0.66, 0.78, 0.88, 0.95, 0.99)

_POSITIONS = [CLASSES.index(h) for h in RIVALS]

#: Form of a curve that is constant from knot to knot.
STEPS = True

#: Log ratios of one test never exceed this, whatever the estimate.
MOST_LOG = 3.0


@dataclass(frozen=True, eq=False)
class Ratios:
    """The ratios of one rule and variant over its statistic, in the form that is shipped.

    Attributes
    ----------
    measure : str
        ``value`` or ``p``.
    steps : bool
        True: a knot opens a bin (the first is open below). False: ratios are interpolated between knots.
    knots : ndarray, shape (K,)
    log10_lr : ndarray, shape (K, 4)
        By explanation in the order of :data:`RIVALS`; 0 where not measured.
    effective : ndarray, shape (5,)
        Effective cases of each of :data:`CLASSES`.
    quantiles : ndarray, shape (21,)
        The statistic at quantiles 0, 0.05 ... 1 of the organic cases.
    circular : ndarray of bool, shape (4,)
        Explanations whose cases were labelled by this very statistic; their ratio stays a judgement.
    """

    measure: str
    steps: bool
    knots: Floats
    log10_lr: Floats
    effective: Floats
    quantiles: Floats
    circular: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(len(RIVALS), dtype=bool))

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """Which of :data:`RIVALS` have cases enough for their ratio to be a measurement, shape (4,)."""
        result: npt.NDArray[np.bool_] = (self.effective[_POSITIONS] >= FEWEST) & (
            self.effective[ORGANIC] >= FEWEST_ORGANIC
        )
        result &= ~self.circular
        return result

    def __call__(self, x: Floats) -> Floats:
        """log10 ratios of outcomes, shape (n, 4)."""
        if self.steps:
            place = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, self.knots.size - 1)
            result: Floats = self.log10_lr[place]
            return result
        return np.column_stack([np.interp(x, self.knots, column) for column in self.log10_lr.T])

    def information(self, x: Floats, truth: npt.NDArray[np.int64], weight: Floats) -> float:
        """Half the symmetric divergence (log10) between each measured explanation and organic growth, averaged."""
        told = self(x)
        organic = truth == ORGANIC
        gains = []
        for i in np.flatnonzero(self.measured):
            case = truth == _POSITIONS[i]
            gains.append(
                np.average(told[case, i], weights=weight[case]) - np.average(told[organic, i], weights=weight[organic])
            )
        return float(np.mean(gains)) / 2 if gains else 0.0


#: Tests whose statistic is the very fact by which cases were labelled (free or not). A ratio measured on them would measure the
#: labelling; it stays a judgement.
CIRCULAR = frozenset({("AUD131", Hypothesis.INCENTIVISED), ("AUD132", Hypothesis.INCENTIVISED)})

#: Tests whose variant is part of what they found (a factor in every entity, in one, in none), and not a condition under which they
#: ran. How often each variant occurs is then itself evidence, and the ratio of the statistic inside a variant is added to it.
OUTCOMES = frozenset({"AUD105", "AUD141", "AUD172", "AUD173", "AUD174", "AUD176", "AUD177"})

Curve = Callable[[Floats], Floats]
Fit = Callable[[Floats, npt.NDArray[np.int64], Floats], Curve]


def fit_bins(
    x: Floats, truth: npt.NDArray[np.int64], weight: Floats, *, measure: str = "value", strength: float = STRENGTH
) -> Ratios:
    """Cut a statistic into bins and estimate their ratios.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Outcomes, all known.
    truth : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
        Summing to the effective number of cases per explanation.
    """
    counts = _counts(truth, weight)
    knots = _edges(x, truth, weight, counts)
    place = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.size - 1)
    mass: Floats = np.column_stack(
        [np.bincount(place[truth == k], weights=weight[truth == k], minlength=knots.size) for k in range(len(CLASSES))]
    )
    share = _shrunk(mass, counts, strength)
    ratio = np.clip(np.log10(share[:, _POSITIONS] / share[:, [ORGANIC]]), -MOST_LOG, MOST_LOG)
    return _finish(measure, knots, ratio, counts, x, truth, weight, steps=True)


def _finish(
    measure: str,
    knots: Floats,
    ratio: Floats,
    counts: Floats,
    x: Floats,
    truth: npt.NDArray[np.int64],
    weight: Floats,
    *,
    steps: bool,
) -> Ratios:
    enough = (counts[_POSITIONS] >= FEWEST) & (counts[ORGANIC] >= FEWEST_ORGANIC)
    organic = truth == ORGANIC
    quantiles = _quantiles(x[organic], weight[organic], np.linspace(0, 1, 21)) if organic.any() else np.zeros(21)
    # Three decimals are what is shipped, and what is evaluated.
    kept: Floats = np.round(ratio * enough[None, :], 3)
    return Ratios(measure, steps, knots, kept, counts, quantiles)


def _counts(truth: npt.NDArray[np.int64], weight: Floats) -> Floats:
    return np.array([weight[truth == k].sum() for k in range(len(CLASSES))])


def _quantiles(x: Floats, w: Floats, at: Floats) -> Floats:
    """Weighted quantiles, to four significant digits."""
    order = np.argsort(x, kind="stable")
    cumulated = np.cumsum(w[order])
    if cumulated[-1] <= 0:
        return np.full(at.size, float(np.median(x)))
    place = np.searchsorted(cumulated / cumulated[-1], at - 1e-12)
    return np.array([float(f"{v:.4g}") for v in x[order[np.minimum(place, x.size - 1)]]])


def _shrunk(mass: Floats, counts: Floats, strength: float) -> Floats:
    present = counts > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = np.where(present[None, :], mass / np.where(present, counts, 1.0)[None, :], 0.0)
    pooled = raw[:, present].mean(axis=1) if present.any() else np.full(mass.shape[0], 1 / mass.shape[0])
    organic = (mass[:, ORGANIC] + strength * pooled) / (counts[ORGANIC] + strength)
    share = (mass + strength * organic[:, None]) / (counts + strength)[None, :]
    share[:, ORGANIC] = organic
    result: Floats = share
    return result


def _edges(x: Floats, truth: npt.NDArray[np.int64], weight: Floats, counts: Floats) -> Floats:
    """Where bins begin: quantiles of the cases, every explanation weighing alike; as many as the organic cases bear."""
    most = int(np.clip(counts[ORGANIC] // PER_BIN, 1, MOST_BINS))
    even = weight / np.maximum(counts[truth], 1e-12)
    cuts = _quantiles(x, even, np.arange(most) / most)
    # Four digits are what the shipped table holds, so the estimate is made on the same cuts.
    return np.unique(cuts)


@dataclass(frozen=True, eq=False)
class PerTest:
    """Fitted ratios of all tests: a curve per rule and variant, with its measure."""

    rules: tuple[str, ...]
    curves: Mapping[tuple[str, str], Ratios]

    def __call__(self, evidence: Evidence) -> Floats:
        """log10 ratios, shape (E, J, 4), with the caps an audit applies; 0 where a test did not run."""
        out = np.zeros((len(evidence), len(evidence.rules), len(RIVALS)))
        for j, rule in enumerate(evidence.rules):
            for (name, variant), curve in self.curves.items():
                if name != rule:
                    continue
                x = evidence.p[:, j] if curve.measure == "p" else evidence.value[:, j]
                rows = np.flatnonzero(np.isfinite(x) & (evidence.variant[:, j] == variant))
                if rows.size:
                    out[rows, j] = capped(curve(x[rows]), evidence.n_reference[rows, j], evidence.shrink[rows, j])
        return out


def capped(log10_lr: Floats, n_reference: Floats, shrink: Floats, p: Floats | None = None) -> Floats:
    """Apply the caps of :func:`auditor.verdict.weigh.weigh` to many findings at once, shape (n, 4); ``p`` caps judged ratios alone."""
    least = np.where(n_reference > 0, np.log10(n_reference + 1), np.inf)
    most = least
    if p is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.where(np.isfinite(p) & (p > 0), np.minimum(least, -np.log10(p)), least)
    result: Floats = np.clip(log10_lr * shrink[:, None], -least[:, None], np.maximum(most, 0.0)[:, None])
    return result


def fit_tests(evidence: Evidence, weight: Floats, *, method: str = "bins") -> PerTest:
    """Fit the ratios of every rule and variant that has cases enough.

    Parameters
    ----------
    method : {'bins', 'kde', 'isotonic', 'logistic'}
    """
    curves: dict[tuple[str, str], Ratios] = {}
    for j, rule in enumerate(evidence.rules):
        ran = np.isfinite(evidence.value[:, j]) & (weight > 0)
        variants = sorted(set(evidence.variant[ran, j]))
        occurring = _occurrence(evidence, weight, j, ran, variants) if rule in OUTCOMES and len(variants) > 1 else {}
        for variant in variants:
            inside = _within(evidence, weight, j, variant, method)
            offset = occurring.get(variant)
            if offset is not None:
                inside = _joined(inside, offset, evidence.value[ran & (evidence.variant[:, j] == variant), j])
            if inside is not None:
                curves[rule, variant] = _uncircled(inside, rule)
    return PerTest(evidence.rules, MappingProxyType(curves))


def _within(evidence: Evidence, weight: Floats, j: int, variant: str, method: str) -> Ratios | None:
    """Ratios of the statistic of one variant, on its value or its rank, whichever tells more; None without cases enough."""
    best: tuple[float, Ratios] | None = None
    for measure, column in (("value", evidence.value[:, j]), ("p", evidence.p[:, j])):
        rows = np.flatnonzero(np.isfinite(column) & (evidence.variant[:, j] == variant) & (weight > 0))
        if rows.size < FEWEST_ORGANIC:
            continue
        x, truth, w = column[rows], evidence.truth[rows], weight[rows]
        counts = _counts(truth, w)
        if counts[ORGANIC] < FEWEST_ORGANIC or not (counts[_POSITIONS] >= FEWEST).any():
            continue
        fitted = fit_one(x, truth, w, measure=measure, method=method)
        told = fitted.information(x, truth, w)
        # The rank has to tell clearly more than the statistic itself to take its place.
        if best is None or told > 1.05 * best[0]:
            best = (told, fitted)
    return None if best is None else best[1]


def _occurrence(
    evidence: Evidence, weight: Floats, j: int, ran: npt.NDArray[np.bool_], variants: list[str]
) -> dict[str, tuple[Floats, Floats]]:
    """Ratio of each variant's occurring, with the effective cases it rests on."""
    truth, w = evidence.truth[ran], weight[ran]
    counts = _counts(truth, w)
    if counts[ORGANIC] < FEWEST_ORGANIC or not (counts[_POSITIONS] >= FEWEST).any():
        return {}
    place = np.searchsorted(np.array(variants, dtype=object), evidence.variant[ran, j])
    mass: Floats = np.column_stack(
        [
            np.bincount(place[truth == k], weights=w[truth == k], minlength=len(variants)).astype(np.float64)
            for k in range(len(CLASSES))
        ]
    )
    share = _shrunk(mass, counts, STRENGTH)
    ratio = np.clip(np.log10(share[:, _POSITIONS] / share[:, [ORGANIC]]), -MOST_LOG, MOST_LOG)
    return {variant: (ratio[v], counts) for v, variant in enumerate(variants)}


def _joined(inside: Ratios | None, offset: tuple[Floats, Floats], values: Floats) -> Ratios:
    """Add the ratio of a variant's occurring to that of the statistic inside it."""
    ratio, counts = offset
    if inside is None:
        middle = float(f"{np.median(values):.4g}")
        enough = (counts[_POSITIONS] >= FEWEST) & (counts[ORGANIC] >= FEWEST_ORGANIC)
        row: Floats = np.round(ratio * enough, 3)
        return Ratios("value", STEPS, np.array([middle]), row[None, :], counts, np.full(21, middle))
    joint = replace(inside, effective=counts)
    total = np.clip(inside.log10_lr + ratio[None, :], -MOST_LOG, MOST_LOG)
    kept: Floats = np.round(total * joint.measured[None, :], 3)
    return replace(joint, log10_lr=kept)


def _uncircled(fitted: Ratios, rule: str) -> Ratios:
    circular = np.array([(rule, h) in CIRCULAR for h in RIVALS])
    return replace(fitted, log10_lr=np.where(circular[None, :], 0.0, fitted.log10_lr), circular=circular)


def fit_one(
    x: Floats, truth: npt.NDArray[np.int64], weight: Floats, *, measure: str = "value", method: str = "bins"
) -> Ratios:
    """Fit one statistic by a method; smooth curves are reduced to at most :data:`KNOTS` knots, as they are shipped."""
    if method == "bins":
        return fit_bins(x, truth, weight, measure=measure)
    counts = _counts(truth, weight)
    curve = FITS[method](x, truth, weight)
    even = weight / np.maximum(counts[truth], 1e-12)
    knots = np.unique(_quantiles(x, even, np.array(KNOTS)))
    return _finish(measure, knots, curve(knots), counts, x, truth, weight, steps=False)


def _pairwise(one: Callable[[Floats, npt.NDArray[np.bool_], Floats], Curve]) -> Fit:
    """Make a fit of all explanations from a fit of one against organic; shrink by effective cases as the bins are."""

    def fit(x: Floats, truth: npt.NDArray[np.int64], weight: Floats) -> Curve:
        curves: list[tuple[int, float, Curve]] = []
        organic = truth == ORGANIC
        n_organic = weight[organic].sum()
        for i, h in enumerate(RIVALS):
            case = truth == CLASSES.index(h)
            n = weight[case].sum()
            if n < FEWEST or n_organic < FEWEST_ORGANIC:
                continue
            both = case | organic
            # Even odds, with the total kept at the effective number of cases.
            w = weight[both] * np.where(case[both], 1.0, n / n_organic)
            smaller = min(n, n_organic)
            curves.append((i, smaller / (smaller + STRENGTH), one(x[both], case[both], w)))

        def ratios(new: Floats) -> Floats:
            out = np.zeros((new.size, len(RIVALS)))
            for i, shrink, curve in curves:
                out[:, i] = np.clip(shrink * curve(new), -MOST_LOG, MOST_LOG)
            return out

        return ratios

    return fit


def _normal_scores(x: Floats, w: Floats) -> Curve:
    """Map to normal scores by the weighted ranks of the training cases: scale-free, with bounded tails."""
    from scipy.special import ndtri

    level, inverse = np.unique(x, return_inverse=True)
    mass = np.bincount(inverse, weights=w)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    score = ndtri(np.clip(middle, 0.005, 0.995))
    return lambda new: np.interp(new, level, score)


def _kde(x: Floats, case: npt.NDArray[np.bool_], w: Floats) -> Curve:
    scores = _normal_scores(x, w)
    z = scores(x)
    step = 0.025
    grid = np.arange(-3.5, 3.5 + step / 2, step)

    def density(chosen: npt.NDArray[np.bool_]) -> Floats:
        weights = w[chosen] / w[chosen].sum()
        mean = float((weights * z[chosen]).sum())
        spread = max(float(np.sqrt((weights * (z[chosen] - mean) ** 2).sum())), 0.1)
        # Weights sum to the effective number of cases, which is what sets the width.
        n = max(float(w[chosen].sum()), 2.0)
        width = max(1.06 * spread * n**-0.2, 2 * step)
        mass = np.bincount(np.rint((z[chosen] - grid[0]) / step).astype(int), weights=weights, minlength=grid.size)
        reach = np.arange(-grid.size + 1, grid.size) * step
        kernel = np.exp(-0.5 * (reach / width) ** 2) / (width * np.sqrt(2 * np.pi))
        # A wide floor keeps the ratio finite where neither has cases.
        result: Floats = 0.98 * np.convolve(mass, kernel)[grid.size - 1 : 2 * grid.size - 1] + 0.02 / 7
        return result

    ratio = np.log10(density(case) / density(~case))
    return lambda new: np.interp(scores(new), grid, ratio)


def _isotonic(x: Floats, case: npt.NDArray[np.bool_], w: Floats) -> Curve:
    # Two hundred quantiles are far more steps than the cases bear, and keep the fit quick.
    level = np.unique(np.quantile(x, np.linspace(0, 1, 201)))
    inverse = np.clip(np.searchsorted(level, x, side="right") - 1, 0, level.size - 1)
    held, inverse = np.unique(inverse, return_inverse=True)
    level = level[held]
    hit = np.bincount(inverse, weights=w * case).astype(np.float64)
    mass = np.bincount(inverse, weights=w).astype(np.float64)
    share = hit / np.maximum(mass, 1e-12)
    rising, falling = isotonic(share, mass), isotonic(share[::-1], mass[::-1])[::-1]
    error = [float((mass * (share - fit) ** 2).sum()) for fit in (rising, falling)]
    fitted = np.clip(rising if error[0] <= error[1] else falling, 0.005, 0.995)
    ratio = np.log10(fitted / (1 - fitted))
    return lambda new: np.interp(new, level, ratio)


def _logistic(x: Floats, case: npt.NDArray[np.bool_], w: Floats) -> Curve:
    scores = _normal_scores(x, w)

    def design(z: Floats) -> Floats:
        return np.column_stack([np.ones(z.size), z, z**2])

    a = design(scores(x))
    mass = w / w.sum()
    beta = np.zeros(3)
    for _ in range(25):  # Newton's method on a convex loss of three coefficients, with a slight ridge
        probability = 1 / (1 + np.exp(-np.clip(a @ beta, -30, 30)))
        gradient = a.T @ (mass * (probability - case)) + 1e-3 * beta
        curvature = (a * (mass * probability * (1 - probability))[:, None]).T @ a + 1e-3 * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        beta = beta - step
        if np.abs(step).max() < 1e-8:
            break
    return lambda new: design(scores(new)) @ beta / np.log(10)


#: Fits of one test that the bins are compared with.
FITS: Mapping[str, Fit] = MappingProxyType(
    {"kde": _pairwise(_kde), "isotonic": _pairwise(_isotonic), "logistic": _pairwise(_logistic)}
)

METHODS = ("bins", *FITS)
