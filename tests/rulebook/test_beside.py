"""What is kept beside the figures for the rules alone: other spacings, printed ranks and shares, rows stated twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import InputError, UsageError
from auditor.observations import Frequency, Observations, concatenate
from auditor.panel import Panel
from auditor.rulebook.book import Hit, Rulebook, scene_of
from auditor.sources import files
from auditor.sources.files import read
from auditor.sources.tabular.delimited import find_shape
from auditor.sources.tabular.fast import read_fast
from auditor.sources.tabular.options import Options
from tests.intake.test_intake_fast import card, careful

DAYS = [f"2026-03-{d:02d}" for d in range(2, 16)]
DAILY = "date,model,total_tokens\n" + "".join(
    f"{d},{m},{v}\n" for d in DAYS for m, v in zip("abcd", (1000, 2000, 3000, 4000), strict=True)
)
WEEKLY = "week_start,model,weekly_total_tokens\n" + "".join(
    f"{d},{m},{v}\n"
    for d in ("2026-03-02", "2026-03-09")
    for m, v in zip("abcd", (7014, 14028, 21042, 28056), strict=True)
)


def hits(book: Rulebook, panel: Panel, rule: str) -> list[Hit]:
    found = Rulebook((book.rule(rule),)).hits(scene_of(panel, "total_tokens"))[rule]
    assert isinstance(found, list), found
    return found


def joint(daily: str = DAILY, weekly: str = WEEKLY, **options: object) -> Panel:
    return Panel.of(
        concatenate([read(daily.encode(), name="days"), read(weekly.encode(), name="weeks", **options)])  # type: ignore[arg-type]  # options of one reader
    )


# --- other spacings ---------------------------------------------------------------------------------------------------


def test_a_weekly_file_is_kept_beside_a_daily_one_and_no_test_sees_it() -> None:
    panel, alone = joint(), Panel.of(read(DAILY.encode(), name="days"))
    assert (panel.frequency, panel.metrics) == (Frequency.DAY, ("total_tokens",))
    assert [(p.frequency, p.metrics) for p in panel.beside] == [(Frequency.WEEK, ("weekly_total_tokens",))]
    np.testing.assert_array_equal(panel.table().values, alone.table().values)
    (said,) = [n.text for n in panel.notes if n.code == "spacing"]
    assert said.startswith("weeks states one figure per week")
    assert {s.name for s in panel.sources} == {"days", "weeks"}


def test_the_order_of_inputs_of_different_spacing_does_not_matter() -> None:
    daily, weekly = read(DAILY.encode(), name="days"), read(WEEKLY.encode(), name="weeks")
    one, two = Panel.of(concatenate([daily, weekly])), Panel.of(concatenate([weekly, daily]))
    np.testing.assert_array_equal(one.table().values, two.table().values)
    assert (one.sources, one.frequency) == (two.sources, two.frequency)


def test_a_metric_of_another_spacing_cannot_be_asked_about_and_the_error_says_what_can() -> None:
    with pytest.raises(UsageError, match="kept beside") as refused:
        joint().table("weekly_total_tokens")
    assert "audit its file alone" in refused.value.hint


def test_days_added_up_to_weeks_differ_by_a_common_factor(book: Rulebook) -> None:
    panel = joint()
    found = hits(book, panel, "AUD271")
    assert [f"{h.start:%m-%d} {h.end:%m-%d} {h.values['factor']:.4f}" for h in found] == [
        "03-02 03-08 1.0020",
        "03-09 03-15 1.0020",
    ]
    assert hits(book, panel, "AUD270") == hits(book, panel, "AUD208") == []


def test_one_entity_off_the_common_factor_is_a_mismatch(book: Rulebook) -> None:
    panel = joint(weekly=WEEKLY.replace("2026-03-09,b,14028", "2026-03-09,b,17000"))
    for rule in ("AUD270", "AUD208"):
        assert [(h.entity, f"{h.start:%m-%d}") for h in hits(book, panel, rule)] == [("b", "03-09")]


def test_weeks_are_compared_with_their_own_days_only(book: Rulebook) -> None:
    """Weeks from Sunday to Saturday: the days are added up over those days, not over ISO weeks."""
    rising = "date,model,total_tokens\n" + "".join(
        f"{d},{m},{1000 * (i + 1) * k}\n" for i, d in enumerate(DAYS) for k, m in enumerate("abcd", 1)
    )
    sunday = sum(1000 * (i + 1) for i, d in enumerate(DAYS) if "2026-03-08" <= d <= "2026-03-14")
    weeks = "week_start,model,weekly_total_tokens\n" + "".join(
        f"2026-03-08,{m},{round(sunday * k * 1.01)}\n" for k, m in enumerate("abcd", 1)
    )
    (found,) = hits(book, joint(rising, weeks), "AUD271")
    assert f"{found.start:%m-%d} {found.end:%m-%d} {found.values['factor']:.3f}" == "03-08 03-14 1.010"


def test_a_week_with_an_unpublished_day_is_not_compared(book: Rulebook) -> None:
    lacking = "".join(line + "\n" for line in DAILY.splitlines() if not line.startswith("2026-03-11,"))
    assert [f"{h.start:%m-%d}" for h in hits(book, joint(lacking), "AUD271")] == ["03-02"]


# --- week labels ------------------------------------------------------------------------------------------------------

MOVED = "date,model,tokens\n" + "".join(
    f"{d},{m},5\n" for d in ("2026-02-01", "2026-02-08", "2026-02-16", "2026-02-23", "2026-03-02") for m in "ab"
)


def test_labels_that_move_by_a_day_are_asked_about_with_a_hint_that_works() -> None:
    with pytest.raises(InputError, match="a Monday, earlier weeks are labelled by a Sunday") as refused:
        read(MOVED.encode())
    assert "week_label='end'" in refused.value.hint
    found = read(MOVED.encode(), week_label="end")
    assert [str(d)[:10] for d in found.frame["date"].unique()] == [
        "2026-01-26",
        "2026-02-02",
        "2026-02-09",
        "2026-02-16",
        "2026-02-23",
    ]
    assert "week_labels" in {n.code for n in found.notes}


@pytest.mark.parametrize("other", ["2026-02-17", "2026-02-14"])
def test_labels_that_move_by_more_or_name_one_week_twice_are_refused(other: str) -> None:
    with pytest.raises(InputError):
        read(MOVED.replace("2026-02-16", other).encode(), week_label="end")


def test_a_week_ending_in_as_of_settles_what_the_label_names() -> None:
    text = "date,model,tokens,as_of\n" + "".join(f"{d},a,5,week ending {d}\n" for d in ("2026-04-05", "2026-04-12"))
    assert [str(d)[:10] for d in read(text.encode()).frame["date"]] == ["2026-03-30", "2026-04-06"]
    only = read(b"date,model,tokens,as_of\n2026-04-05,a,5,week ending 2026-04-05\n")
    assert (only.frequency, str(only.frame["date"][0])[:10]) == (Frequency.WEEK, "2026-03-30")
    with pytest.raises(InputError, match="first or their last day"):
        read(text.replace("week ending 2026-04-12", "2026-04-13").encode())


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_may_be_negative_and_a_count_may_not() -> None:
    text = "date,model,metric,value\n2026-03-02,a,tokens,5\n2026-03-02,a,percent_change,-10\n2026-03-03,a,tokens,6\n2026-03-03,a,percent_change,-1\n"
    panel = Panel.of(read(text.encode()))
    assert panel.table("percent_change").values.ravel().tolist() == [-10, -1]
    assert panel.table("percent_change").low.ravel().tolist() == [-10, -1]
    with pytest.raises(InputError, match="is negative"):
        read(text.replace("tokens,6", "tokens,-6").encode())


def test_the_metric_in_question_is_read_alone_where_the_rest_cannot_be() -> None:
    text = "date,model,metric,value\n2026-03-02,a,tokens,5\n2026-03-02,a,margin,-10\n2026-03-03,a,tokens,6\n"
    with pytest.raises(InputError, match="is negative"):
        read(text.encode())
    alone = read(text.encode(), prefer="tokens")
    assert alone.frame["value"].tolist() == [5, 6]
    assert next(n.text for n in alone.notes if n.code == "metric_alone").startswith(
        "only the figures of 'tokens' were read: "
    )
    with pytest.raises(InputError, match="is negative"):
        read(text.encode(), prefer="margin")


# --- printed ranks and shares -----------------------------------------------------------------------------------------

PRINTED = "date,rank,model,total_tokens,share\n" + "".join(
    f"2026-03-{d:02d},{r},{m},{v},{v / 100}%\n"
    for d in range(2, 5)
    for r, m, v in ((1, "a", 5000), (2, "b", 3000), (3, "other", 2000))
)


def test_printed_ranks_and_shares_are_kept_for_the_rules_and_no_test_sees_them(book: Rulebook) -> None:
    found = read(PRINTED.encode())
    panel = Panel.of(found)
    assert panel.metrics == ("total_tokens",)
    assert [p.metrics for p in panel.beside] == [("rank",), ("share",)]
    assert panel.beside[1].table("share").values[0].tolist() == [0.5, 0.3]
    assert "printed" in {n.code for n in found.notes}
    assert hits(book, panel, "AUD203") == hits(book, panel, "AUD204") == []


def test_a_wrong_rank_and_a_wrong_share_in_a_csv_are_called(book: Rulebook) -> None:
    wrong = PRINTED.replace("2026-03-03,1,a", "2026-03-03,2,a").replace("2026-03-03,2,b", "2026-03-03,1,b")
    assert [(h.entity, f"{h.start:%m-%d}") for h in hits(book, Panel.of(read(wrong.encode())), "AUD203")] == [
        ("a", "03-03")
    ]
    wrong = PRINTED.replace("2026-03-04,2,b,3000,30.0%", "2026-03-04,2,b,3000,33.0%")
    assert [(h.entity, f"{h.start:%m-%d}") for h in hits(book, Panel.of(read(wrong.encode())), "AUD204")] == [
        ("b", "03-04")
    ]


@pytest.mark.parametrize(
    ("heading", "cells", "kept"),
    [
        ("rank", ("1", "2"), ["rank"]),
        ("Market share (%)", ("60", "40"), ["share"]),
        ("growth", ("1", "2"), []),
        ("rank_change", ("1", "2"), []),
        ("previous_rank", ("1", "2"), []),
        ("rank", ("1", "2nd"), []),
    ],
)
def test_which_columns_are_taken_for_printed_ranks_and_shares(
    heading: str, cells: tuple[str, str], kept: list[str]
) -> None:
    rows = "".join(
        f"2026-03-{d:02d},{m},{v},{c}\n" for d in (2, 3, 4) for m, v, c in zip("ab", (6, 4), cells, strict=True)
    )
    found = read(f"date,model,tokens,{heading}\n{rows}".encode())
    assert [p.metrics[0] for p in Panel.of(found).beside] == kept
    assert ("ignored_columns" in {n.code for n in found.notes}) is (not kept)


def test_of_several_shares_none_is_taken() -> None:
    text = "date,model,tokens,share_of_requests,share_of_tokens\n2026-03-02,a,6,0.5,0.6\n2026-03-02,b,4,0.5,0.4\n"
    assert read(text.encode()).beside == ()


def test_the_fast_reader_keeps_printed_ranks_and_shares_as_the_careful_one_does(tmp_path: Path) -> None:
    content = PRINTED.replace("%", "").encode()
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    _, dialect, layout = find_shape(content, "f.csv", Options())
    one, two = read_fast(path, dialect, layout, "f.csv", Options(), card), careful(content)
    assert one.notes == two.notes
    for a, b in zip(one.beside, two.beside, strict=True):
        pd.testing.assert_frame_equal(a.frame, b.frame)


# --- rows stated twice ------------------------------------------------------------------------------------------------


def test_a_row_stated_twice_is_called_and_counted_once(book: Rulebook) -> None:
    found = read((DAILY + "2026-03-05,b,2000\n").encode())
    panel = Panel.of(found)
    assert found.repeats is not None
    assert len(found.repeats) == 1
    np.testing.assert_array_equal(panel.table().values, Panel.of(read(DAILY.encode())).table().values)
    assert [(h.entity, f"{h.start:%m-%d}", h.values["times"]) for h in hits(book, panel, "AUD211")] == [
        ("b", "03-05", 2)
    ]


def test_of_rows_that_differ_the_last_is_used_and_both_are_shown(book: Rulebook) -> None:
    panel = Panel.of(read((DAILY + "2026-03-15,b,2100\n").encode()))
    (found,) = hits(book, panel, "AUD211")
    assert (found.values["smallest"], found.values["largest"]) == (2000, 2100)
    assert panel.table().series(["b"]).values[-1] == 2100


def test_rows_stated_twice_survive_the_joining_of_inputs(book: Rulebook) -> None:
    later = DAILY.replace("2026-03", "2026-04")
    parts = [read((DAILY + "2026-03-05,b,2000\n").encode(), name="one"), read(later.encode(), name="two")]
    assert [h.entity for h in hits(book, Panel.of(concatenate(parts)), "AUD211")] == ["b"]


@given(st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from("abcd")), max_size=6))
@settings(max_examples=30, deadline=None)
def test_repeated_rows_never_change_a_cell(again: list[tuple[str, str]]) -> None:
    figures = {tuple(line.split(",")[:2]): line for line in DAILY.splitlines()[1:]}
    found = read((DAILY + "".join(figures[key] + "\n" for key in again)).encode())
    alone = Panel.of(read(DAILY.encode())).table()
    table = Panel.of(found).table()
    np.testing.assert_array_equal(table.values, alone.values)
    np.testing.assert_array_equal(table.status, alone.status)
    assert (0 if found.repeats is None else len(found.repeats)) == len(again)


def test_two_daily_files_are_two_viewpoints(book: Rulebook) -> None:
    other = (
        DAILY.replace(",1000", ",1001").replace(",2000", ",2002").replace(",3000", ",3003").replace(",4000", ",4004")
    )
    panel = Panel.of(concatenate([read(DAILY.encode(), name="one"), read(other.encode(), name="two")]))
    found = hits(book, panel, "AUD271")
    assert len(found) == len(DAYS)
    assert (found[0].values["source"], found[0].values["other_source"]) == ("one", "two")


def test_large_files_keep_rows_stated_twice_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "LARGE", 1)
    path = tmp_path / "f.csv"
    path.write_text(DAILY + "2026-03-05,b,2000\n")
    found: Observations = read(path)
    assert found.repeats is not None
    assert len(found.repeats) == 1
