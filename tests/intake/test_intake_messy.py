"""Files as people have them: read right, or refused with line, column and what to try."""

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from auditor.errors import ErrorList, InputError, UsageError
from auditor.observations import Observations, Status
from auditor.panel import Panel
from auditor.sources.files import read


def rows(found: Observations) -> list[tuple[str, str, float]]:
    frame = found.frame
    return [
        (str(d)[:10], str(e), float(v)) for d, e, v in zip(frame["date"], frame["entity"], frame["value"], strict=True)
    ]


def codes(found: Observations) -> set[str]:
    return {note.code for note in found.notes}


TWO = [("2026-08-19", "a", 10.0), ("2026-08-20", "a", 20.0)]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n", set()),
        (b"\xef\xbb\xbfdate,model,tokens\r\n2026-08-19,a,10\r\n2026-08-20,a,20\r\n", set()),
        (b"Date;Modell;Tokens\n19.08.2026;a;10\n20.08.2026;a;20", set()),
        (b"tokens\tDAY\tmodel_permaslug\n10\t2026-08-19\ta\n20\t2026-08-20\ta\n", set()),
        ("day\tmodel\ttokens\n2026-08-19\ta\t10\n2026-08-20\ta\t20\n".encode("utf-16"), set()),
        ("日期,模型,令牌数\n2026年8月19日,a,10\n2026年8月20日,a,20\n".encode(), set()),
        (b"Usage by model\n\ndate,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n", {"title"}),
        (b"# from the dashboard\ndate,model,tokens\n2026-08-19,a,10\n# half way\n2026-08-20,a,20\n", {"comment"}),
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\nTotal,,30\n", {"total_row"}),
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n,,30\n", {"trailer"}),
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\nSource: the dashboard\n", {"trailer"}),
        (b"date,model,tokens,,\n2026-08-19,a,10,,\n2026-08-20,a,20,,\n", set()),
        (b'date,model,tokens,notes\n2026-08-19,a,10,"two\nlines"\n2026-08-20,a,20,\n', {"ignored_columns"}),
        (b"date,model,rank,tokens,share\n2026-08-19,a,1,10,0.5\n2026-08-20,a,1,20,0.6\n", {"printed"}),
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n2026-08-20,a,20\n", {"duplicate"}),
        (b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n2026-08-21,a,N/A\n", {"blank"}),
        (b"| date | model | tokens |\n|---|---|---|\n| 2026-08-19 | a | 10 |\n| 2026-08-20 | a | 20 |\n", set()),
        (b"date,a\n2026-08-19,10\n2026-08-20,20\n", set()),
        (b",a,comment\n2026-08-19,10,hello\n2026-08-20,20,\n", {"ignored_columns"}),
        (b"sep=;\nDatum;Modell;Tokens\n19.08.2026;a;10\n20.08.2026;a;20\n", {"title"}),
        (b"date,week,model,tokens\n2026-08-19,2026-W34,a,10\n2026-08-20,2026-W34,a,20\n", {"ignored_columns"}),
        (
            b'{"items":[{"article":"a","timestamp":"2026081900","views":10},{"article":"a","timestamp":"2026082000","views":20}]}',
            set(),
        ),
        (
            b'{"package":"x","days":[{"day":"2026-08-19","package":"a","downloads":10},{"day":"2026-08-20","package":"a","downloads":20}]}',
            set(),
        ),
        (gzip.compress(b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n", mtime=0), set()),
        (b'[{"date":"2026-08-19","model":"a","tokens":"10"},{"date":"2026-08-20","model":"a","tokens":20}]', set()),
        (b'{"date":"2026-08-19","model":"a","tokens":10}\n{"date":"2026-08-20","model":"a","tokens":20}\n', set()),
        (b'{"data":[{"x":"2026-08-19","ys":{"a":10}},{"x":"2026-08-20","ys":{"a":20}}]}', set()),
    ],
)
def test_reads(content: bytes, notes: set[str]) -> None:
    found = read(content, name="f.csv")
    assert rows(found) == TWO
    assert codes(found) == {"frequency", *notes}


@pytest.mark.parametrize(
    ("text", "line", "col", "words"),
    [
        ("", None, None, "empty"),
        ("\n  \n", None, None, "empty"),
        ("date,model,tokens\n", 1, None, "no rows"),
        ("2026-08-19,a,1\n2026-08-20,a,2\n", 1, 1, "figures, not headings"),
        ("model,2026-08-01,2026-08-02\na,1,2\n", 1, 2, "run across the columns"),
        ("just words\nand more\n", 1, 1, "no column separator"),
        ("<html><td>1</td></html>", 1, None, "web page"),
        ("date,model,tokens\n2026-08-19,a,1.4Q\n", 2, 3, "not a known scale"),
        ("date,model,tokens\n2026-08-19,a,>1T\n", 2, 3, "lower bound"),
        ("date,model,tokens\n2026-08-19,a,1,234\n", 2, 4, "4 cells, the heading has 3"),
        ("date,model,tokens\n2026-08-19,a,1\n2026-08-2", 3, 1, "1 cells, the heading has 3"),
        ('date,model,tokens\n2026-08-19,"a,1\n2026-08-20,b,2\n', 2, None, "cut into cells"),
        ("date,model,tokens\n2026-08-19,,1\n", 2, 2, "names no entity"),
        ("date,model,tokens\n2026-08-19,a,1\n,a,2\n2026-08-21,a,3\n", 3, 1, "no date"),
        ("date,model,tokens\n2026-08-19,a,1\nhello\n2026-08-21,a,3\n", 3, None, "line of text"),
        ("date,model,tokens\n2026-08-19,a,1.234\n2026-08-20,a,2.345\n", 2, 3, "decimal or a thousands mark"),
        ("date,model,tokens\n2026-08-19,a,1.234.567\n2026-08-20,a,1.5\n", 3, 3, "different decimal marks"),
        ("date,model,tokens\n2026-08-19,a,6.9%\n2026-08-20,a,7\n", None, 3, "mixes percentages"),
        ("date,model,tokens,tokens\n2026-08-19,a,1,2\n", 1, 4, "occurs in columns 3 and 4"),
        ("date,model,p,q\n2026-08-19,a,1,2\n", 1, 3, "several columns could hold"),
        ("Tokens in billions\ndate,model,tokens\n2026-08-19,a,1\n", 1, None, "title says"),
        ("date,model,tokens\n2026-08-19,a\0,1\n", 2, 13, "NUL"),
        ("date,model,value,unit\n2026-08-19,a,1,B tokens\n2026-08-20,a,1,M tokens\n", 3, 4, "unit changes"),
        ("date,model,tokens,status\n2026-08-19,a,1,splendid\n", 2, 4, "not a known status"),
    ],
)
def test_refuses_with_the_place(text: str, line: int | None, col: int | None, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text.encode(), name="f.csv")
    error = caught.value
    assert words in error.what
    assert (error.where.file, error.where.line, error.where.column) == ("f.csv", line, col)
    assert error.hint


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"BZh9", b"%PDF-1.7", b"\xfd7zXZ\x00"])
def test_foreign_files_are_named(magic: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(magic + b"rest", name="f.csv")
    assert "not a table" in caught.value.what
    assert caught.value.hint


def test_several_bad_cells_are_reported_together() -> None:
    with pytest.raises(ErrorList) as caught:
        read(b"date,model,tokens\n2026-08-19,a,1.4Q\n2026-08-20,a,2\n2026-08-21,a,>3T\n", name="f.csv")
    assert [error.where.line for error in caught.value.errors] == [2, 4]


def test_text_that_is_not_utf8_is_asked_about() -> None:
    content = "date,model,tokens\n2026-08-19,modèle,1\n".encode("cp1252")
    with pytest.raises(InputError) as caught:
        read(content, name="f.csv")
    assert (caught.value.where.line, caught.value.where.column) == (2, 15)
    assert rows(read(content, encoding="cp1252")) == [("2026-08-19", "modèle", 1.0)]


def test_damaged_gzip_is_refused() -> None:
    packed = gzip.compress(b"date,model,tokens\n2026-08-19,a,1\n" * 100)
    with pytest.raises(InputError, match="cut off"):
        read(packed[:-20], name="f.csv.gz")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(b"date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n"))
    )
    found = read("-")
    assert rows(found) == TWO
    assert found.sources[0].file == "stdin"


