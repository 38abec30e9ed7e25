"""Launch cohorts: who counts as a launch, and where the subject stands among them."""

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case, Event, EventKind
from auditor.detectors.base import Scene
from auditor.detectors.launch_cohort import detect
from auditor.findings import Finding, NotApplicable, Severity, Statistic, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

Floats = npt.NDArray[np.float64]
NAN = float("nan")


def panel(columns: dict[str, Floats], start: str = "2026-01-05") -> Panel:
    days = len(next(iter(columns.values())))
    dates = pd.date_range(start, periods=days)
    long = pd.DataFrame(
        {
            "date": dates.repeat(len(columns)),
            "entity": np.tile(list(columns), days),
            "metric": "n",
            "value": np.column_stack(list(columns.values())).ravel(),
        }
    )
    return Panel.of(Observations(long.dropna(subset=["value"]), Frequency.DAY))


def scene(
    at: Panel, first: int, last: int, subject: tuple[str, ...] = ("new",), events: tuple[Event, ...] = ()
) -> Scene:
    dates = at.table().dates
    window = Window(dates[first].to_pydatetime(), dates[last].to_pydatetime())
    return resolve(at, Case(subject=subject, window=window, events=events))


def measured(at: Scene) -> tuple[Finding, Statistic]:
    (found,) = detect(at)
    assert isinstance(found, Finding)
    assert catalogue().write(found.statement)
    assert all(catalogue().write(limit) for limit in found.limits)
    assert found.statistic is not None
    assert found.statistic.reference is not None
    assert catalogue().write(found.statistic.reference)
    return found, found.statistic


def reason(at: Scene) -> str:
    (found,) = detect(at)
    assert isinstance(found, NotApplicable)
    assert catalogue().write(found.reason)
    return found.reason.key


def launch(first: int, *values: float, days: int = 40) -> Floats:
    series = np.full(days, NAN)
    series[first : first + len(values)] = values
    series[first + len(values) :] = values[-1]
    return series


def market(days: int = 40, **more: Floats) -> dict[str, Floats]:
    """A total of 1000 a day: `new` peaks at 300 on its third day; four others start earlier; the cut-off is 1."""
    columns = {
        "old": np.full(days, 100.0),
        "tiny": np.full(days, 1.0),
        "new": launch(20, 100, 200, 300, 50, days=days),
        "a": launch(5, 50, 80, 60, days=days),
        "b": launch(8, 40, days=days),
        "c:free": launch(10, 20, 120, 20, days=days),
        "d": launch(12, 30, days=days),
        **more,
    }
    listed = np.nansum(np.column_stack(list(columns.values())), axis=1)
    return {**columns, "other": 1000 - listed}


def test_peak_share_and_rank_are_those_worked_by_hand() -> None:
    found, statistic = measured(scene(panel(market()), 20, 24))
    assert statistic.value == pytest.approx(0.3)
    assert (statistic.rank, statistic.n_reference) == (1, 4)
    assert statistic.p == pytest.approx(1 / 5)
    assert found.figures["age"] == 5
    assert found.data is not None
    assert found.data.columns[:3] == ("entity", "first_seen", "peak_share")
    assert found.data.rows[0][:3] == ("new", "2026-01-25", pytest.approx(0.3))
    assert [row[0] for row in found.data.rows[1:]] == ["c:free", "a", "b", "d"]


def test_what_drifts_around_the_cutoff_or_was_there_before_is_no_launch() -> None:
    drifter = np.where(np.arange(40) % 6 < 2, 1.5, NAN)
    drifter[:5] = NAN
    early = launch(2, 500)
    found, statistic = measured(scene(panel(market(drifter=drifter, early=early)), 20, 24))
    assert statistic.n_reference == 4
    assert found.data is not None
    assert not {"drifter", "early", "old", "tiny"} & {row[0] for row in found.data.rows}
    assert reason(scene(panel(market()), 20, 24, ("old",))) == "AUD102.not_launched"
    assert reason(scene(panel(market(drifter=drifter)), 20, 24, ("drifter",))) == "AUD102.not_launched"


