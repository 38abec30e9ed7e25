"""The whole walk below the command line: ``audit(panel, case) -> Audit``. Pure: no files, no clock, no chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import auditor
from auditor.case import Case
from auditor.claims.base import ClaimResult
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Family, Finding, NotApplicable, Outcome
from auditor.observations import Note, Source
from auditor.panel import Panel
from auditor.texts.message import Message
from auditor.verdict.model import Verdict

if TYPE_CHECKING:
    from datetime import date
    from types import ModuleType

    from auditor.rulebook.suppress import Suppression
    from auditor.verdict.domain import Domain
    from auditor.verdict.table import ReferenceTable


class Rules(Protocol):
    """What runs consistency rules on a scene: a rulebook, or a session of one."""

    def run(self, scene: Scene) -> list[Outcome]:
        """Return what the rules found, and which could not run."""
        ...


@dataclass(frozen=True, eq=False)
class Audit:
    """One question answered: what was found, what was not, and what it weighs.

    ``findings`` are sorted by weight, the heaviest first. ``suppressed`` holds the fingerprints of those that the user's
    suppressions take the weight from; they stay among the findings. Shows itself in a notebook.
    """

    case: Case
    scene: Scene
    verdict: Verdict
    claims: tuple[ClaimResult, ...]
    findings: tuple[Finding, ...]
    not_applicable: tuple[NotApplicable, ...]
    sources: tuple[Source, ...]
    notes: tuple[Note, ...]
    suppressed: tuple[str, ...] = ()
    software: Mapping[str, str] = field(
        default_factory=lambda: {"name": "usage-auditor", "version": auditor.__version__}
    )

    @property
    def simulated(self) -> bool:
        """Whether any figure is simulated."""
        return self.scene.panel.simulated

    def finding(self, rule: str) -> Finding | None:
        """Return the heaviest finding of a rule, if it has one."""
        return next((f for f in self.findings if f.rule == rule), None)

    def _repr_html_(self) -> str:
        from auditor.report.notebook import summary

        return summary(self)


def audit(
    panel: Panel,
    case: Case,
    *,
    detectors: "Sequence[ModuleType] | None" = None,
    rules: "Rules | None" = None,
    suppressions: "Sequence[Suppression]" = (),
    today: "date | None" = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    table: "ReferenceTable | None" = None,
    domain: "Domain | None" = None,
) -> Audit:
    """Answer the question of a case on a panel.

    Parameters
    ----------
    panel : Panel
    case : Case
    detectors : sequence of modules, optional
        Default: all of :mod:`auditor.detectors.registry`.
    rules : Rules, optional
        Consistency rules to run as well (a rulebook, or its session where one panel is asked many questions); default none.
        :func:`auditor.session.run` passes the shipped ones.
    suppressions : sequence of Suppression, optional
        Findings somebody has looked at; they stay in the report, marked, and carry no weight.
    today : date
        Needed with suppressions, which expire.
    params : mapping, optional
        Settings per detector id.
    progress : callable, optional
        Called as ``progress(name, done, total)`` before each step.
    table : ReferenceTable, optional
        Likelihood ratios; default the ones shipped with the package.
    domain : Domain, optional
        Whether they were measured on figures like these; default found from the metric and frequency.

    Raises
    ------
    UsageError
        When the case names a subject, metric or window that the panel does not hold.
    """
    from auditor.claims.registry import check
    from auditor.detectors.registry import DETECTORS
    from auditor.verdict.decide import decide
    from auditor.verdict.weigh import weigh
    from auditor.window import resolve

    chosen = tuple(DETECTORS if detectors is None else detectors)
    scene = resolve(panel, case)
    measured: list[Finding] = []
    silent: list[NotApplicable] = []
    for done, module in enumerate(chosen):
        if progress is not None:
            progress(module.RULE.name, done, len(chosen))
        for outcome in module.detect(scene, (params or {}).get(module.RULE.id, {})):
            if isinstance(outcome, NotApplicable):
                silent.append(outcome)
            else:
                measured.append(weigh(outcome, table))
    if rules is not None:
        if progress is not None:
            progress("rules", len(chosen), len(chosen) + 1)
        tested = {f.family for f in measured if f.weighs}
        for outcome in rules.run(scene):
            if isinstance(outcome, NotApplicable):
                silent.append(outcome)
            else:
                measured.append(_beside(outcome, tested))
    notes = list(panel.notes)
    hidden: tuple[str, ...] = ()
    if suppressions:
        if today is None:
            raise UsageError("suppressions need today's date, because they expire", hint="pass today=")
        measured, hidden = _suppress(measured, suppressions, today, notes)
    findings = tuple(sorted(measured, key=_weight))
    verdict = decide(scene, findings, tuple(silent), table, domain=domain, priors=case.priors or None)
    return Audit(
        case=case,
        scene=scene,
        verdict=verdict,
        claims=tuple(check(scene, claim) for claim in case.claims),
        findings=findings,
        not_applicable=tuple(silent),
        sources=panel.sources,
        notes=tuple(notes),
        suppressed=hidden,
    )


def _suppress(
    findings: Sequence[Finding], suppressions: "Sequence[Suppression]", today: "date", notes: list[Note]
) -> tuple[list[Finding], tuple[str, ...]]:
    """Take the weight from suppressed findings and say in the open what was suppressed, what expired and what covers nothing."""
    from auditor.rulebook.suppress import apply

    sorted_out = apply(findings, suppressions, today=today)
    kept = list(sorted_out.kept)
    for finding, by in sorted_out.suppressed:
        said = Message.of("verdict.suppressed", reason=by.reason, expires=by.expires, where=_place(by))
        kept.append(replace(finding, weighs=False, log10_lr=MappingProxyType({}), limits=(said, *finding.limits)))
        notes.append(Note("suppressed", f"{finding.rule} is suppressed until {by.expires}: {by.reason}", _place(by)))
    notes += [
        Note("suppression_expired", f"the suppression of {s.rule} for {s.subject} expired on {s.expires}", _place(s))
        for s in sorted_out.expired
    ]
    notes += [
        Note("suppression_unused", f"the suppression of {s.rule} for {s.subject} covers nothing here", _place(s))
        for s in sorted_out.unused
    ]
    return kept, tuple(finding.fingerprint for finding, _ in sorted_out.suppressed)


def _place(suppression: "Suppression") -> str:
    """File and line of a suppression for a published report: the file by its name, not by the user's folders."""
    return f"{PurePath(suppression.where.file).name}:{suppression.where.line}"


def _beside(finding: Finding, tested: set[Family]) -> Finding:
    """Take the weight from a rule's hit where a test of the same family already weighs.

    Both read the same figures, and two readings of one fact are not two facts; averaging them would also let a shelf of weak rules
    water down a strong test. The hit stays in the report.
    """
    if finding.family not in tested:
        return finding
    return replace(finding, weighs=False, log10_lr=MappingProxyType({}))


def _weight(finding: Finding) -> tuple[float, int, str, str]:
    """Order of findings: heaviest first, then the most severe, then by rule and window."""
    heaviest = max((abs(v) for v in finding.log10_lr.values()), default=0.0)
    return (-round(heaviest, 9), -finding.severity.rank, finding.rule, str(finding.window or ""))
