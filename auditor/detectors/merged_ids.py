"""AUD176 asks whether another id left the list on the day on which the subject rose by that id's volume, or the reverse.

On each row an id counts as gone when it was listed before and is not afterwards (or fell to a fiftieth). With ``a`` the subject's
level and ``b`` the other id's before that row, a merger predicts the level ``a + b`` afterwards, and its absence the level ``a``; both
are compared by twice the log ratio of a normal density to a heavy-tailed one, with the scatter that such changes of level have for
the entity. A subject that appears on that row is compared with the level of the id that left (a rename). Reversing time gives splits. The best id and row of
the window are ranked among the best of every entity in every other stretch of the same length, so that the number of ids and of
days is in the reference.

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.changes import column_medians
from auditor.detectors.metrics import settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD176", name="merged_ids", family=Family.RECORD)

#: Periods on either side of a row that form a level, and fewest of them.
SIDE, FEWEST_SIDE = 7, 3

#: An id counts as gone when its level falls to this part of what it was, or it is no longer listed.
GONE = 0.02

#: Volume of the other id, relative to the subject's, below which a merger could not be told from an ordinary day.
SMALLEST = 0.05

#: A volume this near to the smallest listed one may have sunk below the list without anything else happening.
ABOVE_CUT = 1.15

#: Chance, per unit of log change, that is always left for a step of any size: large steps happen for other reasons too.
ANY_STEP = 0.05

#: Scatter of a change of level that is never gone below: two levels rarely agree better than this by anything but chance.
LEAST_SCATTER = 0.03

#: Score from which a merger, split or rename is named (twice the log ratio), and the share of chance matches below which it is.
NAMED, RARE = 3.0, 0.05

#: Distance in days within which a stated rename is taken to be the same.
NEAR = 3


@dataclass(frozen=True, eq=False)
class _Levels:
    """Levels before and from each row on, shape (T, N), NaN where too few periods are known; time may run backwards."""

    before: Floats
    after: Floats
    listed_before: npt.NDArray[np.bool_]
    absent_after: npt.NDArray[np.bool_]
    cutoff: Floats


@dataclass(frozen=True, eq=False)
class _Match:
    """Best other id for every entity and row: score (0 where there is none) and its column, shape (T, N)."""

    score: Floats
    other: npt.NDArray[np.intp]


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Look for an id whose vanished (or appeared) volume the subject's step equals."""
    name = scene.subject.name
    own = np.where(scene.subject.settled, scene.subject.values, np.nan)
    others = settled(scene.table.without(scene.subject.parts))
    names = (name, *(e for e in scene.table.entities if e not in set(scene.subject.parts)))
    values = np.column_stack([own, others])
    values = np.where(np.nan_to_num(values) > 0, values, np.nan)
    published = np.isfinite(values).any(axis=1)
    if values.shape[1] < 2:
        return RULE.not_applicable("alone", subject=name)
    if published.sum() < 2 * FEWEST_SIDE:
        return RULE.not_applicable("too_short", n=int(published.sum()), least=2 * FEWEST_SIDE)
    forward = _levels(values, scene.table.cutoff)
    merged = _matches(forward)
    split = _turned(_matches(_levels(values[::-1], scene.table.cutoff[::-1])))
    score = np.maximum(merged.score, split.score)
    window = scene.window
    rows = np.arange(max(window.start, 1), window.stop)
    if not rows.size:
        return RULE.not_applicable("first_period", subject=name)
    row = int(rows[np.argmax(score[rows, 0])])
    value = float(score[row, 0])
    listed = np.isfinite(forward.before) | np.isfinite(forward.after)
    reference = _references(score, listed, window)
    if not reference.size:
        return RULE.not_applicable("too_short", n=int(published.sum()), least=2 * FEWEST_SIDE)
    place = conformal_rank(value, reference, "greater")
    return [_finding(scene, values, names, forward, row, value, place.p, place.rank, reference, merged, split)]


