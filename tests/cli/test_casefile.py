"""Case files: read with every mistake named by line, column and hint."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import casefile
from auditor.case import EventKind
from auditor.errors import AuditError, ErrorList, UsageError
from auditor.findings import Window

GOOD = """\
title: Did it?
subject: acme/one
window: 2026-03-30:2026-04-08
claims:
  - text: much
    check: {kind: value, value: 1.4e12, on: any-day}
events:
  - {date: 2026-04-08, kind: free_end, source: somewhere}
"""


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return casefile.read(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(AuditError) as caught:
        read(tmp_path, text)
    error = caught.value
    return [
        str(e).replace(str(tmp_path) + "/", "") for e in (error.errors if isinstance(error, ErrorList) else [error])
    ]


def test_a_good_case(tmp_path):
    case = casefile.read(_write(tmp_path, GOOD))
    assert case.subject == ("acme/one",)
    assert case.window == Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    assert case.claims[0].kind == "value"
    assert case.claims[0].get("value") == 1.4e12
    assert case.events[0].kind is EventKind.FREE_END


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_mistakes_of_a_file_are_named_at_once(tmp_path):
    found = mistakes(
        tmp_path,
        GOOD.replace("title", "titel").replace("2026-04-08, kind", "8 April, kind").replace("free_end", "fre_end"),
    )
    assert any(
        m.startswith("case.yaml:1:1 (titel): unknown key 'titel'") and "did you mean 'title'?" in m for m in found
    )
    assert any(m.startswith("case.yaml:8:6 (events.0.date)") and "is not a date" in m for m in found)
    assert any("events.0.kind" in m for m in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("kind: value", "kind: valeu"), "unknown kind of check 'valeu'"),
        (("on: any-day", "onn: any-day"), "takes no 'onn'"),
        (("value: 1.4e12, ", ""), "needs 'value'"),
        (("2026-03-30:2026-04-08", "2026-04-08:2026-03-30"), "ends before it starts"),
        (("subject: acme/one", "subject: []"), "at least 1"),
        (("title: Did it?", "title: Did it?\ntitle: again"), "stands twice"),
        (("title: Did it?", "title: [Did it?"), "is not valid YAML"),
        (("title: Did it?", "title: &x a\nname: *x"), "alias"),
    ],
)
def test_a_mistake_has_a_place_and_a_reason(tmp_path, change, expected):
    found = mistakes(tmp_path, GOOD.replace(*change))
    assert len(found) == 1
    assert expected in found[0]
    assert found[0].startswith("case.yaml:")


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b"])
def test_what_is_not_a_case_is_refused(tmp_path, text):
    assert len(mistakes(tmp_path, text)) == 1


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        casefile.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-04-03", datetime(2026, 4, 3), datetime(2026, 4, 3)),
        ("2026-04-03:2026-04-05", datetime(2026, 4, 3), datetime(2026, 4, 5)),
        ("2026-04-03T06:00:2026-04-03T18:00", datetime(2026, 4, 3, 6), datetime(2026, 4, 3, 18)),
        ("2026-04-03T06:30", datetime(2026, 4, 3, 6, 30), datetime(2026, 4, 3, 6, 30)),
    ],
)
def test_windows(text, start, end):
    assert casefile.window(text) == Window(start, end)


@given(st.text(max_size=40))
def test_any_text_is_a_window_or_a_value_error(text):
    try:
        found = casefile.window(text)
    except ValueError:
        return
    assert found.start <= found.end


@given(st.text(max_size=200))
def test_any_text_is_a_case_or_one_clear_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("c") / "case.yaml"
    path.write_bytes(text.encode("utf-8", "replace"))
    with pytest.raises(AuditError):
        casefile.read(path)
