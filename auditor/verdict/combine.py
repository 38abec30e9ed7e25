"""Adds up what the families of tests say, dependence allowed for.

Tests of one family look at the same aspect of the same series and repeat each other; multiplying eight tests correlated at 0.6 exceeds a
ratio of 100 on 8.9 % of organic days, where an honest ratio may do so on 1 % (measured on simulated days before this was written).
Measured log ratios are therefore added with weights that were fitted together, so that dependent tests share one weight; judged ones are
averaged inside a family and added across.
"""

from collections.abc import Mapping, Sequence

from auditor.findings import Family, Finding, Hypothesis
from auditor.verdict.domain import FOREIGN_CAP, FOREIGN_SHRINKAGE, UNIVERSAL, Domain
from auditor.verdict.table import ReferenceTable

#: No combined log ratio exceeds this, whatever the table says.
MOST = 3.0

Weights = Mapping[Family, Mapping[Hypothesis, float]]


def tier_of(findings: Sequence[Finding], table: ReferenceTable) -> int:
    """Tier of knowledge of an audit: the highest tier that any test which weighs belongs to."""
    return max((table.tier_of.get(f.rule, 1) for f in findings if f.weighs and f.log10_lr), default=1)


def contributions(
    findings: Sequence[Finding], table: ReferenceTable, *, tier: int = 1, domain: Domain = Domain.NATIVE
) -> dict[Family, dict[Hypothesis, float]]:
    """Return what each family adds to the log ratio of each explanation against organic growth.

    A rule with several findings counts once: by its smallest p where its ratio was measured (it was measured so), else by its
    largest weight.
    """
    held = table.tier(tier)
    grouped: dict[Family, list[Finding]] = {}
    for finding in _one_a_rule(findings, table):
        grouped.setdefault(finding.family, []).append(finding)
    return {family: _family(group, table, held.weights, held.factor, domain) for family, group in grouped.items()}


def _family(
    group: Sequence[Finding],
    table: ReferenceTable,
    weights: Mapping[str, Mapping[Hypothesis, float]],
    factor: Mapping[Hypothesis, float],
    domain: Domain,
) -> dict[Hypothesis, float]:
    out: dict[Hypothesis, float] = {}
    for h in Hypothesis:
        if h is Hypothesis.ORGANIC:
            continue
        measured = [f for f in group if table.measured(f.rule, f.variant, h)]
        judged = [f for f in group if not table.measured(f.rule, f.variant, h)]
        if weights:
            total = sum(weights.get(f.rule, {}).get(h, 0.0) * f.log10_lr.get(h, 0.0) for f in measured)
        else:
            # Averaged over the tests that say anything, as the factors were fitted.
            spoke = sum(_speaks(f, table) for f in group)
            total = sum(f.log10_lr.get(h, 0.0) for f in measured) / max(spoke, 1)
        total *= factor.get(h, 1.0)
        if judged:
            said = [f.log10_lr.get(h, 0.0) for f in judged]
            # Tests of the record look for different errors: that there is no other kind does not speak against the one found.
            strongest = h is Hypothesis.DATA_ERROR and judged[0].family is Family.RECORD and max(said) > 0
            total += max(said) if strongest else sum(said) / len(said)
        if domain is Domain.FOREIGN and not table.provisional and h not in UNIVERSAL:
            total *= FOREIGN_SHRINKAGE
        out[h] = total
    return out


def combined(
    families: Weights, table: ReferenceTable, *, tier: int = 1, domain: Domain = Domain.NATIVE
) -> dict[Hypothesis, float]:
    """Sum over families, capped; organic is the zero against which all others are measured."""
    total = dict.fromkeys(Hypothesis, 0.0)
    for weights in families.values():
        for hypothesis, weight in weights.items():
            total[hypothesis] += weight
    return {h: _capped(h, v, table, tier, domain) for h, v in total.items()}


def _capped(h: Hypothesis, value: float, table: ReferenceTable, tier: int, domain: Domain) -> float:
    most = min(MOST, table.tier(tier).cap.get(h, MOST))
    if domain is Domain.FOREIGN and not table.provisional and h not in UNIVERSAL:
        most = min(most, FOREIGN_CAP)
    return max(min(value, most), -most)


def _speaks(finding: Finding, table: ReferenceTable) -> bool:
    return any(v != 0 and table.measured(finding.rule, finding.variant, h) for h, v in finding.log10_lr.items())


def _one_a_rule(findings: Sequence[Finding], table: ReferenceTable) -> list[Finding]:
    by_rule: dict[tuple[Family, str], tuple[tuple[float, float], Finding]] = {}
    for finding in findings:
        if finding.weighs and finding.log10_lr:
            key = (finding.family, finding.rule)
            p = finding.statistic.p if finding.statistic else None
            measured = (finding.rule, finding.variant) in table.curves
            order = (-p if measured and p is not None else -2.0, _size(finding))
            if key not in by_rule or order > by_rule[key][0]:
                by_rule[key] = (order, finding)
    return [f for _, (_, f) in sorted(by_rule.items(), key=lambda item: (item[0][0].value, item[0][1]))]


def _size(finding: Finding) -> float:
    return max((abs(v) for v in finding.log10_lr.values()), default=0.0)
