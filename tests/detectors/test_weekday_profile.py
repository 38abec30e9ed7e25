"""Weekday profiles: distances worked by hand, other weeks found, trends, gaps and noise not taken for one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.peaks import departures, profiles
from auditor.detectors.weekday_profile import detect
from auditor.findings import NotApplicable
from auditor.texts.catalogue import catalogue
from tests.build import Frequency, panel, pd, scene
from tests.detectors.two_metrics import only

START = pd.Timestamp("2026-01-05")  # a Monday
OFFICE = np.array([1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75])
DAYS = 84


def day(row: int) -> str:
    return f"{START + pd.Timedelta(days=row):%Y-%m-%d}"


def week(shape, seed: int = 0, noise: float = 0.05, phi: float = 0.6, growth: float = 0.0, days: int = DAYS):
    rng = np.random.default_rng(seed)
    errors = np.zeros(days)
    for i in range(1, days):
        errors[i] = phi * errors[i - 1] + noise * rng.normal()
    return (1e6 * np.tile(shape, days // 7 + 1)[:days] * np.exp(errors + growth * np.arange(days))).tolist()


def market(own, n: int = 14, noise: float = 0.05):
    return {"s": own, **{f"p{i:02d}": week(OFFICE, 100 + i, noise) for i in range(n)}}


def at(own, first: int = 28, last: int = 55, **more):
    return scene(panel(market(own, **more)), "s", f"{day(first)}:{day(last)}")


def test_the_profile_of_a_pure_week_on_a_trend_is_exact():
    values = np.log(np.array(week(OFFICE, noise=0.0, growth=0.03)))[:, None]
    profile, counts = profiles(departures(values))
    expected = np.log(OFFICE) - np.log(OFFICE).mean()
    assert profile[:, 0] == pytest.approx(expected, abs=1e-12)
    assert counts.sum() == DAYS - 6


def test_the_distance_is_that_worked_by_hand():
    # Peers without a week and without noise but one odd day each in the window; the subject doubles its Mondays:
    # log 2 * (6/7, -1/7 six times) has length log 2 * sqrt(42)/7.
    flat = np.ones(7)
    columns = {f"p{i:02d}": week(flat, noise=0.0) for i in range(9)}
    for i in range(9):
        for stretch in (0, 28, 56):
            columns[f"p{i:02d}"][stretch + 1 + i * 3] *= 1.01
    columns["s"] = week(np.array([2.0, 1, 1, 1, 1, 1, 1]), noise=0.0)
    found = only(detect(scene(panel(columns), "s", f"{day(28)}:{day(55)}")))
    assert found.figures["distance"] == pytest.approx(np.log(2) * np.sqrt(42) / 7, rel=0.01)
    assert found.statement.values["weekday"] == "Monday"
    assert found.statement.values["own"] == pytest.approx(2 ** (6 / 7), rel=0.01)


def test_another_week_is_found_where_the_weekend_alone_is_not_told_apart():
    # The same weekend-to-weekday ratio, but one weekday carries a batch.
    batch = OFFICE * np.array([0.8, 2.0, 0.8, 0.8, 0.8, 1.0, 1.0])
    found = only(detect(at(week(batch, 1))))
    assert found.statement.key == "AUD112.apart"
    assert found.statement.values["weekday"] == "Tuesday"
    assert found.statistic.rank == 1
    assert found.statistic.low > 1.5
    alike = only(detect(at(week(OFFICE, 1))))
    assert alike.statement.key == "AUD112.alike"
    assert alike.statistic.p > 0.05


def test_a_trend_and_a_gap_are_not_a_week():
    steep = only(detect(at(week(OFFICE, 2, growth=0.05))))
    assert steep.statistic.p > 0.05
    holed = week(OFFICE, 2)
    holed[40] = None
    assert only(detect(at(holed))).statistic.p > 0.05


def test_shares_of_small_p_stay_at_their_level_under_autocorrelated_noise():
    small = 0
    for seed in range(120):
        small += only(detect(at(week(OFFICE, 1000 + seed)))).statistic.p <= 0.05
    # The peers are the same in all runs, so their draw moves the share as well.
    assert small <= 0.125 * 120


def test_the_excess_over_the_usual_week_is_stated_beside_the_whole():
    own = np.array(week(OFFICE, 3))
    own[28:56] += np.tile(np.array([5, 1, 1, 1, 1, 1, 1]) * 1e6, 4)
    found = only(detect(at(own.tolist())))
    assert found.figures["distance_excess"] > found.figures["distance"]
    assert "AUD112.limit_excess" in [limit.key for limit in found.limits]
    assert "distance_excess" not in only(detect(at(week(OFFICE, 3)))).figures


def test_short_windows_gaps_few_peers_and_other_spacings_are_declined():
    def reason(s):
        (found,) = detect(s)
        assert isinstance(found, NotApplicable)
        assert catalogue().write(found.reason)
        return found.reason.key

    assert reason(at(week(OFFICE), 28, 40)) == "AUD112.few_weeks"
    assert reason(at(week(OFFICE), n=3)) == "AUD112.few_peers"
    holed = week(OFFICE)
    holed[32::7] = [None] * len(holed[32::7])
    assert reason(at(holed)) == "AUD112.gaps"
    hourly = panel(market(week(OFFICE)), frequency=Frequency.HOUR)
    assert reason(scene(hourly, "s", "2026-01-06:2026-01-07")) == "AUD112.not_daily"
    still = {name: [5.0] * DAYS for name in ("s", "a", "b", "c", "d", "e", "f")}
    assert reason(scene(panel(still), "s", f"{day(28)}:{day(55)}")) == "AUD112.few_peers"


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e9), weeks=st.integers(0, 60), turn=st.integers(0, 6))
def test_units_weeks_and_names_do_not_matter(scale, weeks, turn):
    columns = market(week(np.roll(OFFICE, turn), 5))
    here = only(detect(scene(panel(columns), "s", f"{day(28)}:{day(55)}")))
    moved = START + pd.Timedelta(weeks=weeks)
    names = {name: (f"z{99 - i}" if name != "s" else "s") for i, name in enumerate(columns)}
    built = panel({names[k]: [v * scale for v in c] for k, c in columns.items()}, start=f"{moved:%Y-%m-%d}")
    first, last = moved + pd.Timedelta(days=28), moved + pd.Timedelta(days=55)
    there = only(detect(scene(built, "s", f"{first:%Y-%m-%d}:{last:%Y-%m-%d}")))
    assert there.statistic.value == pytest.approx(here.statistic.value, rel=1e-6)
    assert there.statistic.rank == here.statistic.rank
