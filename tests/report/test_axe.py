"""No violation of WCAG 2.2 AA that axe-core can see, on any screen the page is made for."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from auditor.report import as_html, as_json
from auditor.report.listing import as_index, listed
from auditor.walk import Audit
from tests.report.browser import Tab, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def engine() -> str:
    """The text of axe-core; its package is installed for this file alone, and the browser driver it asks for is not used."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def violations(tab: Tab, engine: str) -> list[str]:
    """Run axe-core in the open page; one line per element that violates a rule."""
    tab.value(engine + ";0")
    answer: dict[str, Any] = tab.resolved(
        f"axe.run(document, {{runOnly: {_TAGS}, resultTypes: ['violations']}})"
        ".then(r => ({version: r.testEngine.version, checked: r.passes.length,"
        " bad: r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ' | ' + n.failureSummary))}))"
    )
    assert int(answer["version"].split(".")[0]) >= 4
    assert answer["checked"] > 20  # the engine really looked at the page
    bad: list[str] = answer["bad"]
    return bad


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_has_no_violation(tab: Tab, engine: str, page: str, tmp_path: Path, width: int, dark: bool) -> None:
    file = tmp_path / "index.html"
    file.write_text(page, encoding="utf-8")
    tab.open(file, width, dark=dark)
    tab.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert "\n\n".join(violations(tab, engine)) == ""


@pytest.mark.parametrize("dark", [False, True])
def test_the_index_and_the_interactive_page_have_no_violation(
    tab: Tab, engine: str, audit: Audit, tmp_path: Path, dark: bool
) -> None:
    entries = [listed(as_json(audit), f"{i}/index.html") for i in range(3)]
    for text in (as_index(entries), as_html(audit, interactive=True)):
        file = tmp_path / "index.html"
        file.write_text(text, encoding="utf-8")
        tab.open(file, 1280, dark=dark)
        assert "\n\n".join(violations(tab, engine)) == ""


def test_the_engine_sees_a_violation(tab: Tab, engine: str, page: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(page.replace("<main>", '<main><button></button><img src="">', 1), encoding="utf-8")
    tab.open(file, 1280)
    found = violations(tab, engine)
    tab.messages.clear()
    assert any(line.startswith("button-name") for line in found)
    assert any(line.startswith("image-alt") for line in found)