def _finding(
    scene: Scene,
    values: Floats,
    names: tuple[str, ...],
    levels: _Levels,
    row: int,
    value: float,
    p: float,
    rank: int,
    reference: Floats,
    merged: _Match,
    split: _Match,
) -> Finding:
    forwards = merged.score[row, 0] >= split.score[row, 0]
    other = int((merged if forwards else split).other[row, 0])
    kind, said = "none", {}
    figures = {"score": value, "ids": float(len(names) - 1)}
    stated = _stated(scene, row)
    if value >= NAMED and p <= RARE:
        a, b = levels.before[row, 0], levels.after[row, 0]
        moved = float(levels.before[row, other] if forwards else levels.after[row, other])
        kind = (
            "merged"
            if forwards and np.isfinite(a)
            else "renamed"
            if forwards
            else "split"
            if np.isfinite(b)
            else "renamed_to"
        )
        step = float(np.nan_to_num(b) - np.nan_to_num(a))
        said = {"other": names[other], "moved": moved, "step": abs(step)}
        figures |= {"step": step, "moved": moved, "row": float(row)}
    variant = kind if kind == "none" or stated is None else "stated"
    key = f"{kind}_stated" if variant == "stated" else kind
    n = int(reference.size)
    limits = [Message.of("AUD176.limit_total"), Message.of("AUD176.limit_list")]
    if min(row, len(values) - row) < SIDE:
        limits.append(Message.of("AUD176.limit_edge", n=min(row, len(values) - row)))
    shown = np.arange(max(0, row - SIDE), min(len(values), row + SIDE))
    with np.errstate(all="ignore"):
        total = [float(np.nansum(v)) for v in (levels.before[row], levels.after[row])]
    figures |= {"listed_before": total[0], "listed_after": total[1]}
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=scene.subject.name,
        window=scene.span,
        statement=Message.of(
            f"AUD176.{key}",
            subject=scene.subject.name,
            day=scene.day(row),
            eve=scene.day(max(0, row - 1)),
            n=n,
            count=int((reference >= value).sum()),
            source=stated or "",
            ids=len(names) - 1,
            **said,
        ),
        statistic=Statistic(
            name="twice the log ratio of a merged to an ordinary level",
            value=value,
            unit="log ratio",
            reference=Message.of("AUD176.reference", n=n),
            n_reference=n,
            rank=rank,
            p=p,
        ),
        variant=variant,
        severity=Severity.INFO
        if kind == "none" or stated is not None
        else Severity.HIGH
        if p <= 0.01
        else Severity.MEDIUM,
        confidence=Confidence.LOW
        if n < 50
        else Confidence.HIGH
        if kind != "none" and value >= 3 * NAMED
        else Confidence.MEDIUM,
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(int(r)) for r in shown],
            subject=values[shown, 0],
            other=values[shown, other] if kind != "none" else np.full(shown.size, np.nan),
        ),
        figures=MappingProxyType(figures),
    )


def _stated(scene: Scene, row: int) -> str | None:
    """Return what the case says of a rename near a row; None where it says nothing."""
    for event in scene.case.events_of(EventKind.RENAME):
        if abs((event.date - scene.day(row)).days) <= NEAR:
            return event.source or event.note or "case"
    return None


def _levels(values: Floats, cutoff: Floats) -> _Levels:
    """Median of up to seven known periods before and from each row on."""
    t, n = values.shape
    padded = np.full((t + 2 * SIDE, n), np.nan)
    padded[SIDE : SIDE + t] = values
    windows = np.lib.stride_tricks.sliding_window_view(padded, SIDE, axis=0)  # (t + SIDE + 1, n, SIDE)
    stacked = windows.transpose(2, 0, 1).reshape(SIDE, -1)
    middle = column_medians(stacked).reshape(-1, n)
    known = np.isfinite(stacked).sum(axis=0).reshape(-1, n)
    published = np.isfinite(padded).any(axis=1)
    rows = np.lib.stride_tricks.sliding_window_view(published, SIDE).sum(axis=1)
    before, after = middle[:t], middle[SIDE : SIDE + t]
    right_before = np.vstack([np.zeros((1, n), dtype=bool), np.isfinite(values[:-1])])
    kb, ka = known[:t], known[SIDE : SIDE + t]
    # Every published period of the days that follow lacks the id.
    absent = (ka == 0) & (rows[SIDE : SIDE + t] >= 1)[:, None]
    least = np.minimum(FEWEST_SIDE, np.maximum(rows[SIDE : SIDE + t], 1))[:, None]
    return _Levels(
        before=np.where((kb >= FEWEST_SIDE) & right_before, before, np.nan),
        after=np.where((ka >= least) & np.isfinite(values), after, np.nan),
        listed_before=right_before & (kb >= FEWEST_SIDE),
        absent_after=absent,
        cutoff=cutoff,
    )


