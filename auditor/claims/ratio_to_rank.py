"""Claim ``ratio_to_rank``: the subject had so many times what the n-th placed had."""

import numpy as np

from auditor.case import Claim
from auditor.claims.base import ClaimResult, ClaimStatus, claimed, judge, rows_on
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Rows
from auditor.observations import Status
from auditor.texts.message import Message

KIND = "ratio_to_rank"
REQUIRED = frozenset({"value", "rank"})
OPTIONAL = frozenset({"on", "tolerance", "at_least", "at_most"})


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Compare with the ratio to the entity at that rank (the subject itself counts as one place).

    Where the claim names no day, it is checked on the day nearest to the figure that the case's own ``value`` claim names, and
    on the peak: those are the days such a sentence can be about.
    """
    interval = claimed(claim)
    rank = claim.get("rank")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise UsageError(f"the claim {claim.text!r} has the rank {rank!r}", hint="write rank: 2 for the runner-up")
    rows = rows_on(scene, claim)[0] if claim.get("on") else _days_spoken_of(scene)
    days, value, low, high, names = [], [], [], [], []
    for row in rows:
        other, other_low, other_high, name = _at_rank(scene, row, rank)
        known = scene.subject.status[row] != Status.PARTIAL and other > 0
        days.append(scene.day(row))
        names.append(name)
        value.append(float(scene.subject.values[row] / other) if known else float("nan"))
        low.append(float(scene.subject.low[row] / other_high) if known else float("nan"))
        high.append(float(scene.subject.high[row] / other_low) if known and other_low > 0 else float("nan"))
    status, nearest = judge(claim, interval, days, value, low, high)
    if nearest is None:
        measured = Message.of("claims.ratio_to_rank.unknown", rank=rank)
        status = ClaimStatus.UNCHECKABLE
    else:
        first, last = 0, len(rows) - 1
        key = "claims.ratio_to_rank.two" if last > first else "claims.ratio_to_rank.one"
        measured = Message.of(
            key,
            rank=rank,
            value=value[first],
            day=days[first],
            name=names[first],
            value2=value[last],
            day2=days[last],
            name2=names[last],
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
        data=Rows.of(date=days, compared_with=names, ratio=value, low=low, high=high),
    )


def _days_spoken_of(scene: Scene) -> list[int]:
    """Rows of the peak, and of the days nearest to the figures that the case's ``value`` claims name."""
    rows = {scene.peak}
    for other in scene.case.claims:
        if other.kind == "value":
            interval = claimed(other)
            matching = [
                row
                for row in rows_on(scene, other)[0]
                if scene.subject.settled[row] and interval.meets(scene.subject.low[row], scene.subject.high[row])
            ]
            if matching:
                rows.add(min(matching, key=lambda row: abs(float(scene.subject.values[row]) - interval.value)))
    return sorted(rows)


def _at_rank(scene: Scene, row: int, rank: int) -> tuple[float, float, float, str]:
    """Value, interval and name at a rank on a day; NaN where the list does not reach so far."""
    table = scene.table.without(scene.subject.parts)
    values = np.append(table.values[row], scene.subject.values[row])
    low = np.append(table.low[row], scene.subject.low[row])
    high = np.append(table.high[row], scene.subject.high[row])
    names = (*table.entities, scene.subject.name)
    order = np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable")
    if rank > int(np.isfinite(values).sum()):
        return float("nan"), float("nan"), float("nan"), ""
    at = int(order[rank - 1])
    return float(values[at]), float(low[at]), float(high[at]), names[at]