def test_a_file_that_is_not_there_gets_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "figures.csv").write_text("x")
    with pytest.raises(InputError, match="no such file") as caught:
        read(tmp_path / "figure.csv")
    assert "figures.csv" in caught.value.hint
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)


def test_wide_blank_is_absent_and_censored_by_the_remainder() -> None:
    found = read(b"date,a,b,other\n2026-08-19,10,,5\n2026-08-20,20,7,6\n", name="f.csv")
    table = Panel.of(found).table()
    assert table.status[0, table.index["b"]] == Status.CENSORED
    assert (table.low[0, 1], table.high[0, 1]) == (0, 10)
    stated = read(b"date,a,b\n2026-08-19,10,\n2026-08-20,20,7\n", name="f.csv", absent="censored")
    row = stated.frame[stated.frame["value"].isna()].iloc[0]
    assert (row["low"], row["high"], row["status"]) == (0, 10, Status.CENSORED)
    silent = Panel.of(read(b"date,a,b\n2026-08-19,10,\n2026-08-20,20,7\n", name="f.csv")).table()
    assert silent.status[0, 1] == Status.MISSING


@pytest.mark.parametrize("heading", ["below", "cutoff", "Cut-off", "upper_bound"])
def test_published_bound_of_a_blank_cell(heading: str) -> None:
    found = read(f"date,model,tokens (B),{heading} (B)\n2026-08-19,a,10.5,\n2026-08-20,a,,2.5\n".encode(), name="f.csv")
    row = found.frame.iloc[1]
    assert np.isnan(row["value"])
    assert (row["low"], row["high"], row["status"]) == (0, 2.5e9, Status.CENSORED)
    less = read(b"date,model,tokens\n2026-08-19,a,10.5B\n2026-08-20,a,<2.5B\n", name="f.csv").frame.iloc[1]
    assert (less["low"], less["high"], less["status"]) == (0, 2.5e9, Status.CENSORED)


