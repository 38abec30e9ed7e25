"""Whether the measured ratios were measured on figures like these.

They were measured on daily token counts of one platform. Downloads, stars, page views or trading volume, and figures by the hour,
week or month, have rhythms and jumps of their own; there the ratios that speak of conduct are halved on the log scale and capped at
10, unless the reference was rebuilt from the panel's own ordinary windows (:mod:`auditor.verdict.rebuild`). Ratios of a data error
rest on arithmetic (one exact factor in many entities, an impossible sum) that is the same in any unit; they carry over.
"""

from enum import StrEnum

from auditor.detectors.base import Scene
from auditor.findings import Hypothesis


class Domain(StrEnum):
    """Where the ratios of a verdict come from."""

    NATIVE = "native"  #: figures of the kind that was calibrated
    FOREIGN = "foreign"  #: another kind: shrunk and capped
    REBUILT = "rebuilt"  #: another kind, with the reference rebuilt from its own ordinary windows


#: Factor on log ratios in a foreign domain, and what no combined ratio exceeds there.
FOREIGN_SHRINKAGE, FOREIGN_CAP = 0.5, 1.0

#: Explanations whose ratios carry over.
UNIVERSAL = frozenset({Hypothesis.DATA_ERROR})


def domain_of(scene: Scene) -> Domain:
    """Return ``native`` for daily token counts, else ``foreign``."""
    from auditor.detectors.metrics import folded, role_of
    from auditor.observations import Frequency

    named = "token" in folded(scene.table.metric) or "token" in folded(scene.table.unit)
    tokens = role_of(scene.table.metric) in {"prompt", "completion"} or named
    return Domain.NATIVE if tokens and scene.panel.frequency is Frequency.DAY else Domain.FOREIGN
