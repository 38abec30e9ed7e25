"""Makes combined ratios safe: one factor per explanation that takes overstatement out.

The factor is at most 1. It is the smaller of the slope of a logistic regression without intercept (what the ratios were worth) and of
the largest factor with which the organic training cases keep ``P(LR > x) <= 1/x`` at 10, 100 and 1,000. A factor keeps the
ratio of no evidence at 1 and keeps the contributions of the families additive.

References
----------
Bruemmer, N., du Preez, J. (2006), as in :mod:`auditor.calibration.scores`; Royall (2000), ditto.
"""

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS
from auditor.calibration.scores import BOUND_AT

Floats = npt.NDArray[np.float64]


def slope(true: Floats, false: Floats, w_true: Floats, w_false: Floats) -> float:
    """Return the factor in [0, 1] that gives the lowest Cllr."""
    from scipy.optimize import minimize_scalar

    from auditor.calibration.scores import cllr

    if not true.size or not false.size:
        return 1.0
    found = minimize_scalar(lambda a: cllr(a * true, a * false, w_true, w_false), bounds=(0.0, 1.0), method="bounded")
    edge = cllr(true, false, w_true, w_false)
    return 1.0 if edge <= found.fun + 1e-9 else float(found.x)


def bounding_factor(false: Floats, at: tuple[float, ...] = BOUND_AT) -> float:
    """Return the largest factor in (0, 1] at which at most a share 1/x of the false cases exceeds each x.

    >>> bounding_factor(np.r_[np.zeros(99), 4.0])
    0.5
    """
    factor = 1.0
    ordered = np.sort(false)[::-1]
    for x in at:
        allowed = int(np.floor(false.size / x + 1e-9))
        if allowed < ordered.size and ordered[allowed] > np.log10(x):
            factor = min(factor, float(np.log10(x) / ordered[allowed]))
    # Rounded down, so that what is shipped does not overstate by a digit.
    return float(np.floor(factor * 1e4) / 1e4)


def factors(scores: Floats, truth: npt.NDArray[np.int64], weight: Floats) -> Floats:
    """Return one factor per explanation of :data:`RIVALS`, shape (4,)."""
    out = np.ones(len(RIVALS))
    organic = (truth == ORGANIC) & (weight > 0)
    if not organic.any():
        return out
    for i, h in enumerate(RIVALS):
        case = (truth == CLASSES.index(h)) & (weight > 0)
        fair = slope(scores[case, i], scores[organic, i], weight[case], weight[organic])
        out[i] = min(fair, bounding_factor(scores[truth == ORGANIC, i]))
    return np.floor(out * 1e4) / 1e4
