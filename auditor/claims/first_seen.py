"""Claim ``first_seen``: the subject appeared on a date."""

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus
from auditor.detectors.base import Scene
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "first_seen"
REQUIRED = frozenset({"date"})
OPTIONAL = frozenset({"tolerance_days"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the first day on which any of the subject's ids has a published figure.

    A first figure after the claimed day does not contradict it where the subject could have been below the cut-off or
    unpublished before; a first figure before the claimed day does.
    """
    import pandas as pd

    date = pd.Timestamp(str(claim.get("date")))
    slack = pd.Timedelta(days=float(claim.get("tolerance_days", 0)))
    subject, first = scene.subject, scene.subject.first_seen
    assert first is not None  # the window was checked to hold a figure
    seen = subject.dates[first]
    data = Rows.of(id=list(subject.parts), first_seen=[_first(scene, i) for i in range(len(subject.parts))])
    if abs(seen - date) <= slack:
        status, key = ClaimStatus.SUPPORTED, "claims.first_seen.same"
    elif seen < date:
        status, key = ClaimStatus.CONTRADICTED, "claims.first_seen.earlier"
    elif date < subject.dates[0]:
        status, key = ClaimStatus.UNCHECKABLE, "claims.first_seen.before_record"
    else:
        hidden = subject.status[(subject.dates >= date - slack) & (subject.dates < seen)]
        below = bool((hidden == Status.CENSORED).any())
        status, key = ClaimStatus.UNCHECKABLE, "claims.first_seen.below" if below else "claims.first_seen.unpublished"
    return ClaimResult(
        text=claim.text,
        kind=KIND,
        status=status,
        data=data,
        measured=Message.of(
            key, day=seen.to_pydatetime(), claimed=date.to_pydatetime(), value=float(subject.values[first])
        ),
    )


def _first(scene: Scene, part: int) -> object:
    import numpy as np

    known = np.flatnonzero(np.isfinite(scene.subject.part_values[:, part]))
    return scene.day(int(known[0])) if known.size else None
