"""The rulebook: consistency rules as YAML and SQL that anyone can read and add.

>>> from auditor import rulebook
>>> book = rulebook.load()
>>> book.rule("AUD212").name
'repeated_day'

A rule is one file of ``rules/``; its form and the views its SQL may read are in ``docs/writing-rules.md``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import ErrorList

if TYPE_CHECKING:
    from auditor.errors import AuditError
    from auditor.rulebook.book import Rulebook
    from auditor.rulebook.testing import TestResult


def load(folder: Path | None = None, extra: Iterable[Path] = ()) -> "Rulebook":
    """Load the rules of a folder, and those of further folders.

    Parameters
    ----------
    folder : Path, optional
        Default: the rules shipped with the program.
    extra : iterable of Path
        Folders (or single files) of the user's own rules, added to the others.

    Raises
    ------
    ErrorList
        With every defect of every file.
    """
    from auditor.rulebook.book import Rulebook
    from auditor.rulebook.files import read_all, shipped

    rules, errors = read_all([folder or shipped(), *extra])
    if errors:
        raise ErrorList(errors)
    return Rulebook(tuple(sorted(rules, key=lambda r: r.id)))


def lint(folders: Iterable[Path] = (), *, tests: bool = True) -> "list[AuditError]":
    """Return every defect of every rule file of the folders; see :func:`auditor.rulebook.linting.lint`."""
    from auditor.rulebook import linting

    return linting.lint(tuple(folders), tests=tests)


def test(folder: Path | None = None, extra: Iterable[Path] = ()) -> "list[TestResult]":  # noqa: PT028 - runs rules' tests
    """Run the tests of all rules; see :func:`auditor.rulebook.testing.test`."""
    from auditor.rulebook import testing

    return testing.test(load(folder, extra).rules)


test.__test__ = False  # type: ignore[attr-defined]  # pytest would otherwise collect it where it is imported
