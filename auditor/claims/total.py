"""Claim ``total``: the subject (or the whole market) summed to a figure over the window."""

import numpy as np

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, claimed, judge
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Rows
from auditor.texts.message import Message

KIND = "total"
REQUIRED = frozenset({"value"})
OPTIONAL = frozenset({"of", "from", "to", "tolerance", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the sum over ``from``..``to`` (default: the window) of the subject, or of the market (``of: market``)."""
    interval = claimed(claim)
    of = claim.get("of", "subject")
    if of not in {"subject", "market"}:
        raise UsageError(
            f"the claim {claim.text!r} asks for the total of {of!r}", hint="write of: subject or of: market"
        )
    first, last = scene.window.start, scene.window.stop - 1
    for name in ("from", "to"):
        if claim.get(name) is not None:
            row = scene.table.position(str(claim.get(name)))
            if row is None:
                raise UsageError(
                    f"the claim {claim.text!r} names {claim.get(name)}, which the figures do not hold",
                    hint="use dates inside the input",
                )
            first, last = (row, last) if name == "from" else (first, row)
    rows = slice(first, last + 1)
    if of == "market":
        value = low = high = float(scene.table.total[rows].sum())
    else:
        value = float(np.nansum(np.where(scene.subject.settled, scene.subject.values, np.nan)[rows]))
        low = float(scene.subject.low[rows].sum())
        high = float(scene.subject.high[rows].sum())
        if not scene.subject.settled[rows].all():
            value = value if low == high else float("nan")
    days = [scene.day(last)]
    status, nearest = judge(claim, interval, days, [value], [low], [high])
    if nearest is None:
        known = np.isfinite(low) and np.isfinite(high)
        measured = Message.of(
            "claims.total.between" if known else "claims.total.unknown",
            low=low,
            high=high,
            start=scene.day(first),
            end=scene.day(last),
        )
    else:
        measured = Message.of("claims.total.one", value=value, start=scene.day(first), end=scene.day(last))
    if not np.isfinite(low):
        status = ClaimStatus.UNCHECKABLE
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        measured=measured,
        claimed=interval,
        value=value if np.isfinite(value) else None,
        low=low,
        high=high,
        data=Rows.of(start=[scene.day(first)], end=days, low=[low], high=[high]),
    )
