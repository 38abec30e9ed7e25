"""AUD177 asks whether a period of the window was still running when it was read.

A period that was not over understates every entity by nearly the same factor, its share of the period's usual volume. Each
entity's figure is compared with its recent level (the median of its last three days or hours) times the change that is usual at
that weekday or hour. The weighted median of the log ratios is the common change of the period; the weighted median distance from it is the
dispersion between entities. One entity's fall moves neither; a holiday moves entities by unlike factors and widens the dispersion.
The statistic is the common fall in robust standard deviations of earlier periods, divided by how much the dispersion exceeds its usual
size, and is ranked among earlier stretches as long as the window.

Unsettled periods are read on purpose: they are what is looked for.

References
----------
Koenig, E. F., Dolmas, S., Piger, J. (2003). The use and abuse of real-time data in economic forecasting. Review of Economics and
Statistics 85, 618-628. doi:10.1162/003465303322369768
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.observations import Frequency, Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RULE = Rule(id="AUD177", name="incomplete_day", family=Family.RECORD)

#: Entities needed on the period, cycles (weeks of days, days of hours) that the record must hold, and earlier periods to rank among.
FEWEST, CYCLES, LEAST_REFERENCE = 8, 3, 10

#: Entities read at most (the largest), and periods of history; more of either changes no median by much.
MOST_ENTITIES, MOST_HISTORY = 400, 400

#: Periods whose median is an entity's level (three: one wrong period among them moves it little), and same places of the season
#: that make up what is usual for one.
RECENT, FEWEST_RECENT, SEASONS = 3, 2, 6

#: Scatter of the common change, and dispersion, that are never gone below: figures that never move would make any change infinite.
LEAST_SCATTER = 0.01

#: Statistic from which a period is named, share of a whole one below which it is, and p below which it is (or no earlier one is as short).
NAMED, SHORT, RARE = 4.0, 0.85, 0.05

#: An entity shares the fall when its own is at least this part of it; so many (by weight) must.
HALF, NEARLY_ALL = 0.5, 0.7

#: The total's fall may differ from the common one by this part of it.
TOTAL_AGREES = 0.5

SEVERITY = MappingProxyType({"last": Severity.HIGH, "inside": Severity.MEDIUM, "none": Severity.INFO})


@dataclass(frozen=True, eq=False)
class _Days:
    """Per period, shape (T,): common log change, dispersion, entities read, and the statistic; entities' changes (T, N).

    ``weights``, shape (N,), are the inverse variances of the entities' own changes. ``total`` is the log change of the sum of all,
    ``step`` the common log ratio to the period before, less what is usual there.
    """

    common: Floats
    spread: Floats
    n: npt.NDArray[np.int64]
    score: Floats
    total: Floats
    step: Floats
    changes: Floats
    weights: Floats
    columns: npt.NDArray[np.intp]


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Look for a period of the window that every entity understates by one factor.

    Returns
    -------
    list of Finding
        Variant ``last`` (the period ends the record, precedes a gap or is marked partial), ``inside`` or ``none``. ``completeness`` among
        the figures is the estimated part of a period, 1 where nothing is missing.

    Notes
    -----
    O(T N) for the T latest periods up to the window's end (at most 400 before it) and the N largest entities (at most 400).
    """
    if scene.panel.frequency not in {Frequency.DAY, Frequency.HOUR}:
        return RULE.not_applicable("frequency", frequency=scene.panel.frequency.value)
    season = scene.panel.frequency.season or 7
    first = max(0, scene.window.start - MOST_HISTORY)
    stop = min(len(scene.table.dates), scene.window.stop + 1)
    published = scene.table.published
    n_published = int(published[first:stop].sum())
    if n_published < CYCLES * season:
        return RULE.not_applicable("too_short", n=n_published, least=CYCLES * season)
    if len(scene.table.entities) < FEWEST:
        return RULE.not_applicable("few_entities", n=len(scene.table.entities), least=FEWEST)
    partial = (scene.table.status[first:stop] == Status.PARTIAL).any(axis=1)
    rows = np.arange(scene.window.start - first, scene.window.stop - first)
    days = _days(scene, slice(first, stop), partial, int(rows[0]), season)
    if np.isfinite(days.score[: rows[0]]).sum() < LEAST_REFERENCE + rows.size - 1:
        # Too little before the window to rank it as a whole: its last published period is ranked among all before it.
        known = rows[published[rows + first]]
        rows = known[-1:]
        days = _days(scene, slice(first, stop), partial, int(rows[0]), season)
    rows = rows[np.isfinite(days.score[rows])]
    earlier = days.score[: rows[0]][~partial[: rows[0]]] if rows.size else np.zeros(0)
    reference = _stretches(earlier[np.isfinite(earlier)], rows.size)
    if not rows.size or reference.size < LEAST_REFERENCE:
        return RULE.not_applicable("few_comparable", n=int(reference.size), least=LEAST_REFERENCE)
    row = int(rows[np.argmax(days.score[rows])])
    return [_finding(scene, days, row, first, reference, marked=bool(partial[row]))]


