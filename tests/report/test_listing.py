"""The index over many audits, the card for sharing, the PDF, and the history of one question."""

import copy
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import UsageError
from auditor.report import as_json, write
from auditor.report.card import as_card, card_svg, wrapped
from auditor.report.document import dumps
from auditor.report.history import earlier
from auditor.report.listing import as_index, find, listed, write_index
from auditor.report.pdf import as_pdf
from auditor.report.render import View
from auditor.report.words import Words
from auditor.walk import Audit
from tests.report import sample
from tests.report.browser import Tab, binary, chromium
from tests.report.payloads import PAYLOADS


@pytest.fixture(scope="module")
def document(audit: Audit) -> dict[str, Any]:
    return as_json(audit)


def variant(document: dict[str, Any], **verdict: Any) -> dict[str, Any]:
    other = copy.deepcopy(document)
    other["verdict"] |= verdict
    return other


def put(folder: Path, name: str, document: dict[str, Any]) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "audit.json").write_text(dumps(document), encoding="utf-8")
    (folder / name / "index.html").write_text("a report", encoding="utf-8")


@pytest.fixture
def many(tmp_path: Path, document: dict[str, Any]) -> Path:
    for i, (end, hypothesis) in enumerate(
        [("2031-01-09", "organic"), ("2031-03-01", "inflated"), ("2031-02-01", "insufficient")]
    ):
        other = variant(document, hypothesis=hypothesis)
        other["case"]["window"]["end"] = end
        other["case"]["subject"]["name"] = "zyx"[i]
        put(tmp_path, f"case-{i}", other)
    return tmp_path


def test_the_index_lists_the_newest_first(many: Path) -> None:
    (many / "broken").mkdir()
    (many / "broken" / "audit.json").write_text("{", encoding="utf-8")
    place, count, passed = write_index(many)
    page = place.read_text(encoding="utf-8")
    assert count == 3
    assert [p.split(":")[0] for p in passed] == ["broken/audit.json"]
    assert re.findall(r'href="(case-\d/index.html)"', page) == [f"case-{i}/index.html" for i in (1, 2, 0)]
    write_index(many)
    assert place.read_text(encoding="utf-8") == page


def test_the_index_never_overwrites_a_report(many: Path) -> None:
    with pytest.raises(UsageError, match="overwritten"):
        write_index(many / "case-0")
    assert (many / "case-0" / "index.html").read_text(encoding="utf-8") == "a report"
    with pytest.raises(UsageError, match="no such folder"):
        write_index(many / "none")


def test_hostile_names_stay_text_in_index_and_card(document: dict[str, Any]) -> None:
    for payload in PAYLOADS:
        other = copy.deepcopy(document)
        other["case"]["title"] = other["case"]["subject"]["name"] = payload
        entry = listed(json.loads(dumps(other)), f"{payload}/index.html")
        page = as_index([entry])
        clean = as_index([listed(document, "a/index.html")])
        assert page.count("<") == clean.count("<"), payload
        assert not re.search(r'href="(?!data:,)[a-z]+:', page), payload
        hostile = sample.audit(partial(str.__add__, payload))
        svg = card_svg(View(hostile, Words(), draw=False))
        tags = set(re.findall(r"<(\w+)", svg))
        assert tags <= {"svg", "rect", "text", "path"}, payload


def test_the_card_is_a_picture_of_the_right_size(audit: Audit) -> None:
    card = as_card(audit)
    assert card.startswith(b"\x89PNG")
    assert (int.from_bytes(card[16:20], "big"), int.from_bytes(card[20:24], "big")) == (1200, 630)
    assert as_card(audit) == card
    svg = card_svg(View(audit, Words(), draw=False))
    assert Words().t("banner.simulated") in svg


@pytest.mark.parametrize("text", ["a" * 400, "word " * 200, "\u4e2d" * 300, ""])
def test_wrapped_text_keeps_to_its_lines(text: str) -> None:
    lines = wrapped(text, 46.0, 1072.0, most=3)
    assert len(lines) <= 3


def test_history_grows_only_by_change(audit: Audit, tmp_path: Path, document: dict[str, Any]) -> None:
    write(audit, tmp_path, ["json", "html"])
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write(audit, tmp_path, ["json", "html"])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first  # the same input, the same bytes
    old = variant(document, hypothesis="insufficient", strength="no support")
    (tmp_path / "audit.json").write_text(dumps(old), encoding="utf-8")
    write(audit, tmp_path, ["json", "html", "md"])
    new = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert [p["hypothesis"] for p in new["history"]] == ["insufficient"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert Words().t("history.heading") in page
    assert Words().t("history.heading") in (tmp_path / "report.md").read_text(encoding="utf-8")
    write(audit, tmp_path, ["json"])
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["history"] == new["history"]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"case": 1}', "\x00"])
def test_a_foreign_file_has_no_say_in_the_history(tmp_path: Path, document: dict[str, Any], content: str) -> None:
    (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    assert earlier(tmp_path, document) == ()


def test_another_question_is_not_history(tmp_path: Path, document: dict[str, Any]) -> None:
    other = variant(document, hypothesis="organic")
    other["case"]["title"] = "another question"
    (tmp_path / "audit.json").write_text(dumps(other), encoding="utf-8")
    assert earlier(tmp_path, document) == ()


def test_a_pdf_without_a_browser_is_refused(monkeypatch: pytest.MonkeyPatch, audit: Audit, tmp_path: Path) -> None:
    monkeypatch.setattr("auditor.report.pdf.browser", lambda: None)
    with pytest.raises(UsageError, match="needs Chromium"):
        write(audit, tmp_path / "out", ["pdf", "html"])
    assert not (tmp_path / "out").exists()


@pytest.mark.browser
@pytest.mark.slow
def test_the_pdf(page: str) -> None:
    binary()
    assert as_pdf(page).startswith(b"%PDF")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_index_sorts_without_script(tab: Tab, many: Path, width: int) -> None:
    page, _, _ = write_index(many)
    tab.open(page, width)
    order = "[...document.querySelectorAll('.rows > li')].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(e => e.querySelector('a').getAttribute('href')[5]).join('')"
    assert tab.value(order) == "120"
    for name, wanted in (("subject", "210"), ("answer", "102"), ("newest", "120")):
        tab.value(f"document.querySelector('label[for=by-{name}]').click()")
        assert tab.value(order) == wanted
    assert tab.requests == []
    assert tab.messages == []
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_find_keeps_to_its_depth(tmp_path: Path, document: dict[str, Any]) -> None:
    put(tmp_path, "a/b/c", document)
    put(tmp_path, "a/b/c/d/e", document)
    put(tmp_path, ".hidden", document)
    entries, passed = find(tmp_path)
    assert [e.place for e in entries] == ["a/b/c/index.html"]
    assert passed == []
