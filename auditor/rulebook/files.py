"""Where rules lie: the folder shipped with the package, a checkout's, and the user's own."""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from auditor.errors import AuditError, ErrorList, UsageError
from auditor.rulebook.model import RuleError, RuleFile
from auditor.rulebook.schema import rule_of
from auditor.yamlfile import load as load_yaml


def shipped() -> Path:
    """Return the folder of the rules that come with the program: inside the package, or at the root of a checkout.

    Raises
    ------
    UsageError
        When the installation lacks them.
    """
    package = Path(str(resources.files("auditor")))
    for folder in (package / "rules", package.parent / "rules"):
        if folder.is_dir() and any(folder.glob("AUD*.yaml")):
            return folder
    raise UsageError("the rules that belong to the program were not found", where=str(package), hint="reinstall it")


def paths(folder: Path) -> list[Path]:
    """Return the rule files of a folder (or the one file named), sorted by name.

    Raises
    ------
    UsageError
        When the folder does not exist or holds no YAML file.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise UsageError("there is no such folder of rules", where=str(folder), hint="check the path given to --rules")
    found = sorted(p for pattern in ("*.yaml", "*.yml") for p in folder.rglob(pattern) if p.is_file())
    if not found:
        raise UsageError("the folder holds no rule (*.yaml)", where=str(folder), hint="see docs/writing-rules.md")
    return found


def read(path: Path) -> RuleFile:
    """Read one rule file.

    Raises
    ------
    UsageError, ErrorList
        With file, line, column and a hint for each mistake.
    """
    return rule_of(load_yaml(path))


def read_all(folders: Iterable[Path]) -> tuple[list[RuleFile], list[AuditError]]:
    """Read every rule of several folders; return the good ones and all errors of the others."""
    rules: list[RuleFile] = []
    errors: list[AuditError] = []
    for folder in folders:
        try:
            files = paths(folder)
        except UsageError as error:
            errors.append(error)
            continue
        for path in files:
            try:
                rules.append(read(path))
            except ErrorList as error:
                errors += error.errors
            except AuditError as error:
                errors.append(error)
    errors += doubles(rules)
    return rules, errors


def doubles(rules: Sequence[RuleFile]) -> list[AuditError]:
    """Return an error for each id or name that two rules share."""
    errors: list[AuditError] = []
    for key in ("id", "name"):
        first: dict[str, RuleFile] = {}
        for rule in rules:
            value = getattr(rule, key)
            if value in first:
                what = f"rule {rule.id}: the {key} {value!r} is taken by {first[value].file}"
                errors.append(RuleError(what, where=rule.document.where((key,)), hint=f"choose another {key}"))
            first.setdefault(value, rule)
    return errors
