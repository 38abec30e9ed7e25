"""Evidence on whether a spike in a public usage series looks organic or inflated.

>>> import auditor
>>> audit = auditor.run("figures.csv", case="case.yaml")        # doctest: +SKIP
>>> audit.verdict.hypothesis, audit.verdict.strength            # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from auditor.case import Case, Claim, Event
    from auditor.errors import AuditError
    from auditor.findings import Finding
    from auditor.panel import Panel
    from auditor.session import read, run
    from auditor.walk import Audit, audit

_HOMES = {
    "Audit": "auditor.walk",
    "AuditError": "auditor.errors",
    "Case": "auditor.case",
    "Claim": "auditor.case",
    "Event": "auditor.case",
    "Finding": "auditor.findings",
    "Panel": "auditor.panel",
    "audit": "auditor.walk",
    "read": "auditor.session",
    "run": "auditor.session",
}

__all__ = ["Audit", "AuditError", "Case", "Claim", "Event", "Finding", "Panel", "__version__", "audit", "read", "run"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the command line must answer --help before pandas is imported.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(name)
