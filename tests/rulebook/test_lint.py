"""Every mistake in a rule file is found at once, with file, line, column and what to try."""

from pathlib import Path

import pytest

from auditor import rulebook
from tests.rulebook.conftest import RULE


def lint(tmp_path: Path, text: str, name: str = "AUD490_probe.yaml") -> list[str]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(e).removeprefix(f"{tmp_path}/") for e in rulebook.lint([tmp_path])]


def test_a_good_rule_has_no_mistake(folder: Path) -> None:
    assert rulebook.lint([folder]) == []


MISTAKES = {
    "unknown key": (
        "title: A probe",
        "titel: A probe",
        ":3:1 (titel): unknown key 'titel'\n  try: did you mean 'title'?",
    ),
    "unknown key inside": (
        "requires: {}",
        "requires: {dayz: 3}",
        "(requires.dayz): unknown key 'dayz'\n  try: did you mean 'days'?",
    ),
    "missing key": ("falsepositives:", "description2:", "'falsepositives' is missing"),
    "empty false positives": (
        'falsepositives: ["A launch {multiplies} figures for real."]',
        "falsepositives: []",
        ":11:1 (falsepositives)",
    ),
    "duplicate key": (
        "title: A probe",
        "title: A probe\ntitle: B",
        ":4:1: the key 'title' stands twice\n  try: keep one of the two",
    ),
    "unknown family": ("family: record", "family: recrod", "(family): Input should be"),
    "id out of range": ("id: AUD490", "id: AUD100", ":1:1 (id): ids of rules run from AUD200 to AUD499"),
    "unknown column": (
        "value > 90",
        "valeu > 90",
        ':14:47 (sql): rule AUD490: the SQL fails: Referenced column "valeu" not found',
    ),
    "hint for a column": ("value > 90", "valeu > 90", "try: did you mean 'value'?"),
    "unknown view": (
        "FROM daily",
        "FROM dayly",
        "reading 'dayly' is refused: it is not a view\n  try: did you mean 'daily'?",
    ),
    "unknown function": (
        "SELECT date",
        "SELECT mediann(value), date",
        ":14:10 (sql): rule AUD490: the function 'mediann' is refused",
    ),
    "hint for a function": ("SELECT date", "SELECT mediann(value), date", "try: did you mean 'median'?"),
    "syntax": ("WHERE value", "WHERE WHERE value", ":14:"),
    "message column": (
        "{entity} states",
        "{enttiy} states",
        "the message uses {enttiy}, which the SQL does not return",
    ),
    "message format": ("{value:quantity}", "{value:amount}", "unknown format 'amount'\n  try: formats are quantity"),
    "message braces": ("{value:quantity}", "{value:quantity", "the message is no template"),
    "no date": ("SELECT date, entity", "SELECT entity", "the SQL returns no column `date`"),
    "measure": ("measure: value", "measure: size", "the SQL returns no column 'size'"),
    "too much weight": (
        "data_error: 0.5",
        "data_error: 1.5",
        "a weight is above what one rule may carry\n  try: provisional weights reach at most 1",
    ),
    "organic weight": ("data_error: 0.5", "organic: 0.5", "weights are against organic"),
    "no edge case": ("kind: edge", "kind: clean", "the tests hold no edge case"),
    "a hit that does not come": (
        "a: 50 100 50",
        "a: 50 80 50",
        ":22:72 (tests.0.hits.0): rule AUD490: the test 'high': hit 1 was not returned",
    ),
    "a hit too many": (
        "a: 50 60 50",
        "a: 50 600 50",
        "(tests.1.hits): rule AUD490: the test 'low': 1 hit(s) beyond the expected ones",
    ),
    "a test without rows": ("series: {a: 50 60 50, b: 10 10 10}", "series: {}", "has neither series nor rows"),
    "role": ("requires: {}", "requires: {roles: [tokns]}", "is not a role; roles are"),
    "alias": ("references: [none]", "references: &x [none]\nversion: *x", "uses an alias"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    old, new, told = MISTAKES[name]
    assert old in RULE
    found = lint(tmp_path, RULE.replace(old, new, 1))
    assert any(told in text for text in found), found
    assert all(text.startswith("AUD490_probe.yaml:") for text in found), found


def test_all_mistakes_of_all_files_come_together(tmp_path: Path) -> None:
    lint(tmp_path, RULE.replace("title: A probe", "titel: x").replace("family: record", "family: y"))
    found = lint(tmp_path, RULE.replace("AUD490", "AUD491").replace("FROM daily", "FROM dayly"), "b.yaml")
    assert [text.split(":")[0] for text in found] == ["AUD490_probe.yaml"] * 3 + ["b.yaml"]


def test_two_rules_may_not_share_an_id(tmp_path: Path) -> None:
    lint(tmp_path, RULE)
    found = lint(tmp_path, RULE.replace("name: probe", "name: other"), "z.yaml")
    assert len(found) == 1
    assert "z.yaml:1:1 (id): rule AUD490: the id 'AUD490' is taken by" in found[0]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (error,) = rulebook.lint([tmp_path / "none"])
    assert "there is no such folder of rules" in str(error)
    (error,) = rulebook.lint([tmp_path])
    assert "the folder holds no rule" in str(error)
