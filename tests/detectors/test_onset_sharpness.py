"""Onsets: the share made in one day, the days from 10 to 90 %, ranks among rises of the same kind."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import Case
from auditor.detectors.onset_sharpness import detect
from auditor.findings import NotApplicable, Window
from auditor.texts.catalogue import catalogue
from auditor.window import resolve
from tests.build import panel, pd, scene
from tests.detectors.two_metrics import only

START = pd.Timestamp("2026-01-05")


def day(row: int) -> str:
    return f"{START + pd.Timedelta(days=row):%Y-%m-%d}"


def market(seed: int = 0, n: int = 12, days: int = 70) -> dict[str, list[float | None]]:
    """Peers that double over a fortnight and fall again, each in its own weeks, with little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(days)
    columns: dict[str, list[float | None]] = {}
    for i in range(n):
        shape = 1 + np.clip(1 - np.abs((t - rng.integers(0, 28)) % 28 - 14) / 14, 0, 1)
        columns[f"p{i:02d}"] = (1e6 * shape * np.exp(rng.normal(0, 0.02, days))).tolist()
    return columns


def at(own, first: int = 35, last: int = 41, seed: int = 0):
    return scene(panel({**market(seed), "s": own}), "s", f"{day(first)}:{day(last)}")


def test_share_and_days_are_those_worked_by_hand():
    # From 100 to 500 over 100, 100, 180, 420, 500: gains of 20 %, 60 %, 20 % of 400. The last day at or below 10 % is 100;
    # 10 % (140) is crossed half way to 180, 90 % (460) half way from 420 to 500: 0.5 + 1 + 0.5 days.
    own = [*[100.0] * 36, 180.0, 420.0, 500.0, *[450.0] * 31]
    found = only(detect(at(own)))
    assert found.variant == "rise"
    assert found.statistic.value == pytest.approx(0.6)
    assert found.figures["days_10_to_90"] == pytest.approx(2.0)
    assert found.figures["height"] == pytest.approx(5.0)
    assert found.figures["factor_of_day"] == pytest.approx(420 / 180)
    assert [r[2] for r in found.data.rows if r[0] == "subject" and r[5] is not None] == [day(37)]


def test_a_switch_is_sharper_than_slow_peers_and_a_ramp_is_not():
    switch = only(detect(at([*[100.0] * 37, *[500.0] * 33])))
    assert switch.statistic.value == pytest.approx(1.0)
    assert switch.statistic.rank <= 3
    assert switch.statistic.p <= 0.05
    ramp = only(detect(at([*[100.0] * 35, *np.linspace(110, 200, 7), *[200.0] * 28])))
    assert ramp.statistic.value < 0.2
    assert ramp.statistic.p > 0.5


def test_a_jump_of_an_earlier_episode_is_not_counted():
    own = [*[100.0] * 30, 900.0, 100.0, *[100.0] * 3, *np.linspace(120, 200, 7), *[200.0] * 28]
    found = only(detect(at(own)))
    # The rise begins after day 34, the last at the base: its steps are 20, then six of 13.3, of 100 in all.
    assert found.statistic.value == pytest.approx(0.2)


def test_a_launch_rises_from_nothing_among_launches():
    columns = market()
    for i in range(22):
        first = 8 + i
        columns[f"new{i:02d}"] = [None] * first + (100.0 * np.linspace(0.2, 1, 10)).tolist() + [80.0] * (60 - first)
    columns["s"] = [None] * 50 + [900.0, 1000.0, 950.0, 900.0, *[800.0] * 16]
    found = only(detect(scene(panel(columns), "s", f"{day(50)}:{day(53)}")))
    assert found.variant == "launch"
    assert found.statistic.value == pytest.approx(0.9)
    # After four days the others stand at 20 + 3 * 8.9 = 46.7 of 100, 20 of it on the first day: 43 %.
    assert found.figures["share_peers_median"] == pytest.approx(20 / (20 + 80 / 3), rel=1e-6)
    assert (found.statistic.rank, found.statistic.n_reference) == (1, 22)


def test_what_has_no_rise_no_base_or_no_peers_is_declined():
    def reason(s):
        (found,) = detect(s)
        assert isinstance(found, NotApplicable)
        assert catalogue().write(found.reason)
        return found.reason.key

    assert reason(at([100.0] * 70)) == "AUD104.no_rise"
    assert reason(at([200.0] * 70, 0, 3)) == "AUD104.no_base"
    alone = panel({"s": [*[100.0] * 37, *[500.0] * 33]})
    assert reason(scene(alone, "s", f"{day(35)}:{day(41)}")) == "AUD104.few_peers"
    hourly = panel({"s": [1.0, 2.0] * 40}, frequency=auditor.observations.Frequency.HOUR)
    assert reason(scene(hourly, "s", "2026-01-06:2026-01-07")) == "AUD104.not_daily"


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e9), seed=st.integers(0, 1000))
def test_units_do_not_matter_and_a_constant_newcomer_changes_nothing(scale, seed):
    rng = np.random.default_rng(seed)
    columns = {**market(seed), "s": [*[100.0] * 36, *np.sort(rng.uniform(120, 600, 5)), *[300.0] * 29]}
    window = f"{day(35)}:{day(41)}"
    here = only(detect(scene(panel(columns), "s", window)))
    scaled = {k: [None if v is None else v * scale for v in c] for k, c in columns.items()}
    there = only(detect(scene(panel({**scaled, "tiny": [1e-9] * 70}), "s", window)))
    assert there.statistic.value == pytest.approx(here.statistic.value, rel=1e-6)
    assert there.statistic.n_reference == here.statistic.n_reference


@pytest.mark.shared
def test_the_founding_case_rose_as_other_launches_do(shared: Path):
    whole = auditor.read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    ids = tuple(e for e in whole.table().entities if "qwen3.6-plus" in e)
    window = Window(pd.Timestamp("2026-03-30").to_pydatetime(), pd.Timestamp("2026-04-08").to_pydatetime())
    found = only(detect(resolve(whole, Case(subject=ids, window=window))))
    # (1,413.1 - 715.2) / 1,571.8 on 2026-04-03.
    assert found.variant == "launch"
    assert found.statistic.value == pytest.approx(0.444, abs=0.001)
    assert found.statistic.p > 0.3
