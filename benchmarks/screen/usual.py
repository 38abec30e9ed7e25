"""The pipeline of the usual defaults, one series at a time."""

import warnings

import numpy as np
import numpy.typing as npt

RBF_PENALTIES = (3.0, 10.0)
"""Prices of a change for ``Pelt(model="rbf")`` that examples use. The lower one prunes more, so it is timed."""


def usual_defaults(
    values: npt.NDArray[np.float64], penalty: float = RBF_PENALTIES[0]
) -> tuple[list[int], npt.NDArray[np.bool_]]:
    """Decompose, segment and find outliers as tutorials do: robust STL, Pelt with an rbf cost, isolation forest.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Daily volume.
    penalty : float
        Price of a change.

    Returns
    -------
    changes : list of int
        First days of new segments.
    outliers : ndarray of bool, shape (n,)
        Days the forest isolates, on the residuals of the decomposition.
    """
    import ruptures
    from sklearn.ensemble import IsolationForest
    from statsmodels.tsa.seasonal import STL

    logs = np.log(values)
    parts = STL(logs, period=7, robust=True).fit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changes = ruptures.Pelt(model="rbf").fit(logs - parts.seasonal).predict(pen=penalty)
    forest = IsolationForest(random_state=0).fit_predict(np.asarray(parts.resid)[:, None])
    return [int(c) for c in changes[:-1]], forest < 0
