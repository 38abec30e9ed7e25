"""The rules on published figures: what they say is explained, and elsewhere they are silent."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.observations import Frequency, concatenate
from auditor.panel import Panel
from auditor.rulebook.book import Hit, Rulebook, scene_of
from auditor.sources.files import read
from benchmarks.rulebook import hits

pytestmark = pytest.mark.shared

ACCEPTED = hits.accepted(Path(__file__).parent / "accepted.yaml")
LONG = "rankings_daily_2025-12-01_2026-07-05.csv"
WEEKLY = "weekly_top10_2025-11-16_2026-05-11.csv"
TRAP = "week_to_date_top9_2026-03-28_2026-05-16.csv"


@pytest.fixture(scope="module")
def looks(book: Rulebook, shared: Path) -> list[hits.Look]:
    """What the rules say about every metric of every table."""
    return list(hits.looks(book, [shared / "openrouter", shared / "organic", shared / "artefacts"]))


def _of(looks: list[hits.Look], panel: str, metric: str) -> dict[str, list[Hit]]:
    return next({r: list(h) for r, h in k.hits.items()} for k in looks if (k.panel, k.metric) == (panel, metric))


def test_every_hit_on_a_real_panel_is_accepted_with_a_reason(looks: list[hits.Look]) -> None:
    beyond = [
        (look.panel, look.metric, rule, [(h.entity, str(h.start)[:10]) for h in found])
        for look in looks
        for rule, found in look.hits.items()
        if not any(line.covers(look, rule) and len(found) <= line.most for line in ACCEPTED)
    ]
    assert beyond == []


def test_no_line_accepts_what_no_longer_occurs(looks: list[hits.Look]) -> None:
    most = {
        line: max(
            (len(look.hits[line.rule]) for look in looks if line.rule in look.hits and line.covers(look, line.rule)),
            default=0,
        )
        for line in ACCEPTED
    }
    assert {line: n for line, n in most.items() if n != line.most} == {}
    assert max(Counter((line.panel, line.rule, line.metric) for line in ACCEPTED).values()) == 1


def test_every_table_with_dates_and_figures_makes_a_panel(looks: list[hits.Look]) -> None:
    without = {look.panel.split("_")[0]: look.problem for look in looks if look.problem}
    assert set(without) == {"labelled", "price", "qwen3.6-plus", "nab"}


def test_real_surges_of_mentions_and_trips_are_not_called(book: Rulebook, shared: Path) -> None:
    whole = read(shared / "organic" / "nab_daily.csv")
    said = {}
    for entity in whole.frame["entity"].unique():
        frame = whole.frame[whole.frame["entity"] == entity].reset_index(drop=True)
        found = book.hits(scene_of(Panel.of(replace(whole, frame=frame))))
        said[entity] = [rule for rule, rows in found.items() if isinstance(rows, list) and rows]
    assert {e: r for e, r in said.items() if r} == {}


def test_the_week_to_date_trap_is_refused_and_where_it_is_forced_called(looks: list[hits.Look], shared: Path) -> None:
    with pytest.raises(InputError, match="run on by their name"):
        read(shared / "openrouter" / TRAP)
    spoken = _of(looks, TRAP, "tokens_week_to_date")
    assert len(spoken["AUD214"]) == 1
    days = {f"{h.start:%m-%d}" for h in spoken["AUD215"]}
    assert days == {"04-01", "04-14", "04-16", "04-19", "04-29", "04-30", "05-02", "05-06", "05-07", "05-13"}


def test_days_and_weeks_differ_by_one_factor_and_that_is_what_is_said(looks: list[hits.Look]) -> None:
    spoken = _of(looks, f"{LONG} + {WEEKLY}", "total_tokens")
    assert not {"AUD208", "AUD270"} & set(spoken)
    differences = [float(h.values["difference"]) for h in spoken["AUD271"]]
    assert len(differences) >= 12
    assert all(5e-5 < d < 0.006 for d in differences)
    assert all(h.start.weekday() == 0 and (h.end - h.start).days == 6 for h in spoken["AUD271"])


def test_the_weekly_table_reads_once_it_is_said_that_weeks_are_labelled_by_their_end(shared: Path) -> None:
    with pytest.raises(InputError, match="a Monday, earlier weeks are labelled by a Sunday") as refused:
        read(shared / "openrouter" / WEEKLY)
    assert "week_label='end'" in refused.value.hint
    weeks = read(shared / "openrouter" / WEEKLY, week_label="end")
    assert weeks.frequency is Frequency.WEEK
    assert {d.weekday() for d in weeks.frame["date"].unique().tolist()} == {0}
    assert {"week_labels", "as_of_label"} <= {note.code for note in weeks.notes}


def test_a_mismatch_of_one_model_between_days_and_weeks_is_called(book: Rulebook, shared: Path) -> None:
    days = read(shared / "openrouter" / LONG)
    weeks = read(shared / "openrouter" / WEEKLY, week_label="end")
    frame = weeks.frame.copy()
    own = (frame["metric"] == "weekly_total_tokens") & (frame["date"] == "2026-03-30")
    entity = str(frame.loc[own, "entity"].iloc[0])
    frame.loc[own & (frame["entity"] == entity), "value"] *= 1.2
    found = book.hits(scene_of(Panel.of(concatenate([days, replace(weeks, frame=frame)])), "total_tokens"))
    for rule in ("AUD208", "AUD270"):
        rows = found[rule]
        assert isinstance(rows, list)
        assert [(h.entity, str(h.start)[:10]) for h in rows] == [(entity, "2026-03-30")]
