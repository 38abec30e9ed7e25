"""Which explanation a verdict would name, for many episodes at once: the rules of :mod:`auditor.verdict.decide` on arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import CLASSES, RIVALS
from auditor.findings import Family, Hypothesis
from auditor.verdict.combine import MOST
from auditor.verdict.decide import MAY_STAND_ALONE, SMALLEST_RISE, THRESHOLD, WITHOUT_STRONGEST

Floats = npt.NDArray[np.float64]

#: Position of an episode for which no explanation is named.
INSUFFICIENT = -1

INFLATED = CLASSES.index(Hypothesis.INFLATED)

#: Share of cases without inflation that may be called inflated.
ALLOWED = 1e-3


@dataclass(frozen=True, eq=False)
class Named:
    """What would be said of E episodes.

    Attributes
    ----------
    code : ndarray of int, shape (E,)
        Position in CLASSES, or :data:`INSUFFICIENT`.
    leading : ndarray of int, shape (E,)
    lead : ndarray, shape (E,)
        log10 ratio of the leading explanation over the best rival.
    open : ndarray of bool, shape (E,)
        ``inflated`` leads and nothing but its own threshold could keep it from being named.
    """

    code: npt.NDArray[np.int64]
    leading: npt.NDArray[np.int64]
    lead: Floats
    open: npt.NDArray[np.bool_]


def with_organic(scores: Floats) -> Floats:
    """Insert the zero of organic growth, shape (E, 4) to (E, 5), in the order of CLASSES."""
    out = np.zeros((scores.shape[0], len(CLASSES)))
    out[:, [CLASSES.index(h) for h in RIVALS]] = scores
    return out


def name(
    contributions: Floats,
    elevation: Floats,
    settled: npt.NDArray[np.bool_],
    inflated_from: float | Floats,
    *,
    families: tuple[str, ...] = (),
) -> Named:
    """Apply the thresholds and restraints of a verdict.

    Parameters
    ----------
    contributions : ndarray, shape (E, F, 4)
    elevation : ndarray, shape (E,)
        Window over base; NaN for a new subject.
    inflated_from : float or ndarray, shape (E,)
        Lead from which ``inflated`` is named.
    families : tuple of str
        Of the tests; their sorted set is the second axis of ``contributions``. Where the record itself carries an error, days that
        can still change do not keep it from being named, as in a verdict.
    """
    total = with_organic(np.clip(contributions.sum(axis=1), -MOST, MOST))
    order = np.argsort(-total, axis=1, kind="stable")
    leading = order[:, 0]
    rows = np.arange(total.shape[0])
    lead = total[rows, leading] - total[rows, order[:, 1]]
    is_error = leading == CLASSES.index(Hypothesis.DATA_ERROR)
    names = sorted(set(families))
    if Family.RECORD.value in names and contributions.shape[1] == len(names):
        error, at = RIVALS.index(Hypothesis.DATA_ERROR), names.index(Family.RECORD.value)
        others = np.delete(contributions[:, :, error], at, axis=1).max(axis=1, initial=0.0)
        settled = settled | (is_error & (contributions[:, at, error] > np.maximum(others, 0.0)))
    fine = (lead >= THRESHOLD) & settled
    with np.errstate(invalid="ignore"):
        fine &= ~(elevation < SMALLEST_RISE) | is_error
    alone_allowed = np.isin(leading, [CLASSES.index(h) for h in MAY_STAND_ALONE | {Hypothesis.ORGANIC}])
    for i, h in enumerate(RIVALS):
        here = leading == CLASSES.index(h)
        strongest = contributions[here, :, i].max(axis=1, initial=-np.inf)
        rest = contributions[here, :, i].sum(axis=1) - strongest
        fine[here] &= alone_allowed[here] | (rest >= WITHOUT_STRONGEST)
    inflated = leading == INFLATED
    code = np.where(fine & ~(inflated & (lead < inflated_from)), leading, INSUFFICIENT)
    return Named(code.astype(np.int64), leading.astype(np.int64), lead, fine & inflated)


def smallest_threshold(named: Named, innocent: npt.NDArray[np.bool_], *, allowed: float = ALLOWED) -> float:
    """Return the smallest lead (at least a ratio of 10) at which at most a share ``allowed`` of innocent cases is called inflated.

    Fewer than ``1 / allowed`` cases cannot show so small a share. An honest ratio falls off at least as 1/x, so a tail seen down to a
    share 1/n reaches ``allowed`` at most ``log10(1 / (n allowed))`` further up, and that much is added.
    """
    leads = np.sort(named.lead[named.open & innocent])[::-1]
    n = int(innocent.sum())
    most = int(np.floor(n * allowed + 1e-9))
    beyond = max(0.0, -np.log10(max(n, 1) * allowed))
    reached = leads[most] if leads.size > most else THRESHOLD
    return (
        float(max(THRESHOLD, np.ceil((reached + beyond) * 1e3 + 1) / 1e3)) if beyond or leads.size > most else THRESHOLD
    )
