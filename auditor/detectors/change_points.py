"""Change points: where the subject's level changed, once weekdays, persistence and a launch ramp are allowed for.

Descriptive. A jump alone says next to nothing about its cause: on a real ranking more than one model in a hundred doubles
overnight on any day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.alternatives import change_dates
from auditor.kernels.segmentation import Break, Segmentation, segment
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD101", name="change_points", family=Family.LEVEL_SHAPE)

#: The method of :mod:`auditor.kernels.segmentation`.
DEFAULT = "default"

#: Periods before and after the window that the model sees; more cost time and say little about the window.
CONTEXT = 365

#: Observed periods below which the model says nothing.
FEWEST_PERIODS = 8


@dataclass(frozen=True)
class _Change:
    """A change of level, an excursion that came back, or the launch ramp; rows of the panel, both ends included."""

    kind: str
    first: int
    last: int
    earliest: int
    latest: int
    fold: float
    score: float


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """List the changes of level and the short excursions that touch the window.

    Parameters
    ----------
    scene : Scene
    params : mapping
        ``method``: ``default``, or one of :data:`auditor.kernels.alternatives.ALTERNATIVES`, which date steps only; the finding
        then names it.

    Returns
    -------
    list of Finding
        One finding, variant ``step``, ``episode``, ``ramp`` or ``none``; the statistic is the fold of the largest change.
        ``rank`` counts the peers that show a move of at least that fold (either way) between the medians of three
        neighbouring periods, ``n_reference`` the peers looked at. It does not weigh.

    Notes
    -----
    The model (:func:`auditor.kernels.segmentation.segment`) works on natural logarithms: levels, AR(1) noise with heavy tails,
    season and one launch ramp in one penalised likelihood. Partial, censored and missing periods are skipped, not filled.
    """
    usable = scene.subject.settled & (scene.subject.values > 0)
    first, stop = max(0, scene.window.start - CONTEXT), min(len(usable), scene.window.stop + CONTEXT)
    logs = np.full(stop - first, np.nan)
    logs[usable[first:stop]] = np.log(scene.subject.values[first:stop][usable[first:stop]])
    n = int(np.isfinite(logs).sum())
    if n < FEWEST_PERIODS:
        return RULE.not_applicable("too_short", n=n, least=FEWEST_PERIODS)
    method = str(params.get("method", DEFAULT))
    period = scene.panel.frequency.season
    found = segment(logs, period=period) if method == DEFAULT else _by(method, logs, period)
    changes = _changes(found, first)
    here = [c for c in changes if c.earliest <= scene.window.stop and c.latest >= scene.window.start]
    largest = max(here, key=lambda c: (c.kind != "ramp", abs(np.log(c.fold)))) if here else None
    size = abs(float(np.log(largest.fold))) if largest is not None else 0.0
    moves = _largest_moves(np.where(scene.peers.status == Status.PARTIAL, np.nan, scene.peers.values)[first:stop])
    as_large = int((moves >= size).sum())
    variant = largest.kind if largest is not None else "none"
    ranked = largest is not None and len(moves) > 0
    values: dict[str, Any] = {
        "subject": scene.subject.name,
        "n": len(moves),
        "as_large": as_large,
        "changes": len(here),
    }
    if largest is not None:
        values |= {
            "fold": largest.fold,
            "day": scene.day(largest.first),
            "last": scene.day(largest.last),
            "earliest": scene.day(largest.earliest),
            "latest": scene.day(largest.latest),
        }
    key = variant
    if largest is not None and largest.kind != "ramp":
        key += "_up" if largest.fold >= 1 else "_down"
    if method != DEFAULT:
        key += "_by"
        values["method"] = method
    limits = [Message.of(f"{RULE.id}.limit_common")]
    if n < 28:
        limits.append(Message.of(f"{RULE.id}.limit_short", n=n))
    if method != DEFAULT:
        limits.append(Message.of(f"{RULE.id}.limit_method", method=method))
    if found.model == "integrated":
        limits.append(Message.of(f"{RULE.id}.limit_wandering"))
    figures = {
        "changes_in_window": float(len(here)),
        "changes_in_series": float(len(changes)),
        **({"phi": found.phi, "log_noise": found.sigma} if method == DEFAULT else {}),
        "overnight_doublings_share": _doublings(scene.peers.values[first:stop]),
    }
    if largest is not None:
        figures |= {"row": float(largest.first)}
    if np.isfinite(found.penalty):
        figures["penalty"] = found.penalty
    if largest is not None and np.isfinite(largest.score):
        figures["score"] = largest.score
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(f"{RULE.id}.{key}", **values),
            statistic=Statistic(
                "fold_change",
                largest.fold,
                "ratio",
                reference=Message.of(f"{RULE.id}.reference", n=len(moves)) if ranked else None,
                n_reference=len(moves),
                rank=1 + as_large if ranked else None,
            )
            if largest is not None
            else None,
            variant=variant,
            severity=Severity.INFO if size < np.log(2) else Severity.LOW if size < np.log(10) else Severity.MEDIUM,
            confidence=Confidence.HIGH if n >= 56 else Confidence.MEDIUM if n >= 28 else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                kind=[c.kind for c in here],
                date=[scene.day(c.first) for c in here],
                last_date=[scene.day(c.last) for c in here],
                earliest=[scene.day(c.earliest) for c in here],
                latest=[scene.day(c.latest) for c in here],
                fold=[c.fold for c in here],
                deviance_drop=[c.score for c in here],
            ),
            figures=MappingProxyType(figures),
            weighs=False,
        )
    ]


def _by(method: str, logs: Floats, period: int | None) -> Segmentation:
    """Levels between the dates of another method, laid out like the default model's answer."""
    dates = change_dates(logs, method, period=period)
    parts = np.split(logs, dates)
    levels = np.array([np.nanmedian(part) for part in parts])
    breaks = tuple(
        Break(at, (at, at), float("nan"), float(after - before))
        for at, before, after in zip(dates, levels[:-1], levels[1:], strict=True)
    )
    fitted = np.repeat(levels, [part.size for part in parts])
    still = np.zeros(logs.size)
    return Segmentation(
        "level", breaks, levels, np.zeros(levels.size), fitted, still, logs - fitted, 0.0, 0.0, None, float("inf"), ()
    )


