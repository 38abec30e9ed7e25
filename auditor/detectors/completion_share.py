"""AUD143 compares the share of generated (completion) tokens in the subject's volume with that of the other entities.

The share ``completion / (prompt + completion)`` over the window is ranked among peers with at least a thousandth of the
subject's volume (two-sided conformal rank). A split published as zero beside a positive total counts as not stated.

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import paired, playing
from auditor.detectors.tokens_per_request import cross_section
from auditor.findings import Family, Outcome

RULE = Rule(id="AUD143", name="completion_share", family=Family.COMPOSITION)


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Rank the subject's completion share in the window among the peers'."""
    completion = playing(scene.panel, "completion")
    if completion is None:
        return RULE.not_applicable("no_completion", subject=scene.subject.name)
    prompt, total = playing(scene.panel, "prompt"), playing(scene.panel, "tokens")
    under = (prompt, completion) if prompt is not None else (total,) if total is not None else ()
    if not under:
        return RULE.not_applicable("no_prompt", subject=scene.subject.name)
    pair = paired(scene, (completion,), under, itemised=True)
    if pair is None:
        return RULE.not_applicable("no_subject", subject=scene.subject.name)
    return cross_section(scene, RULE, pair, "completion share")
