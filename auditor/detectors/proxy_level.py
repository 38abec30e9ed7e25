"""AUD163 asks whether the subject stood higher in the window than its independent series imply, over the whole window.

AUD161 looks at the largest rise from one period to the next, so growth that comes a little every day escapes it. Here the mean log
level of the window less that of the periods before is compared: a proxy that follows demand with elasticity ``e`` should have moved
by ``e`` times the subject's change. The subject's published figure drives the regression, since the proxy is the one measured with
error; ``e`` is learned from changes over earlier windows of the same length and shrunk to what the peers show, and that to a
prior. The shortfall of the proxies is joined over all independent series, standardised with the scatter that the same entity's earlier
shortfalls have and with what the uncertainty of ``e`` adds, and ranked among those of the peers over the same and earlier windows.

References
----------
Efron, B., Morris, C. (1975). Data analysis using Stein's estimator and its generalizations. JASA 70(350), 311-319.
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.changes import changes, column_medians, earlier, scales, without_season
from auditor.detectors.co_movement import _apart, _origins
from auditor.detectors.metrics import on, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA, huber_weights
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD163", name="proxy_level", family=Family.INDEPENDENCE)

#: Elasticity of a proxy expected before any figure was seen, its uncertainty, and its scatter between entities.
PRIOR, UNCERTAIN, BETWEEN = 0.7, 0.3, 0.2

#: A proxy answers a large rise not exactly as it answers small ones: standard deviation added to that of the elasticity.
CURVED = 0.15

#: Periods of the base, and how far before the window it ends: growth that began shortly before belongs to what is in question.
BASE, GAP = 42, 21

#: Fewest periods of the base, and fewest reference windows.
FEWEST_BASE, FEWEST = 7, 20


@dataclass(frozen=True, eq=False)
class _Proxy:
    """An independent series of the subject and its peers, as logs, shape (T, 1 + K)."""

    name: str
    metric: str
    other: Floats
    separate: bool


@dataclass(frozen=True, eq=False)
class _Shortfall:
    """What one proxy lacks of what the published change implies: in logs of the proxy, with its variance, shape (T, 1 + K).

    ``slopes`` and ``uncertain`` are the elasticity of every entity and its standard deviation, shape (1 + K,).
    """

    grown: Floats
    seen: Floats
    lacking: Floats
    variance: Floats
    slopes: Floats
    uncertain: Floats


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Rank the subject's level above what its independent series imply.

    ``params``: ``metric`` (the metric to set beside, taken to be independent).
    """
    name = scene.subject.name
    proxies = _proxies(scene, str(params.get("metric", "")))
    if not proxies:
        return RULE.not_applicable("no_independent", subject=name)
    start, length = scene.window.start, scene.window.stop - scene.window.start
    own, season = _logs(scene), scene.panel.frequency.season
    usable, base, gap = _base(own, proxies, scene.window)
    if not usable:
        return RULE.not_applicable("no_base", subject=name, least=FEWEST_BASE)
    free = without_season(own, scene.window, season)
    found = [_shortfall(free, without_season(p.other, scene.window, season), start, length, base, gap) for p in usable]
    scores, excess, error = _joined(found)
    rows = earlier(start, length, own.shape[1])
    kept = scores[rows]
    kept[rows > start - length, 0] = np.nan
    reference = kept[np.isfinite(kept)]
    value = float(scores[start, 0])
    if not np.isfinite(value):
        return RULE.not_applicable("no_base", subject=name, least=FEWEST_BASE)
    if reference.size < FEWEST:
        return RULE.not_applicable("few_windows", subject=name, n=int(reference.size), least=FEWEST)
    place = conformal_rank(value, reference, "greater")
    grown = float(found[0].grown[start, 0])
    above, wide = float(excess[start, 0]), float(error[start, 0])
    peers = int(np.isfinite(scores[start, 1:]).sum())
    separate = all(p.separate for p in usable)
    limits = [Message.of("AUD163.limit_coverage"), Message.of("AUD163.limit_elasticity", prior=PRIOR)]
    if not gap:
        limits.append(Message.of("AUD163.limit_near", n=base))
    if not peers:
        limits.append(Message.of("AUD163.limit_no_peers"))
    if not separate:
        limits.append(Message.of("AUD163.limit_source"))
    figures = {
        "log_change": grown,
        "log_excess": above,
        "log_excess_error": wide,
        "base_periods": float(base),
        "gap": float(gap),
    }
    for proxy, f in zip(usable, found, strict=True):
        figures |= {
            f"{proxy.metric}_log_change": float(f.seen[start, 0]),
            f"{proxy.metric}_elasticity": float(f.slopes[0]),
            f"{proxy.metric}_elasticity_low": float(f.slopes[0] - 1.96 * f.uncertain[0]),
            f"{proxy.metric}_elasticity_high": float(f.slopes[0] + 1.96 * f.uncertain[0]),
        }
    shown = np.arange(max(0, start - gap - base), scene.window.stop)
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                f"AUD163.{'above' if place.p <= 0.05 else 'in_line'}",
                subject=name,
                start=scene.span.start,
                end=scene.span.end,
                times=float(np.exp(grown)),
                proxies=", ".join(p.name for p in usable),
                implied=float(np.exp(grown - above)),
                excess=float(np.exp(above)),
                share=place.p,
                n=int(reference.size),
            ),
            statistic=Statistic(
                name="level above what the independent series imply",
                value=value,
                unit="standard deviations",
                reference=Message.of("AUD163.reference", n=int(reference.size), peers=peers),
                n_reference=int(reference.size),
                rank=place.rank,
                p=place.p,
            ),
            variant="" if separate else "same_publisher",
            severity=Severity.HIGH if place.p <= 0.01 else Severity.MEDIUM if place.p <= 0.05 else Severity.INFO,
            confidence=Confidence.LOW
            if not (separate and peers)
            else Confidence.HIGH
            if gap and peers >= 20
            else Confidence.MEDIUM,
            limits=tuple(limits),
            data=Rows.of(
                series=[s for s in ("subject", *(p.name for p in usable)) for _ in shown],
                date=[scene.day(int(r)) for r in shown] * (1 + len(usable)),
                log_value=np.concatenate([v[shown, 0] for v in (own, *(p.other for p in usable))]),
            ),
            figures=MappingProxyType(figures),
            weighs=separate,
        )
    ]


