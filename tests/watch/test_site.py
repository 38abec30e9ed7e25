"""The static site: what it lists, links that lead somewhere, and no violation that axe-core can see."""

import re
from datetime import date
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

import pytest

from auditor.watch.config import Config, NotifyPart, SourcePart
from auditor.watch.found import Found
from auditor.watch.site import FOLDED, show
from auditor.watch.state import Monitor, State

HOSTILE = "acme/<script>alert(1)</script>'\" & co:free"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with every kind of finding, a hostile name and more events than are shown unfolded."""
    folder = tmp_path_factory.mktemp("reports")
    report = folder / "x" / "y" / "2026-01-01"
    report.mkdir(parents=True)
    (report / "index.html").write_text("report")
    found = [
        Found(
            "alarm", "alarm", "x", HOSTILE, "2026-01-01", "2026-01-02", "2026-01-05", "Rose.", report="x/y/2026-01-01"
        ),
        Found(
            "alarm", "alarm", "x", "acme/b", "2026-01-01", "2026-01-02", "2026-01-05", "Rose.", resolved="2026-02-01"
        ),
        Found("alarm", "alarm", "x", "acme/c", "2026-01-01", "2026-01-02", "2026-01-05", "Rose.", suppressed="Known."),
        Found("alarm", "alarm", "x", "acme/old", "2025-01-01", "2025-01-02", "2026-01-05", "Rose.", old=True),
        Found("record", "stale", "x", "", "2026-01-02", "2026-01-02", "2026-01-06", "No new day."),
        Found("record", "restated", "x", "", "2026-01-02", "2026-01-02", "2026-01-06", "Restated."),
        *(
            Found("event", "new", "x", f"acme/n{i}", "2026-01-02", "2026-01-02", "2026-01-06", "New.")
            for i in range(30)
        ),
    ]
    state = State(last_run="2026-02-02", found={f.id: f for f in found}, monitors={"x": Monitor()})
    notify = (NotifyPart(kind="atom", path="news feed.xml"), NotifyPart(kind="jsonl"))
    config = Config(source=(SourcePart(name="openrouter"),), notify=notify)
    show(state, date(2026, 2, 2), config, folder)
    return folder


def test_every_link_leads_to_a_file(site):
    pages = [site / "index.html", *sorted((site / "entities").glob("*.html"))]
    links = [(page, unquote(href)) for page in pages for href in re.findall(r"href='([^']*)'", page.read_text())]
    assert len(links) > 60
    assert not [(page.name, href) for page, href in links if not (page.parent / href).is_file()]


def test_what_is_open_is_what_lasts(site):
    text = (site / "index.html").read_text()
    open_ = text.partition("<h2>Open now</h2>")[2].partition("<h2>")[0]
    assert open_.count("<b>open</b>") == open_.count("<tr>") - 1 + open_.count("<tr ") == 2
    assert "No new day." in open_
    assert "Restated." not in open_
    assert "acme/old" not in text
    assert "<script" not in text
    assert text.count("<details>") == 1, f"only the list of more than {FOLDED} is folded"
    identities = re.findall(r" id='(\w+)'", text)
    assert len(identities) == len(set(identities)) == 35


@pytest.mark.browser
@pytest.mark.slow
def test_no_violation_that_axe_can_see(site, tmp_path):
    from tests.report.browser import chromium
    from tests.report.test_axe import violations

    engine = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    pages: list[Path] = [site / "index.html", min((site / "entities").glob("*.html"))]
    with chromium(tmp_path) as tab:
        for page in pages:
            for width in (390, 1280):
                for dark in (False, True):
                    tab.open(page, width, dark=dark)
                    tab.value("document.querySelectorAll('details').forEach(d => d.open = true)")
                    assert "\n\n".join(violations(tab, engine)) == ""
                    assert tab.value("document.documentElement.scrollWidth") <= width
