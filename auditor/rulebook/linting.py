"""Finds everything wrong with rule files, all at once, with file, line, column and a hint."""

import string
from collections.abc import Sequence
from pathlib import Path

from auditor.errors import AuditError, Where
from auditor.rulebook import engine, testing
from auditor.rulebook.book import SPECIAL
from auditor.rulebook.files import read_all, shipped
from auditor.rulebook.guard import check
from auditor.rulebook.model import RuleError, RuleFile
from auditor.texts.formats import FORMATS

#: Values the runner adds to a message besides the columns of the row.
ADDED = frozenset({"subject", "metric", "date", "until"})


def lint(folders: Sequence[Path] = (), *, tests: bool = True) -> list[AuditError]:
    """Check every rule of the folders (default: the shipped ones).

    Parameters
    ----------
    folders : sequence of Path
    tests : bool
        Also run each rule's tests.

    Returns
    -------
    list of AuditError
        Every defect of every file, in order of file and line; empty where all is well.
    """
    rules, errors = read_all(folders or [shipped()])
    for rule in rules:
        found = bound(rule)
        errors += found
        if tests and not found:
            errors += [r.problem for r in testing.test([rule]) if r.problem is not None]
    return sorted(errors, key=_place)


def _place(error: AuditError) -> tuple[str, int, int, str]:
    where: Where = error.where
    return (where.file, where.line or 0, where.column or 0, error.what)


def bound(rule: RuleFile) -> list[AuditError]:
    """Check the SQL, bind it to the views of the rule's first test, and the message to its columns."""
    from auditor.rulebook.views import Built, build

    try:
        scene = testing.scene_of(rule.tests[0])
    except (AuditError, ValueError) as error:
        what = f"the test {rule.tests[0].name!r} cannot be built: {getattr(error, 'what', error)}"
        return [rule.error(what, *rule.tests[0].path)]
    try:
        with engine.connect() as con:
            checked = check(con, rule)
            build(con, scene, checked.views, Built(set()))
            columns = engine.ask(con, rule, checked).columns
    except RuleError as error:
        return [error]
    errors: list[AuditError] = []
    if "date" not in columns:
        hint = "select the first day of each violation AS date"
        errors.append(rule.error("the SQL returns no column `date`", "sql", hint=hint))
    known = (set(columns) | ADDED) - {"evidence"}
    for _, name, spec, _ in string.Formatter().parse(rule.message):
        if name is None:
            continue
        if name not in known:
            hint = "the SQL returns " + ", ".join(c for c in columns if c not in SPECIAL - {"entity"})
            errors.append(
                rule.error(f"the message uses {{{name}}}, which the SQL does not return", "message", hint=hint)
            )
        elif spec and spec not in FORMATS:
            hint = "formats are " + ", ".join(FORMATS)
            errors.append(rule.error(f"the message uses the unknown format {spec!r}", "message", hint=hint))
    measure = rule.weights.measure
    if measure and measure not in columns:
        errors.append(rule.error(f"the SQL returns no column {measure!r}", "hypotheses", "measure"))
    return errors
