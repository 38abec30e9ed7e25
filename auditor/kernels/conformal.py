"""Conformal ranks: where a value stands among a reference sample, with nothing assumed but exchangeability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError

Floats = npt.NDArray[np.float64]
Alternative = Literal["greater", "less", "two-sided"]


@dataclass(frozen=True)
class ConformalRank:
    """Standing of one value among references.

    Attributes
    ----------
    value : float
        What was ranked.
    p : float
        Conservative p-value: ties count against the value. Under exchangeability ``P(p <= a) <= a`` for every a.
    mid_p : float
        The same with ties counted half: better centred, without that guarantee.
    rank : int
        1 + the number of references at least as extreme (1 = the most extreme of all).
    n_reference : int
        Finite references; with fewer than 1 / a - 1 of them, p never reaches a.
    n_peers : int
        Peers they came from (1 for a single sample).
    """

    value: float
    p: float
    mid_p: float
    rank: int
    n_reference: int
    n_peers: int = 1


def conformal_rank(value: float, reference: npt.ArrayLike, alternative: Alternative = "greater") -> ConformalRank:
    """Rank and conformal p-value ``(1 + #{reference >= value}) / (n + 1)`` of a value.

    Vovk, Gammerman & Shafer (2005), *Algorithmic Learning in a Random World*, section 2.2.

    Parameters
    ----------
    value : float
        The value examined, in the units of the references.
    reference : array_like
        Exchangeable values under "nothing special"; cells that are not finite are left out.
    alternative : str
        ``greater``: large values are extreme; ``less``: small ones; ``two-sided``: twice the smaller one-sided p, at
        most 1; its rank is that of the nearer end.

    Raises
    ------
    InputError
        If the value is not finite or no reference is.

    Examples
    --------
    >>> conformal_rank(3.0, [1.0, 2.0, 3.0, 4.0]).p
    0.6
    """
    return pooled_rank(value, [reference], alternative, weights="cell")


def pooled_rank(
    value: float,
    references: Sequence[npt.ArrayLike],
    alternative: Alternative = "greater",
    *,
    weights: Literal["peer", "cell"] = "peer",
) -> ConformalRank:
    """Rank and conformal p-value of a value among references pooled over peers.

    Parameters
    ----------
    value : float
        The value examined.
    references : sequence of array_like
        One sample per peer; peers without finite values are left out.
    alternative : str
        As in `conformal_rank`.
    weights : str
        ``peer``: each peer counts alike whatever its number of days, ``p = (1 + sum_k share_k) / (K + 1)`` with
        share_k the part of peer k's values at least as extreme. Valid if whole peers are exchangeable with the
        subject, however dependent the days of one peer are (Dunn, Wasserman & Ramdas 2023, JASA 118:2491); never
        below ``1 / (K + 1)``. ``cell``: all values pooled, valid only if every single cell is exchangeable.

    Raises
    ------
    InputError
        If the value is not finite or no reference is.
    """
    samples = [np.asarray(sample, dtype=np.float64).ravel() for sample in references]
    samples = [sample[np.isfinite(sample)] for sample in samples]
    samples = [sample for sample in samples if sample.size]
    if not np.isfinite(value):
        raise InputError(f"cannot rank {value}: not a finite value", hint="leave unobserved days out")
    if not samples:
        raise InputError("cannot rank a value among no references", hint="use more peers or a longer window")
    if alternative == "two-sided":
        sides = [pooled_rank(value, samples, side, weights=weights) for side in ("greater", "less")]
        nearer = min(sides, key=lambda side: side.p)
        p, mid = min(1.0, 2.0 * nearer.p), min(1.0, 2.0 * min(side.mid_p for side in sides))
        return ConformalRank(value, p, mid, nearer.rank, nearer.n_reference, nearer.n_peers)
    sign = 1.0 if alternative == "greater" else -1.0
    above = np.array([np.count_nonzero(sign * sample > sign * value) for sample in samples])
    ties = np.array([np.count_nonzero(sample == value) for sample in samples])
    size = np.array([sample.size for sample in samples])
    if weights == "peer":
        total, more, same = len(samples), float(np.sum(above / size)), float(np.sum(ties / size))
    else:
        total, more, same = int(size.sum()), float(above.sum()), float(ties.sum())
    return ConformalRank(
        value=float(value),
        p=(1.0 + more + same) / (total + 1.0),
        mid_p=(0.5 + more + 0.5 * same) / (total + 1.0),
        rank=1 + int(above.sum() + ties.sum()),
        n_reference=int(size.sum()),
        n_peers=len(samples),
    )
