"""The page about error rates: complete on full figures, honest about missing ones, harmless on hostile ones."""

import copy
import csv
import io
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from auditor.report.calibration import as_calibration_page, calibration_files, calibration_tables
from tests.report.browser import Tab, chromium
from tests.report.payloads import PAYLOADS
from tests.report.test_axe import violations

TRUTHS = ("data_error", "organic", "incentivised", "concentrated", "inflated")
KINDS = ("flat_bot", "padding", "profile_copy")


def rate(count: int, total: int) -> dict[str, Any]:
    return {"count": count, "total": total, "value": count / total, "low": 0.001, "high": 0.02}


def figures(tier: int) -> dict[str, Any]:
    bound = [{"x": x, "count": 1, "total": 800, "low": 3e-5, "high": 7e-3, "holds": True} for x in (10, 100, 1000)]
    cells = [
        {
            "established": True,
            "kind": k,
            "days": 14,
            "magnitude": m,
            "n": 12,
            "power": p * tier / 3,
            "low": 0.1,
            "high": 0.9,
        }
        for k in KINDS
        for m, p in ((0.1, 0.1), (0.5, 0.4), (1.0, 0.7), (3.0, 0.9))
    ]
    return {
        "tier": tier,
        "false_accusation": rate(1, 913),
        "false_by": {"kind": [{"kind": "launch"} | rate(1, 56)], "source": [{"source": "openrouter-long"} | rate(1, 810)]},
        "bound": {"organic": bound, "lead": bound},
        "cllr": 0.6, "cllr_min": 0.55, "cllr_all": 0.8, "cllr_min_all": 0.7, "cllr_large": 0.4, "cllr_min_large": 0.3,
        "ece": 0.03,
        "tippett": [{"log10_lr": x / 2, "true": 0.9 - (x + 6) / 20, "false": 0.5 - (x + 6) / 30} for x in range(-6, 7)],
        "reliability": [{"stated": x / 10, "observed": x / 11, "weight": 0.1, "n": 10 * x} for x in range(1, 10)],
        "confusion": [{"truth": h, "n": 10, "insufficient": 4} | {g: 6 if g == h else 0 for g in TRUTHS} for h in TRUTHS],
        "power": rate(30, 50),
        "power_by_kind": [{"kind": "profile_copy", "power": 0.125, "n": 16, "low": 0.0, "high": 0.4}],
        "power_cells": cells,
        "power_all_kinds": [c for c in cells if c["kind"] == "padding"],
        "detectable": [
            {"established": e, "days": d, "tier": tier, "least": None if d == 1 else 0.84, "largest": 3.0, "n": 40}
            for e in (True, False) for d in (1, 14)
        ],
        "data_error_named": rate(95, 100), "clean_called_error": rate(2, 913),
        "data_error_by_kind": [{"kind": "doubled_day"} | rate(20, 21)],
    }  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    tiers = {str(t): figures(t) for t in (1, 2, 3)}
    said = {"named": "insufficient", "leading": "incentivised", "lead": 0.48}
    plan = {"cllr": 0.6, "cllr_min": 0.55, "false": 1, "innocent": 913, "power": 0.6}
    return {
        "form": "1", "seed": 7, "quick": True, "version": "1.7",
        "origin": {"command": "audit calibrate --quick --seed 7", "data": {"a/b.csv": "0" * 64}},
        "counts": {
            "episodes": 1523, "used": 1507, "unlabelled": 16, "failed": 0,
            "by_truth": [{"truth": h, "episodes": 9, "entities": 4, "weeks": 3, "effective": 3.5} for h in TRUTHS],
            "by_kind": [{"truth": "inflated", "kind": "padding", "certainty": "injected", "episodes": 48}],
        },
        "folds": {"entities": 3, "weeks": 3},
        "comparison": [{"combination": "pairwise", "method": "kde", "shippable": True, "bound_holds": True, "tiers": dict.fromkeys("123", plan)}],
        "chosen": {"combination": "pairwise", "method": "kde"},
        "tiers": tiers,
        "bars": [
            {"what": "false_accusation", "tier": 1, "found": rate(1, 913), "aim": "<= 0.001", "met": False},
            {"what": "bound", "tier": 1, "found": tiers["1"]["bound"]["organic"], "aim": "P(LR > x) <= 1/x", "met": True},
            {"what": "cllr", "tier": 1, "found": 0.61, "aim": "<= 0.7", "met": True},
        ],
        "labelled": [
            {"episode": "incentivised/labelled/openrouter-41/maker/model/2026-03-30/silent", "kind": "labelled", "certainty": "labelled",
             "source": "openrouter-41", "label": "incentivised", "out_of_sample": True, "tiers": dict.fromkeys("123", said)},
            {"episode": "surge_window/organic/taxi/taxi/2014-11-02/1", "kind": "surge_window", "certainty": "labelled",
             "source": "organic/taxi", "label": "organic", "out_of_sample": True, "tiers": dict.fromkeys("123", said)},
        ],
        "unlabelled": {"episodes": 16, "called_inflated": dict.fromkeys("123", 0), "counted_as_organic": dict.fromkeys("123", plan)},
        "blind_spots": [{"tier": 1, "kind": "profile_copy", "power": 0.125, "n": 16}],
    }  # fmt: skip


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing itself, which takes most of the time; descriptions of charts are still made."""
    monkeypatch.setattr("auditor.report.charts.base.draw", lambda *_: "<svg></svg>")


def bare(page: str) -> str:
    import html

    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def test_the_same_figures_give_the_same_bytes(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    assert calibration_files(document) == calibration_files(copy.deepcopy(document))
    assert document == before


def test_the_page_says_how_often_it_is_wrong(document: dict[str, Any]) -> None:
    text = bare(as_calibration_page(document))
    assert "1 of 913 (0.11 %; 95 % interval 0.1 % to 2.0 %)" in text
    assert "No proven inflated token series exists." in text
    assert "Of such injections 12.5 % were found here" in text
    assert "A quick run." in text
    assert "audit calibrate --quick --seed 7" in text
    assert "maker/model/2026-03-30" in text
    assert "+84.0 %" in text
    assert "not found up to +300 %" in text


def test_a_missed_bar_is_shown_as_missed(document: dict[str, Any]) -> None:
    page = as_calibration_page(document)
    bars = page[page.index('id="bars"') : page.index('id="false"')]
    assert bars.count('class="status contradicted"') == 1
    assert "0 of 2" in bare(bars)
    document["labelled"][0]["tiers"] = {"2": {"named": "inflated", "leading": "inflated", "lead": 1.5}}
    page = as_calibration_page(document)
    bars = page[page.index('id="bars"') : page.index('id="false"')]
    assert bars.count('class="status contradicted"') == 2
    assert "1 of 2" in bare(bars)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.usefixtures("undrawn")
def test_what_is_missing_is_not_measured(document: dict[str, Any], language: str) -> None:
    said = {"en": "not measured", "zh": "未测"}[language]
    assert said in as_calibration_page({}, language=language)
    assert calibration_tables({}, language=language)

    def without(node: Any) -> Iterator[Any]:
        """Every way to lose one part, in place."""
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            kept = node[key]
            losses: tuple[Any, ...] = (None, [], {}, "x", float("nan"))
            for lost in losses:
                node[key] = lost
                yield None
            node[key] = kept

    for node in (document, document["tiers"], document["tiers"]["1"], document["bars"], document["labelled"][0]):
        for _ in without(node):
            page = as_calibration_page(document, language=language)
            assert page.endswith("</html>\n")


def spoiled(document: dict[str, Any], payload: str) -> dict[str, Any]:
    d = copy.deepcopy(document)
    row = d["labelled"][0]
    row["episode"] = row["source"] = row["certainty"] = row["label"] = payload
    said = {"named": payload or "x", "leading": payload, "lead": 0.1}
    row["tiers"] = {"1": said, "2": row["tiers"]["2"], "3": row["tiers"]["3"]}
    d["tiers"]["1"]["power_cells"][0]["kind"] = payload
    d["tiers"]["1"]["false_by"]["kind"][0]["kind"] = payload
    d["bars"][0]["what"] = d["bars"][0]["aim"] = payload
    d["comparison"][0]["combination"] = d["chosen"]["combination"] = payload or "x"
    d["origin"] = {"command": payload or "x", "data": {payload: payload}}
    d["version"] = payload or "x"
    return d


@pytest.mark.usefixtures("undrawn")
def test_hostile_names_stay_text(document: dict[str, Any]) -> None:
    def tags(page: str) -> list[str]:
        return sorted(re.findall(r"<(\w+)", page))

    plain = tags(as_calibration_page(spoiled(document, "name")))
    for payload in PAYLOADS:
        files = calibration_files(spoiled(document, payload))
        page = files.pop("index.html")
        # A note that is empty is left out; nothing may ever be added.
        assert tags(page) == plain if payload else set(tags(page)) <= set(plain), payload
        assert not re.search(r'href="(?!data[:/]|#)', page), payload
        for text in files.values():
            for line in csv.reader(io.StringIO(text)):
                assert not any(re.match(r"[=+@]|-(?![\d.])", cell) for cell in line), payload


def test_hostile_names_stay_text_in_drawings(document: dict[str, Any]) -> None:
    for payload in PAYLOADS[4:48:12]:
        page = as_calibration_page(spoiled(document, payload))
        drawn = set(re.findall(r"<(\w+)", "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))))
        assert "path" in drawn
        assert drawn <= {"svg", "title", "desc", "defs", "clipPath", "rect", "g", "path", "text", "line"}, payload


def test_each_link_has_its_file(document: dict[str, Any]) -> None:
    files = calibration_files(document)
    linked = set(re.findall(r'href="(data/[^"]+)"', files["index.html"]))
    assert linked
    assert linked <= set(files)
    assert next(csv.reader(io.StringIO(files["data/chart-power.csv"]))) == ["injection", "tier", "size", "power", "n"]
    assert len(files["index.html"]) < 2_000_000


def test_every_text_is_used_in_both_languages(document: dict[str, Any]) -> None:
    english, chinese = (bare(as_calibration_page(document, language=x)) for x in ("en", "zh"))
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert not re.search(r"[\u4e00-\u9fff]", english)
    assert "False accusations" not in chinese


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_has_no_violation(
    tab: Tab, document: dict[str, Any], tmp_path: Path, width: int, dark: bool, language: str
) -> None:
    engine = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    file = tmp_path / "index.html"
    file.write_text(as_calibration_page(document, language=language), encoding="utf-8")
    tab.open(file, width, dark=dark)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.requests == []
    assert tab.messages == []
    tab.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert "\n\n".join(violations(tab, engine)) == ""