@pytest.mark.parametrize(
    "heading",
    ["Tokens (Mrd.)", "tokens [B]", "tokens_billions", "Tokens (billions)", "tokens in Mrd", "Tokens (bn tokens)"],
)
def test_scale_in_the_heading(heading: str) -> None:
    found = read(f"date;model;{heading}\n2026-08-19;a;559,5\n2026-08-20;a;533\n".encode(), name="f.csv")
    assert found.frame["value"].tolist() == [559.5e9, 533e9]
    assert found.frame["low"].tolist() == [559.45e9, 532.5e9]
    assert set(found.frame["metric"]) == {"tokens"}


def test_formula_cells_are_text_and_are_kept_as_written() -> None:
    name = '=HYPERLINK("http://example.org","x")'
    quoted = name.replace('"', '""')
    found = read(f'date,model,tokens\n2026-08-19,"{quoted}",1\n2026-08-20,"{quoted}",2\n'.encode())
    assert set(found.frame["entity"]) == {name}
    with pytest.raises(InputError, match="not a number"):
        read(b"date,model,tokens\n2026-08-19,a,=1+1\n")


def test_conflicting_rows() -> None:
    found = read(
        b"date,model,tokens\n"
        + b"".join(b"2026-08-%02d,a,%d\n" % (d, 24 - d % 2) for d in range(1, 25))
        + b"2026-08-24,a,30\n",
        name="f.csv",
    )
    row = found.frame.iloc[-1]
    assert (row["value"], row["low"], row["high"], row["status"]) == (30, 24, 30, Status.REVISED)
    note = next(n for n in found.notes if n.code == "conflict")
    assert "24 (line 25), 30 (line 26)" in note.text
    with pytest.raises(InputError, match="given more than once") as caught:
        read(b"date,model,provider,tokens\n2026-08-01,a,x,1\n2026-08-01,a,y,2\n2026-08-02,a,x,3\n", name="f.csv")
    assert "parts of one figure" in caught.value.hint


