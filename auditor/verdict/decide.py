"""Combines weighed findings into a verdict over all explanations; :mod:`auditor.verdict.combine` says how they are added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auditor.detectors.base import Scene
from auditor.findings import Family, Finding, Hypothesis, NotApplicable
from auditor.texts.message import Message
from auditor.verdict.combine import MOST, Weights, combined, contributions, tier_of
from auditor.verdict.detectable import detectable
from auditor.verdict.domain import Domain, domain_of
from auditor.verdict.model import LeaveOut, Score, Strength, Verdict
from auditor.verdict.priors import posterior
from auditor.verdict.table import ReferenceTable, reference_table
from auditor.verdict.wanted import wanted
from auditor.window import elevation

#: An explanation is named from a ratio of 10 on, against organic growth and against the best rival.
THRESHOLD = 1.0

#: Below a ratio of 2 nothing leads.
NO_SUPPORT = 0.30103

#: No combined ratio above 1,000 is reported.
PROVISIONAL_CAP = MOST

#: What the other families must still give the leading explanation when its strongest family is left out (a ratio of 1.5).
WITHOUT_STRONGEST = 0.176

#: Explanations of a rise need a rise: the window's median must exceed the base before it by a quarter. Among published daily
#: token figures (2025-12 to 2026-07) 26 % of model-weeks and 33 % of model-months do so against the four weeks before, with no
#: cause on record, so a smaller change needs no explanation.
SMALLEST_RISE = 1.25

#: While the bands are provisional, so many families must each speak for `inflated` (a ratio above 1.25) before it is named. With two,
#: 4 of 1,460 windows around surges of the reference panel were named; each was a free model with a level top. Where ratios are
#: measured, a threshold that was measured too takes its place (:attr:`auditor.verdict.table.Tier.inflated_from`).
FAMILIES_FOR_INFLATED, SPEAKS_FOR = 3, 0.1

#: Variant of a finding that rests on a dated event with a source of its own, beside the series. Where such a finding carries
#: an explanation there are two independent records already, and the other families need only not speak against it.
DOCUMENTED = "documented"

#: Explanations that one family may carry. A double count seen in every entity of a cross-section is many independent
#: observations, so `record` alone may establish a data error; nothing that speaks of people's conduct may rest on one family.
MAY_STAND_ALONE = frozenset({Hypothesis.DATA_ERROR})


@dataclass(frozen=True, eq=False)
class _Weighing:
    """What the weights come to: shared by the steps below."""

    scene: Scene
    findings: Sequence[Finding]
    table: ReferenceTable
    tier: int
    domain: Domain
    families: Weights

    def sum(self, without: Family | None = None) -> dict[Hypothesis, float]:
        kept = {f: w for f, w in self.families.items() if f is not without}
        return combined(kept, self.table, tier=self.tier, domain=self.domain)


def decide(
    scene: Scene,
    findings: Sequence[Finding],
    not_applicable: Sequence[NotApplicable] = (),
    table: ReferenceTable | None = None,
    *,
    domain: Domain | None = None,
    priors: Mapping[Hypothesis, float] | None = None,
) -> Verdict:
    """Weigh all explanations against each other.

    Parameters
    ----------
    findings : sequence of Finding
        Weighed by :func:`auditor.verdict.weigh.weigh` with the same table.
    table : ReferenceTable, optional
        Default: the one shipped.
    domain : Domain, optional
        Default: found from the metric and frequency; ``rebuilt`` where the table was made from this panel's own windows.
    priors : mapping of Hypothesis to float, optional
        The user's prior probabilities (:func:`auditor.verdict.priors.parse`); they give a posterior and change nothing else.

    Returns
    -------
    Verdict
        ``insufficient`` when no explanation is at least 10 times better supported than every other (organic included),
        when the window holds days younger than the settled age (save for a data error that the record itself shows), or when
        one family of tests alone carries it.
    """
    chosen = table or reference_table()
    place = domain or domain_of(scene)
    tier = tier_of(findings, chosen)
    families = contributions(findings, chosen, tier=tier, domain=place)
    weighing = _Weighing(scene, findings, chosen, tier, place, families)
    sums = weighing.sum()
    ranked = sorted(sums, key=lambda h: -sums[h])
    leading, rival = ranked[0], ranked[1]
    lead = sums[leading] - sums[rival]
    scores = {
        h: Score(
            hypothesis=h,
            log10_lr=round(sums[h], 6),
            against_best_rival=round(sums[h] - max(v for k, v in sums.items() if k is not h), 6),
            by_family=MappingProxyType({f: round(w[h], 6) for f, w in families.items() if h in w}),
        )
        for h in Hypothesis
    }
    reasons = _reasons(weighing, leading, lead, rival)
    sufficient = not reasons
    strength = Strength.of(lead) if sufficient else Strength.NONE
    hypothesis = leading.value if sufficient else "insufficient"
    words = Message.of(
        f"verdict.words.{hypothesis}",
        subject=scene.subject.name,
        start=scene.span.start,
        end=scene.span.end,
        strength=strength.value.replace(" ", "_"),
        lr=10 ** min(lead, MOST),
        rival=rival.value,
        leading=leading.value,
    )
    missing = wanted(scene, leading, rival, findings, not_applicable, chosen)
    after = posterior(priors, sums) if priors else MappingProxyType({})
    return Verdict(
        hypothesis=hypothesis,
        leading=leading,
        strength=strength,
        words=words,
        reasons=reasons,
        scores=MappingProxyType(scores),
        fragility=tuple(_without(weighing, family) for family in families),
        would_settle=tuple(w.words for w in missing),
        provisional=chosen.provisional,
        calibration=_calibration(chosen, tier),
        tier=tier,
        domain=place.value,
        domain_words=None
        if chosen.provisional
        else Message.of(
            f"verdict.domain.{place.value}", metric=scene.table.metric, frequency=scene.panel.frequency.value
        ),
        basis=MappingProxyType(_basis(findings, chosen)),
        error_rates=MappingProxyType(dict(chosen.tier(tier).errors)),
        detectable=detectable(scene, chosen, tier=tier, domain=place),
        wanted=missing,
        posterior=after,
        posterior_words=_posterior_words(after),
    )


def _calibration(table: ReferenceTable, tier: int) -> Message:
    if table.provisional:
        return Message.of("verdict.calibration.provisional", version=table.version)
    errors = table.tier(tier).errors
    known = {k: errors.get(k) for k in ("false_count", "false_total", "false_high", "power", "cllr")}
    if any(v is None for v in known.values()):
        return Message.of("verdict.calibration.measured", version=table.version)
    return Message.of("verdict.calibration.measured_rates", version=table.version, tier=tier, **known)


def _basis(findings: Sequence[Finding], table: ReferenceTable) -> dict[str, str]:
    """Say of each finding that weighs whether its ratios are measurements or judgements."""
    out = {}
    for finding in findings:
        if finding.weighs and finding.log10_lr:
            kinds = {table.measured(finding.rule, finding.variant, h) for h in finding.log10_lr}
            name = f"{finding.rule}/{finding.variant}" if finding.variant else finding.rule
            out[name] = "mixed" if len(kinds) > 1 else "measured" if True in kinds else "judged"
    return dict(sorted(out.items()))


def _posterior_words(after: Mapping[Hypothesis, float]) -> Message | None:
    if not after:
        return None
    best = max(after, key=lambda h: after[h])
    return Message.of(
        "verdict.posterior", best=best.value, probability=after[best], inflated=after[Hypothesis.INFLATED]
    )


def _without(weighing: _Weighing, left_out: Family) -> LeaveOut:
    sums = weighing.sum(without=left_out)
    leading = max(sums, key=lambda h: sums[h])
    rival = max(v for h, v in sums.items() if h is not leading)
    return LeaveOut(family=left_out, leading=leading, log10_lr=round(sums[leading] - rival, 6))


def _reasons(weighing: _Weighing, leading: Hypothesis, lead: float, rival: Hypothesis) -> tuple[Message, ...]:
    """Why the findings do not suffice to name an explanation; empty when they do."""
    scene, families = weighing.scene, weighing.families
    reasons = []
    unsettled = any(f.rule == "AUD171" and f.variant == "unsettled" for f in weighing.findings)
    if unsettled and not _record_carries(weighing, leading):
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
        alone = _alone(weighing, leading)
        if alone is not None:
            reasons.append(Message.of("verdict.reasons.one_family", family=alone.value, leading=leading.value))
    if leading is Hypothesis.INFLATED and not reasons:
        reasons.extend(_restraint(weighing, lead))
    return tuple(reasons)


def _record_carries(weighing: _Weighing, leading: Hypothesis) -> bool:
    """Whether a data error leads because of what the record itself shows.

    Figures that can still change are no ground for an explanation of conduct. That they are not complete is itself an error of the
    record, and shows only while they are young.
    """
    error = Hypothesis.DATA_ERROR
    record = weighing.families.get(Family.RECORD, {}).get(error, 0.0)
    others = [w.get(error, 0.0) for f, w in weighing.families.items() if f is not Family.RECORD]
    return leading is error and record > max((0.0, *others))


def _alone(weighing: _Weighing, leading: Hypothesis) -> Family | None:
    """Return the family that alone carries the leading explanation, if one does."""
    strongest = max(weighing.families, key=lambda f: weighing.families[f].get(leading, 0.0))
    rest = weighing.sum(without=strongest)[leading]
    second_record = any(
        f.family is strongest and f.variant == DOCUMENTED and f.log10_lr.get(leading, 0.0) > 0
        for f in weighing.findings
    )
    needed = 0.0 if second_record and leading is Hypothesis.INCENTIVISED else WITHOUT_STRONGEST
    return strongest if rest < needed else None


def _restraint(weighing: _Weighing, lead: float) -> list[Message]:
    """Say what more is asked before traffic made to move the number is named."""
    if weighing.table.provisional:
        speaking = sum(w.get(Hypothesis.INFLATED, 0.0) > SPEAKS_FOR for w in weighing.families.values())
        if speaking < FAMILIES_FOR_INFLATED:
            return [Message.of("verdict.reasons.few_families", n=speaking, needed=FAMILIES_FOR_INFLATED)]
        return []
    needed = weighing.table.tier(weighing.tier).inflated_from
    if lead < needed:
        return [Message.of("verdict.reasons.below_measured", lr=10**lead, needed=10**needed, tier=weighing.tier)]
    return []
