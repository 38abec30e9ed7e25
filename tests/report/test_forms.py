"""What each form of the report says."""

import csv
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.errors import UsageError
from auditor.report import as_json, as_markdown, csvs, summary, write
from auditor.report.document import dumps
from auditor.report.html import render
from auditor.report.render import View
from auditor.report.words import Words
from auditor.verdict.model import Strength
from auditor.walk import Audit
from auditor.window import resolve
from tests.report import sample


def _page(audit: Audit) -> str:
    """The page without its drawings, which take the time."""
    return render(View(audit, Words(), draw=False))


def test_the_first_screen_answers(text: str) -> None:
    start = text[: text.index("Dated events")]
    assert "Did simulated model 0 really serve that much?" in start
    assert "The findings fit incentivised use best" in start
    assert "moderate support" in start
    assert "40 times more probable" in start
    for claim, status in (
        ("1.4 trillion in a day", "Supported"),
        ("nearly double", "Contradicted"),
        ("the best", "Uncheckable"),
    ):
        assert re.search(f"“{claim}”.*?{status}", start)


@pytest.mark.parametrize(
    "sentence",
    [
        "Simulated data.",
        "Provisional weights.",
        "Totals cannot prove fraud.",
        "known here from simulation only",
        "We have counted again.",
        "CC0",
        "ab" * 32,
        "2031-03-01T00:00Z",
        "The unit was read from the header.",
        "(3 times)",
        "audit run --case case.yaml",
        "accounts per day",
        "Ids asked for that do not occur in the record: simulated/absent",
        "The best fit changes when one of 2 families is left out",
        "audit explain AUD131",
        "93.0 %",
        "1 of 31",
    ],
)
def test_the_page_says(text: str, sentence: str) -> None:
    assert sentence in text


def test_a_page_without_a_reply_says_so(audit: Audit) -> None:
    page = _page(replace(audit, case=replace(audit.case, reply=" ")))
    assert "No reply is on file." in page


def test_an_insufficient_verdict_reads_as_one(audit: Audit) -> None:
    verdict = replace(audit.verdict, hypothesis="insufficient", strength=Strength.NONE)
    page = _page(replace(audit, verdict=verdict))
    assert "Insufficient evidence" in page
    assert "fit incentivised use best" not in page


def test_never_accusatory(text: str) -> None:
    without = text.replace("Totals cannot prove fraud", "")
    assert not re.search(r"\b(fraud|fake|faked|guilty|culprit|manipulat\w+|cheat\w*)\b", without, re.IGNORECASE)


def test_empty_parts_are_said_to_be_empty(audit: Audit) -> None:
    asked = replace(audit.case, events=(), reply="", title="")
    bare = replace(
        audit,
        scene=resolve(audit.scene.panel, asked),
        claims=(),
        findings=(),
        not_applicable=(),
        sources=(),
        notes=(),
        case=asked,
        verdict=replace(audit.verdict, fragility=(), would_settle=(), reasons=()),
    )
    page = _page(bare)
    for words in (
        "No claim was given",
        "No finding carries weight",
        "Every test could run",
        "names no source",
        "No event is on file",
    ):
        assert words in page
    assert "Is the rise of Simulated model 0 organic or inflated?" in page
    assert as_markdown(bare)
    assert csvs(bare)["claims.csv"].count("\n") == 1


def test_one_file_without_outside_address(page: str) -> None:
    assert len(page.encode()) < 1_000_000
    assert not re.search(r"<(script|iframe|object|embed|img|video|audio|source|base)\b", page, re.IGNORECASE)
    assert re.findall(r'(?:src|action|srcset|poster)="', page) == []
    assert re.findall(r'<link[^>]*href="([^"]*)"', page) == ["data:,"]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in style
    for tag in re.findall(r"<a [^>]*http[^>]*>", page):
        assert 'rel="noopener noreferrer nofollow"' in tag


def test_the_policy_allows_only_our_style_sheet(page: str) -> None:
    import base64
    import hashlib

    style = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert not re.search(r"\sstyle=", page)