def test_restated_rows_with_a_date_of_publication_are_all_kept() -> None:
    found = read(
        b"date,model,tokens,as_of\n2026-08-01,a,1,2026-08-03\n2026-08-01,a,2,2026-08-05\n2026-08-02,a,3,2026-08-05\n",
        name="f.csv",
    )
    assert len(found.frame) == 3
    table = Panel.of(found).table()
    assert table.values[:, 0].tolist() == [2, 3]
    assert table.status[:, 0].tolist() == [Status.REVISED, Status.OBSERVED]


def test_rounded_and_full_figures_of_one_cell_agree() -> None:
    found = read(
        b'date,model,tokens\n2026-08-01,a,1.4T\n2026-08-01,a,"1,413,100,000,000"\n2026-08-02,a,2T\n', name="f.csv"
    )
    assert found.frame["value"].tolist() == [1_413_100_000_000, 2e12]
    assert codes(found) >= {"duplicate", "rounded"}
    assert "conflict" not in codes(found)


def test_incomplete_last_period_is_marked() -> None:
    text = b"week_start,model,tokens\n2026-08-03,a,70\n2026-08-10,a,75\n2026-08-17,a,7\n"
    found = read(text, name="f.csv", retrieved_at="2026-08-18T02:00Z")
    assert found.frame["status"].tolist() == [1, 1, Status.PARTIAL]
    assert "2026-08-17" in next(n.text for n in found.notes if n.code == "partial")
    assert "status" not in read(text, retrieved_at="2026-08-24").frame
    table = Panel.of(found).table()
    assert np.isnan(table.total[2])
    flagged = read(b"date,model,tokens,is_partial\n2026-08-03,a,70,false\n2026-08-04,a,7,true\n")
    assert flagged.frame["status"].tolist() == [1, Status.PARTIAL]


def test_figures_all_read_inside_their_period_are_noted_not_marked() -> None:
    lines = "".join(f"2026-08-{d:02d},a,{d % 4},2026-08-{d:02d}T18:00Z\n" for d in range(1, 9))
    found = read(f"date,model,tokens,as_of\n{lines}".encode())
    assert "read_inside" in codes(found)
    assert "status" not in found.frame


def test_zeros_that_look_filled_in_are_noted() -> None:
    found = read(b"date,a,b,c\n2026-08-19,100,0,110\n2026-08-20,100,105,110\n2026-08-21,90,0,120\n")
    assert "zero_filled" in codes(found)
    assert "zero_filled" not in codes(
        read(b"date,a,b,c\n2026-08-19,100,0,110\n2026-08-20,100,1,110\n2026-08-21,90,0,120\n")
    )


def test_zeros_of_small_counts_are_plain_zeros() -> None:
    assert "zero_filled" not in codes(read(b"date,a,b\n2026-08-19,3,0\n2026-08-20,2,3\n2026-08-21,4,0\n"))


def test_counters_are_refused_or_differenced() -> None:
    lines = "".join(f"2026-07-{d:02d},a,{1000 + d * d}\n" for d in range(1, 29))
    text = f"date,model,downloads\n{lines}".encode()
    with pytest.raises(InputError, match="look like a counter") as caught:
        read(text, name="f.csv")
    assert "difference=True" in caught.value.hint
    assert read(text, difference=False).frame["value"].tolist()[:2] == [1001, 1004]
    assert read(text, difference=True).frame["value"].tolist()[:2] == [3, 5]
    falling = "date,model,downloads\n2026-07-01,a,5\n2026-07-02,a,9\n2026-07-03,a,2\n2026-07-04,a,3\n"
    reset = read(falling.encode(), difference=True)
    assert reset.frame["value"].tolist() == [4, 1]
    assert "counter_fell" in codes(reset)


