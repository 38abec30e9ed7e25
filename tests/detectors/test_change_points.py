"""Change points: dates, folds and context; never a weight."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors.base import Scene
from auditor.detectors.change_points import detect
from auditor.findings import Finding, NotApplicable, Window
from auditor.kernels.ramp import Ramp
from auditor.kernels.segmentation import Break, Segmentation, segment
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

Floats = npt.NDArray[np.float64]
DAYS = 60


def panel(values: Floats, start: str = "2026-01-05", names: list[str] | None = None) -> Panel:
    days, n = values.shape
    dates = pd.date_range(start, periods=days)
    entity = np.tile(names or ["s", *(f"m{i}" for i in range(n - 1))], days)
    long = pd.DataFrame({"date": dates.repeat(n), "entity": entity, "metric": "n", "value": values.ravel()})
    return Panel.of(Observations(long.dropna(subset=["value"]), Frequency.DAY))


def scene(at: Panel, first: int = 28, last: int = 35, subject: str = "s") -> Scene:
    dates = at.table().dates
    window = Window(dates[first].to_pydatetime(), dates[last].to_pydatetime())
    return resolve(at, Case(subject=(subject,), window=window))


def finding(at: Scene) -> Finding:
    (found,) = detect(at)
    assert isinstance(found, Finding)
    assert not found.weighs
    for message in (found.statement, *found.limits):
        assert catalogue().write(message)
    if found.statistic is not None and found.statistic.reference is not None:
        assert catalogue().write(found.statistic.reference)
    return found


def market(seed: int = 0, n: int = 4, noise: float = 0.05) -> Floats:
    rng = np.random.default_rng(seed)
    week = np.where(np.arange(DAYS) % 7 >= 5, 0.75, 1.0)
    return np.asarray(1e9 * week[:, None] * np.exp(rng.normal(0, noise, (DAYS, n + 1))))


def test_a_step_is_dated_and_sized() -> None:
    values = market()
    values[30:, 0] *= 4
    values[20:, 2] *= 8  # one of four peers moved more
    found = finding(scene(panel(values)))
    assert found.variant == "step"
    assert found.statement.key == "AUD101.step_up"
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(4, rel=0.1)
    assert (found.statistic.rank, found.statistic.n_reference) == (2, 4)
    assert found.data is not None
    assert found.data.rows[0][:2] == ("step", "2026-02-04")
    assert found.data.rows[0][3] <= "2026-02-04" <= found.data.rows[0][4]


def test_the_fall_on_the_day_after_the_window_touches_it() -> None:
    values = market()
    values[30:, 0] *= 0.1
    found = finding(scene(panel(values), 20, 29))
    assert found.statement.key == "AUD101.step_down"
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.1, rel=0.15)


def test_a_spike_that_comes_back_is_an_episode() -> None:
    values = market()
    values[30:32, 0] *= 6
    found = finding(scene(panel(values)))
    assert found.variant == "episode"
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(6, rel=0.2)
    assert found.data is not None
    assert found.data.rows[0][1:3] == ("2026-02-04", "2026-02-05")


def test_a_quiet_window_has_no_change_even_if_the_series_has_one() -> None:
    values = market()
    values[50:, 0] *= 4
    found = finding(scene(panel(values), 10, 25))
    assert found.variant == "none"
    assert found.statistic is None
    assert found.figures["changes_in_window"] == 0
    assert found.figures["changes_in_series"] >= 1


def test_a_launch_ramp_is_no_step() -> None:
    values = market()
    values[:20, 0] = np.nan
    values[20:, 0] *= np.minimum(1.0, np.exp(0.4 * (np.arange(40) - 9)))
    found = finding(scene(panel(values), 20, 35))
    assert found.data is not None
    assert "step" not in [row[0] for row in found.data.rows]


def test_a_ramp_is_told_as_a_ramp_and_a_step_comes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = Ramp(start=20, end=26, kind="linear", rise=float(np.log(9)))
    flat = segment(np.full(DAYS, np.nan))

    def fitted(*_: object, **__: object) -> Segmentation:
        return replace(flat, model="ramp", ramp=ramp, changes=changes)

    monkeypatch.setattr("auditor.detectors.change_points.segment", fitted)
    changes: tuple[Break, ...] = ()
    alone = finding(scene(panel(market())))
    assert alone.variant == "none"  # the ramp ended two days before the window
    during = finding(scene(panel(market()), 22, 30))
    assert during.variant == "ramp"
    assert during.statistic is not None
    assert during.statistic.value == pytest.approx(9)
    changes = (Break(28, (27, 29), 40.0, float(np.log(2))),)
    both = finding(scene(panel(market()), 22, 30))
    assert both.variant == "step"
    assert both.data is not None
    assert [row[0] for row in both.data.rows] == ["ramp", "step"]
    assert both.data.rows[1][3:5] == ("2026-02-01", "2026-02-03")


def test_too_short_constant_and_lonely_series() -> None:
    (short,) = detect(scene(panel(market()[:6]), 0, 5))
    assert isinstance(short, NotApplicable)
    assert catalogue().write(short.reason)
    values = market()
    values[:, 0] = 5.0
    assert finding(scene(panel(values))).variant == "none"
    alone = market(n=0)
    alone[30:] *= 4
    found = finding(scene(panel(alone)))
    assert found.statistic is not None
    assert (found.statistic.rank, found.statistic.n_reference) == (None, 0)
    gaps = market()
    gaps[25:28] = np.nan
    gaps[40, 0] = 0.0
    gaps[30:, 0] *= 4
    assert finding(scene(panel(gaps))).variant in {"step", "episode"}


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.25, 1e3]), weeks=st.integers(1, 60))
def test_units_order_dates_and_a_constant_stranger_do_not_matter(seed: int, scale: float, weeks: int) -> None:
    values = market(seed)
    values[30:, 0] *= 3
    plain = finding(scene(panel(values)))
    names = ["s", *(f"x{i}" for i in np.random.default_rng(seed).permutation(4))]
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    moved = finding(scene(panel(values * scale, start, names)))
    joined = finding(scene(panel(np.column_stack([values, np.full(DAYS, 1e-3)]))))
    assert plain.statistic is not None
    for again in (moved, joined):
        assert again.variant == plain.variant
        assert again.statistic is not None
        assert again.statistic.value == pytest.approx(plain.statistic.value, rel=1e-6)
        assert again.statistic.rank == plain.statistic.rank


@pytest.mark.shared
def test_the_founding_case_climbs_in_a_ramp_and_falls_when_the_free_period_ends(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv", parse_dates=["date"])
    raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
    at = Panel.of(Observations(raw, Frequency.DAY))
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    found = finding(resolve(at, Case(subject=ids, window=window)))
    assert found.statement.key == "AUD101.step_down"
    assert found.statistic is not None
    assert 0.02 < found.statistic.value < 0.06
    assert found.data is not None
    assert ("step", "2026-04-08") in [row[:2] for row in found.data.rows]
