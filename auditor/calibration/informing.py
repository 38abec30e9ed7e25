"""How much each test tells: expected ratios between explanations, and its cost when used alone."""

from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.calibration import scores
from auditor.calibration.crossval import Folds
from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, Evidence
from auditor.calibration.likelihood import PerTest, fit_tests
from auditor.calibration.naming import with_organic
from auditor.calibration.weighting import class_weights
from auditor.findings import Hypothesis

Floats = npt.NDArray[np.float64]

#: Effective cases of each of two explanations on which an expectation must rest.
FEWEST = 8.0


def information_rows(evidence: Evidence, per_test: PerTest, weight: Floats) -> list[dict[str, Any]]:
    """Return the expected log10 ratio in favour of the truth between every two explanations, by test.

    Half of what is expected when the first is true and half of what is when the second is, over the cases on which the test ran.
    """
    ratios = per_test(evidence)
    rows = []
    for j, rule in enumerate(evidence.rules):
        ran = np.isfinite(evidence.value[:, j])
        full = with_organic(ratios[:, j])
        for a in range(len(CLASSES)):
            for b in range(a + 1, len(CLASSES)):
                first, second = ran & (evidence.truth == a), ran & (evidence.truth == b)
                if min(weight[first].sum(), weight[second].sum()) < FEWEST:
                    continue
                gap = full[:, a] - full[:, b]
                gain = np.average(gap[first], weights=weight[first]) - np.average(gap[second], weights=weight[second])
                rows.append(
                    {
                        "rule": rule,
                        "first": CLASSES[a].value,
                        "second": CLASSES[b].value,
                        "log10_lr": round(max(float(gain) / 2, 0.0), 4),
                    }
                )
    return rows


def single_tests(evidence: Evidence, folds: Folds, method: str, seed: int) -> list[dict[str, Any]]:
    """Cllr of each test used alone for inflation against organic growth, out of sample, on the cases where it ran."""
    del seed
    out = np.zeros((len(evidence), len(evidence.rules)))
    at = RIVALS.index(Hypothesis.INFLATED)
    for test, training in folds.cells():
        train = evidence.rows(training)
        out[test] = fit_tests(train, class_weights(train), method=method)(evidence.rows(test))[:, :, at]
    yes, no = evidence.of(Hypothesis.INFLATED), evidence.truth == ORGANIC
    rows = []
    for j, rule in enumerate(evidence.rules):
        ran = np.isfinite(evidence.value[:, j])
        a, b = out[ran & yes, j], out[ran & no, j]
        if a.size and b.size:
            rows.append(
                {
                    "rule": rule,
                    "family": evidence.families[j],
                    "cllr": scores.cllr(a, b),
                    "cllr_min": scores.cllr_min(a, b),
                    "inflated": int(a.size),
                    "organic": int(b.size),
                }
            )
    return rows
