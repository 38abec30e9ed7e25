"""Out-of-sample ratios: no test case shares its entity or its weeks with what the ratios were estimated from.

Entities are dealt into groups and weeks into blocks in order of time. The cases of one group in one block are scored by a model
fitted to the cases of all other groups in all other blocks, so neither the habits of a series nor the events of a week leak.

References
----------
Roberts, D. R., et al. (2017). Cross-validation strategies for data with temporal, spatial, hierarchical structure. Ecography 40, 913-929.
Wolpert, D. H. (1992). Stacked generalization. Neural Networks 5(2), 241-259 (weights fitted on ratios estimated elsewhere).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import CLASSES, RIVALS, Evidence
from auditor.calibration.fusion import SUMS, Sum, family_mean, fit_boosted, fit_generative, fit_sum
from auditor.calibration.judged import judged_contributions
from auditor.calibration.likelihood import PerTest, fit_tests
from auditor.calibration.recalibrate import factors
from auditor.calibration.weighting import class_weights
from auditor.verdict.table import ReferenceTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Tiers of knowledge: totals only; with composition; with independent sources.
TIERS = (1, 2, 3)

#: Folds by entity inside a training set, on which weights are fitted.
INNER = 3


@dataclass(frozen=True, eq=False)
class Folds:
    """Group of each case by entity, and block by week, shape (E,) each."""

    entity: Ints
    week: Ints

    def cells(self) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        """Pairs of (test, training) masks; the test masks cover every case once."""
        out = []
        for i in np.unique(self.entity):
            for j in np.unique(self.week):
                test = (self.entity == i) & (self.week == j)
                if test.any():
                    out.append((test, (self.entity != i) & (self.week != j)))
        return out


def deal(evidence: Evidence, *, groups: int, blocks: int, seed: int) -> Folds:
    """Deal entities into groups (rare explanations first, so that each group has some) and weeks into blocks of time."""
    return Folds(_groups(evidence, groups, seed), _blocks(evidence.week, blocks))


def _groups(evidence: Evidence, groups: int, seed: int) -> Ints:
    rng = np.random.default_rng(seed)
    names = np.unique(evidence.entity)
    cases = np.bincount(evidence.truth, minlength=len(CLASSES))
    rarity = np.argsort(np.argsort(cases, kind="stable"), kind="stable")
    rarest = np.array([rarity[evidence.truth[evidence.entity == e]].min() for e in names])
    order = np.lexsort((rng.random(names.size), rarest))
    group = np.empty(names.size, dtype=np.int64)
    group[order] = np.arange(names.size) % groups
    return group[np.searchsorted(names, evidence.entity)]


def _blocks(week: Ints, blocks: int) -> Ints:
    names, counts = np.unique(week, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    block = np.minimum((middle / counts.sum() * blocks).astype(np.int64), blocks - 1)
    result: Ints = block[np.searchsorted(names, week)]
    return result


@dataclass(frozen=True, eq=False)
class Model:
    """Ratios per test, how they are added at each tier, and the factors that take overstatement out.

    Attributes
    ----------
    per_test : PerTest
    sums : mapping of tier to Sum, or empty
        Empty: averaged inside families.
    factor : mapping of tier to ndarray, shape (4,)
    families : tuple of str
        Sorted, each once.
    judged : ReferenceTable, optional
        Judged bands that fill in where nothing was measured.
    """

    per_test: PerTest
    sums: Mapping[int, Sum]
    factor: Mapping[int, Floats]
    families: tuple[str, ...]
    judged: ReferenceTable | None = None

    def contributions(self, evidence: Evidence, ratios: Floats, tier: int) -> Floats:
        """Return what each family adds at a tier, shape (E, F, 4); ``ratios`` of shape (E, J, 4) at full knowledge."""
        seen = np.where((evidence.tier > tier)[:, :, None], 0.0, ratios)
        out = np.zeros((len(evidence), len(self.families), len(RIVALS)))
        for f, family in enumerate(self.families):
            chosen = [j for j, name in enumerate(evidence.families) if name == family]
            if self.sums:
                out[:, f] = np.einsum("ejh,jh->eh", seen[:, chosen], self.sums[tier].weights[chosen])
            else:
                out[:, f] = family_mean(seen[:, chosen], tuple(evidence.families[j] for j in chosen))
        out *= self.factor[tier]
        if self.judged is not None:
            out += judged_contributions(evidence, self.per_test, self.judged, self.families, tier)
        return out


def fit(
    evidence: Evidence,
    *,
    combination: str,
    method: str = "bins",
    stratify: bool = True,
    tiers: Sequence[int] = TIERS,
    seed: int = 0,
    judged: ReferenceTable | None = None,
) -> Model:
    """Fit ratios per test, their combination and the factors.

    Parameters
    ----------
    combination : str
        ``family_mean`` or a name of :data:`auditor.calibration.fusion.SUMS`.
    method : str
        How a single test's ratio is estimated, see :func:`auditor.calibration.likelihood.fit_tests`.

    Notes
    -----
    Weights and factors are fitted on ratios that were estimated on other entities (folds inside the training set), because a test
    that has seen its cases seems better than it is.
    """
    weight = class_weights(evidence, stratify=stratify)
    inner = _groups(evidence, INNER, seed + 1)
    ratios = np.zeros((len(evidence), len(evidence.rules), len(RIVALS)))
    for k in range(INNER):
        test = inner == k
        if test.any() and (~test).any():
            train = evidence.rows(~test)
            ratios[test] = fit_tests(train, class_weights(train, stratify=stratify), method=method)(evidence.rows(test))
    per_test = fit_tests(evidence, weight, method=method)
    sums: dict[int, Sum] = {}
    factor: dict[int, Floats] = {}
    for tier in tiers:
        seen = np.where((evidence.tier > tier)[:, :, None], 0.0, ratios)
        if combination == "family_mean":
            total = family_mean(seen, evidence.families)
        else:
            sums[tier] = fit_sum(seen, evidence, weight, **SUMS[combination])
            total = sums[tier](seen)
        factor[tier] = factors(total, evidence.truth, weight)
    return Model(per_test, sums, factor, tuple(sorted(set(evidence.families))), judged)


def out_of_sample(
    evidence: Evidence,
    folds: Folds,
    *,
    combination: str,
    method: str = "bins",
    stratify: bool = True,
    tiers: Sequence[int] = TIERS,
    seed: int = 0,
    judged: ReferenceTable | None = None,
) -> dict[int, Floats]:
    """Score every case by a model that saw neither its entity nor its weeks.

    Returns
    -------
    dict of tier to ndarray, shape (E, F, 4)
        Contributions of the families (sorted by name); of one nameless family where the combination has none. Their sum over
        families is the log10 ratio.
    """
    whole = combination in {"boosted", "generative"}
    count = 1 if whole else len(set(evidence.families))
    out = {tier: np.zeros((len(evidence), count, len(RIVALS))) for tier in tiers}
    for test, training in folds.cells():
        if not training.any():
            continue
        train, new = evidence.rows(training), evidence.rows(test)
        if whole:
            for tier in tiers:
                out[tier][test, 0] = _whole(train.at_tier(tier), new.at_tier(tier), combination, stratify, seed)
            continue
        model = fit(
            train, combination=combination, method=method, stratify=stratify, tiers=tiers, seed=seed, judged=judged
        )
        ratios = model.per_test(new)
        for tier in tiers:
            out[tier][test] = model.contributions(new, ratios, tier)
    return out


def _whole(train: Evidence, new: Evidence, combination: str, stratify: bool, seed: int) -> Floats:  # noqa: FBT001 - internal
    """Score by a model that does not fall apart into families."""
    weight = class_weights(train, stratify=stratify)
    inner = _groups(train, INNER, seed + 1)
    apart = np.zeros((len(train), len(RIVALS)))

    def make(part: Evidence, w: Floats) -> Callable[[Evidence], Floats]:
        return fit_generative(part, w) if combination == "generative" else fit_boosted(part, w, seed=seed)

    for k in range(INNER):
        test = inner == k
        if test.any() and (~test).any():
            apart[test] = make(train.rows(~test), weight[~test])(train.rows(test))
    result: Floats = make(train, weight)(new) * factors(apart, train.truth, weight)[None, :]
    return result
