"""Suppressions cover what they name until they expire, and never silently."""

from datetime import date, datetime
from pathlib import Path

import pytest

from auditor.errors import ErrorList
from auditor.findings import Family, Finding, Window
from auditor.rulebook import suppress
from auditor.texts.message import Message

FILE = """\
suppressions:
  - {rule: AUD212, subject: acme/m, window: "2026-01-03:2026-01-05", reason: confirmed by the publisher, expires: 2026-06-30}
  - {rule: AUD219, subject: "*", window: "2026-01-01:2026-12-31", reason: the archive lacks these days, expires: 2026-06-30}
  - {rule: AUD216, subject: acme/m, window: 2026-02-01, reason: an outage that is on record, expires: 2026-12-31}
"""


def finding(rule: str, subject: str, first: int, last: int) -> Finding:
    window = Window(datetime(2026, 1, first), datetime(2026, 1, last))
    return Finding(rule, "1", "x", Family.RECORD, subject, window, Message.literal("x"))


@pytest.fixture
def read(tmp_path: Path) -> tuple[suppress.Suppression, ...]:
    (tmp_path / "s.yaml").write_text(FILE)
    return suppress.read(tmp_path / "s.yaml")


def test_what_is_covered_stays_visible_and_is_counted(read: tuple[suppress.Suppression, ...]) -> None:
    inside, beyond = finding("AUD212", "acme/m", 3, 5), finding("AUD212", "acme/m", 3, 6)
    other, anyone = finding("AUD212", "b", 3, 5), finding("AUD219", "anyone", 9, 9)
    result = suppress.apply([inside, beyond, other, anyone], read, today=date(2026, 6, 30))
    assert result.kept == (beyond, other)
    assert [f for f, _ in result.suppressed] == [inside, anyone]
    assert result.suppressed[0][1].reason == "confirmed by the publisher"
    assert [s.rule for s in result.unused] == ["AUD216"]
    assert result.expired == ()


def test_an_expired_one_no_longer_covers_and_is_reported(read: tuple[suppress.Suppression, ...]) -> None:
    inside = finding("AUD212", "acme/m", 3, 5)
    result = suppress.apply([inside], read, today=date(2026, 7, 1))
    assert result.kept == (inside,)
    assert [s.rule for s in result.expired] == ["AUD212", "AUD219"]
    assert [s.rule for s in result.unused] == ["AUD216"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("reason: confirmed by the publisher", "reason: ok", "2:"),
        ("expires: 2026-06-30", "expires: soon", "'soon' is not a date"),
        ("subject: acme/m", "subjet: acme/m", "did you mean 'subject'?"),
        ("2026-01-03:2026-01-05", "2026-01-05:2026-01-03", "ends before it starts"),
        ("rule: AUD212", "rule: repeated_day", "(suppressions.0.rule)"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "s.yaml").write_text(FILE.replace(old, new, 1))
    with pytest.raises(ErrorList) as caught:
        suppress.read(tmp_path / "s.yaml")
    assert told in str(caught.value)
