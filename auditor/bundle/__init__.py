"""One file that holds a question, its data and its answer, and that anyone can check on another machine.

A bundle is a zip archive::

    bundle.json                what to do with it: recipe, software, and the SHA-256 of every other member
    ro-crate-metadata.json     the same for archives of research data (RO-Crate 1.1)
    case.yaml                  the question
    inputs/...                 the figures exactly as they were read, with their citations
    archive/...                the answers of sources that the audit read from an evidence archive
    rules/..., suppress.yaml   rules and suppressions of the user's own
    report/...                 index.html, audit.json, report.md, data/*.csv

:mod:`auditor.bundle.packing` makes one, :mod:`auditor.bundle.checking` verifies one.
"""

from auditor.bundle.checking import Checked, check
from auditor.bundle.packing import pack

__all__ = ["Checked", "check", "pack"]