def _finding(scene: Scene, days: _Days, row: int, first: int, reference: Floats, *, marked: bool) -> Finding:
    score, common, total = float(days.score[row]), float(days.common[row]), float(days.total[row])
    place = conformal_rank(score, reference, "greater")
    completeness = float(np.exp(min(common, 0.0)))
    known = np.isfinite(days.changes[row])
    shared = days.changes[row, known] < HALF * common
    share = float(np.average(shared, weights=days.weights[known]))
    published = scene.table.published
    after = row + first + 1
    at_end = marked or after >= len(published) or not published[after]
    returned = at_end or bool(days.step[row + 1] > -HALF * common)
    fell = score >= NAMED and (place.p <= RARE or place.rank == 1) and completeness <= SHORT
    alike = share >= NEARLY_ALL and (not np.isfinite(total) or abs(total - common) <= TOTAL_AGREES * abs(common))
    variant = ("last" if at_end else "inside") if fell and alike and returned else "none"
    usual = float(np.median(days.spread[:row][np.isfinite(days.spread[:row])]))
    n = int(reference.size)
    limits = [Message.of("AUD177.limit_outage")]
    if not at_end:
        limits.append(Message.of("AUD177.limit_inside"))
    if n < 20:
        limits.append(Message.of("AUD177.limit_few", n=n))
    named = variant != "none"
    confidence = Confidence.LOW if n < 20 else Confidence.HIGH if at_end or not named else Confidence.MEDIUM
    listed = np.flatnonzero(known)
    return Finding(
        RULE.id,
        RULE.version,
        RULE.name,
        RULE.family,
        subject=scene.subject.name,
        window=scene.span,
        statement=Message.of(
            f"AUD177.{variant}",
            day=scene.day(row + first),
            completeness=completeness if named else float(np.exp(common)),
            share=share,
            entities=int(days.n[row]),
            spread=float(days.spread[row]),
            usual=usual,
            n=n,
            count=int((reference >= score).sum()),
        ),
        statistic=Statistic(
            "common_fall",
            score,
            "robust standard deviations",
            reference=Message.of("AUD177.reference", n=n),
            n_reference=n,
            rank=place.rank,
            p=place.p,
        ),
        variant=variant,
        severity=SEVERITY[variant],
        confidence=confidence,
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(row + first)] * listed.size,
            entity=[scene.table.entities[days.columns[i]] for i in listed],
            value=scene.table.values[row + first, days.columns[listed]],
            log_change=days.changes[row, listed],
            weight=days.weights[listed],
        ),
        figures=MappingProxyType(
            {
                "completeness": completeness if named else 1.0,
                "common_factor": float(np.exp(common)),
                "share_falling": share,
                "dispersion": float(days.spread[row]),
                "usual_dispersion": usual,
                "entities": float(days.n[row]),
                "at_end": float(at_end),
                "row": float(row + first),
            }
            | ({"total_factor": float(np.exp(total))} if np.isfinite(total) else {})
        ),
    )


