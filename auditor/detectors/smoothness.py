"""Smoothness: is the subject's day-to-day noise too small for its size.

Real traffic is noisy, and how noisy depends on its size (Taylor's law: the spread of the logarithm falls or rises as a power
of the mean). At 10^11 a day Poisson counting noise is nil, so the yardstick is the panel itself: the roughness of the
peers in the same window, fitted against their size.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD114", name="smoothness", family=Family.RHYTHM)

#: Settled periods of the window, and peers known on most of them, that are needed.
FEWEST_PERIODS, FEWEST_PEERS = 10, 8

#: A peer must be known at this share of the subject's periods.
COVERAGE = 0.8

#: Rounding noise above this share of the expected roughness makes the comparison one of rounding.
ROUNDING = 0.3


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Rank the subject's roughness, relative to what its size predicts, among its peers' in the same window.

    Returns
    -------
    list of Finding
        The statistic is observed over predicted roughness: 1 is usual, towards 0 unusually smooth. ``p`` is the lower tail:
        the rank from below among the peers' in this window and in the panel's other stretches of its length, which do not
        overlap, over ``n_reference + 1``. The interval carries the rounding of the figures and,
        downwards, the error of what is common to the peers.

    Notes
    -----
    Roughness is the scaled median absolute deviation of ``e_t = x_t - (x_(t-1) + x_(t+1)) / 2`` with x the logarithm: local
    levels and linear trends cancel. What moves all peers alike (weekdays, holidays) is the median of e_t over the peers; each
    series' own multiple of it, by least absolute deviations, is removed first. The Taylor fit is the median slope over pairs
    half the sorted sample apart and the median intercept. O(T N log N).
    """
    rows = slice(scene.window.start, scene.window.stop)
    own = np.where(scene.subject.settled & (scene.subject.values > 0), scene.subject.values, np.nan)[rows]
    known = int(np.isfinite(own).sum())
    if known < FEWEST_PERIODS:
        return RULE.not_applicable("too_short", n=known, least=FEWEST_PERIODS)
    values = scene.peers.values[rows]
    values = np.where((scene.peers.status[rows] != Status.PARTIAL) & (values > 0), values, np.nan)
    bends = _bends(values)
    own_bends = _bends(own[:, None])[:, 0]
    triples = int(np.isfinite(own_bends).sum())
    if triples < FEWEST_PERIODS - 2:
        return RULE.not_applicable("too_short", n=triples + 2, least=FEWEST_PERIODS)
    # A peer that never moves is a placeholder, not traffic.
    enough = (np.isfinite(bends).sum(axis=0) >= COVERAGE * triples) & (np.nan_to_num(np.abs(bends)).max(axis=0) > 0)
    columns = np.flatnonzero(enough)
    values, bends = values[:, columns], bends[:, columns]
    widths = (scene.peers.high - scene.peers.low)[rows][:, columns]
    if len(columns) < FEWEST_PEERS:
        return RULE.not_applicable("few_peers", n=len(columns), least=FEWEST_PEERS)
    common = _medians(bends)
    rough = _roughness(bends, common)
    means = np.exp(_medians(np.log(values).T))
    clear = (rough > 0) & (rounding_noise(values, widths) <= ROUNDING * rough)
    if int(clear.sum()) < FEWEST_PEERS:
        return RULE.not_applicable("peers_rounded", n=int(clear.sum()), least=FEWEST_PEERS)
    columns, rough, means = columns[clear], rough[clear], means[clear]
    slope, intercept = _taylor(np.log(means), np.log(rough))
    mean = float(np.exp(np.median(np.log(own[np.isfinite(own)]))))
    # Beyond the sizes of the peers the line is not followed.
    predicted = float(np.exp(intercept + slope * np.log(np.clip(mean, means.min(), means.max()))))
    width = (scene.subject.high - scene.subject.low)[rows]
    rounding = float(rounding_noise(own[:, None], width[:, None])[0])
    if rounding > ROUNDING * predicted:
        return RULE.not_applicable("rounded", subject=scene.subject.name, rounding=rounding, predicted=predicted)
    observed = float(_roughness(own_bends[:, None], common)[0])
    # What is common is itself a median of noisy peers; its error can only add to the roughness found.
    spread = 1.4826 * float(np.median(_medians(np.abs(bends - common[:, None]))))
    blur = 1.2533 * spread / np.sqrt(1.5 * bends.shape[1])
    ratio = observed / predicted
    ratios = rough / np.exp(intercept + slope * np.log(means))
    at_most = int((ratios <= ratio).sum())
    n = len(ratios)
    others = _other_stretches(scene, triples)
    pooled = np.concatenate([ratios, *(part for _, part in others)])
    standing = conformal_rank(ratio, pooled, "less")
    p = standing.p
    limits = [Message.of(f"{RULE.id}.limit_level")]
    if not means.min() <= mean <= means.max():
        limits.append(Message.of(f"{RULE.id}.limit_size", size="larger" if mean > means.max() else "smaller"))
    if known < 21:
        limits.append(Message.of(f"{RULE.id}.limit_short", n=known))
    names = [scene.peers.entities[i] for i in columns]
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.ranked",
                subject=scene.subject.name,
                observed=observed,
                predicted=predicted,
                ratio=ratio,
                at_most=at_most,
                n=n,
            ),
            statistic=Statistic(
                "relative_roughness",
                ratio,
                "ratio",
                reference=Message.of(f"{RULE.id}.reference", n=int(pooled.size), peers=n),
                n_reference=int(pooled.size),
                rank=standing.rank,
                p=p,
                low=float(np.sqrt(max(0.0, observed**2 - rounding**2 - blur**2))) / predicted,
                high=float(np.hypot(observed, rounding)) / predicted,
            ),
            severity=_severity(ratio, p),
            confidence=Confidence.HIGH
            if known >= 28 and n >= 30
            else Confidence.MEDIUM
            if known >= 14
            else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                entity=[scene.subject.name, *names, *[None] * (pooled.size - n)],
                start=[
                    *[scene.day(scene.window.start)] * (n + 1),
                    *(scene.day(start) for start, part in others for _ in part),
                ],
                typical_value=[mean, *means.tolist(), *[None] * (pooled.size - n)],
                log_roughness=[observed, *rough.tolist(), *[None] * (pooled.size - n)],
                relative_roughness=[ratio, *pooled.tolist()],
            ),
            figures=MappingProxyType(
                {
                    "roughness": observed,
                    "predicted": predicted,
                    "taylor_slope": slope,
                    "rounding_noise": rounding,
                    "periods": float(known),
                }
            ),
        )
    ]