def _matches(levels: _Levels) -> _Match:
    """Score every entity against every id that leaves on a row, as a merger or a rename."""
    before, after = levels.before, levels.after
    t, n = before.shape
    both = np.isfinite(before) & np.isfinite(after)
    steps = np.where(both, np.log(np.where(both, after, 1.0)) - np.log(np.where(both, before, 1.0)), np.nan)
    common = np.nan_to_num(column_medians(steps.T))
    free = steps - common[:, None]
    own = MAD_TO_SIGMA * column_medians(np.abs(free))
    known = own[np.isfinite(own)]
    typical = float(np.median(known)) if known.size else 0.3
    scatter = np.maximum(np.where(np.isfinite(own), np.maximum(own, 0.5 * typical), typical), LEAST_SCATTER)
    sizes = np.log(before[np.isfinite(before)])
    middle, spread = (float(np.median(sizes)), max(float(sizes.std()), 0.5)) if sizes.size else (0.0, 1.0)
    fallen = np.isfinite(before) & (
        (both & (np.nan_to_num(after) <= GONE * np.nan_to_num(before))) | (levels.absent_after & levels.listed_before)
    )
    new = np.isfinite(after) & ~levels.listed_before
    score, other = np.zeros((t, n)), np.zeros((t, n), dtype=np.intp)
    for row, column in zip(*np.nonzero(fallen), strict=True):
        moved = before[row, column]
        cut = levels.cutoff[row] if np.isfinite(levels.cutoff[row]) else 0.0
        if moved < ABOVE_CUT * cut and levels.absent_after[row, column]:
            continue  # it may have sunk just below the list
        fit = both[row] & (moved >= SMALLEST * np.nan_to_num(before[row]))
        a = np.where(fit, before[row], 1.0)
        whole = np.log(a + moved)
        gap = np.where(fit, np.log(np.where(fit, after[row], 1.0)) - common[row] - whole, 0.0)
        share = moved / (a + moved)
        joint = np.sqrt(((1 - share) * scatter) ** 2 + (share * scatter[column]) ** 2)
        joint = np.maximum(joint, LEAST_SCATTER)
        # Without a merger a step this large has fatter tails than a normal density: a Student density with three degrees.
        ordinary = 2.0 * np.log(
            0.37 / scatter * (1.0 + (np.nan_to_num(free[row]) / scatter) ** 2 / 3.0) ** -2.0 + ANY_STEP
        )
        found = -((gap / joint) ** 2) - 2.0 * np.log(joint) + 2.0 * np.log(0.4) - ordinary
        joined = np.where(fit & (np.nan_to_num(free[row]) > 0), found, 0.0)
        if new[row].any():
            gone = np.log(moved)
            level = np.where(new[row], np.log(np.where(new[row], after[row], 1.0)), 0.0)
            joint = max(float(np.hypot(scatter[column], typical)), LEAST_SCATTER)
            rename = 2.0 * np.log(spread / joint) + ((level - middle) / spread) ** 2 - ((level - gone) / joint) ** 2
            joined = np.where(new[row], rename, joined)
        joined[column] = 0.0
        better = joined > score[row]
        score[row] = np.where(better, joined, score[row])
        other[row] = np.where(better, column, other[row])
    return _Match(score, other)


def _turned(match: _Match) -> _Match:
    """Turn matches found with time reversed: what left there after a row appeared here on the row before it."""
    score, other = np.zeros_like(match.score), np.zeros_like(match.other)
    score[1:], other[1:] = match.score[:0:-1], match.other[:0:-1]
    return _Match(score, other)


def _references(score: Floats, listed: npt.NDArray[np.bool_], window: slice) -> Floats:
    """Best score of every entity in stretches as long as the window, outside it, where it was listed on half of the rows or more.

    The partner of a merger in the window is found there with the same step, so that stretch is left out for all.
    """
    length = window.stop - window.start
    firsts = [*range(window.start - length, 0, -length), *range(window.stop, score.shape[0] - length + 1, length)]
    blocks = [slice(max(1, f), f + length) for f in firsts]
    kept = [score[b].max(axis=0)[2 * listed[b].sum(axis=0) >= b.stop - b.start] for b in blocks]
    return np.concatenate(kept) if kept else np.zeros(0)
