"""AUD145 asks whether a rise has the shape of one batch: it starts and ends abruptly within days, and leaves no trace.

One customer who works through a backlog rises overnight, runs for one to six periods at whatever pace the job has, and stops. Every
stretch of up to six periods after which the series can still be seen is read as a pulse: a level before, a level after, and between them
any values at all. Its score is the log-likelihood ratio (with the Bayesian information criterion as price of the free values
inside) of that reading against the better one of a single lasting step, at its start or at its end: it is large only where both the rise
and the fall stand out from the scatter around them. The best score in the window is ranked among those of equally long windows of
all entities. How much of the rise stays, and how much of it comes and goes in one period, decides whether the shape is called a batch's.

It belongs to the family of level and shape, because it is computed from the same daily totals as change points and plateaus; where
application figures exist, those of AUD141 are quoted beside it and weighed there.

References
----------
Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6(2), 461-464.
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.detectors import app_concentration
from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import severity_of
from auditor.detectors.season_steps import MIN_REFERENCE, RAMP, Flags, Floats, Relative, medians_of_others, relative
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.texts.message import Message

RULE = Rule(id="AUD145", name="batch_shape", family=Family.LEVEL_SHAPE)

#: Longest batch, in periods.
LONGEST = 6

#: Known periods needed on each side.
MIN_SIDE = 4

#: A pulse must raise the level by at least this factor to be one.
LEAST = 1.5

#: A batch leaves at most this share of its rise behind.
LEFT = 0.25

#: An edge is abrupt when at least this share of the rise comes, or goes, in one period.
ABRUPT = 0.5

#: Standard deviation of the logarithm below which noise is not told apart; rounding and placeholders are finer than traffic.
FLOOR = 0.02


@dataclass(frozen=True, eq=False)
class Pulses:
    """The best pulse beginning at each row of each entity; arrays of shape (T, 1 + K).

    Attributes
    ----------
    score : ndarray
        Log-likelihood ratio against the better lasting step; -inf where nothing rises.
    length : ndarray of int
        Its periods.
    """

    score: Floats
    length: Any


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Find the window's best pulse and rank it. ``params``: ``left`` (share of the rise that may stay, default 0.25)."""
    name, left_at_most = scene.subject.name, float(params.get("left", LEFT))
    data = relative(scene)
    levels = _adjusted(data)
    found = pulses(levels, data.lag)
    window = found.score[scene.window, 0]
    if not np.isfinite(window).any():
        return RULE.not_applicable("no_pulse", subject=name, least=LEAST, longest=LONGEST, sides=MIN_SIDE)
    first = int(np.argmax(window)) + scene.window.start
    length = int(found.length[first, 0])
    stop = first + length
    y = levels[:, 0]
    before, after = y[max(first - data.lag, 0) : first], y[stop : stop + data.lag]
    before, after, inside = (side[np.isfinite(side)] for side in (before, after, y[first:stop]))
    base, back, top = float(np.exp(np.mean(before))), float(np.exp(np.mean(after))), float(np.exp(inside).mean())
    left = (back - base) / (top - base) if top > base else float("nan")
    edges = _edges(y, first, stop, base, top)
    abrupt = min(edges) >= ABRUPT
    shape = abrupt and left <= left_at_most
    reference = _references(found.score, data, scene.window)
    n = int(reference.size)
    score = float(found.score[first, 0])
    standing = conformal_rank(score, reference) if n >= MIN_REFERENCE else None
    unevenness = float(np.ptp(inside)) if inside.size > 1 else 0.0
    share, app = _application(scene, first, stop)
    limits = [Message.of("AUD145.limit_cause")]
    limits.append(
        Message.of("AUD145.limit_no_apps") if share is None else Message.of("AUD145.limit_apps", app=app, share=share)
    )
    if not data.paired:
        limits.append(Message.of("AUD145.limit_peers", n=len(data.names)))
    if data.age[first, 0] < RAMP:
        limits.append(Message.of("AUD145.limit_launch"))
    if back < base * (1 - left_at_most):
        limits.append(Message.of("AUD145.limit_below", back=back / base))
    key = "batch" if shape else "partial" if score > 0 else "stays"
    at_least = (standing.rank - 1) if standing else 0
    rows = np.arange(max(first - data.lag, 0), min(stop + data.lag, len(y)))
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(first, stop - 1),
            statement=Message.of(
                f"AUD145.{key}{'' if standing else '_unranked'}",
                subject=name,
                first=scene.day(first),
                last=scene.day(stop - 1),
                periods=length,
                times=top / base,
                left=left,
                kept=max(left, 0.0),
                rise=edges[0],
                fall=edges[1],
                at_least=at_least,
                n=n,
            ),
            statistic=Statistic(
                name="log-likelihood ratio of a pulse against a lasting change",
                value=score,
                unit="nats",
                reference=Message.of("AUD145.reference", n=n, length=scene.window.stop - scene.window.start)
                if standing
                else None,
                n_reference=n if standing else 0,
                rank=standing.rank if standing else None,
                p=standing.p if standing else None,
            ),
            variant=key,
            severity=severity_of(standing.p) if standing and shape else Severity.INFO,
            confidence=_confidence(data, n, min(before.size, after.size)),
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in rows],
                part=["before" if r < first else "inside" if r < stop else "after" for r in rows],
                value=scene.subject.values[rows].tolist(),
                log_less_common=y[rows].tolist(),
            ),
            figures=MappingProxyType(
                {
                    "factor": top / base,
                    "left_of_the_rise": left,
                    "rise_in_one_period": edges[0],
                    "fall_in_one_period": edges[1],
                    "spread_inside": unevenness,
                    "periods": float(length),
                }
                | ({"largest_application_share": share} if share is not None else {})
            ),
        )
    ]