def _shortfall(own: Floats, other: Floats, start: int, length: int, base: int, gap: int) -> _Shortfall:
    """Set the changes of a proxy beside those of the published figures; everything is learned from windows that end earlier."""
    both = np.isfinite(own) & np.isfinite(other)
    grown, seen = (changes(np.where(both, v, np.nan), length, base, gap=gap, least=FEWEST_BASE) for v in (own, other))
    past = slice(0, max(0, start - length + 1))
    slopes, uncertain = _slopes(grown[past], seen[past], length)
    lacking = slopes * grown - seen
    scatter = scales(lacking[past], length)
    if not np.isfinite(scatter).any():
        now = np.abs(lacking[start])[1:]
        now = now[np.isfinite(now)]
        scatter = np.full(own.shape[1], MAD_TO_SIGMA * float(np.median(now)) if now.size else np.nan)
    plain = uncertain**2 * grown**2
    # The references are not given the allowance for large rises: those among them that had any make the test more careful.
    plain[start, 0] += (CURVED * grown[start, 0]) ** 2
    variance = np.maximum(scatter, 1e-6) ** 2 + plain
    return _Shortfall(grown, seen, lacking, variance, slopes, uncertain)


def _slopes(grown: Floats, seen: Floats, length: int) -> tuple[Floats, Floats]:
    """Elasticity of every entity and its standard deviation, by Huber regression through zero, shrunk to that of all."""
    known = np.isfinite(grown) & np.isfinite(seen)
    x, y = np.where(known, grown, 0.0), np.where(known, seen, 0.0)
    slope = np.full(grown.shape[1], PRIOR)
    weights = known.astype(np.float64)
    noise = np.ones(grown.shape[1])
    for _ in range(4 if len(grown) else 0):
        left = np.where(known, y - slope * x, np.nan)
        noise = np.maximum(np.nan_to_num(MAD_TO_SIGMA * column_medians(np.abs(left)), nan=1.0), 1e-6)
        weights = np.where(known, huber_weights(np.nan_to_num(left) / noise), 0.0)
        told = (weights * x * x).sum(axis=0)
        slope = np.where(told > 1e-12, (weights * x * y).sum(axis=0) / np.maximum(told, 1e-12), PRIOR)
    # Windows that overlap tell as much as those that lie side by side.
    told = (weights * x * x).sum(axis=0) / max(length, 7) if len(grown) else np.zeros(slope.size)
    variance = noise**2 / np.maximum(told, 1e-12)
    share = 1.0 / (variance + BETWEEN**2)
    top, bottom = PRIOR / UNCERTAIN**2 + (share * slope).sum(), 1.0 / UNCERTAIN**2 + share.sum()
    centre = top / bottom
    spread = BETWEEN**2 + 1.0 / bottom
    precision = 1.0 / variance + 1.0 / spread
    return np.clip((slope / variance + centre / spread) / precision, 0.1, 3.0), np.sqrt(1.0 / precision)


