"""Screening of large tables: what a line says, and what cannot change it."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError, UsageError
from auditor.kernels.screen import screen
from auditor.scale.chunks import cut
from auditor.scale.engines import engine
from auditor.scale.lines import significant
from auditor.scale.scan import Plan, screen_files
from auditor.scale.series import LONGEST, padded
from auditor.scale.tables import find_table
from auditor.sources.tabular.options import Options
from tests.scale.tables import DAYS, records, scan, table, write


def test_a_line_tells_the_rise_that_is_there(tmp_path):
    found = records(scan(write(table(), tmp_path / "t.parquet"), tmp_path / "o")[1])
    assert len(found) == 40
    rising = found["org/p-003"]
    assert rising["date"] == "2025-05-22"  # day 80
    assert rising["rise"] == pytest.approx(3, rel=0.1)
    assert rising["changes"] == [{"date": "2025-05-22", "fold": rising["fold"]}]
    assert (rising["first"], rising["last"], rising["n"]) == ("2025-03-03", "2025-06-30", DAYS)
    assert rising["weekend_ratio"] == pytest.approx(0.7, rel=0.1)
    assert rising["attention"] == pytest.approx(np.log(rising["rise"]) / rising["noise"], rel=1e-4)
    calm = found["org/p-001"]
    assert (calm["attention"], calm["date"], calm["rise"], calm["changes"]) == (0, None, None, [])


def test_lines_are_those_of_the_kernel(tmp_path):
    frame = table(12)
    found = records(scan(write(frame, tmp_path / "t.parquet"), tmp_path / "o")[1])
    wide = frame.set_index(["entity", "date"])["downloads"].unstack()  # noqa: PD010 - cells are unique
    direct = screen(wide.to_numpy(), period=7, weekday0=0)
    for i, entity in enumerate(wide.index):
        for name in ("phi", "noise", "fold", "spike_z"):
            assert found[entity][name] == pytest.approx(getattr(direct, name)[i], rel=1e-5)


@pytest.mark.parametrize(
    "layout", ["by day", "csv by day", "csv by entity", "shuffled", "timestamps", "texts", "two files"]
)
def test_layout_does_not_show_in_the_result(tmp_path, layout):
    frame = table(160)
    expected = scan(write(frame, tmp_path / "t.parquet"), tmp_path / "o")[1]
    path = tmp_path / ("u.csv" if "csv" in layout else "u.parquet")
    by: list[str] = ["date", "entity"] if "day" in layout else ["entity", "date"]
    if layout == "shuffled":
        by = ["n"]
    if layout == "shuffled":
        frame = frame.sample(frac=1, random_state=1).assign(n=range(len(frame)))
    if layout == "timestamps":
        frame = frame.assign(date=frame["date"].astype("datetime64[ns]"))
    if layout == "texts":
        frame = frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d"), downloads=frame["downloads"].astype(str))
    if layout == "two files":
        half = frame["entity"] < "org/p-070"
        paths = [write(frame[half], tmp_path / "a.parquet"), write(frame[~half], tmp_path / "b.parquet")]
        screen_files(paths, Plan(out=tmp_path / "p", rows=1_000))
        assert (tmp_path / "p" / "scan.jsonl").read_bytes() == expected
        return
    write(frame.drop(columns="n", errors="ignore") if layout != "shuffled" else frame, path, by=by)
    if layout == "shuffled":
        with duckdb.connect() as con:
            con.execute(f"COPY (SELECT * EXCLUDE n FROM '{path}') TO '{tmp_path / 'v.parquet'}'")
        path = tmp_path / "v.parquet"
    assert scan(path, tmp_path / "p")[1] == expected


@pytest.mark.parametrize("rows", [100, 3_000, 10**6])
def test_chunks_do_not_show_in_the_result(tmp_path, rows):
    path = write(table(), tmp_path / "t.parquet")
    expected = scan(path, tmp_path / "o", rows=1_000)[1]
    assert scan(path, tmp_path / "p", rows=rows)[1] == expected


@pytest.mark.slow
def test_workers_do_not_show_in_the_result(tmp_path):
    path = write(table(), tmp_path / "t.parquet", by=("date", "entity"))
    expected, lines = scan(path, tmp_path / "o")
    many, more = scan(path, tmp_path / "p", engine=engine(jobs=2), threads=1)
    assert more == lines
    assert (many.counts, many.top) == (expected.counts, expected.top)
    assert (tmp_path / "p" / "index.html").read_bytes() == (tmp_path / "o" / "index.html").read_bytes()


def test_a_table_by_entity_is_read_in_place_and_another_is_spread(tmp_path):
    by_entity = find_table([write(table(160), tmp_path / "t.parquet")], Options())
    assert by_entity is not None
    chunks = cut(by_entity, tmp_path / "x", rows=1_000)
    assert len(chunks) > 1
    assert not (tmp_path / "x").exists()
    by_day = find_table([write(table(160), tmp_path / "u.parquet", by=("date", "entity"))], Options())
    assert by_day is not None
    chunks = cut(by_day, tmp_path / "x", rows=1_000)
    assert len(chunks) > 1
    assert (tmp_path / "x" / "buckets").is_dir()


BAD = {
    "conflict": ("2025-03-10", "17", "stated more than once, with different figures"),
    "word": ("2025-03-10", "a lot", "cannot be read as one number"),
    "negative": ("2025-03-10", "-4", "below zero"),
    "infinite": ("2025-03-10", "inf", "cannot be read as one number"),
    "day": ("10 March", "17", "date that cannot be read"),
    "hour": ("2025-03-10 05:00:00", "17", "no start of a day"),
    "far": ("1600-01-01", "17", f"more than {LONGEST}"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_series_costs_its_own_line_and_no_other(tmp_path, kind):
    date, value, reason = BAD[kind]
    frame = table(12).assign(
        date=lambda f: f["date"].dt.strftime("%Y-%m-%d"), downloads=lambda f: f["downloads"].astype("int64").astype(str)
    )
    good = records(scan(write(frame, tmp_path / "t.csv"), tmp_path / "o")[1])
    row = pd.DataFrame({"entity": ["org/p-005"], "date": [date], "downloads": [value]})
    result, lines = scan(write(pd.concat([frame, row]), tmp_path / "u.csv"), tmp_path / "p")
    found = records(lines)
    assert reason in found["org/p-005"]["reason"]
    assert {k: v for k, v in found.items() if k != "org/p-005"} == {k: v for k, v in good.items() if k != "org/p-005"}
    assert (result.counts["answered"], result.counts["refused"]) == (11, 1)


def test_a_repeated_equal_figure_is_no_conflict(tmp_path):
    frame = table(6)
    expected = scan(write(frame, tmp_path / "t.csv"), tmp_path / "o")[1]
    assert scan(write(pd.concat([frame, frame.iloc[:200]]), tmp_path / "u.csv"), tmp_path / "p")[1] == expected


def test_remainders_and_totals_are_no_series(tmp_path):
    frame = table(6)
    rest = frame[frame["entity"] == "org/p-000"].assign(entity="Other")
    found = records(scan(write(pd.concat([frame, rest]), tmp_path / "t.parquet"), tmp_path / "o")[1])
    assert "no entity" in found["Other"]["reason"]


def test_a_series_the_screening_fails_on_is_found_among_its_neighbours(tmp_path, monkeypatch):
    from auditor.scale import screening

    def failing(values, **options):
        if (np.nan_to_num(values) > 9e5).any():
            raise FloatingPointError("made to fail")
        return screen(values, **options)

    path = write(table(8), tmp_path / "t.parquet")
    before = records(scan(path, tmp_path / "o")[1])
    monkeypatch.setattr(screening, "screen", failing)
    found = records(scan(path, tmp_path / "p")[1])
    failed = [e for e, r in found.items() if "reason" in r]
    assert failed
    assert all("made to fail" in found[e]["reason"] for e in failed)
    assert {e: r for e, r in found.items() if e not in failed} == {e: r for e, r in before.items() if e not in failed}
    assert len(found) == 8


def test_late_series_of_other_lengths_stand_beside_whole_ones(tmp_path):
    frame = table(9)
    late = frame[(frame["entity"] == "org/p-004") & (frame["date"] >= "2025-05-01")]
    mixed = pd.concat([frame[frame["entity"] != "org/p-004"], late])
    found = records(scan(write(mixed, tmp_path / "t.parquet"), tmp_path / "o")[1])
    whole = records(scan(write(frame, tmp_path / "u.parquet"), tmp_path / "p")[1])
    assert (found["org/p-004"]["first"], found["org/p-004"]["n"]) == ("2025-05-01", 61)
    assert {k: v for k, v in found.items() if k != "org/p-004"} == {k: v for k, v in whole.items() if k != "org/p-004"}
    alone = records(scan(write(late, tmp_path / "v.parquet"), tmp_path / "q", options={"frequency": "day"})[1])
    assert alone["org/p-004"]["noise"] == pytest.approx(found["org/p-004"]["noise"], rel=0.05)


@pytest.mark.parametrize(("freq", "dates"), [("week", "7D"), ("month", "MS"), ("hour", "h")])
def test_other_spacings(tmp_path, freq, dates):
    frame = table(6).drop(columns="date")
    frame["date"] = np.tile(pd.date_range("2015-01-01", periods=DAYS, freq=dates).to_numpy(), 6)
    found = records(scan(write(frame, tmp_path / "t.parquet"), tmp_path / "o")[1])
    day = pd.date_range("2015-01-01", periods=DAYS, freq=dates)[-1]
    assert found["org/p-000"]["last"] == (f"{day:%Y-%m-%dT%H:%M}" if freq == "hour" else f"{day:%Y-%m-%d}")
    assert found["org/p-000"]["n"] == DAYS


def test_a_metric_is_chosen_and_never_guessed(tmp_path):
    frame = table(4)
    both = pd.concat([frame.assign(metric="downloads"), frame.assign(metric="stars", downloads=frame["downloads"] * 2)])
    path = write(both.rename(columns={"downloads": "value"}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="several metrics"):
        scan(path, tmp_path / "o")
    found = records(scan(path, tmp_path / "p", options={"metric": "stars"})[1])
    assert found["org/p-000"]["value"] > 5e5
    with pytest.raises(UsageError, match="does not occur"):
        scan(path, tmp_path / "q", options={"metric": "forks"})


def test_what_needs_the_careful_intake_goes_through_it(tmp_path):
    frame = table(5)
    wide = frame.set_index(["date", "entity"])["downloads"].unstack().reset_index()  # noqa: PD010 - cells are unique
    path = tmp_path / "wide.csv"
    wide.to_csv(path, index=False)
    expected = records(scan(write(frame, tmp_path / "t.parquet"), tmp_path / "o")[1])
    assert records(scan(path, tmp_path / "p")[1]) == expected


def test_a_damaged_file_is_refused_by_name(tmp_path):
    path = write(table(3), tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(InputError, match=r"t\.parquet"):
        scan(path, tmp_path / "o")


def test_forms_hold_the_same(tmp_path):
    path = write(table(9), tmp_path / "t.parquet")
    _, lines = scan(path, tmp_path / "o", formats=("jsonl", "parquet", "duckdb"))
    names = list(records(lines))
    with duckdb.connect() as con:
        found = con.execute(f"SELECT entity, rise, changes[1].fold FROM '{tmp_path / 'o' / 'scan.parquet'}'").fetchall()
        assert [r[0] for r in found] == names
        assert found[3][1] == records(lines)["org/p-003"]["rise"] == found[3][2]
        con.execute(f"ATTACH '{tmp_path / 'o' / 'scan.duckdb'}' AS d (READ_ONLY)")
        assert con.execute("SELECT count(*) FROM d.scan").fetchone() == (9,)
    screen_files([path], Plan(out=tmp_path / "p", formats=("parquet",)))
    assert (tmp_path / "p" / "scan.parquet").read_bytes() == (tmp_path / "o" / "scan.parquet").read_bytes()
    assert not (tmp_path / "p" / "scan.jsonl").exists()


def test_the_summary_is_escaped_ranked_and_whole_in_itself(tmp_path):
    hostile = '<script>alert(1)</script>"&'
    frame = table(9)
    frame["entity"] = frame["entity"].replace("org/p-003", hostile)
    result, lines = scan(write(frame, tmp_path / "t.parquet"), tmp_path / "o", top=2)
    page = (tmp_path / "o" / "index.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "2 of" not in page
    attention = sorted((r["attention"] for r in records(lines).values()), reverse=True)
    assert [r["attention"] for r in result.top] == attention[:2]
    everything, _ = scan(tmp_path / "t.parquet", tmp_path / "p")
    assert hostile in [r["entity"] for r in everything.top]
    assert "&lt;script&gt;alert(1)" in (tmp_path / "p" / "index.html").read_text()


@given(st.floats(min_value=1e-250, max_value=1e250), st.sampled_from([-1, 1]))
def test_significant_digits(value, sign):
    rounded = float(significant(np.array([sign * value]))[0])
    assert rounded == pytest.approx(sign * value, rel=1e-5)
    assert len(json.dumps(float(f"{rounded:.6g}"))) >= len(json.dumps(rounded)) or rounded == pytest.approx(
        float(f"{rounded:.6g}"), rel=1e-14
    )


@given(st.lists(st.integers(1, LONGEST), min_size=1, max_size=30), st.integers(1, 4000))
def test_length_classes_are_few_and_no_series_is_cut(lengths, whole):
    found = padded(np.array(lengths), whole)
    assert (found >= lengths).all()
    assert (found <= np.maximum(np.array(lengths) * 1.125 + 8, 8)).all()
    assert found.tolist() == [int(padded(np.array([n]), whole)[0]) for n in lengths]


def test_a_panel_gives_the_lines_of_its_file(tmp_path):
    from auditor import session
    from auditor.scale.scan import screen_panel

    path = write(table(9), tmp_path / "t.csv")
    expected = scan(path, tmp_path / "o")[1]
    result = screen_panel(session.read(path), Plan(out=tmp_path / "p"), names=["t.csv"])
    assert (tmp_path / "p" / "scan.jsonl").read_bytes() == expected
    assert result.counts["answered"] == 9


def test_every_column_is_described(project):
    from auditor.scale.outputs import AUDITS, SCREENING

    page = (project / "docs" / "scale.md").read_text(encoding="utf-8")
    assert [c for c in {**SCREENING, **AUDITS} if f"`{c}`" not in page] == []


def test_figures_of_the_page_come_from_the_benchmark(project, tmp_path):
    from benchmarks.__main__ import BEGIN, END, write

    page = (project / "docs" / "scale.md").read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    copy = tmp_path / "scale.md"
    copy.write_text(page, encoding="utf-8")
    write(copy, "\n| a |\n|---|\n| 1 |\n", day="2026-01-01")
    text = copy.read_text(encoding="utf-8")
    assert "Printed on 2026-01-01" in text
    assert text.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert text.partition(END)[2] == page.partition(END)[2]
