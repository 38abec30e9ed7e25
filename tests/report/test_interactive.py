"""The optional script: reads days, enlarges, works by keyboard, and hostile names stay text."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.report.html import as_html, render
from auditor.report.render import View
from auditor.report.words import Words
from auditor.walk import Audit
from tests.report import sample
from tests.report.browser import Tab, chromium
from tests.report.payloads import PAYLOADS


@pytest.fixture(scope="module")
def interactive(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "index.html"
    place.write_text(as_html(audit, interactive=True), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_the_page_has_a_script_only_when_asked(audit: Audit, interactive: Path) -> None:
    assert "<script" not in as_html(audit)
    page = interactive.read_text(encoding="utf-8")
    assert page.count("<script") == 2
    assert "script-src 'sha256-" in page
    assert "unsafe" not in page


def test_the_embedded_figures_are_those_of_the_chart(audit: Audit, interactive: Path) -> None:
    found = re.search(r'id="figures">(.*?)</script>', interactive.read_text(encoding="utf-8"))
    assert found is not None
    held = json.loads(found[1])
    subject = held["series"][0]
    assert subject["role"] == "subject"
    values = dict(subject["points"])
    scene = audit.scene
    day = f"{scene.day(scene.peak):%Y-%m-%d}"
    assert values[day] == pytest.approx(scene.subject.values[scene.peak])


def test_hostile_names_cannot_end_the_element() -> None:
    names = [f"{payload}</script>" for payload in PAYLOADS]
    known = iter(names * 100)
    page = render(View(sample.audit(lambda _: next(known)), Words()), interactive=True)
    assert page.count("<script") == 2
    assert page.count("</script") == 2


def _at(tab: Tab, share: float) -> tuple[float, float]:
    box = tab.value(
        "(r => [r.x, r.y, r.width, r.height])([...document.querySelectorAll('.story .plot')]"
        ".find(p => p.offsetParent !== null).querySelector('svg').getBoundingClientRect())"
    )
    return box[0] + share * box[2], box[1] + 0.5 * box[3]


def _mouse(tab: Tab, kind: str, share: float) -> None:
    x, y = _at(tab, share)
    tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_it_reads_enlarges_and_returns(tab: Tab, interactive: Path, width: int, dark: bool) -> None:
    tab.open(interactive, width, dark=dark)
    tab.value("document.querySelector('.story').scrollIntoView()")
    assert "drag" in tab.value("document.getElementById('readout').textContent")
    _mouse(tab, "mouseMoved", 0.4)
    first = tab.value("document.getElementById('readout').textContent")
    assert re.match(r"\d{4}-\d\d-\d\d: ", first)
    _mouse(tab, "mousePressed", 0.3)
    _mouse(tab, "mouseMoved", 0.45)
    _mouse(tab, "mouseReleased", 0.5)
    assert tab.value("document.querySelectorAll('.enlarged').length") == 4
    assert tab.value("document.getElementById('readout').textContent").startswith("Enlarged: ")
    tab.value("document.querySelector('.reset').click()")
    assert tab.value("document.querySelectorAll('.enlarged').length") == 0
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key)
    assert re.match(r"\d{4}-\d\d-\d\d: ", tab.value("document.getElementById('readout').textContent"))
    assert tab.requests == []
    assert tab.messages == []
    assert tab.value("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.slow
def test_it_is_complete_without_scripts(tab: Tab, interactive: Path) -> None:
    tab.open(interactive, 1280, script=False)
    assert tab.requests == []
    tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert tab.value("document.querySelectorAll('.finding').length") > 0
