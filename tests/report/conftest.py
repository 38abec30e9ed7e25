"""The audit that the report's tests render, built once."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from auditor.report import as_html
from auditor.walk import Audit
from tests.report import sample


@pytest.fixture(scope="session")
def audit() -> Audit:
    return sample.audit()


@pytest.fixture(scope="session")
def page(audit: Audit) -> str:
    return as_html(audit, command="audit run --case case.yaml")


@pytest.fixture(scope="session")
def text(page: str) -> str:
    """The page as a reader sees it: without tags, style and drawings' texts."""
    import html

    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(bare).split())


@pytest.fixture(scope="session")
def schema(project: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((project / "schema" / "audit.schema.json").read_text(encoding="utf-8"))
    return loaded