def test_metric_is_chosen_and_entities_can_be_named() -> None:
    text = b"date,model,metric,value\n2026-08-19,a,tokens,10\n2026-08-19,a,price,-2\n2026-08-20,a,tokens,20\n"
    assert rows(read(text, metric="tokens")) == TWO
    with pytest.raises(InputError, match="negative"):
        read(text)
    with pytest.raises(InputError, match="no row holds the metric 'token'") as caught:
        read(text, metric="token")
    assert "tokens" in caught.value.hint
    two = b"date,model,prompt_tokens,completion_tokens\n2026-08-19,a,10,1\n2026-08-20,a,20,2\n"
    assert set(read(two).frame["metric"]) == {"prompt_tokens", "completion_tokens"}
    assert rows(read(two, metric="prompt_tokens")) == TWO
    assert set(read(b"date,model,value\n2026-08-19,a,10\n2026-08-20,a,20\n", metric="tokens").frame["metric"]) == {
        "tokens"
    }
    with pytest.raises(InputError, match="no column holds the metric 'tokens'"):
        read(b"date,model,requests\n2026-08-19,a,10\n2026-08-20,a,20\n", metric="tokens")
    single = read(b"date,visits\n2026-08-19,10\n2026-08-20,20\n", entity="a")
    assert rows(single) == TWO
    mapped = read(
        b"Tag der Messung,Was,Wieviel,Anders\n2026-08-19,a,10,5\n2026-08-20,a,20,5\n",
        columns={"date": "Tag der Messung", "entity": "Was", "value": "Wieviel"},
    )
    assert rows(mapped) == TWO


def test_metrics_of_different_spacing_are_refused() -> None:
    weekly = "".join(f"2026-08-{d:02d},a,weekly,{d % 5}\n" for d in (3, 10, 17, 24))
    daily = "".join(f"2026-08-{d:02d},a,daily,{d % 5}\n" for d in range(3, 9))
    text = f"date,model,metric,value\n{daily}{weekly}".encode()
    with pytest.raises(InputError, match="'weekly' are spaced by weeks") as caught:
        read(text)
    assert caught.value.where.line == 8
    assert read(text, metric="weekly").frequency.value == "week"


def test_wrong_statements_are_usage_errors() -> None:
    for wrong in (
        {"date_order": "ymd"},
        {"decimal": ";"},
        {"absent": "zero"},
        {"frequency": "year"},
        {"week_label": "middle"},
        {"retrieved_at": "yesterday"},
        {"columns": {"wert": "x"}},
    ):
        with pytest.raises(UsageError):
            read(b"date,model,tokens\n2026-08-19,a,1\n", **wrong)


def test_card_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "made-up.csv"
    path.write_text("date,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n")
    bare = read(path).sources[0]
    assert (bare.name, bare.file, bare.simulated) == ("made-up.csv", "made-up.csv", False)
    (tmp_path / "made-up.source.yaml").write_text(
        "name: Simulation\ncitation: Simulated, seed 1.\nlicence: CC0-1.0\nurl: https://example.org\nas_of: 2026-08-22\nsimulated: true\n"
    )
    card = read(path).sources[0]
    assert (card.name, card.citation, card.licence, card.as_of, card.simulated) == (
        "Simulation",
        "Simulated, seed 1.",
        "CC0-1.0",
        "2026-08-22",
        True,
    )
    import hashlib

    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Panel.of(read(path)).simulated
    (tmp_path / "made-up.source.yaml").write_text("name: [unclosed\n")
    with pytest.raises(InputError, match="source card"):
        read(path)
    (tmp_path / "made-up.source.yaml").write_text("simulated: perhaps\n")
    with pytest.raises(InputError, match="neither true nor false"):
        read(path)


def test_titles_state_the_date_of_publication() -> None:
    found = read(b"Top models, last updated: 2026-08-20T12:00Z\ndate,model,tokens\n2026-08-19,a,10\n2026-08-20,a,20\n")
    assert found.sources[0].as_of == "2026-08-20T12:00Z"
    assert found.frame["status"].tolist() == [1, Status.PARTIAL]
