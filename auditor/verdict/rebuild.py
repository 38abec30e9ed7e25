"""Rebuilds the reference for another domain from the panel's own ordinary windows.

Ratios measured on daily tokens say how far, in quantiles of organic growth, each explanation displaces a test's statistic. Where a panel
has enough other series and history, what is ordinary *there* is measured on placebo windows of its peers, and a statistic of the
subject is first expressed as a quantile of those. The shipped curve is then read at the same quantile of the shipped organic cases:

    LR'(x) = LR( Q_shipped( F_own(x) ) ).

What carries over is the assumption that the explanations displace the statistic by as many quantiles as they do in tokens; what does
not is any number of tokens. A log ratio is shrunk by n / (n + 10) for n peers, and none exceeds n + 1. Tests whose curve rests on
the kind of finding alone (a factor found or not) keep their ratios, shrunk like those of a foreign domain.

References
----------
Abadie, A., Diamond, A., Hainmueller, J. (2010). Synthetic control methods for comparative case studies. JASA 105(490), 493-505
    (placebo distributions from the peers).
Panofsky, H. A., Brier, G. W. (1958). Some Applications of Statistics to Meteorology (quantile mapping).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from types import MappingProxyType, ModuleType

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Scene
from auditor.errors import AuditError
from auditor.findings import Finding, Hypothesis
from auditor.verdict.domain import FOREIGN_SHRINKAGE
from auditor.verdict.lattice import CARRIED
from auditor.verdict.table import Curve, ReferenceTable
from auditor.window import BASE_PERIODS, elevation

Floats = npt.NDArray[np.float64]

#: Peers and placebo windows that a rebuilt reference needs of a test, and the most windows that are measured.
FEWEST_PEERS, FEWEST_WINDOWS, MOST_WINDOWS = 10, 40, 160

#: Placebo windows that rise are preferred: the question is asked of a series because it rose.
RISES = 1.25

#: Pseudo-peers that hold a ratio near 1.
STRENGTH = 10.0


@dataclass(frozen=True)
class Rebuilt:
    """A reference table for this panel, and what it rests on.

    Attributes
    ----------
    table : ReferenceTable
    windows, peers : int
        Placebo windows measured, and the series they come from.
    tests : tuple of str
        Tests whose ratios were rebuilt.
    """

    table: ReferenceTable
    windows: int
    peers: int
    tests: tuple[str, ...]


def rebuild(scene: Scene, table: ReferenceTable, *, detectors: Sequence[ModuleType]) -> Rebuilt | None:
    """Measure placebo windows of the peers and return a table made from them; None where the panel has too few.

    Parameters
    ----------
    scene : Scene
        Of the case; its window, and the periods around it, are never a placebo.
    detectors : sequence of modules
        ``auditor.detectors.registry.DETECTORS``; handed in, because the verdict does not know them.
    """
    if table.provisional:
        return None
    windows = placebo_windows(scene)
    if len(windows) < FEWEST_WINDOWS or len({entity for entity, _ in windows}) < FEWEST_PEERS:
        return None
    seen: dict[tuple[str, str], list[tuple[str, float]]] = {}
    wanted = {rule for rule, _ in table.curves}
    again = [m for m in detectors if m.RULE.id in wanted - CARRIED]
    for entity, window in windows:
        for finding in _measured(scene, entity, window, again):
            curve = table.curves.get((finding.rule, finding.variant))
            statistic = finding.statistic
            if curve is None or statistic is None:
                continue
            x = statistic.p if curve.measure == "p" else statistic.value
            if x is not None and np.isfinite(x):
                seen.setdefault((finding.rule, finding.variant), []).append((entity, float(x)))
    curves = {}
    rebuilt = []
    for key, curve in table.curves.items():
        cases = seen.get(key, [])
        own = len({entity for entity, _ in cases})
        if len(cases) >= FEWEST_WINDOWS and own >= FEWEST_PEERS and len(set(curve.quantiles)) > 2:
            curves[key] = mapped(curve, np.array([x for _, x in cases]), own)
            rebuilt.append(key[0])
        else:
            curves[key] = _shrunk(curve, FOREIGN_SHRINKAGE)
    if not rebuilt:
        return None
    held = replace(table, curves=MappingProxyType(curves))
    return Rebuilt(held, len(windows), len({e for e, _ in windows}), tuple(sorted(set(rebuilt))))


def placebo_windows(scene: Scene) -> list[tuple[str, slice]]:
    """Windows of the case's length in its peers, spread evenly, apart from the case's own and from each other.

    Windows that rise come first; others fill up only to the fewest that are needed.
    """
    length = scene.window.stop - scene.window.start
    values = scene.peers.values
    guard = slice(scene.window.start - length, scene.window.stop + length)
    rising: list[tuple[str, slice]] = []
    level: list[tuple[str, slice]] = []
    for column, entity in enumerate(scene.peers.entities):
        series = values[:, column]
        for start in range(BASE_PERIODS, series.size - length + 1, max(length, 7)):
            window = slice(start, start + length)
            if window.start < guard.stop and window.stop > guard.start:
                continue
            before = series[start - BASE_PERIODS : start]
            inside = series[window]
            if np.isfinite(inside).mean() < 0.8 or np.isfinite(before).sum() < BASE_PERIODS // 2:
                continue
            base = float(np.nanmedian(before))
            if base <= 0:
                continue
            (rising if np.nanmedian(inside) / base >= RISES else level).append((entity, window))
    if len(rising) >= FEWEST_WINDOWS:
        return _spread(rising, MOST_WINDOWS)
    return rising + _spread(level, FEWEST_WINDOWS * 2 - len(rising))


def mapped(curve: Curve, own: Floats, peers: int) -> Curve:
    """Return a curve over this panel's statistic: each own quantile gets the ratio of the same organic quantile of the shipped curve."""
    at = np.linspace(0.0, 1.0, len(curve.quantiles))
    knots = np.quantile(own, at)
    keep = np.r_[True, np.diff(knots) > 0]
    most = log10(peers + 1)
    shrink = peers / (peers + STRENGTH)
    rows = [curve.at(q) for q, k in zip(curve.quantiles, keep, strict=True) if k]
    ratios = {h: tuple(float(np.clip(row[h] * shrink, -most, most)) for row in rows) for h in curve.log10_lr}
    return replace(
        curve,
        steps=False,
        knots=tuple(float(k) for k in knots[keep]),
        log10_lr=MappingProxyType(ratios),
        cases=MappingProxyType({**curve.cases, Hypothesis.ORGANIC: float(peers)}),
    )


def _shrunk(curve: Curve, factor: float) -> Curve:
    return replace(
        curve,
        log10_lr=MappingProxyType(
            {h: v if h is Hypothesis.DATA_ERROR else tuple(factor * x for x in v) for h, v in curve.log10_lr.items()}
        ),
    )


def _measured(scene: Scene, entity: str, window: slice, detectors: Sequence[ModuleType]) -> list[Finding]:
    case = replace(scene.case, subject=(entity,), name="", events=(), claims=(), window=None, date=None)
    try:
        subject = scene.table.series((entity,))
    except AuditError:
        return []
    placebo = Scene(panel=scene.panel, case=case, table=scene.table, subject=subject, window=window)
    if elevation(placebo) is None:
        return []
    found: list[Finding] = []
    for module in detectors:
        found += [o for o in module.detect(placebo, {}) if isinstance(o, Finding) and o.weighs]
    return found


def _spread(items: list[tuple[str, slice]], most: int) -> list[tuple[str, slice]]:
    """Take at most so many, evenly over the list (which runs by entity)."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]
