"""Every reference example either reads to its documented figures or is refused with its place and what to try."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import AuditError, InputError
from auditor.observations import Frequency, Observations, Status
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.sources.tabular.numbers import parse_number

pytestmark = pytest.mark.shared


@pytest.fixture(scope="session")
def conventions(shared_root: Path) -> Path:
    return shared_root / "sources" / "csv-conventions" / "examples"


@pytest.fixture(scope="session")
def answers(shared_root: Path) -> Path:
    return shared_root / "sources" / "openrouter" / "examples"


def figure(found: Observations, date: str, entity: str, metric: str = "") -> dict[str, Any]:
    frame = found.frame
    rows = frame[(frame["date"].astype(str).str[:10] == date) & (frame["entity"] == entity)]
    rows = rows[rows["metric"] == metric] if metric else rows
    assert len(rows) == 1
    return dict(rows.iloc[0])


@dataclass(frozen=True)
class Parses:
    """A file that reads: spacing, metric, and some figures as (date, entity, value, half-width of the interval)."""

    frequency: Frequency
    figures: tuple[tuple[str, str, float, float], ...]
    notes: frozenset[str] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A file that is refused: line, column, words of the message and of the hint."""

    line: int
    column: int | None
    what: str
    hint: str


D, W, M = Frequency.DAY, Frequency.WEEK, Frequency.MONTH
OUTCOMES: dict[str, Parses | Refused] = {
    "abbreviated-units.csv": Refused(1, 1, "no column holds dates", "date='2026-08-19'"),
    "aggregated.mixed-granularity.csv": Refused(
        5, 1, "periods of different length: day on line 5; month on line 2, 3, 4", "one length"
    ),
    "axis-labels-no-year.csv": Refused(2, 1, "'12/22' has no year", "year=2025"),
    "list.markdown.txt": Refused(2, 1, "a list in running text", "date,model,tokens"),
    "long.api-flattened.csv": Parses(
        D, (("2026-08-19", "z-ai/glm-5.2-20260616", 559_501_059_929, 0), ("2026-08-21", "other", 791_937_416_584, 0))
    ),
    "monthly.estimates-mixed.csv": Parses(
        M,
        (("2026-06-01", "z-ai", 9.8e12, 0), ("2026-07-01", "z-ai", 14.1e12, 0)),
        frozenset({"estimate", "printed"}),
    ),
    "snapshot-vs-interval.csv": Refused(2, 1, "moments of reading", "difference=True"),
    "tz.naive-local-and-offset.csv": Refused(
        3, 1, "without an offset (line 3) stand beside times with one (line 2, 4, 5)", "tz='UTC'"
    ),
    "weekly.iso-labels.csv": Parses(W, (("2026-08-10", "weekly.iso-labels", 75_340_581_084_831, 0),)),
    "weekly.monday-labels.csv": Parses(W, (("2026-08-10", "weekly.monday-labels", 75_340_581_084_831, 0),)),
    "weekly.sunday-end-labels.csv": Parses(
        W, (("2026-08-10", "weekly.sunday-end-labels", 75_340_581_084_831, 0),), frozenset({"week_end"})
    ),
    "wide.bom-crlf-semicolon-decimal-comma.csv": Parses(
        D,
        (("2026-08-19", "GLM 5.2", 559_501_059_929, 0), ("2026-08-20", "Summe", 533.01e9, 0.005e9)),
        frozenset({"rounded"}),
    ),
    "wide.days-x-models.blank-means-absent.csv": Parses(
        D,
        (("2026-08-21", "stealth/ox-alpha", 1_990_913_246_708, 0), ("2026-08-20", "other", 816_459_639_951, 0)),
        frozenset({"blank"}),
    ),
    "wide.excel-per-model-detail.csv": Parses(
        D, (("2026-08-19", "z-ai/glm-5.2-20260616", 559.501e9, 0.5e6),), frozenset({"rounded"})
    ),
    "wide.thousands-quoted.csv": Parses(
        D, (("2026-08-19", "GLM 5.2", 559_501_059_929, 0), ("2026-08-19", "Others", 788_097_347_929, 0))
    ),
}


def test_every_example_has_an_outcome(conventions: Path) -> None:
    assert {p.name for p in conventions.iterdir()} == {*OUTCOMES, "number-parsing.cases.json"}


@pytest.mark.parametrize("name", [n for n, o in OUTCOMES.items() if isinstance(o, Parses)])
def test_example_reads_to_its_figures(conventions: Path, name: str) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Parses)
    found = read(conventions / name, **expected.options)
    assert found.frequency is expected.frequency
    assert expected.notes <= {note.code for note in found.notes}
    for date, entity, value, half in expected.figures:
        row = figure(found, date, entity)
        assert row["value"] == value
        assert row.get("low", value) == pytest.approx(value - half, rel=1e-15)
        assert row.get("high", value) == pytest.approx(value + half, rel=1e-15)
    assert Panel.of(found).metrics


@pytest.mark.parametrize("name", [n for n, o in OUTCOMES.items() if isinstance(o, Refused)])
def test_example_is_refused_with_place_and_hint(conventions: Path, name: str) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Refused)
    with pytest.raises(InputError) as caught:
        read(conventions / name)
    error = caught.value
    assert (error.where.file, error.where.line, error.where.column) == (name, expected.line, expected.column)
    assert expected.what in error.what
    assert expected.hint in error.hint