def _changes(found: Segmentation, offset: int) -> list[_Change]:
    """All changes of the series as rows of the panel, in order of date."""
    out = [
        _Change(
            "step",
            offset + change.index,
            offset + change.index,
            offset + change.interval[0],
            offset + change.interval[1],
            float(np.exp(change.jump)),
            change.score,
        )
        for change in found.changes
    ]
    out += [
        _Change(
            "episode",
            offset + episode.start,
            offset + episode.end - 1,
            offset + episode.start,
            offset + episode.end - 1,
            episode.fold,
            episode.score,
        )
        for episode in found.episodes
    ]
    if found.ramp is not None:
        start, end = offset + found.ramp.start, offset + found.ramp.end
        out.append(_Change("ramp", start, end, start, end, float(np.exp(found.ramp.rise)), float("nan")))
    return sorted(out, key=lambda c: (c.first, c.last, c.kind))


def _largest_moves(values: Floats) -> Floats:
    """Largest absolute log ratio between the medians of three neighbouring periods, per entity that has six in a row."""
    if len(values) < 6 or not values.shape[1]:
        return np.zeros(0)
    logs = np.full(values.shape, np.nan)
    known = np.isfinite(values) & (values > 0)
    logs[known] = np.log(values[known])
    triples = np.sort(np.lib.stride_tricks.sliding_window_view(logs, 3, axis=0), axis=2)
    # NaN sorts last: the third place tells whether all three are known.
    middle = np.where(np.isfinite(triples[:, :, 2]), triples[:, :, 1], np.nan)
    moves = np.abs(middle[3:] - middle[:-3])
    largest = np.max(np.where(np.isfinite(moves), moves, -1.0), axis=0)
    return np.asarray(largest[largest >= 0])


def _doublings(values: Floats) -> float:
    """Share of the peers' known period-to-period moves that at least double."""
    before, after = values[:-1], values[1:]
    known = np.isfinite(before) & np.isfinite(after) & (before > 0)
    return float((after[known] >= 2 * before[known]).mean()) if known.any() else 0.0