def test_launches_seen_for_shorter_count_only_when_already_as_large() -> None:
    _, without = measured(scene(panel(market()), 20, 24))
    _, small = measured(scene(panel(market(late=launch(37, 200.0))), 20, 24))
    _, large = measured(scene(panel(market(late=launch(37, 350.0))), 20, 24))
    assert (small.n_reference, small.rank) == (without.n_reference, without.rank)
    assert (large.n_reference, large.rank) == (without.n_reference + 1, 2)


def test_only_the_first_28_days_of_the_others_count() -> None:
    giant = launch(5, *([10.0] * 30), 900.0)
    _, statistic = measured(scene(panel(market(giant=giant)), 20, 39))
    assert statistic.rank == 1


def test_the_subject_is_stitched_from_its_first_part() -> None:
    preview = np.full(40, NAN)
    preview[18:21] = (150, 250, 150)
    found, statistic = measured(scene(panel(market(preview=preview)), 20, 24, ("new", "preview")))
    assert found.figures["age"] == 7
    assert statistic.value == pytest.approx(0.3)
    assert statistic.n_reference == 4


def test_the_price_class_comes_from_the_id_or_from_a_dated_event() -> None:
    plain, _ = measured(scene(panel(market()), 20, 24))
    assert plain.variant == "paid_or_unknown"
    assert plain.figures["n_in_class"] == 3
    event = Event(date=datetime(2026, 1, 25), kind=EventKind.FREE_START)
    told, statistic = measured(scene(panel(market()), 20, 24, events=(event,)))
    assert told.variant == "free"
    assert (told.figures["n_in_class"], told.figures["rank_in_class"]) == (1, 1)
    assert statistic.rank == 1
    by_id, _ = measured(scene(panel(market()), 10, 14, ("c:free",)))
    assert by_id.variant == "free"


def test_reasons_why_it_cannot_run() -> None:
    table = market()
    del table["other"]
    assert reason(scene(panel(table), 20, 24)) == "AUD102.no_total"
    few = {name: table[name] for name in ("old", "tiny", "new", "a")} | {"other": np.full(40, 500.0)}
    assert reason(scene(panel(few), 20, 24)) == "AUD102.few_launches"
    long = market(80)
    assert reason(scene(panel(long), 60, 65)) == "AUD102.established"


def test_a_middling_launch_is_ranked_and_not_severe() -> None:
    found, statistic = measured(scene(panel(market()), 12, 16, ("d",)))
    assert (statistic.rank, found.severity) == (5, Severity.INFO)
    assert found.statement.key == "AUD102.ranked"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.5, 3.0, 1e9]), weeks=st.integers(1, 60))
def test_units_order_dates_and_a_constant_stranger_do_not_matter(seed: int, scale: float, weeks: int) -> None:
    rng = np.random.default_rng(seed)
    base = market(40, **{f"l{i}": launch(int(rng.integers(4, 30)), *rng.uniform(5, 60, 4)) for i in range(5)})
    _, plain = measured(scene(panel(base), 20, 24))
    names = list(base)
    rng.shuffle(names)
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    _, moved = measured(scene(panel({name: base[name] * scale for name in names}, start), 20, 24))
    assert (moved.rank, moved.n_reference) == (plain.rank, plain.n_reference)
    assert moved.value == pytest.approx(plain.value)
    _, joined = measured(scene(panel({**base, "stranger": np.full(40, 2.0), "other": base["other"] - 2.0}), 20, 24))
    assert joined.rank == plain.rank
    assert joined.value == pytest.approx(plain.value)


@pytest.mark.shared
def test_the_founding_case_is_the_largest_launch_of_its_panel(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv", parse_dates=["date"])
    raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
    at = Panel.of(Observations(raw, Frequency.DAY))
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    found, statistic = measured(resolve(at, Case(subject=ids, window=window)))
    assert (statistic.rank, statistic.n_reference) == (1, 12)
    assert statistic.value == pytest.approx(0.433, abs=5e-4)
    assert found.data is not None
    assert found.data.rows[0][1:4] == ("2026-03-30", statistic.value, "2026-04-04")
