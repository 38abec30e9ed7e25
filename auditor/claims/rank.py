"""Claim ``rank``: the subject held a place."""

import numpy as np

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, Interval, judge, rows_on
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "rank"
REQUIRED = frozenset({"rank"})
OPTIONAL = frozenset({"on", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the subject's rank among the listed entities; below the cut-off only a bound is known."""
    rank = claim.get("rank")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise UsageError(f"the claim {claim.text!r} has the rank {rank!r}", hint="write rank: 1 for the first place")
    rows = [r for r in rows_on(scene, claim)[0] if scene.subject.status[r] != Status.PARTIAL]
    peers = scene.table.without(scene.subject.parts).values[rows]
    own = scene.subject.values[rows]
    listed = np.isfinite(peers).sum(axis=1)
    with np.errstate(invalid="ignore"):
        value = np.where(np.isfinite(own), 1 + (peers > own[:, None]).sum(axis=1), np.nan)
    low = np.where(np.isfinite(own), value, listed + 1.0)
    high = np.where(np.isfinite(own), value, np.inf)
    days = [scene.day(r) for r in rows]
    status, nearest = judge(
        claim, Interval(rank, rank, rank), days, list(value), list(low), list(np.minimum(high, 1e9))
    )
    if nearest is None:
        status, measured = ClaimStatus.UNCHECKABLE, Message.of("claims.rank.unknown", subject=scene.subject.name)
    else:
        measured = Message.of(
            "claims.rank.one", value=int(value[nearest]), day=days[nearest], n=int(listed[nearest]) + 1
        )
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        measured=measured,
        claimed=Interval(rank, rank, rank),
        value=None if nearest is None else float(value[nearest]),
        data=Rows.of(date=days, rank=list(value)),
    )
