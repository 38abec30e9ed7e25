"""Events that explain a level: new, gone, returned, renamed, free to paid; and faults of the record."""

import pytest

from auditor.watch.happenings import happenings
from auditor.watch.record import changed_day, missing, revisions, silence

KNOWN = {
    "acme/model-1": ["2026-01-01", "2026-05-11"],
    "acme/gone": ["2026-01-01", "2026-05-10"],
    "b/small": ["2026-01-01", "2026-05-11"],
}
LAST = {"acme/model-1": 100.0, "acme/gone": 90.0, "b/small": 1.0}


def rules(row, day="2026-05-12", known=KNOWN, last=LAST):
    return [(e.rule, e.entity, e.other) for e in happenings({**row, "b/small": 1.0}, day, known, last)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"acme/model-1": 100}, []),
        ({"acme/model-1": 100, "zeta/other": 80}, [("new", "zeta/other", "")]),
        ({"acme/model-1": 100, "acme/model-1:free": 500}, [("free_start", "acme/model-1:free", "acme/model-1")]),
        ({"acme/model-1": 100, "acme/gone-2": 95}, [("rename", "acme/gone-2", "acme/gone")]),
        ({"acme/model-1": 100, "other/gone-2": 95}, [("new", "other/gone-2", "")]),  # another maker
        ({"acme/model-1": 100, "acme/gone-2": 950}, [("new", "acme/gone-2", "")]),  # another level
        ({"acme/gone": 900}, []),
    ],
)
def test_arrivals(row, expected):
    assert rules(row) == expected


def test_free_variant_replaced_by_a_paid_one_excuses_both():
    known = {"acme/m:free": ["2026-04-01", "2026-05-11"]}
    (event,) = happenings({"acme/m": 5.0}, "2026-05-12", known, {"acme/m:free": 100.0})
    assert event.rule == "free_end"
    assert set(event.excuses) == {"acme/m", "acme/m:free"}


def test_leaving_is_told_once_and_only_from_well_above_the_cut_off():
    known = {
        "big": ["2026-01-01", "2026-05-05"],
        "tiny": ["2026-01-01", "2026-05-05"],
        "b/small": ["2026-01-01", "2026-05-11"],
    }
    last = {"big": 100.0, "tiny": 1.5, "b/small": 1.0}
    told = [(day, rules({}, f"2026-05-{day}", known, last)) for day in (11, 12, 13)]
    assert told == [(11, []), (12, [("gone", "big", "")]), (13, [])]


def test_first_day_of_all_holds_no_news():
    assert happenings({"a": 1.0}, "2026-05-12", {}, {}) == []


def test_restatement_is_told_above_the_usual_size_only():
    then = {"2026-05-01": {"a": 100.0, "b": 100.0, "c": 100.0}}
    now = {"2026-05-01": {"a": 100.001, "b": 105.8, "c": 100.0}}
    (found,) = revisions("s", then, now, "2026-05-09")
    assert (found.rule, found.day, found.figures["entity"]) == ("restated", "2026-05-01", "b")
    assert found.figures["largest"] == pytest.approx(0.058)


def test_withdrawal_is_told_only_if_the_day_is_still_published():
    then = {"2026-05-01": {"a": 1.0, "b": 1.0}}
    assert [f.rule for f in revisions("s", then, {"2026-05-01": {"a": 1.0}}, "x")] == ["withdrawn"]
    assert revisions("s", then, {}, "x") == []


@pytest.mark.parametrize(
    ("run", "days"), [("2026-05-02", None), ("2026-05-04", None), ("2026-05-05", 3), ("2026-06-01", 30)]
)
def test_heartbeat(run, days):
    found = silence("s", "2026-05-01", run, settled_days=3, stale_days=3)
    assert (found and found.figures["days"]) == days


def test_list_and_platform_changes_are_told():
    before = {f"m{i}": 100.0 for i in range(50)}
    assert changed_day("s", "d", before, before, [50] * 14, "r") == []
    assert [f.rule for f in changed_day("s", "d", dict(list(before.items())[:20]), before, [50] * 14, "r")] == [
        "list_changed"
    ]
    (jump,) = changed_day("s", "d", {k: 2 * v for k, v in before.items()}, before, [50] * 14, "r")
    assert jump.figures["factor"] == pytest.approx(2)


def test_hole_in_the_record_is_told():
    assert missing("s", "2026-05-01", "2026-05-02", "r") is None
    found = missing("s", "2026-05-01", "2026-05-04", "r")
    assert found is not None
    assert (found.opened, found.figures["days"]) == ("2026-05-02", 2)
