"""Decay after the peak: exponents of exact power laws, where the fit stops, and intervals that hold the truth."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import Case
from auditor.detectors.decay_law import _interval, detect, nearest_class
from auditor.findings import NotApplicable, Window
from auditor.texts.catalogue import catalogue
from auditor.window import resolve
from tests.build import event, panel, pd, scene
from tests.detectors.two_metrics import only

PEAK = 30
START = pd.Timestamp("2026-01-05")


def day(row: int) -> str:
    return f"{START + pd.Timedelta(days=row):%Y-%m-%d}"


def spike(exponent: float, *, base: float = 100.0, days: int = 14, noise: float = 0.0, seed: int = 0) -> list[float]:
    """Return a base with a peak 1,000 above it on day 30, then 800 days^-exponent above it."""
    rng = np.random.default_rng(seed)
    excess = 800.0 * np.arange(1.0, days + 1) ** -exponent * np.exp(noise * rng.normal(size=days))
    return [*[base] * PEAK, base + 1000.0, *(base + excess)]


def at(columns, window: int = 1, **more):
    return scene(panel(columns), "s", f"{day(PEAK - window + 1)}:{day(PEAK)}", **more)


@pytest.mark.parametrize(
    ("exponent", "name"),
    [(1.4, "subcritical"), (0.6, "critical"), (0.3, "endogenous"), (0.2, "endogenous")],
)
def test_an_exact_power_law_is_found_and_named(exponent, name):
    found = only(detect(at({"s": spike(exponent)})))
    assert found.statistic.value == pytest.approx(exponent, abs=1e-9)
    assert found.statistic.low == pytest.approx(exponent, abs=1e-4)
    assert found.statistic.high == pytest.approx(exponent, abs=1e-4)
    assert found.variant == name
    assert found.figures["base"] == 100.0
    assert found.statistic.p is None
    assert found.statistic.n_reference == 0
    # At 1.4 less than 5 % of the 1,000 is left after the seventh day: 800 * 8^-1.4 = 43.5.
    assert found.figures["days"] == (7 if exponent == 1.4 else 14)


def test_classes_lie_where_the_midpoints_put_them():
    assert [nearest_class(p) for p in (-0.01, 0.0, 0.49, 0.51, 0.99, 1.01, 1.8, 1.81)] == [
        "slower",
        "endogenous",
        "endogenous",
        "critical",
        "critical",
        "subcritical",
        "subcritical",
        "faster",
    ]


def test_the_fit_stops_where_the_price_changed():
    values = spike(0.6)
    values[PEAK + 8 :] = [v * 0.5 for v in values[PEAK + 8 :]]
    blurred = only(detect(at({"s": values})))
    stopped = only(detect(at({"s": values}, events=[event(day(PEAK + 8), "free_end")])))
    assert blurred.statistic.value > 0.7
    assert stopped.statistic.value == pytest.approx(0.6)
    assert stopped.figures["days"] == 7
    assert "AUD103.limit_event" in [limit.key for limit in stopped.limits]
    other = at({"s": values}, events=[event(day(PEAK + 8), "news")])
    assert only(detect(other)).statistic.value == blurred.statistic.value


def test_too_short_too_noisy_too_low_and_not_daily_are_declined():
    def reason(s):
        (found,) = detect(s)
        assert isinstance(found, NotApplicable)
        assert catalogue().write(found.reason)
        return found.reason.key

    assert reason(at({"s": spike(0.6, days=4)})) == "AUD103.few_days"
    early = at({"s": spike(0.6)}, events=[event(day(PEAK + 4), "price")])
    assert reason(early) == "AUD103.few_days_event"
    wild = [*[100.0] * PEAK, 1100.0, 1050.0, 200.0, 290.0, 170.0, 230.0]
    assert reason(at({"s": wild})) == "AUD103.swamped"
    assert reason(at({"s": [100.0] * 45})) == "AUD103.no_rise"
    assert reason(scene(panel({"s": spike(0.6)[PEAK:]}), "s", f"{day(0)}:{day(0)}")) == "AUD103.no_base"
    weekly = panel({"s": spike(0.6)}, frequency=auditor.observations.Frequency.WEEK)
    assert reason(scene(weekly, "s", "2026-08-03:2026-08-03")) == "AUD103.not_daily"


def test_a_new_rise_ends_the_decay():
    values = [*spike(0.6, days=7), 700.0, 800.0, 700.0]
    found = only(detect(at({"s": values})))
    assert found.figures["days"] == 7
    assert found.statistic.value == pytest.approx(0.6)


def test_a_launch_is_fitted_by_its_volume_and_compared_with_launches():
    rng = np.random.default_rng(1)
    columns = {f"old{i}": (100 * np.exp(rng.normal(0, 0.05, 90))).tolist() for i in range(6)}
    for i in range(25):
        first = 10 + i
        start = [10.0 * 10, 50.0 * 10, 1000.0]
        fall = (800.0 * np.arange(1.0, 91 - first - 3) ** -(0.3 + 0.02 * i)).tolist()
        columns[f"new{i}"] = [None] * first + start + fall
    columns["s"] = [None] * 40 + [100.0, 500.0, 1000.0] + (800.0 * np.arange(1.0, 48) ** -0.9).tolist()
    found = only(detect(scene(panel(columns), "s", f"{day(40)}:{day(42)}")))
    # The peers' usual week is estimated from noisy series and divided out, so the figure is not exact.
    assert found.statistic.value == pytest.approx(0.9, abs=0.1)
    assert (found.statistic.rank, found.statistic.n_reference) == (1, 25)
    assert found.statistic.p == pytest.approx(1 / 26)
    assert "AUD103.limit_base_none" in [limit.key for limit in found.limits]


def test_peers_that_decay_more_slowly_put_the_subject_first():
    rng = np.random.default_rng(2)
    columns = {"s": spike(1.2, days=20)}
    for i in range(30):
        shift = int(rng.integers(0, 8))
        columns[f"p{i:02d}"] = [100.0] * shift + spike(0.2 + 0.01 * i, days=20 - shift)
    found = only(detect(at(columns)))
    assert found.statistic.rank == 1
    assert found.statistic.n_reference >= 20
    assert found.statistic.p < 0.05
    references = [row for row in found.data.rows if row[0] == "reference"]
    assert len(references) == found.statistic.n_reference


@pytest.mark.parametrize(("phi", "least"), [(0.0, 0.93), (0.5, 0.91), (0.8, 0.84)])
def test_the_interval_covers_the_exponent_under_autocorrelated_noise(phi, least):
    rng = np.random.default_rng(3)
    x, held = np.log(np.arange(1.0, 15.0)), 0
    for _ in range(300):
        noise = rng.normal(size=14)
        noise[0] /= np.sqrt(1 - phi**2)
        for i in range(1, 14):
            noise[i] += phi * noise[i - 1]
        low, high, _ = _interval(5.0 - 0.6 * x + 0.1 * noise)
        held += low <= 0.6 <= high
    assert held / 300 >= least


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-3, 1e9), weeks=st.integers(0, 60), exponent=st.floats(0.1, 1.3))
def test_units_and_whole_weeks_do_not_matter(scale, weeks, exponent):
    rng = np.random.default_rng(4)
    columns = {f"p{i}": (100 * np.exp(rng.normal(0, 0.2, 45))).tolist() for i in range(6)}
    columns["s"] = spike(exponent)
    here = only(detect(at(columns)))
    moved = START + pd.Timedelta(weeks=weeks)
    built = panel({k: [v * scale for v in c] for k, c in columns.items()}, start=f"{moved:%Y-%m-%d}")
    date = f"{moved + pd.Timedelta(days=PEAK):%Y-%m-%d}"
    there = only(detect(scene(built, "s", f"{date}:{date}")))
    if not isinstance(here, NotApplicable):
        assert there.statistic.value == pytest.approx(here.statistic.value, rel=1e-6)


@pytest.mark.shared
def test_the_founding_case_has_too_few_days_before_its_price_and_kimi_decays_slowly(shared: Path):
    whole = auditor.read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    ids = tuple(e for e in whole.table().entities if "qwen3.6-plus" in e)
    window = Window(pd.Timestamp("2026-03-30").to_pydatetime(), pd.Timestamp("2026-04-08").to_pydatetime())
    (found,) = detect(resolve(whole, Case(subject=ids, window=window, events=(event("2026-04-08", "free_end"),))))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD103.few_days_event"
    assert found.reason.values["n"] == 3
    kimi = Case(subject=("moonshotai/kimi-k2.6-20260420",), date=pd.Timestamp("2026-04-23").to_pydatetime())
    slow = only(detect(resolve(whole, kimi)))
    assert slow.variant == "endogenous"
    assert slow.statistic.p > 0.05