def _days(scene: Scene, here: slice, partial: Bools, start: int, season: int) -> _Days:
    """Return the common change and dispersion of every period; scales are those of the unmarked periods before ``start``."""
    table = scene.table
    values = table.values[here]
    columns = np.arange(values.shape[1])
    if values.shape[1] > MOST_ENTITIES:
        size = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
        columns = np.sort(np.argsort(-size, kind="stable")[:MOST_ENTITIES])
    listed = np.where(np.isfinite(values), values, 0.0).sum(axis=1)
    stated = table.published_total[here]
    total = np.where(np.isfinite(stated), stated, listed + np.nan_to_num(table.other[here]))
    figures = np.column_stack([values[:, columns], total])
    logs = np.log(np.where(figures > 0, figures, np.nan))
    changes = logs - _level(np.where(partial[:, None], np.nan, logs))
    entities, of_total = changes[:, :-1], changes[:, -1]
    before = np.arange(len(values)) < start
    past = entities[before & ~partial]
    known = np.isfinite(entities).sum(axis=1)
    scale = MAD_TO_SIGMA * _middle(np.abs(past - _middle(past)))
    enough = np.isfinite(past).sum(axis=0) >= season
    typical = float(np.median(scale[enough])) if enough.any() else 1.0
    weights = 1.0 / np.maximum(np.where(enough, scale, typical), max(0.5 * typical, LEAST_SCATTER)) ** 2
    usual_total = _usual(of_total, partial, season)
    raw = _weighted_median(entities, weights)
    usual = _usual(raw, partial, season)
    changes = entities - usual[:, None]
    common = np.where(known >= FEWEST, raw - usual, np.nan)
    spread = _weighted_median(np.abs(changes - common[:, None]), weights)
    score = np.full(len(values), np.nan)
    ok = np.isfinite(common)
    quiet = ok & before & ~partial
    if quiet.any():
        centre = float(np.median(common[quiet]))
        sigma = max(MAD_TO_SIGMA * float(np.median(np.abs(common[quiet] - centre))), LEAST_SCATTER)
        wide = max(float(np.median(spread[quiet])), LEAST_SCATTER)
        score[ok] = (centre - common[ok]) / sigma / np.maximum(1.0, spread[ok] / wide)
    step = np.full(len(values), np.nan)
    step[1:] = _weighted_median(np.diff(logs[:, :-1], axis=0), weights)
    step -= _usual(step, partial, season)
    return _Days(common, spread, known, score, of_total - usual_total, step, changes, weights, columns)


def _level(logs: Floats) -> Floats:
    """Median of each series over the periods before each, NaN where fewer than two are known."""
    padded = np.vstack([np.full((RECENT, logs.shape[1]), np.nan), logs])
    past = np.stack([padded[RECENT - k :][: len(logs)] for k in range(1, RECENT + 1)])
    result: Floats = np.where(np.isfinite(past).sum(axis=0) >= FEWEST_RECENT, _middle(past), np.nan)
    return result


def _usual(common: Floats, partial: Bools, season: int) -> Floats:
    """Return what the same place of the season showed before each period: the median of up to six, NaN where none is known."""
    padded = np.concatenate([np.full(SEASONS * season, np.nan), np.where(partial, np.nan, common)])
    past = np.stack([padded[(SEASONS - k) * season :][: len(common)] for k in range(1, SEASONS + 1)])
    return _middle(past)


def _middle(values: Floats) -> Floats:
    """Median over the first axis of what is known, NaN where nothing is; much quicker than ``nanmedian``."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    ordered = np.sort(values, axis=0)  # NaN sorts last
    n = np.isfinite(values).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum(n - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(n, len(values) - 1)[None] // 2, axis=0)[0]
    result: Floats = np.where(n > 0, np.where(n % 2 == 1, low, 0.5 * (low + high)), np.nan)
    return result


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Weighted median of every row of what is known, NaN where nothing is."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    heavy = np.cumsum(np.where(np.isfinite(ordered), weights[order], 0.0), axis=1)
    place = np.minimum((heavy < 0.5 * heavy[:, -1:]).sum(axis=1), values.shape[1] - 1)
    result: Floats = ordered[np.arange(len(values)), place]
    return result


def _stretches(scores: Floats, length: int) -> Floats:
    """Largest score of every earlier stretch of the window's length."""
    if length < 1 or scores.size < length:
        return np.zeros(0)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(scores, length).max(axis=1), dtype=np.float64)
