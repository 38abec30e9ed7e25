"""``audit rules``: list, show, lint, test."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from auditor.commands.rules import command
from auditor.errors import AuditError, ErrorList


def run(*arguments: str) -> tuple[str, BaseException | None]:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    return result.output, result.exception


def test_list_has_one_line_per_rule(folder: Path) -> None:
    text, error = run("list", "--rules", str(folder))
    assert error is None
    assert "AUD212  high    accounting    A whole period is an exact copy of another" in text
    assert "AUD490" in text
    only, _ = run("list", "--group", "vintage")
    assert {line[:5] for line in only.splitlines()} == {"AUD25"}


def test_an_unknown_group_is_a_usage_error() -> None:
    _, error = run("list", "--group", "vintages")
    assert isinstance(error, AuditError)
    assert "groups are accounting" in str(error)


def test_show_prints_the_page_by_id_or_name() -> None:
    by_id, _ = run("show", "AUD212")
    by_name, _ = run("show", "repeated-day")
    assert by_id == by_name
    assert by_id.startswith("# AUD212 A whole period is an exact copy of another")
    assert "## How it can mislead" in by_id


def test_lint_reports_all_mistakes(folder: Path) -> None:
    assert run("lint", str(folder)) == ("No mistakes found.\n", None)
    path = folder / "AUD490_probe.yaml"
    path.write_text(path.read_text().replace("title:", "titel:").replace("FROM daily", "FROM dayly"))
    _, error = run("lint", str(folder))
    assert isinstance(error, ErrorList)
    assert error.code == 2
    assert "did you mean 'title'?" in str(error)


def test_test_runs_the_named_rules(folder: Path) -> None:
    text, error = run("test", "AUD212", "probe", "--rules", str(folder))
    assert error is None
    assert text == "6 of 6 tests of 2 rules passed.\n"
    path = folder / "AUD490_probe.yaml"
    path.write_text(path.read_text().replace("a: 50 100 50", "a: 50 80 50"))
    text, error = run("test", "AUD490", "--rules", str(folder))
    assert text == "2 of 3 tests of 1 rules passed.\n"
    assert isinstance(error, ErrorList)


def test_every_subcommand_has_help() -> None:
    assert isinstance(command, click.Group)
    for name, sub in command.commands.items():
        assert sub.help, name


@pytest.mark.parametrize("name", ["AUD999", "nothing"])
def test_an_unknown_rule_is_named(name: str) -> None:
    _, error = run("show", name)
    assert isinstance(error, AuditError)
