"""``audit rules``: list, show, lint and test the rulebook."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.errors import ErrorList, UsageError

if TYPE_CHECKING:
    from auditor.rulebook.book import Rulebook

_OWN = click.option(
    "--rules",
    "own",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder (or file) of your own rules, besides the shipped ones; repeatable.",
)


@click.group("rules", short_help="List, show, lint and test the rulebook.")
def command() -> None:
    """List, show, lint and test the consistency rules (YAML with SQL; docs/writing-rules.md tells how to write one)."""


@command.command("list")
@_OWN
@click.option("--group", metavar="NAME", help="accounting, units, vintage, cross-source or context")
def list_rules(own: tuple[Path, ...], group: str | None) -> int:
    """List all rules: id, level, status, name and title."""
    book = _load(own)
    groups = dict.fromkeys(rule.group for rule in book.rules)
    if group is not None and group not in groups:
        raise UsageError(f"there is no group {group!r}", hint="groups are " + ", ".join(groups))
    for rule in book.rules:
        if group in {None, rule.group}:
            status = "" if rule.status == "stable" else f" ({rule.status})"
            click.echo(f"{rule.id}  {rule.level.value:<7} {rule.group:<13} {rule.title}{status}")
    return 0


@command.command("show")
@click.argument("rule", metavar="RULE")
@_OWN
def show(rule: str, own: tuple[Path, ...]) -> int:
    """Show one rule by id (AUD212) or name (repeated_day): what it checks, its SQL, its weight, how it can mislead."""
    from auditor.rulebook.pages import page

    click.echo(page(_load(own).rule(rule)).rstrip("\n"))
    return 0


@command.command("lint")
@click.argument("folders", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--no-tests", is_flag=True, help="Do not run the rules' own tests.")
def lint(folders: tuple[Path, ...], no_tests: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Report every mistake of every rule file of the folders (default: the shipped rules), with line and hint."""
    from auditor import rulebook

    errors = rulebook.lint(folders, tests=not no_tests)
    if errors:
        raise ErrorList(errors)
    click.echo("No mistakes found.")
    return 0


@command.command("test")
@click.argument("rules", metavar="[RULE]...", nargs=-1)
@_OWN
def test(rules: tuple[str, ...], own: tuple[Path, ...]) -> int:
    """Run the tests of all rules, or of the ones named by id or name."""
    from auditor.rulebook import testing

    book = _load(own)
    chosen = [book.rule(name) for name in rules] or list(book.rules)
    results = testing.test(chosen)
    problems = [r.problem for r in results if r.problem is not None]
    click.echo(f"{len(results) - len(problems)} of {len(results)} tests of {len(chosen)} rules passed.")
    if problems:
        raise ErrorList(problems)
    return 0


def _load(own: tuple[Path, ...]) -> "Rulebook":
    from auditor import rulebook

    return rulebook.load(extra=own)
