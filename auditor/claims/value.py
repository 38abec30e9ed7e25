"""Claim ``value``: the subject reached a figure on a day."""

from typing import Any

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, claimed, judge, rows_on
from auditor.detectors.base import Scene
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "value"
REQUIRED = frozenset({"value"})
OPTIONAL = frozenset({"on", "tolerance", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the subject's figures; partial periods do not count."""
    interval = claimed(claim)
    rows, chosen = rows_on(scene, claim)
    subject = scene.subject
    usable = [r for r in rows if subject.status[r] != Status.PARTIAL]
    value = [float(subject.values[r]) for r in usable]
    low = [float(subject.low[r]) for r in usable]
    high = [float(subject.high[r]) for r in usable]
    days: list[Any] = [scene.day(r) for r in usable]
    status, nearest = judge(claim, interval, days, value, low, high)
    if nearest is None:
        status, measured = ClaimStatus.UNCHECKABLE, Message.of("claims.value.unknown", subject=subject.name)
    else:
        key = (
            "claims.value.any" if chosen == "any-day" and days[nearest] != scene.day(scene.peak) else "claims.value.one"
        )
        measured = Message.of(
            key,
            value=value[nearest],
            day=days[nearest],
            unit=scene.table.unit,
            peak=float(subject.values[scene.peak]),
            peak_day=scene.day(scene.peak),
        )
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        measured=measured,
        claimed=interval,
        value=None if nearest is None else value[nearest],
        low=None if nearest is None else low[nearest],
        high=None if nearest is None else high[nearest],
        data=Rows.of(date=days, value=value, low=low, high=high),
    )
