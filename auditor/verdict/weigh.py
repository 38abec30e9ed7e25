"""Gives a finding its likelihood ratios from the reference table, with the caps that hold for all of them."""

import math
from dataclasses import replace
from types import MappingProxyType

from auditor.findings import Finding, Hypothesis, Statistic
from auditor.verdict.table import (
    Band,
    Curve,
    Reference,
    ReferenceTable,
    Tier,
    judged_table,
    reference_table,
)

__all__ = [
    "SHRINKAGE",
    "Band",
    "Curve",
    "Reference",
    "ReferenceTable",
    "Tier",
    "judged_table",
    "reference_table",
    "weigh",
]

#: Weight of a finding at low, medium and high confidence: the log ratio is shrunk toward 0 (a ratio of 1).
SHRINKAGE = {"low": 0.5, "medium": 1.0, "high": 1.0}


def weigh(finding: Finding, table: ReferenceTable | None = None) -> Finding:
    """Return the finding with its log10 likelihood ratios against ``organic``.

    A measured ratio counts before a judged one. No ratio, in favour or against, exceeds ``n_reference + 1``, because a comparison with
    n cases cannot show more. No judged ratio in favour exceeds ``1 / p`` where the finding carries a rank p-value, because an outcome
    that occurs in a share p of ordinary cases is at most 1 / p times more probable under any other explanation; of a measured
    ratio the share of ordinary cases is the denominator already, and the p-value (which some tests correct for the number of days
    they looked at) is not set against it a second time. Findings of low confidence are shrunk toward a ratio of 1. A finding for which the table has no ratio
    carries no weight (``weighs`` False).
    """
    chosen = table or reference_table()
    statistic = finding.statistic
    if not finding.weighs or statistic is None:
        return replace(finding, weighs=False)
    ratios = _ratios(finding, statistic, chosen)
    if ratios is None:
        return replace(finding, weighs=False)
    least = most = math.log10(statistic.n_reference + 1) if statistic.n_reference else math.inf
    if statistic.p is not None and statistic.p > 0:
        most = min(most, -math.log10(statistic.p))
    shrink = SHRINKAGE[finding.confidence.value]
    weights = {}
    for h, v in ratios.items():
        highest = least if chosen.measured(finding.rule, finding.variant, h) else most
        weights[h] = round(max(min(v * shrink, highest), -least), 6)
    return replace(finding, log10_lr=MappingProxyType(weights))


def _ratios(finding: Finding, statistic: Statistic, table: ReferenceTable) -> dict[Hypothesis, float] | None:
    """Judged ratios, overlaid by measured ones; None where the table has neither."""
    ratios: dict[Hypothesis, float] | None = None
    reference = table.rules.get(finding.rule)
    if reference is not None:
        value = _read(statistic, reference.measure)
        band = None if value is None else next((b for b in reference.bands if b.fits(value, finding.variant)), None)
        if band is not None:
            most = math.inf if table.provisional else band.most
            ratios = {h: max(min(v, most), -most) for h, v in band.log10_lr.items()}
    curve = table.curves.get((finding.rule, finding.variant))
    if curve is not None:
        x = _read(statistic, curve.measure)
        if x is not None:
            ratios = (ratios or {}) | curve.at(x)
    return ratios


def _read(statistic: Statistic, measure: str) -> float | None:
    value = statistic.p if measure == "p" else statistic.value
    return value if value is not None and math.isfinite(value) else None
