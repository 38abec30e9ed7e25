"""Gives a finding its likelihood ratios from the reference table, with the caps that hold for all of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from auditor.findings import Finding, Hypothesis

#: Weight of a finding at low, medium and high confidence: the log ratio is shrunk toward 0 (a ratio of 1).
SHRINKAGE = {"low": 0.5, "medium": 1.0, "high": 1.0}


@dataclass(frozen=True)
class Band:
    """One row of the table: where it applies and the weights it gives."""

    low: float
    high: float
    variant: str
    log10_lr: Mapping[Hypothesis, float]

    def fits(self, value: float, variant: str) -> bool:
        """Whether the band applies to a statistic."""
        return (not self.variant or self.variant == variant) and self.low <= value < self.high


@dataclass(frozen=True)
class Reference:
    """All bands of one rule; ``measure`` is the field of the statistic they are cut on (``value`` or ``p``)."""

    measure: str
    why: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class ReferenceTable:
    """The table of likelihood ratios that a verdict rests on."""

    version: str
    provisional: bool
    rules: Mapping[str, Reference]


@cache
def reference_table() -> ReferenceTable:
    """Read the table shipped with the package."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (resources.files("auditor.verdict") / "provisional.yaml").read_bytes()
    document: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C
    rules = {}
    for rule, entry in document["rules"].items():
        bands = tuple(
            Band(
                low=float(band.get("low", -math.inf)),
                high=float(band.get("high", math.inf)),
                variant=band.get("variant", entry.get("variant", "")),
                log10_lr=MappingProxyType({Hypothesis(h): float(v) for h, v in band["log10_lr"].items()}),
            )
            for band in entry["bands"]
        )
        rules[rule] = Reference(measure=entry["measure"], why=" ".join(entry["why"].split()), bands=bands)
    return ReferenceTable(version=str(document["version"]), provisional=True, rules=MappingProxyType(rules))


def weigh(finding: Finding, table: ReferenceTable | None = None) -> Finding:
    """Return the finding with its log10 likelihood ratios against ``organic``.

    Two caps hold whatever the table says. No ratio, in favour or against, exceeds ``n_reference + 1``, because a comparison
    with n cases cannot show more. No ratio in favour exceeds ``1 / p`` where the finding carries a rank p-value, because an
    outcome that occurs in a share p of ordinary cases is at most 1 / p times more probable under any other explanation. Findings of low confidence are
    shrunk toward a ratio of 1. A finding whose outcome no band covers carries no weight (``weighs`` False).
    """
    chosen = table or reference_table()
    reference = chosen.rules.get(finding.rule)
    statistic = finding.statistic
    if not finding.weighs or reference is None or statistic is None:
        return replace(finding, weighs=False)
    value = statistic.p if reference.measure == "p" else statistic.value
    if value is None or not math.isfinite(value):
        return replace(finding, weighs=False)
    band = next((b for b in reference.bands if b.fits(value, finding.variant)), None)
    if band is None:
        return replace(finding, weighs=False)
    least = most = math.log10(statistic.n_reference + 1) if statistic.n_reference else math.inf
    if statistic.p is not None and statistic.p > 0:
        most = min(most, -math.log10(statistic.p))
    shrink = SHRINKAGE[finding.confidence.value]
    weights = {h: round(max(min(v * shrink, most), -least), 6) for h, v in band.log10_lr.items()}
    return replace(finding, log10_lr=MappingProxyType(weights))