def _other_stretches(scene: Scene, triples: int) -> list[tuple[int, Floats]]:
    """Relative roughness of the peers in the panel's other stretches as long as the window: first row and values.

    The stretches do not overlap, and peers and stretches are held to what the window itself is held to.
    """
    values = np.where((scene.peers.status != Status.PARTIAL) & (scene.peers.values > 0), scene.peers.values, np.nan)
    widths = scene.peers.high - scene.peers.low
    length = scene.window.stop - scene.window.start
    found = []
    for start in range(scene.window.start % length, len(values) - length + 1, length):
        if start != scene.window.start:
            rows = slice(start, start + length)
            ratios = _relative(values[rows], widths[rows], triples)
            if ratios.size:
                found.append((start, ratios))
    return found


def _relative(values: Floats, widths: Floats, triples: int) -> Floats:
    """Roughness over that predicted by size, of the peers of one stretch that can be judged; empty with too few."""
    bends = _bends(values)
    enough = (np.isfinite(bends).sum(axis=0) >= COVERAGE * triples) & (np.nan_to_num(np.abs(bends)).max(axis=0) > 0)
    if int(enough.sum()) < FEWEST_PEERS:
        return np.zeros(0)
    values, bends, widths = values[:, enough], bends[:, enough], widths[:, enough]
    rough = _roughness(bends, _medians(bends))
    means = np.exp(_medians(np.log(values).T))
    clear = (rough > 0) & (rounding_noise(values, widths) <= ROUNDING * rough)
    if int(clear.sum()) < FEWEST_PEERS:
        return np.zeros(0)
    rough, means = rough[clear], means[clear]
    slope, intercept = _taylor(np.log(means), np.log(rough))
    return np.asarray(rough / np.exp(intercept + slope * np.log(means)))