def test_refused_examples_read_once_the_missing_is_stated(conventions: Path) -> None:
    units = read(conventions / "abbreviated-units.csv", date="2026-08-19")
    row = figure(units, "2026-08-19", "DeepSeek V4 Flash")
    assert (row["value"], row["low"], row["high"]) == (1.4e12, 1.35e12, 1.45e12)
    axis = read(conventions / "axis-labels-no-year.csv", year=2025)
    assert axis.frequency is W
    assert [str(d)[:10] for d in axis.frame["date"]] == ["2025-12-22", "2025-12-29", "2026-01-05", "2026-01-12"]
    pulls = read(conventions / "snapshot-vs-interval.csv", difference=True)
    assert figure(pulls, "2026-08-20", "snapshot-vs-interval", "pull_count")["value"] == 123_999_999 - 123_456_789
    assert figure(pulls, "2026-08-21", "snapshot-vs-interval", "pull_count")["value"] == 0
    # The readings of 08-22 and 08-24 are two days apart: that rise is no single day's, and is not made one.
    assert pulls.frame["date"].max().strftime("%Y-%m-%d") == "2026-08-21"
    assert {"counter_gap", "differenced"} <= {note.code for note in pulls.notes}


def test_one_instant_written_four_ways_is_one_row(conventions: Path) -> None:
    found = read(conventions / "tz.naive-local-and-offset.csv", tz="UTC", frequency="hour")
    assert len(found.frame) == 1
    assert figure(found, "2026-08-20", "tz.naive-local-and-offset")["value"] == 10
    assert {"duplicate", "floored"} <= {note.code for note in found.notes}


#: What the remark in a case's text stands for: the cell itself and what its column would state.
REMARKS: dict[str, tuple[str, dict[str, Any]]] = {
    "1.234.567 (locale de)": ("1.234.567", {"decimal": ","}),
    "559,50 Mrd. (locale de)": ("559,50 Mrd.", {"decimal": ","}),
    '"12345678901234567890" (string int > 2^53)': ("12345678901234567890", {}),
    "-1 (OpenRouter price sentinel)": ("-1", {}),
    "1M context in API = 1048576": ("1048576", {}),
}


def test_every_number_case(conventions: Path) -> None:
    cases = json.loads((conventions / "number-parsing.cases.json").read_text(encoding="utf-8"))
    outcomes = []
    for case in cases:
        text, options = REMARKS.get(case["text"], (re.sub(r" \(nbsp/thin space\)$", "", case["text"]), {}))
        try:
            number = parse_number(text, **options)
        except InputError:
            number = None
        outcomes.append((case["text"], None if number is None else number.value))
    assert outcomes == [(case["text"], case["expected"]) for case in cases]


@pytest.mark.parametrize(
    ("name", "frequency", "rows", "other"),
    [
        ("rankings-daily.200.2025-01-01.json", D, 51, ("2025-01-01", 2_241_676_199)),
        ("rankings-daily.200.2026-10-05..09.json", D, 255, ("2026-10-09", 1_674_854_647_955)),
        ("rankings-daily.200.30d.vintage-2026-08-22.json", D, 1530, ("2026-08-21", 791_937_416_584)),
        ("rankings-daily.200.spec.json", D, 3, ("2026-05-11", 4_321_098)),
        ("rankings-daily.200.vintage-A.as_of-2026-08-22.json", D, 153, ("2026-08-21", 791_937_416_584)),
        ("rankings-daily.200.vintage-B.as_of-2026-10-11.json", D, 153, ("2026-08-21", 792_156_003_410)),
        ("rankings-daily.200.week-category.reconstructed.json", W, 4, ("2026-05-11", 91_123_456_789)),
    ],
)
def test_openrouter_rankings(
    answers: Path, name: str, frequency: Frequency, rows: int, other: tuple[str, float]
) -> None:
    found = read(answers / name)
    assert (found.frequency, len(found.frame)) == (frequency, rows)
    table = Panel.of(found).table("total_tokens")
    assert "other" not in table.entities
    position = table.position(other[0])
    assert position is not None
    assert table.other[position] == other[1]
    meta = json.loads((answers / name).read_text(encoding="utf-8"))["meta"]
    assert found.sources[0].as_of == meta["as_of"]
    assert set(found.frame["as_of"]) == {meta["as_of"]}
    assert found.sources[0].licence == "CC BY 4.0"
    assert meta["as_of"] in found.sources[0].citation


def test_openrouter_without_remainder_is_not_cut_off(answers: Path) -> None:
    table = Panel.of(read(answers / "rankings-daily.200.no-other-row.reconstructed.json")).table()
    assert not table.has_total
    assert (table.cutoff != table.cutoff).all()


def test_openrouter_vintages_join_and_mark_what_changed(answers: Path) -> None:
    from auditor.observations import concatenate

    early = read(answers / "rankings-daily.200.vintage-A.as_of-2026-08-22.json")
    late = read(answers / "rankings-daily.200.vintage-B.as_of-2026-10-11.json")
    both, again = Panel.of(concatenate([early, late])).table(), Panel.of(concatenate([late, early])).table()
    alone = Panel.of(late).table()
    assert (both.values == alone.values)[both.values == both.values].all()
    assert (both.status == again.status).all()
    assert (both.status == Status.REVISED).any()


@pytest.mark.parametrize("name", ["error.400.json", "error.429.spec.json", "error.503.json"])
def test_error_answers_are_named_as_such(answers: Path, name: str) -> None:
    with pytest.raises(InputError, match="error answer"):
        read(answers / name)


def test_no_example_of_any_source_ends_in_a_traceback(shared_root: Path) -> None:
    read_or_refused = {"read": 0, "refused": 0}
    for path in sorted((shared_root / "sources").rglob("examples/*")):
        if not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        refused = None
        try:
            Panel.of(read(path))
        except AuditError as error:
            refused = error
        read_or_refused["read" if refused is None else "refused"] += 1
        assert refused is None or (str(refused) and refused.hint)
    assert min(read_or_refused.values()) > 10
