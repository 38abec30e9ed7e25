"""Change points by other people's methods, for readers who want a second opinion on the dates.

They know levels only: no autocorrelation, no ramp, no line, no interval of a date. Persistent noise is met by the scale
or the penalty alone, which is why they are a choice and not the default. Measured, 40 series of log-usage each: any break without a change at
phi = 0 / .5 / .8, kernel: 0 / 5 / 20 % at n = 30 and 0 / 5 / 92 % at 365; squared error: 0 / 18 / 25 % and 0 / 5 / 18 %. A
doubling in the middle at phi = .5 is found in all series by the kernel, in 50 / 70 / 100 % at n = 30 / 90 / 365 by squared error.
"""

import math
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError
from auditor.kernels.robust import mad_scale, robust_ar1
from auditor.kernels.seasonal import fit_seasonal

Floats = npt.NDArray[np.float64]
Alternative = Literal["ruptures-kernelcpd", "ruptures-pelt"]

ALTERNATIVES: tuple[str, ...] = get_args(Alternative)

SHORTEST_SEGMENT = 5
"""Samples, as in the default model: shorter stretches are excursions, which these methods do not tell apart."""


def kernel_penalty(n: int) -> float:
    """Price of a change for the Gaussian kernel on data scaled to unit deviation: ``0.55 log n + 2``.

    The kernel's cost is bounded by 1 per sample, so that outliers buy nothing and the price hardly grows with n. Set on
    simulated series without change at phi = .5 (n = 30, 90, 365), where the 95 % points were 3.5, 5.2 and 5.2.

    >>> round(kernel_penalty(30), 1), round(kernel_penalty(365), 1)
    (3.9, 5.2)
    """
    return 0.55 * math.log(n) + 2.0


def square_penalty(n: int) -> float:
    """Price of a change for squared error in units of the long-run variance: ``4 log n``, twice that of Yao (1988).

    The doubling pays for the scale, which is estimated on the same series: at phi = .5 the 95 % points were 17 to 28.

    >>> round(square_penalty(365), 1)
    23.6
    """
    return 4.0 * math.log(n)


def change_dates(y: npt.ArrayLike, method: str, *, period: int | None = 7) -> tuple[int, ...]:
    """Find the changes of level of one series with `ruptures`.

    Parameters
    ----------
    y : array_like, shape (n,)
        Regular series on the scale where season and shifts add (logs for usage); NaN = not observed, left out.
    method : str
        ``ruptures-kernelcpd``: Gaussian kernel on the series scaled by its median absolute deviation, bandwidth 1
        (Arlot, Celisse & Harchaoui 2019, JMLR 20:162); ``ruptures-pelt``: squared error on the series scaled by its
        long-run deviation (Killick, Fearnhead & Eckley 2012, JASA 107:1590).
    period : int or None
        Samples per season; the robust profile is taken off first where the data support one.

    Returns
    -------
    tuple of int
        0-based sample numbers of the first observation of each new segment.

    Raises
    ------
    UsageError
        If the method is not one of `ALTERNATIVES`.
    """
    if method not in ALTERNATIVES:
        raise UsageError(f"no change-point method {method!r}", hint="use " + " or ".join(ALTERNATIVES))
    values = np.asarray(y, dtype=np.float64)
    season = fit_seasonal(values, period) if period is not None else None
    adjusted = season.adjusted if season is not None and season.supported else values
    seen = np.flatnonzero(np.isfinite(adjusted))
    if seen.size < 2 * SHORTEST_SEGMENT:
        return ()
    # Centred first: both lose precision far from zero.
    centred = adjusted[seen] - np.median(adjusted[seen])
    scale = float(mad_scale(centred)) if method == "ruptures-kernelcpd" else _long_run_scale(centred)
    if scale <= 0.0:
        return ()
    import ruptures

    column = (centred / scale)[:, None]
    if method == "ruptures-kernelcpd":
        fitted = ruptures.KernelCPD(kernel="rbf", min_size=SHORTEST_SEGMENT, params={"gamma": 0.5}).fit(column)
        found = fitted.predict(pen=kernel_penalty(seen.size))
    else:
        # jump=1: its default of 5 rounds the dates. Its pruning can lose a change when segments have a least length.
        fitted = ruptures.Pelt(model="l2", min_size=SHORTEST_SEGMENT, jump=1).fit(column)
        found = fitted.predict(pen=square_penalty(seen.size))
    return tuple(int(seen[i]) for i in found[:-1])


def _long_run_scale(centred: Floats) -> float:
    """Long-run deviation of AR(1) noise around levels, from differences that shifts hardly enter."""
    phi = min(robust_ar1(centred), 0.9)
    innovations = np.diff(centred[1:] - phi * centred[:-1])
    return float(mad_scale(innovations)) / math.sqrt(2.0) / (1.0 - phi)