def _bends(values: Floats) -> Floats:
    """Departure of each log value from the line through its two neighbours, shape (T - 2, N)."""
    logs = np.log(values)
    return np.asarray(logs[1:-1] - 0.5 * (logs[:-2] + logs[2:]))


def _roughness(bends: Floats, common: Floats) -> Floats:
    """Robust noise of one period's log value per column, once its own multiple of the common movement is removed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = bends / common[:, None]
    weights = np.where(np.isfinite(bends) & np.isfinite(slopes), np.abs(common)[:, None], 0.0)
    order = np.argsort(np.where(weights > 0, slopes, np.inf), axis=0, kind="stable")
    running = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    at = np.argmax(running >= 0.5 * running[-1:], axis=0)
    columns = np.arange(bends.shape[1])
    multiple = np.where(running[-1] > 0, slopes[order[at, columns], columns], 0.0)
    rest = bends - np.clip(multiple, 0.0, 3.0) * np.where(np.isfinite(common), common, 0.0)[:, None]
    # A bend of white noise has variance 1 + 1/4 + 1/4.
    return np.asarray(1.4826 / np.sqrt(1.5) * _medians(np.abs(rest).T))


def _medians(values: Floats) -> Floats:
    """Median of each row, NaN skipped; NaN for rows without a value."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(n - 1, 0) // 2], ordered[rows, np.minimum(n // 2, values.shape[1] - 1)]
    return np.where(n > 0, 0.5 * (np.where(n > 0, low, 0.0) + np.where(n > 0, high, 0.0)), np.nan)


def rounding_noise(values: Floats, widths: Floats) -> Floats:
    """Return the standard deviation of the rounding error of log values, per column.

    Parameters
    ----------
    values, widths : ndarray, shape (T, N)
        Published values and the widths of their rounding intervals (0 where the figure is exact as far as is stated).

    Returns
    -------
    ndarray, shape (N,)
        ``step / sqrt(12) / median``, the step being the stated width, else the largest power of ten that all values share.
    """
    known = np.isfinite(values)
    filled = known.any(axis=0)
    if not filled.any():
        return np.zeros(values.shape[1])
    stated = _columns(np.where(np.isfinite(widths), widths, 0.0), known)
    typical = _columns(values, known)
    step = np.where(filled & (stated == 0.0), _steps(values, known), stated)
    return np.where(filled, step / np.sqrt(12.0) / np.where(filled, typical, 1.0), 0.0)


def _columns(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Median of the known values of each column; 0 where none is known."""
    some = known.any(axis=0)
    out = np.zeros(values.shape[1])
    if some.any():
        out[some] = np.nanmedian(np.where(known, values, np.nan)[:, some], axis=0)
    return out


def _steps(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Largest power of ten of which all values of a column are whole multiples; 0 where there is none down to a billionth."""
    smallest = np.where(known, values, np.inf).min(axis=0)
    open_ = np.isfinite(smallest) & (smallest > 0)
    top = np.floor(np.log10(np.where(open_, smallest, 1.0)))
    found = np.zeros(values.shape[1])
    for place in range(10):
        power = 10.0 ** (top - place)
        scaled = np.where(known, values, 0.0) / power
        whole = open_ & (np.abs(scaled - np.round(scaled)) <= 1e-9 * scaled).all(axis=0)
        found[whole] = power[whole]
        open_ &= ~whole
        if not open_.any():
            break
    return found


def _taylor(size: Floats, rough: Floats) -> tuple[float, float]:
    """Robust line through log roughness against log size: median slope of distant pairs, median intercept."""
    order = np.argsort(size, kind="stable")
    half = len(order) // 2
    left, right = order[:half], order[-half:]
    gap = size[right] - size[left]
    wide = gap > 1e-9
    slope = float(np.median((rough[right] - rough[left])[wide] / gap[wide])) if wide.any() else 0.0
    return slope, float(np.median(rough - slope * size))


def _severity(ratio: float, p: float) -> Severity:
    if p <= 0.05 and ratio <= 0.5:
        return Severity.HIGH if ratio <= 0.25 else Severity.MEDIUM
    return Severity.LOW if p <= 0.1 else Severity.INFO
