"""Claim ``growth``: the subject grew by so much between two dates."""

import math

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, claimed, judge
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "growth"
REQUIRED = frozenset({"value", "from", "to"})
OPTIONAL = frozenset({"tolerance", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with value(to) / value(from) - 1: 13.56 for +1,356 %. A censored start gives a lower bound."""
    interval = claimed(claim)
    rows = []
    for name in ("from", "to"):
        row = scene.table.position(str(claim.get(name)))
        if row is None:
            raise UsageError(
                f"the claim {claim.text!r} names {claim.get(name)}, which the figures do not hold",
                hint="use two dates inside the input",
            )
        rows.append(row)
    start, end = rows
    subject = scene.subject
    value = float(subject.values[end] / subject.values[start] - 1) if subject.values[start] > 0 else float("nan")
    low = float(subject.low[end] / subject.high[start] - 1) if subject.high[start] > 0 else float("nan")
    high = float(subject.high[end] / subject.low[start] - 1) if subject.low[start] > 0 else float("inf")
    settled = bool(subject.settled[end]) and bool(subject.settled[start] or subject.status[start] == Status.CENSORED)
    known_high = min(high, 1e12) if settled else float("nan")
    status, nearest = judge(
        claim, interval, [scene.day(end)], [value], [low if settled else float("nan")], [known_high]
    )
    if nearest is None:
        key = "claims.growth.at_least" if settled and not math.isnan(low) else "claims.growth.unknown"
        measured = Message.of(key, low=low, start=scene.day(start), end=scene.day(end))
        status = ClaimStatus.UNCHECKABLE if status is not ClaimStatus.CONTRADICTED else status
    else:
        measured = Message.of(
            "claims.growth.one",
            value=value,
            start=scene.day(start),
            end=scene.day(end),
            before=float(subject.values[start]),
            after=float(subject.values[end]),
        )
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        measured=measured,
        claimed=interval,
        value=None if math.isnan(value) else value,
        low=low,
        high=high,
        data=Rows.of(date=[scene.day(start), scene.day(end)], value=[subject.values[start], subject.values[end]]),
    )
