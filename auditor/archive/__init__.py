"""The evidence archive: raw answers by SHA-256, a hash-chained ledger of every retrieval, vintages, proof.

What proof covers is told in :mod:`auditor.archive.verification`, how to read an archive without this tool in
:mod:`auditor.archive.exporting`, when a figure counts as withdrawn in :mod:`auditor.archive.vintages`.
"""

from auditor.archive.backfill import import_path
from auditor.archive.entry import Entry
from auditor.archive.exporting import export
from auditor.archive.merging import merge
from auditor.archive.replay import Parser, observations
from auditor.archive.store import Archive, Retrieval
from auditor.archive.timestamp import timestamp_head
from auditor.archive.verification import Problem, Verification, verify
from auditor.archive.vintages import as_known_on, revision_summary, revisions

__all__ = [
    "Archive",
    "Entry",
    "Parser",
    "Problem",
    "Retrieval",
    "Verification",
    "as_known_on",
    "export",
    "import_path",
    "merge",
    "observations",
    "revision_summary",
    "revisions",
    "timestamp_head",
    "verify",
]
