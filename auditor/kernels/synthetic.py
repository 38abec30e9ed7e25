"""Synthetic control with placebo ranks: what would the series have done, judged by its peers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, UsageError
from auditor.kernels.conformal import Alternative, conformal_rank

Floats = npt.NDArray[np.float64]

MIN_PRE = 8
"""Fewest usable days before the window."""

MIN_DONORS = 4
"""Fewest usable donors: with fewer, neither weights nor ranks mean anything."""

PRIOR_DAYS = 14.0
"""Weight, in days, of the donors' median fit error in each unit's own: a short fit may look perfect by luck."""


@dataclass(frozen=True)
class SyntheticControl:
    """A counterfactual and its rank among placebos.

    Attributes
    ----------
    weights : ndarray, shape (p,)
        Non-negative weight of each donor; 0 for those dropped.
    counterfactual : ndarray, shape (n,)
        Synthetic series on all days, in the units of the target; NaN where a weighted donor is not observed.
    gap : ndarray, shape (n,)
        Target minus counterfactual.
    effect : float
        Mean gap over the window; ``exp(effect)`` is a fold if the data are natural logarithms.
    pre_rmse : float
        Root mean square gap before the window.
    statistic : float
        Studentised effect that is ranked.
    placebo_statistics : ndarray, shape (n_placebo,)
        The same of each usable donor in the role of target.
    p, rank, n_placebo : float, int, int
        ``rank / (n_placebo + 1)``; rank 1 is the most extreme.
    dropped : mapping of int to str
        Donors left out, by column, each with the reason.
    n_pre : int
        Usable days before the window.
    """

    weights: Floats
    counterfactual: Floats
    gap: Floats
    effect: float
    pre_rmse: float
    statistic: float
    placebo_statistics: Floats
    p: float
    rank: int
    n_placebo: int
    dropped: Mapping[int, str]
    n_pre: int


def synthetic_control(
    target: npt.ArrayLike,
    donors: npt.ArrayLike,
    window: tuple[int, int],
    *,
    pre_days: int | None = None,
    censored: npt.ArrayLike | None = None,
    exclude: Mapping[int, str] | None = None,
    max_missing: float = 0.1,
    alternative: Alternative = "two-sided",
) -> SyntheticControl:
    """Non-negative synthetic control of one series, ranked among the same computed for every donor.

    Target and donors are centred on their means before the window, weights come from non-negative least squares
    there (Abadie, Diamond & Hainmueller 2010, JASA 105:493; with an intercept and without the sum constraint:
    Doudchenko & Imbens 2016), and the statistic is the mean gap in the window over the fit error before it, shrunk
    towards the median fit error (as in the moderated t of Smyth 2004). No variance model enters the p-value: each
    donor takes the target's place, with the other donors and without the target, and the target's statistic is
    ranked among theirs.

    Parameters
    ----------
    target : array_like, shape (n,)
        Series examined; NaN = not observed. Use logarithms for usage.
    donors : array_like, shape (n, p)
        Peers on the same days and scale.
    window : tuple of int
        First day examined and first day after; all days before it (at most ``pre_days``) train the weights.
    pre_days : int, optional
        Longest training stretch.
    censored : array_like of bool, shape (n, p), optional
        Donor cells known only as bounds; counted as not observed, never as zero.
    exclude : mapping of int to str, optional
        Donor columns known to be affected themselves, each with the reason.
    max_missing : float
        A donor may lack this share of the training days (those days are masked for all); none of the window.
    alternative : str
        ``two-sided``, ``greater`` or ``less``. Two-sided ranks the absolute statistic.

    Raises
    ------
    UsageError
        If shapes or the window do not fit.
    InputError
        If fewer than 8 training days, 4 usable donors or one observed day of the window remain.
    """
    y, x = np.array(target, dtype=np.float64), np.array(donors, dtype=np.float64)
    first, last = window
    if y.ndim != 1 or x.ndim != 2 or x.shape[0] != y.size:
        raise UsageError(f"target has shape {y.shape} and donors {x.shape}; (n,) and (n, p) are needed")
    if not 0 <= first < last <= y.size:
        raise UsageError(f"window {window} does not lie in a series of {y.size} days")
    if censored is not None:
        x[np.asarray(censored, dtype=bool)] = np.nan
    start = 0 if pre_days is None else max(0, first - pre_days)
    pre = np.zeros(y.size, dtype=bool)
    pre[start:first] = np.isfinite(y[start:first])
    post = np.zeros(y.size, dtype=bool)
    post[first:last] = np.isfinite(y[first:last])
    dropped = _unusable(x, pre, post, dict(exclude or {}), max_missing)
    used = np.array([j for j in range(x.shape[1]) if j not in dropped], dtype=int)
    if used.size:
        pre &= np.isfinite(x[:, used]).all(axis=1)
    n_pre = int(pre.sum())
    if n_pre < MIN_PRE or used.size < MIN_DONORS or not post.any():
        raise InputError(
            f"{n_pre} training days, {used.size} donors and {int(post.sum())} window days are usable; "
            f"{MIN_PRE}, {MIN_DONORS} and 1 are needed",
            hint="use a longer history or more peers",
        )
    units = np.column_stack([y, x[:, used]])
    units = units - units[pre].mean(axis=0)
    effects, errors, weights = _gaps(units, pre, post)
    statistics = _studentised(effects, errors, n_pre)
    ranked = np.abs(statistics) if alternative == "two-sided" else statistics
    side: Alternative = "greater" if alternative == "two-sided" else alternative
    standing = conformal_rank(float(ranked[0]), ranked[1:], side)
    full = np.zeros(x.shape[1])
    full[used] = weights
    carried = used[weights > 0.0]
    counterfactual = y[pre].mean() + (x[:, carried] - x[pre][:, carried].mean(axis=0)) @ full[carried]
    return SyntheticControl(
        weights=full,
        counterfactual=counterfactual,
        gap=y - counterfactual,
        effect=float(effects[0]),
        pre_rmse=float(errors[0]),
        statistic=float(statistics[0]),
        placebo_statistics=statistics[1:],
        p=standing.p,
        rank=standing.rank,
        n_placebo=standing.n_reference,
        dropped=dropped,
        n_pre=n_pre,
    )


def _studentised(effects: Floats, errors: Floats, n_pre: int) -> Floats:
    """Effects over their fit errors, shrunk towards the median fit error."""
    shrunk = np.sqrt((n_pre * errors**2 + PRIOR_DAYS * float(np.median(errors**2))) / (n_pre + PRIOR_DAYS))
    return np.asarray(effects / np.maximum(shrunk, 1e-12))


def _unusable(
    x: Floats, pre: npt.NDArray[np.bool_], post: npt.NDArray[np.bool_], dropped: dict[int, str], max_missing: float
) -> dict[int, str]:
    """Reasons to leave donors out, by column; ``dropped`` holds the caller's own."""
    for j in range(x.shape[1]):
        if j in dropped:
            continue
        holes, train = ~np.isfinite(x[:, j]), int(pre.sum())
        if holes[post].any():
            dropped[j] = f"{int(holes[post].sum())} of {int(post.sum())} window days not observed"
        elif not (pre & ~holes).any():
            dropped[j] = "no training day observed"
        elif holes[pre].sum() > max_missing * train:
            dropped[j] = f"{int(holes[pre].sum())} of {train} training days not observed"
        elif np.ptp(x[pre & ~holes, j], axis=0) <= 0.0:
            dropped[j] = "constant over the training days"
    return dropped


def _gaps(units: Floats, pre: npt.NDArray[np.bool_], post: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Mean window gap and training error of every unit (the target first), and the target's weights."""
    from scipy.optimize import nnls

    train, test = units[pre], units[post]
    effects, errors = np.empty(units.shape[1]), np.empty(units.shape[1])
    weights = np.zeros(units.shape[1] - 1)
    for unit in range(units.shape[1]):
        others = np.array([j for j in range(1, units.shape[1]) if j != unit])
        solution, norm = nnls(train[:, others], train[:, unit])
        errors[unit] = norm / np.sqrt(train.shape[0])
        effects[unit] = float(np.mean(test[:, unit] - test[:, others] @ solution))
        if unit == 0:
            weights = solution
    return effects, errors, weights
