"""Combines weighed findings into a verdict over all explanations.

Inside a family the log ratios are averaged, because its tests look at the same aspect of the same series and repeat each
other; across families they are added. Multiplying eight tests correlated at 0.6 exceeds a ratio of 100 on 8.9 % of organic
days, where an honest ratio may do so on 1 % (measured on simulated days before this was written, not by a command here).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from auditor.detectors.base import Scene
from auditor.findings import Family, Finding, Hypothesis, NotApplicable
from auditor.texts.message import Message
from auditor.verdict.model import LeaveOut, Score, Strength, Verdict
from auditor.verdict.wanted import would_settle
from auditor.verdict.weigh import ReferenceTable, reference_table
from auditor.window import elevation

#: An explanation is named from a ratio of 10 on, against organic growth and against the best rival.
THRESHOLD = 1.0

#: Below a ratio of 2 nothing leads.
NO_SUPPORT = 0.30103

#: While the bands are provisional no combined ratio above 1,000 is reported.
PROVISIONAL_CAP = 3.0

#: What the other families must still give the leading explanation when its strongest family is left out (a ratio of 1.5).
WITHOUT_STRONGEST = 0.176

#: Explanations of a rise need a rise: the window's median must exceed the base before it by a quarter. Among published daily
#: token figures (2025-12 to 2026-07) 26 % of model-weeks and 33 % of model-months do so against the four weeks before, with no
#: cause on record, so a smaller change needs no explanation.
SMALLEST_RISE = 1.25

#: While the bands are provisional, so many families must each speak for `inflated` (a ratio above 1.25) before it is named. With two,
#: 4 of 1,460 windows around surges of the reference panel were named; each was a free model with a level top.
FAMILIES_FOR_INFLATED, SPEAKS_FOR = 3, 0.1

#: Variant of a finding that rests on a dated event with a source of its own, beside the series. Where such a finding carries
#: an explanation there are two independent records already, and the other families need only not speak against it.
DOCUMENTED = "documented"

#: Explanations that one family may carry. A double count seen in every entity of a cross-section is many independent
#: observations, so `record` alone may establish a data error; nothing that speaks of people's conduct may rest on one family.
MAY_STAND_ALONE = frozenset({Hypothesis.DATA_ERROR})


def decide(
    scene: Scene,
    findings: Sequence[Finding],
    not_applicable: Sequence[NotApplicable] = (),
    table: ReferenceTable | None = None,
) -> Verdict:
    """Weigh all explanations against each other.

    Returns
    -------
    Verdict
        ``insufficient`` when no explanation is at least 10 times better supported than every other (organic included),
        when the window holds days younger than the settled age, or when one family of tests alone carries it.
    """
    chosen = table or reference_table()
    families = _families(findings)
    combined = _combine(families)
    ranked = sorted(combined, key=lambda h: -combined[h])
    leading = ranked[0]
    lead = combined[leading] - combined[ranked[1]]
    scores = {
        h: Score(
            hypothesis=h,
            log10_lr=round(combined[h], 6),
            against_best_rival=round(combined[h] - max(v for k, v in combined.items() if k is not h), 6),
            by_family=MappingProxyType({f: round(w[h], 6) for f, w in families.items() if h in w}),
        )
        for h in Hypothesis
    }
    fragility = tuple(_without(families, family) for family in families)
    reasons = _reasons(scene, findings, families, leading, lead, ranked[1])
    if chosen.provisional and leading is Hypothesis.INFLATED and not reasons:
        speaking = sum(w.get(leading, 0.0) > SPEAKS_FOR for w in families.values())
        if speaking < FAMILIES_FOR_INFLATED:
            reasons = (Message.of("verdict.reasons.few_families", n=speaking, needed=FAMILIES_FOR_INFLATED),)
    sufficient = not reasons
    strength = Strength.of(lead) if sufficient else Strength.NONE
    hypothesis = leading.value if sufficient else "insufficient"
    words = Message.of(
        f"verdict.words.{hypothesis}",
        subject=scene.subject.name,
        start=scene.span.start,
        end=scene.span.end,
        strength=strength.value,
        lr=10 ** min(lead, PROVISIONAL_CAP),
        rival=ranked[1].value,
        leading=leading.value,
    )
    kind = "provisional" if chosen.provisional else "measured"
    return Verdict(
        hypothesis=hypothesis,
        leading=leading,
        strength=strength,
        words=words,
        reasons=reasons,
        scores=MappingProxyType(scores),
        fragility=fragility,
        would_settle=would_settle(scene, leading, findings, not_applicable),
        provisional=chosen.provisional,
        calibration=Message.of(f"verdict.calibration.{kind}", version=chosen.version),
    )


def _families(findings: Sequence[Finding]) -> dict[Family, dict[Hypothesis, float]]:
    """Average of the log ratios of the findings of each family; a rule with several findings counts once, by its largest."""
    by_rule: dict[tuple[Family, str], Finding] = {}
    for finding in findings:
        if finding.weighs and finding.log10_lr:
            key = (finding.family, finding.rule)
            held = by_rule.get(key)
            if held is None or _size(finding) > _size(held):
                by_rule[key] = finding
    grouped: dict[Family, list[Finding]] = {}
    for (family, _), finding in sorted(by_rule.items(), key=lambda item: (item[0][0].value, item[0][1])):
        grouped.setdefault(family, []).append(finding)
    return {
        family: {
            h: sum(f.log10_lr.get(h, 0.0) for f in group) / len(group)
            for h in Hypothesis
            if h is not Hypothesis.ORGANIC
        }
        for family, group in grouped.items()
    }


def _size(finding: Finding) -> float:
    return max((abs(v) for v in finding.log10_lr.values()), default=0.0)


def _combine(families: Mapping[Family, Mapping[Hypothesis, float]]) -> dict[Hypothesis, float]:
    """Sum over families, capped; organic is the zero against which all others are measured."""
    total = dict.fromkeys(Hypothesis, 0.0)
    for weights in families.values():
        for hypothesis, weight in weights.items():
            total[hypothesis] += weight
    return {h: max(min(v, PROVISIONAL_CAP), -PROVISIONAL_CAP) for h, v in total.items()}


def _without(families: Mapping[Family, Mapping[Hypothesis, float]], left_out: Family) -> LeaveOut:
    combined = _combine({f: w for f, w in families.items() if f is not left_out})
    leading = max(combined, key=lambda h: combined[h])
    rival = max(v for h, v in combined.items() if h is not leading)
    return LeaveOut(family=left_out, leading=leading, log10_lr=round(combined[leading] - rival, 6))


def _reasons(
    scene: Scene,
    findings: Sequence[Finding],
    families: Mapping[Family, Mapping[Hypothesis, float]],
    leading: Hypothesis,
    lead: float,
    rival: Hypothesis,
) -> tuple[Message, ...]:
    """Why the findings do not suffice to name an explanation; empty when they do."""
    reasons = []
    if any(f.rule == "AUD171" and f.variant == "unsettled" for f in findings):
        reasons.append(Message.of("verdict.reasons.unsettled"))
    rise = elevation(scene)
    if rise is not None and rise < SMALLEST_RISE and leading is not Hypothesis.DATA_ERROR:
        reasons.append(Message.of("verdict.reasons.no_rise", subject=scene.subject.name, ratio=rise))
    if not families:
        reasons.append(Message.of("verdict.reasons.nothing_weighs"))
    elif lead < THRESHOLD:
        key = "no_lead" if lead < NO_SUPPORT else "close"
        reasons.append(Message.of(f"verdict.reasons.{key}", leading=leading.value, rival=rival.value, lr=10**lead))
    elif leading not in MAY_STAND_ALONE | {Hypothesis.ORGANIC}:
        strongest = max(families, key=lambda f: families[f].get(leading, 0.0))
        rest = _combine({f: w for f, w in families.items() if f is not strongest})
        second_record = any(
            f.family is strongest and f.variant == DOCUMENTED and f.log10_lr.get(leading, 0.0) > 0 for f in findings
        )
        if rest[leading] < (0.0 if second_record and leading is Hypothesis.INCENTIVISED else WITHOUT_STRONGEST):
            reasons.append(Message.of("verdict.reasons.one_family", family=strongest.value, leading=leading.value))
    return tuple(reasons)