def test_ids_are_unique_and_references_resolve(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    wanted = {i for group in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', page) for i in group.split()}
    wanted |= set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert wanted <= set(ids)


def test_headings_descend_one_level_at_a_time(page: str) -> None:
    levels = [int(n) for n in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_table_head_has_a_scope_and_every_drawing_a_text(page: str) -> None:
    assert not re.search(r"<th(?![^>]*scope=)[\s>]", page)
    drawings = re.findall(r'<svg role="img"[^>]*>\s*<title[^>]*>([^<]+)</title><desc[^>]*>([^<]+)</desc>', page)
    assert len(drawings) == page.count('role="img"') >= 6
    assert all(title and description for title, description in drawings)


def test_json_fits_its_schema(audit: Audit, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(dumps(as_json(audit, command="audit run", generated="2031-03-01")))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["schema_version"] == "1.1"
    assert document["verdict"]["log10_lr"]["incentivised"] == 1.6
    assert document["findings"][1]["data"]["rows"][1][2] is None
    assert document["claims"][0]["claimed"] == {"value": 1.4e12, "low": 1.35e12, "high": 1.45e12}
    assert document["case"]["subject"] == {
        "name": "Simulated model 0",
        "ids": ["simulated/model-0", "simulated/absent"],
        "found": ["simulated/model-0"],
    }


def test_the_schema_refuses_what_is_not_said(audit: Audit, schema: dict[str, Any]) -> None:
    document = as_json(audit)
    document["verdict"]["probability_of_fraud"] = 0.9
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(document)


def test_csv_holds_the_figures_of_every_chart_and_finding(audit: Audit) -> None:
    files = csvs(audit)
    assert {
        "series.csv",
        "verdict.csv",
        "claims.csv",
        "events.csv",
        "chart-story.csv",
        "chart-AUD131.csv",
        "chart-AUD123.csv",
        "finding-AUD131.csv",
        "finding-AUD999.csv",
        "finding-AUD123.csv",
    } == set(files)
    rows = list(csv.DictReader(io.StringIO(files["series.csv"])))
    assert len(rows) == sample.DAYS
    assert rows[0]["status"] == "censored"
    assert rows[0]["value"] == ""
    assert rows[-1]["status"] == "partial"
    assert float(rows[20]["value"]) == pytest.approx(float(audit.scene.subject.values[20]), rel=1e-11)
    entities = [r["entity"] for r in csv.DictReader(io.StringIO(files["finding-AUD999.csv"]))]
    assert entities == ["'=a", "b"]


def test_markdown_tells_the_same(audit: Audit) -> None:
    words = as_markdown(audit, command="audit run").replace("\\", "")
    assert words.startswith("# Did simulated model 0 really serve that much?\n")
    for part in (
        "The findings fit incentivised use best",
        "**Contradicted**",
        "Totals cannot prove fraud",
        "We have counted again",
    ):
        assert part in words
    assert "\n\n\n" not in words


def test_notebook_shows_the_answer(audit: Audit) -> None:
    shown = audit._repr_html_()
    assert shown == summary(audit)
    assert "The findings fit incentivised use best" in shown
    assert "Simulated data." in shown
    assert len(shown) < 6000


def test_write_puts_every_form_in_its_place(audit: Audit, tmp_path: Path) -> None:
    out = tmp_path / "a" / "report"
    written = write(audit, out, ["html", "json", "md", "csv"], command="audit run", generated="2031-03-01")
    assert {p.relative_to(out).as_posix() for p in written} == {
        p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()
    }
    assert (out / "index.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Generated 2031-03-01." in (out / "index.html").read_text(encoding="utf-8")
    assert json.loads((out / "audit.json").read_text(encoding="utf-8"))["generated"] == "2031-03-01"
    assert "data/series.csv" in {p.relative_to(out).as_posix() for p in written}


def test_write_only_what_is_asked_for(audit: Audit, tmp_path: Path) -> None:
    assert [p.name for p in write(audit, tmp_path, ["json"])] == ["audit.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["audit.json"]
    with pytest.raises(UsageError, match="docx"):
        write(audit, tmp_path, ["html", "docx"])


def test_write_removes_its_own_stale_tables_and_nothing_else(audit: Audit, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("finding-AUD777.csv", "mine.csv", "notes.txt"):
        (data / name).write_text("x", encoding="utf-8")
    write(audit, tmp_path, ["csv"])
    assert not (data / "finding-AUD777.csv").exists()
    assert (data / "mine.csv").exists()
    assert (data / "notes.txt").exists()


def test_a_failed_write_leaves_the_old_report_whole(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(audit, tmp_path, ["json", "md"])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write(replace(audit, claims=()), tmp_path, ["json", "md"])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_place_that_cannot_be_written_is_named(audit: Audit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="file"):
        write(audit, tmp_path / "file", ["json"])