def _adjusted(data: Relative) -> Floats:
    """Logarithms less the path of the others' median change from period to period, which carries weekday and market."""
    logs = np.where(data.bounded, np.nan, data.logs)
    daily = np.full(logs.shape, np.nan)
    daily[1:] = np.diff(logs, axis=0)
    return logs - np.cumsum(np.nan_to_num(_common(daily)), axis=0)


def _common(daily: Floats) -> Floats:
    """Median change of the others for every cell, the median of all where the cell itself is not known."""
    others = medians_of_others(daily)
    known = np.isfinite(others)
    some = known.sum(axis=1)
    usual = np.where(known, others, 0.0).sum(axis=1) / np.maximum(some, 1)
    return np.where(known, others, usual[:, None])


def pulses(levels: Floats, side: int) -> Pulses:
    """Score every pulse of one to ``LONGEST`` periods with up to ``side`` periods on each side. O(T N) per length.

    Parameters
    ----------
    levels : ndarray, shape (T, N)
        Logarithms without what is common; NaN where not known.
    side : int
        Periods read on each side.
    """
    t_count = len(levels)
    known = np.isfinite(levels)
    middle = np.where(known, levels, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, levels - middle, 0.0)
    zero = np.zeros((1, levels.shape[1]))
    sums = [np.cumsum(np.vstack([zero, part]), axis=0) for part in (known.astype(np.float64), centred, centred**2)]

    def over(first: Any, stop: Any) -> list[Floats]:
        return [s[stop] - s[first] for s in sums]

    best = np.full(levels.shape, -np.inf)
    length_of = np.zeros(levels.shape, dtype=np.int64)
    start = np.arange(t_count)
    before = over(np.maximum(start - side, 0), start)
    lowest = np.full(levels.shape, np.inf)
    for length in range(1, LONGEST + 1):
        rows = start[: t_count - length]
        if not rows.size:
            break
        a = [part[: rows.size] for part in before]
        b = over(rows, rows + length)
        c = over(rows + length, np.minimum(rows + length + side, t_count))
        n = a[0] + b[0] + c[0]
        noise = FLOOR**2 * n + 1e-12
        sides = [x[1] / np.maximum(x[0], 1.0) for x in (a, c)]
        inside = b[1] / length
        pulse = _squares(a) + _squares(c)
        step_up = _squares(a) + _squares([y + z for y, z in zip(b, c, strict=True)])
        step_down = _squares([x + y for x, y in zip(a, b, strict=True)]) + _squares(c)
        # A stair that goes on rising departs from the step up as well, but in the wrong direction.
        lasting = np.where(inside > sides[1], np.minimum(step_up, step_down), pulse)
        lowest = np.minimum(lowest[: rows.size], centred[length - 1 : length - 1 + rows.size])
        # A day back at the level before ends the pulse, however noisy it is.
        rises = (inside - sides[0] >= np.log(LEAST)) & (lowest - sides[0] >= 0.5 * np.log(LEAST))
        usable = (a[0] >= MIN_SIDE) & (c[0] >= MIN_SIDE) & (b[0] == length) & rises
        # The pulse has two levels and a value per period inside; a step has two levels.
        price = 0.5 * length * np.log(np.maximum(n, 1.0))
        score = np.where(usable, 0.5 * n * np.log((lasting + noise) / (pulse + noise)) - price, -np.inf)
        better = score > best[: rows.size]
        best[: rows.size][better] = score[better]
        length_of[: rows.size][better] = length
    return Pulses(best, length_of)


def _squares(part: list[Floats]) -> Floats:
    """Sum of squares about the mean from count, sum and sum of squares; never negative."""
    return np.asarray(np.maximum(part[2] - part[1] ** 2 / np.maximum(part[0], 1.0), 0.0))


def _edges(y: Floats, first: int, stop: int, base: float, top: float) -> tuple[float, float]:
    """Share of the rise that came in the one period into the pulse, and that went in the one out of it."""
    values = np.exp(y[max(first - 1, 0) : stop + 1])
    if first < 1 or stop >= len(y) or not np.isfinite(values).all() or top <= base:
        return 0.0, 0.0
    return float((values[1] - values[0]) / (top - base)), float((values[-2] - values[-1]) / (top - base))


def _references(score: Floats, data: Relative, window: slice) -> Floats:
    """Best score in each equally long stretch of every entity, the subject's own near the window left out."""
    length = window.stop - window.start
    stride = max(length // 6, 1)
    starts = np.arange(window.start % stride, len(score) - length + 1, stride)
    young: Flags = data.age < RAMP
    usable = np.where(young == young[window.start, 0], score, -np.inf)
    blocks = usable[starts[:, None] + np.arange(length)].max(axis=1)
    reach = data.lag + LONGEST
    blocks[(starts < window.stop + reach) & (starts + length > window.start - reach), 0] = -np.inf
    result: Floats = blocks[np.isfinite(blocks)]
    return result


def _application(scene: Scene, first: int, stop: int) -> tuple[float | None, str]:
    """Share of the pulse that the largest rise of an application covers, as AUD141 measures it; None without such figures."""
    for outcome in app_concentration.detect(replace(scene, window=slice(first, stop))):
        if isinstance(outcome, Finding) and outcome.statistic is not None and outcome.variant != "fell":
            return outcome.statistic.value, str(outcome.statement.values["app"])
    return None, ""


def _confidence(data: Relative, n: int, sides: int) -> Confidence:
    if n < MIN_REFERENCE or not data.paired:
        return Confidence.LOW
    return Confidence.HIGH if n >= 200 and sides >= data.lag else Confidence.MEDIUM
