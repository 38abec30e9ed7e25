"""The checks of claims, by kind."""

from types import ModuleType

from auditor.case import Claim
from auditor.claims import first_seen, growth, rank, ratio_to_rank, share, total, value
from auditor.claims.base import ClaimResult
from auditor.detectors.base import Scene
from auditor.errors import UsageError

CHECKS: dict[str, ModuleType] = {
    module.KIND: module for module in (value, ratio_to_rank, rank, share, first_seen, growth, total)
}


def check(scene: Scene, claim: Claim) -> ClaimResult:
    """Check one claim.

    Raises
    ------
    UsageError
        When the kind is unknown, or a setting is missing or unusable.
    """
    if claim.kind not in CHECKS:
        raise UsageError(
            f"the claim {claim.text!r} has the unknown kind {claim.kind!r}", hint="use " + ", ".join(CHECKS)
        )
    result: ClaimResult = CHECKS[claim.kind].check(scene, claim)
    return result
