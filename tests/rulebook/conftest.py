"""Rulebooks and small panels for the tests of this room."""

from pathlib import Path

import pytest

from auditor import rulebook
from auditor.rulebook.book import Rulebook
from auditor.rulebook.model import RuleFile
from auditor.rulebook.schema import rule_of
from auditor.yamlfile import parse

RULE = """\
id: AUD490
name: probe
title: A probe
group: units
status: stable
level: high
family: record
description: A probe.
rationale: For tests.
references: [none]
falsepositives: ["A launch {multiplies} figures for real."]
requires: {}
sql: |
  SELECT date, entity, value FROM daily WHERE value > 90
message: "{entity} states {value:quantity} on {date:date}."
hypotheses:
  basis: provisional
  why: Judgement.
  measure: value
  bands: [{low: 90, high: 1000, log10_lr: {data_error: 0.5}}, {low: 1000, log10_lr: {data_error: 1.0, inflated: -0.4}}]
tests:
  - {name: high, kind: hit, series: {a: 50 100 50, b: 10 10 10}, hits: [{date: 2026-01-06, entity: a}]}
  - {name: low, kind: clean, series: {a: 50 60 50, b: 10 10 10}}
  - {name: at the limit, kind: edge, series: {a: 50 90 50, b: 10 10 10}}
"""


def rule_from(sql: str | None = None, **changes: str) -> RuleFile:
    """The probe with another SQL text, or with lines changed (name=value)."""
    text = RULE
    for key, value in changes.items():
        lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in text.split("\n")]
        text = "\n".join(lines)
    if sql is not None:
        block = "\n".join(f"  {line}" for line in sql.split("\n"))
        start, end = text.index("sql: |"), text.index("message:")
        text = f"{text[:start]}sql: |\n{block}\n{text[end:]}"
    return rule_of(parse(text, "probe.yaml"))


@pytest.fixture(scope="session")
def book() -> Rulebook:
    """The rules that ship with the program."""
    return rulebook.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one good rule of the user's own."""
    (tmp_path / "AUD490_probe.yaml").write_text(RULE, encoding="utf-8")
    return tmp_path
