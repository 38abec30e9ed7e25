"""Whatever a hostile file carries stays text: the same elements, attributes and cells as with harmless text."""

import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from auditor.report import as_json, as_markdown, csvs, summary
from auditor.report.charts.story import story
from auditor.report.document import dumps
from auditor.report.html import render
from auditor.report.render import View
from auditor.report.words import Words
from auditor.walk import Audit
from tests.report import sample
from tests.report.payloads import PAYLOADS

pytestmark = pytest.mark.filterwarnings("error")


class Skeleton(HTMLParser):
    """Elements with the names of their attributes, in order; and where each attribute may lead."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, ...]] = []
        self.addresses: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        for name in ("href", "src", "action", "data", "srcdoc", "xlink:href"):
            if name in names:
                self.addresses.append((tag, name, names[name] or ""))
        # An address may become a link, a reply may have several paragraphs, a date is kept whole: all by design.
        if tag not in {"a", "p"} and names.get("class") != "nb":
            self.elements.append((tag, *sorted(names)))


def hostile(payload: str) -> Audit:
    """Every text of the audit carries the payload; where names must differ, a number follows it."""
    count = iter(range(10_000))
    known: dict[str, str] = {}

    def say(text: str) -> str:
        if text in {"total_tokens", "tokens"}:
            return payload or text
        if text not in known:
            known[text] = f"{payload}{next(count)}"
        return known[text]

    return sample.audit(say)


def view(audit: Audit, command: str = "") -> View:
    return View(audit, Words(), command, draw=False)


@pytest.fixture(scope="module")
def harmless() -> Audit:
    return hostile("harmless")


@pytest.fixture(scope="module")
def expected(harmless: Audit) -> list[tuple[str, ...]]:
    return Skeleton(render(view(harmless, "harmless"))).elements


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 120


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_html_keeps_its_elements(payload: str, expected: list[tuple[str, ...]]) -> None:
    html = render(view(hostile(payload), payload or "x"))
    html.encode("utf-8")
    skeleton = Skeleton(html)
    if payload.strip():
        assert skeleton.elements == expected
    assert "script" not in {e[0] for e in skeleton.elements}
    for tag, name, where in skeleton.addresses:
        assert (tag, name) in {("a", "href"), ("link", "href")}
        assert re.match(r"https?://[^\s\"'<>]+$|#|data:,$", where), where
    assert "\u202e" not in html
    assert "\x00" not in html


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_notebook_markdown_csv_and_json(payload: str, harmless: Audit) -> None:
    audit = hostile(payload)
    assert "<script" not in summary(audit).lower()
    assert _tokens(as_markdown(audit, command=payload)) == _tokens(as_markdown(harmless, command="harmless"))
    plain = csvs(harmless, view=view(harmless))
    for name, text in csvs(audit, view=view(audit)).items():
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert [len(r) for r in rows] == [len(r) for r in csv.reader(io.StringIO(plain[name], newline=""))]
        for cell in (c for row in rows for c in row):
            if not re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", cell):
                assert not cell.lstrip(" \"'").startswith(("=", "+", "-", "@", "\t", "\r", "\n")) or cell.startswith(
                    "'"
                )
    dumps(as_json(audit, command=payload)).encode("utf-8")


def _tokens(text: str) -> list[str]:
    """Structure of a Markdown text as a CommonMark reader with tables sees it."""
    from markdown_it import MarkdownIt

    parsed = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    structure: list[str] = []
    for token in parsed:
        structure.append(token.type)
        structure += [c.type for c in token.children or [] if c.type not in {"text", "softbreak", "text_special"}]
    return structure


def _batches(size: int) -> Iterator[list[str]]:
    texts = [p for p in PAYLOADS if p.strip()]
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


@pytest.mark.parametrize("batch", list(_batches(7)), ids=lambda b: f"{PAYLOADS.index(b[0])}")
def test_drawings_keep_their_elements(batch: list[str]) -> None:
    names = iter([*batch, *(f"filler {k}" for k in range(40))])
    known: dict[str, str] = {}

    def say(text: str) -> str:
        drawn = text.startswith(("simulated/model", "Simulated model", "tokens"))
        if drawn and text not in known:
            known[text] = next(names)
        return known.get(text, text)

    def structure(svg: str) -> list[tuple[str, ...]]:
        return [e for e in Skeleton(svg).elements if e[0] not in {"text", "tspan"}]

    plots = story(sample.audit(say).scene, Words()).plots
    plain = story(sample.audit().scene, Words()).plots
    svg, benign = plots[1].svg, plain[1].svg
    svg.encode("utf-8")
    elements, wanted = structure(svg), structure(benign)
    assert {e[0] for e in elements} <= {e[0] for e in wanted} | {"g"}
    assert {name for e in elements for name in e[1:]} <= {name for e in wanted for name in e[1:]}
    assert not Skeleton(svg).addresses
