"""The shipped examples, from file to page: every sentence is written out and every form holds."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor import session
from auditor.report import as_html, as_json, as_markdown
from auditor.report.document import dumps

FIXTURES = ("qwen3.6-plus", "simulated-inflated", "simulated-doubled-day")


@pytest.mark.parametrize("name", FIXTURES)
def test_a_shipped_example(name: str, project: Path, schema: dict[str, Any]) -> None:
    audit = session.run(case=project / "data" / "fixtures" / name / "case.yaml")
    page, document, words = as_html(audit), as_json(audit), as_markdown(audit)
    jsonschema.Draft202012Validator(schema).validate(json.loads(dumps(document)))
    assert len(page.encode()) < 1_000_000
    assert ("Simulated data." in page) == name.startswith("simulated")
    # A sentence that the catalogue lacks would be shown by its key.
    assert [t for t in _sentences(document) if re.match(r"[A-Za-z][A-Za-z0-9]*\.[a-z_0-9.]+( \(|$)", t)] == []
    assert not any("{" in t or "template:" in t for t in _sentences(document))
    assert "template:" not in page
    assert words.startswith("# ")


def _sentences(node: Any) -> Iterator[str]:
    """All texts of a document besides those of messages not yet written out."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key not in {"message", "inputs", "file", "where"}:
                yield from _sentences(value)
    elif isinstance(node, list):
        for value in node:
            yield from _sentences(value)
