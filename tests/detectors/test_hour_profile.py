"""Hour profiles: distances worked by hand, a filled night, a real surge that keeps its day and night."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.hour_profile import detect, distances
from auditor.findings import NotApplicable
from auditor.texts.catalogue import catalogue
from tests.build import Frequency, panel, pd, scene
from tests.detectors.two_metrics import only

START = pd.Timestamp("2026-01-05")
DAYS = 40


def moment(hour: int) -> str:
    return f"{START + pd.Timedelta(hours=hour):%Y-%m-%dT%H:%M}"


def days(first: int, last: int) -> str:
    return f"{moment(24 * first)}:00:{moment(24 * last + 23)}:00"


def hours(seed: int = 0, *, noise: float = 0.08, phase: float = 15.0, count: int = DAYS):
    rng = np.random.default_rng(seed)
    t = np.arange(24 * count)
    errors = np.zeros(t.size)
    for i in range(1, t.size):
        errors[i] = 0.5 * errors[i - 1] + noise * rng.normal()
    return 1e4 * np.exp(0.7 * np.cos(2 * np.pi * (t - phase) / 24) + errors)


def at(columns, first: int, last: int):
    built = panel({k: v.tolist() for k, v in columns.items()}, frequency=Frequency.HOUR)
    window = pd.Timestamp(START) + pd.to_timedelta([24 * first, 24 * last + 23], unit="h")
    from auditor.case import Case
    from auditor.findings import Window
    from auditor.window import resolve

    return resolve(built, Case(subject=("s",), window=Window(*(w.to_pydatetime() for w in window))))


def test_the_distance_is_that_worked_by_hand():
    # All in hour 0 against half and half over hours 0 and 1: the middle is (3/4, 1/4), its entropy 0.811278 bit,
    # less half of the second one's 1 bit: 0.311278, whose root is 0.557923.
    p, q = np.zeros((1, 24, 1)), np.zeros((1, 24, 1))
    p[0, 0], q[0, :2] = 1.0, 0.5
    assert distances(p, q)[0, 0] == pytest.approx(0.557923, abs=1e-6)
    assert distances(p, p)[0, 0] == 0.0
    assert distances(p, np.roll(p, 5, axis=1))[0, 0] == 1.0
    q[0, 0] = np.nan
    assert np.isnan(distances(p, q)[0, 0])


def test_a_surge_of_the_same_people_is_ordinary_and_a_filled_night_is_not():
    surge = hours(1)
    surge[24 * 30 : 24 * 33] *= 5.0
    peers = {f"p{i}": hours(10 + i, phase=15.0 + i % 3) for i in range(8)}
    same = only(detect(at({"s": surge, **peers}, 30, 32)))
    assert same.variant == "own"
    assert same.statement.key == "AUD113.own_alike"
    assert same.statistic.p > 0.05
    filled = hours(1)
    filled[24 * 30 : 24 * 33] += 4e4
    other = only(detect(at({"s": filled, **peers}, 30, 32)))
    assert other.statement.key == "AUD113.own_apart"
    assert other.statistic.rank == 1
    assert other.figures["trough"] > 1.4 * other.figures["trough_before"]
    assert other.figures["blocks_as_shallow"] == 0
    assert other.figures["rank_among_peers"] == 1
    assert other.statistic.low > 2.0


def test_the_trough_is_the_lowest_three_hours_over_the_mean():
    flat = np.full(24 * DAYS, 100.0) + np.tile(np.r_[np.zeros(23), 1.0], DAYS)
    flat[24 * 30 + 23 : 24 * 30 + 26] = flat[24 * 30] = flat[24 * 30 + 1] = 10.0
    found = only(detect(at({"s": flat}, 30, 30)))
    # Hours 23, 0 and 1 of the day stand at 10, the other 21 at 100.
    assert found.figures["trough"] == pytest.approx(10 / (2130 / 24))


def test_without_earlier_days_the_peers_on_the_same_days_are_the_yardstick():
    columns = {f"p{i}": hours(10 + i) for i in range(9)}
    columns["s"] = hours(1)
    assert only(detect(at(columns, 1, 2))).variant == "peers"
    columns["s"] = hours(1, phase=3.0)
    shifted = only(detect(at(columns, 1, 2)))
    assert shifted.statistic.p <= 0.05


def test_no_rank_without_blocks_and_reasons_for_the_rest():
    alone = only(detect(at({"s": hours(1)}, 10, 30)))
    assert alone.variant == "alone"
    assert alone.statistic.p is None
    assert 0 < alone.statistic.value < 0.2
    assert alone.statistic.low <= alone.statistic.value <= alone.statistic.high

    def reason(s):
        (found,) = detect(s)
        assert isinstance(found, NotApplicable)
        assert catalogue().write(found.reason)
        return found.reason.key

    assert reason(at({"s": hours(1)}, 2, 3)) == "AUD113.few_days"
    holed = hours(1)
    holed[24 * 30 + 5] = np.nan
    columns = {"s": [None if np.isnan(v) else v for v in holed], "p": hours(2).tolist()}
    broken = panel(columns, frequency=Frequency.HOUR)
    assert (
        reason(scene(broken, "s", f"{START + pd.Timedelta(days=30):%Y-%m-%d}:{START + pd.Timedelta(days=30):%Y-%m-%d}"))
        == "AUD113.no_whole_day"
    )
    daily = panel({"s": [1.0, 2.0, 3.0] * 9})
    assert reason(scene(daily, "s", "2026-01-06:2026-01-07")) == "AUD113.not_hourly"


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e9), grow=st.floats(0.5, 2.0))
def test_units_and_the_size_of_each_day_do_not_matter(scale, grow):
    columns = {"s": hours(1), "p": hours(2)}
    here = only(detect(at(columns, 30, 31)))
    daily = np.repeat(grow ** (np.arange(DAYS) / DAYS), 24) * scale
    there = only(detect(at({k: v * daily for k, v in columns.items()}, 30, 31)))
    assert there.statistic.value == pytest.approx(here.statistic.value, rel=1e-6)
    assert there.statistic.rank == here.statistic.rank


@pytest.mark.shared
def test_the_world_cup_kept_its_day_and_night(shared: Path):
    data = pd.read_csv(shared / "organic" / "worldcup98_hourly.csv")
    axis = pd.to_datetime(data["hour"].str.removesuffix("Z"))
    known = data["value"].notna()
    frame = pd.DataFrame({"date": axis, "entity": "s", "metric": "requests", "value": data["value"].astype(float)})
    from auditor.case import Case
    from auditor.findings import Window
    from auditor.observations import Observations
    from auditor.panel import Panel
    from auditor.window import resolve

    whole = Panel.of(Observations(frame[known], Frequency.HOUR))

    def between(first: str, last: str):
        window = Window(pd.Timestamp(first).to_pydatetime(), pd.Timestamp(f"{last} 23:00").to_pydatetime())
        return only(detect(resolve(whole, Case(subject=("s",), window=window))))

    tournament = between("1998-06-10", "1998-07-12")
    # The night is still there, deeper than before, and nothing says that it was filled.
    assert tournament.figures["trough"] < tournament.figures["trough_before"] < 0.8
    final = between("1998-07-12", "1998-07-12")
    assert final.statistic.n_reference >= 50
    assert final.statistic.p > 0.05
