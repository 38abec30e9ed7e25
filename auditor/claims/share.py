"""Claim ``share``: the subject had a share of its market."""

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, claimed, judge, rows_on
from auditor.detectors.base import Scene
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "share"
REQUIRED = frozenset({"value"})
OPTIONAL = frozenset({"on", "tolerance", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the share of the published market total (0.43 for 43 %); uncheckable without a total."""
    interval = claimed(claim)
    if not scene.table.has_total:
        return ClaimResult(claim.text, KIND, ClaimStatus.UNCHECKABLE, Message.of("claims.share.no_total"), interval)
    rows = [r for r in rows_on(scene, claim, default="peak")[0] if scene.subject.status[r] != Status.PARTIAL]
    days = [scene.day(r) for r in rows]
    total = [float(scene.table.total[r]) for r in rows]
    value = [float(scene.subject.values[r]) / t for r, t in zip(rows, total, strict=True)]
    low = [float(scene.subject.low[r]) / t for r, t in zip(rows, total, strict=True)]
    high = [float(scene.subject.high[r]) / t for r, t in zip(rows, total, strict=True)]
    status, nearest = judge(claim, interval, days, value, low, high)
    if nearest is None:
        status, measured = ClaimStatus.UNCHECKABLE, Message.of("claims.share.unknown", subject=scene.subject.name)
    else:
        measured = Message.of("claims.share.one", value=value[nearest], day=days[nearest], total=total[nearest])
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        measured=measured,
        claimed=interval,
        value=None if nearest is None else value[nearest],
        low=None if nearest is None else low[nearest],
        high=None if nearest is None else high[nearest],
        data=Rows.of(date=days, share=value, total=total),
    )