def _joined(found: Sequence[_Shortfall]) -> tuple[Floats, Floats, Floats]:
    """Join proxies by their precision: standard scores, excess in logs of the subject and its error, each (T, 1 + K)."""
    excess = np.stack([f.lacking / f.slopes for f in found])
    precision = np.stack([f.slopes**2 / f.variance for f in found])
    known = np.isfinite(excess) & np.isfinite(precision)
    weight = np.where(known, precision, 0.0)
    total = weight.sum(axis=0)
    mean = np.where(
        total > 0, np.where(known, weight * np.nan_to_num(excess), 0.0).sum(axis=0) / np.maximum(total, 1e-300), np.nan
    )
    error = np.where(total > 0, 1.0 / np.sqrt(np.maximum(total, 1e-300)), np.nan)
    return mean / error, mean, error


def _base(own: Floats, proxies: Sequence[_Proxy], window: slice) -> tuple[list[_Proxy], int, int]:
    """Return the proxies known before and inside the window, the length of the base and how far before the window it ends."""
    usable: list[tuple[_Proxy, npt.NDArray[np.bool_]]] = []
    for proxy in proxies:
        both = np.isfinite(own[:, 0]) & np.isfinite(proxy.other[:, 0])
        if 2 * both[window].sum() >= window.stop - window.start and both[: window.start].sum() >= FEWEST_BASE:
            usable.append((proxy, both))
    if not usable:
        return [], 0, 0
    for gap in (GAP, 0):
        stop = max(0, window.start - gap)
        for length in (BASE, BASE // 2, BASE // 4):
            rows = slice(max(0, stop - length), stop)
            kept = [p for p, both in usable if both[rows].sum() >= max(FEWEST_BASE, length / 2)]
            if kept:
                return kept, length, gap
    return [], 0, 0


def _logs(scene: Scene) -> Floats:
    """Log of the published figures of the subject and its peers, shape (T, 1 + K)."""
    own = np.where(scene.subject.settled, scene.subject.values, np.nan)
    return _log(np.column_stack([own, settled(scene.peers)]))


def _log(values: Floats) -> Floats:
    return np.log(np.where(np.nan_to_num(values) > 0, values, np.nan))


def _proxies(scene: Scene, named: str) -> list[_Proxy]:
    """Series of the subject and its peers that come from other sources than the scene's metric."""
    origins = _origins(scene)
    home = origins.get(scene.table.metric, ())
    found = []
    for metric, table in sorted(scene.panel.tables.items()):
        away = origins.get(metric, ())
        if metric == scene.table.metric or (named and metric != named):
            continue
        if not named and (not away or set(away) & set(home)):
            continue
        parts = [p for p in scene.subject.parts if p in table.index] or (
            list(table.entities) if len(table.entities) == 1 else []
        )
        if not parts:
            continue
        values = on(settled(table), table, scene.table.dates)
        mine = values[:, [table.index[p] for p in parts]]
        known = np.isfinite(mine)
        summed = np.where(known.any(axis=1), np.where(known, mine, 0.0).sum(axis=1), np.nan)
        others = np.full((len(values), len(scene.peers.entities)), np.nan)
        for column, peer in enumerate(scene.peers.entities):
            if peer in table.index and peer not in parts:
                others[:, column] = values[:, table.index[peer]]
        label = f"{metric} ({away[0]})" if away else metric
        separate = bool(named) or _apart(scene.panel.sources, home, away)
        found.append(_Proxy(label, metric, _log(np.column_stack([summed, others])), separate))
    return found
