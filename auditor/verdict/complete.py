"""Adds to a verdict what takes further runs: other choices, and the question asked without each source.

An audit of one case does this; a scan of thousands does not.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable
from auditor.verdict.domain import Domain
from auditor.verdict.fragility import Ask, without_sources
from auditor.verdict.lattice import lattice
from auditor.verdict.model import Verdict
from auditor.verdict.table import ReferenceTable


def complete(
    verdict: Verdict,
    scene: Scene,
    findings: Sequence[Finding],
    not_applicable: Sequence[NotApplicable],
    *,
    detectors: Sequence[ModuleType],
    ask: Ask,
    table: ReferenceTable | None = None,
) -> Verdict:
    """Return the verdict with its lattice and, where there are several sources, its fragility by source.

    Parameters
    ----------
    detectors : sequence of modules
        ``auditor.detectors.registry.DETECTORS``.
    ask : callable
        ``lambda panel, case: audit(panel, case).verdict``.
    table : ReferenceTable, optional
        The one the verdict was made with; default the one shipped.
    """
    domain = Domain(verdict.domain)
    return replace(
        verdict,
        lattice=lattice(scene, findings, not_applicable, detectors=detectors, table=table, domain=domain),
        without_source=without_sources(scene.panel, scene.case, ask),
    )
