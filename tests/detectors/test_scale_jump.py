"""Doubled days and wrong units: what is found, and what is left alone."""

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import unit_jumps
from auditor.detectors.base import Scene
from auditor.detectors.scale_jump import detect
from auditor.findings import Finding, NotApplicable, Window
from auditor.observations import Frequency, Observations, Status
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

Floats = npt.NDArray[np.float64]


def panel(values: Floats, start: str = "2026-01-05", names: list[str] | None = None) -> Panel:
    days, n = values.shape
    dates = pd.date_range(start, periods=days)
    entity = np.tile(names or [f"m{i}" for i in range(n)], days)
    long = pd.DataFrame({"date": dates.repeat(n), "entity": entity, "metric": "n", "value": values.ravel()})
    return Panel.of(Observations(long.dropna(subset=["value"]), Frequency.DAY))


def real(path: Path) -> Panel:
    raw = pd.read_csv(path, parse_dates=["date"]).rename(columns={"model_permaslug": "entity", "total_tokens": "value"})
    return Panel.of(Observations(raw.assign(metric="tokens"), Frequency.DAY))


def scene(at: Panel, subject: str, first: int, last: int) -> Scene:
    dates = at.table().dates
    window = Window(dates[first].to_pydatetime(), dates[last].to_pydatetime())
    return resolve(at, Case(subject=(subject,), window=window))


def finding(at: Scene) -> Finding:
    (found,) = detect(at)
    assert isinstance(found, Finding)
    assert catalogue().write(found.statement)
    assert all(catalogue().write(limit) for limit in found.limits)
    return found


def market(seed: int = 0, n: int = 8, days: int = 42, noise: float = 0.05, weekend: float = 0.7) -> Floats:
    """Levels 1e6, 2e6, ... with a weekend dip; row 0 is a Monday."""
    rng = np.random.default_rng(seed)
    week = np.where(np.arange(days) % 7 >= 5, weekend, 1.0)
    values: Floats = np.round(1e6 * np.arange(1, n + 1) * week[:, None] * np.exp(rng.normal(0, noise, (days, n))))
    return values


@pytest.mark.parametrize(("factor", "length"), [(2, 1), (3, 1), (2, 3), (10, 1), (1000, 2), (0.001, 1)])
def test_a_common_factor_is_found_with_its_size_and_length(factor: float, length: int) -> None:
    values = market()
    values[20 : 20 + length] *= factor
    found = finding(scene(panel(values), "m7", 20, 20 + length - 1))
    assert found.variant == "cross_section"
    assert found.statistic is not None
    assert found.statistic.value >= 0.75
    assert found.figures["factor"] == pytest.approx(factor)
    assert found.figures["periods"] == length


def test_tripled_then_doubled_days_are_one_run() -> None:
    values = market()
    values[20] *= 3
    values[21:23] *= 2
    found = finding(scene(panel(values), "m7", 19, 23))
    assert (found.variant, found.figures["factor"], found.figures["periods"]) == ("cross_section", 3.0, 3.0)


def test_growth_of_one_entity_that_doubles_the_total_is_not_a_scale_jump() -> None:
    values = np.column_stack([market(), np.full((42, 2), 1e5)])
    values[20:25, 8] = values[20:25, :8].sum(axis=1)
    found = finding(scene(panel(values, names=[*(f"m{i}" for i in range(8)), "hit", "other"]), "hit", 20, 24))
    assert found.variant == "none"
    assert found.statistic is not None
    assert found.statistic.value == 0


def test_a_doubling_of_most_but_not_all_is_not_a_scale_jump() -> None:
    values = market(n=20)
    values[20, :13] *= 2
    assert finding(scene(panel(values), "m19", 20, 20)).variant == "none"


def test_growth_that_stays_is_not_called_and_an_open_run_is_named() -> None:
    values = market()
    values[36:] *= 2
    found = finding(scene(panel(values), "m7", 36, 41))
    assert found.variant == "none"
    assert "AUD172.limit_open" in [limit.key for limit in found.limits]


def test_weekend_dips_are_not_factors() -> None:
    assert finding(scene(panel(market(weekend=0.5)), "m7", 7, 34)).variant == "none"


def test_without_three_weeks_a_return_from_the_weekend_is_no_doubling() -> None:
    # From a Saturday on, five weekdays stand at twice the weekends on either side; no calendar tells that this is usual.
    weekend = market(days=20, weekend=0.5)[5:]
    for last in (9, 14):
        assert finding(scene(panel(weekend[: last + 1], "2026-01-10"), "m7", 2, 6)).variant == "none"


def test_figures_rounded_to_a_tenth_of_a_billion_still_show_a_doubled_day() -> None:
    values = market(n=9) * 1e4
    values[20] *= 2
    found = finding(scene(panel(np.round(values / 1e8) * 1e8), "m8", 18, 22))
    assert (found.variant, found.figures["factor"], found.figures["row"]) == ("cross_section", 2.0, 20.0)


def test_a_partial_last_day_is_not_read_as_a_factor() -> None:
    at = panel(market())
    assert at.observations is not None
    frame = at.observations.frame.copy()
    last = frame["date"] == frame["date"].max()
    frame.loc[last, "value"] *= 0.1
    frame["status"] = np.where(last, int(Status.PARTIAL), int(Status.OBSERVED)).astype(np.int8)
    partial = Panel.of(Observations(frame, Frequency.DAY))
    found = finding(scene(partial, "m7", 36, 41))
    assert found.variant == "none"
    assert len(found.limits) == 1


def test_tiny_counts_are_told_by_their_common_divisor() -> None:
    # 25 packages with 1-4 downloads: no ratio is telling, but all counts even has chance 2**-25 or less.
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 5, (30, 25)).astype(float)
    counts[15] = 2 * rng.integers(1, 3, 25)
    at = panel(counts)
    found = finding(scene(at, "m0", 15, 15))
    assert (found.variant, found.figures["factor"], found.figures["divisible_share"]) == ("cross_section", 2.0, 1.0)
    assert found.figures["least_chance_of_divisor"] <= 2.0**-24
    assert finding(scene(at, "m0", 10, 14)).variant == "none"


def test_figures_rounded_to_even_digits_are_no_common_divisor() -> None:
    assert finding(scene(panel(np.round(market() / 2e4) * 2e4), "m7", 15, 20)).variant == "none"


def test_one_series_at_ten_times_its_level_is_single() -> None:
    values = market()
    values[20, 3] *= 10
    found = finding(scene(panel(values), "m3", 20, 20))
    assert found.variant == "single"
    assert found.figures["factor"] == pytest.approx(10.0)
    assert finding(scene(panel(values), "m4", 20, 20)).variant == "none"


def test_panels_of_one_entity_and_of_few_days() -> None:
    one = market(n=1)
    one[20] *= 1000
    found = finding(scene(panel(one), "m0", 20, 20))
    assert found.variant == "unit"
    assert "AUD172.limit_few_entities" in [limit.key for limit in found.limits]
    (short,) = detect(scene(panel(market(days=2)), "m0", 0, 1))
    assert isinstance(short, NotApplicable)
    assert catalogue().write(short.reason)
    assert finding(scene(panel(market(days=3)), "m0", 0, 2)).variant == "none"


def test_zeros_gaps_and_constants_are_survived() -> None:
    values = np.column_stack([market(), np.zeros(42), np.full(42, 5.0)])
    values[10:13, 0] = np.nan
    values[30] = np.nan
    for subject in ("m8", "m9", "m0"):
        assert finding(scene(panel(values), subject, 15, 20)).variant == "none"


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6, 1e-6, 100.0, 0.01, 60.0, 1 / 60])
@pytest.mark.parametrize("last", [20, 22, 41])
def test_one_series_in_another_unit_is_found_whether_or_not_it_returns(factor: float, last: int) -> None:
    values = market(noise=0.2) * 1e6
    values[20 : last + 1, 3] = np.round(values[20 : last + 1, 3] * factor)
    found = finding(scene(panel(values), "m3", 20, 20))
    assert (found.variant, found.figures["row"]) == ("unit", 20.0)
    assert found.figures["factor"] == pytest.approx(factor)
    assert found.figures["periods"] == last - 19
    assert found.statement.key == ("AUD172.unit" if last < 41 else "AUD172.unit_stays")
    assert finding(scene(panel(values), "m4", 20, 20)).variant == "none"
    assert finding(scene(panel(values), "m3", 10, 15)).variant == "none"


def test_a_unit_that_lasts_into_the_window_is_found_from_where_it_began() -> None:
    values = market() * 1e6
    values[20:30, 3] *= 1000
    assert finding(scene(panel(values), "m3", 24, 25)).figures["row"] == 20.0


def test_a_week_published_as_a_day_is_weak_evidence_and_only_where_it_returns() -> None:
    values = market(weekend=1.0) * 1e6
    values[20, 3] *= 7
    found = finding(scene(panel(values), "m3", 20, 20))
    assert found.variant == "single"
    assert found.figures["factor"] == pytest.approx(7.0)
    values[20:, 3] = values[19, 3] * 7
    assert finding(scene(panel(values), "m3", 20, 20)).variant == "none"


def test_counts_made_small_by_the_unit_are_known_to_half_of_one() -> None:
    # 1,500 a day in thousands is published as 2: a factor of 750 by its digits.
    values = np.round(market() / 1e6 * 1500)
    values[20, 0] = np.round(values[20, 0] / 1000)
    assert finding(scene(panel(values), "m0", 20, 20)).variant == "unit"


def test_ids_that_take_over_from_each_other_are_no_unit() -> None:
    values = market(noise=0.1) * 1e6
    values[20:, 3] = np.nan
    values[:20, 4] = np.nan
    values[20:, 4] /= 100
    at, dates = panel(values), panel(values).table().dates
    window = Window(dates[15].to_pydatetime(), dates[25].to_pydatetime())
    assert finding(resolve(at, Case(subject=("m3", "m4"), window=window))).variant == "none"


def test_a_launch_and_a_collapse_are_no_units() -> None:
    launch = market(noise=0.2) * 1e6
    launch[:18, 3] = np.nan
    launch[18:22, 3] *= [1e-4, 1e-3, 0.05, 0.4]
    assert finding(scene(panel(launch), "m3", 18, 24)).variant == "none"
    fall = market(noise=0.2) * 1e6
    fall[20:, 3] *= np.exp(-0.5 * np.arange(22))
    assert finding(scene(panel(fall), "m3", 20, 30)).variant == "none"


@pytest.mark.shared
def test_units_in_real_series_are_found_and_no_real_day_is_called_one(shared: Path) -> None:
    at = real(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    values = at.table().values
    rng = np.random.default_rng(4)
    assert not any(unit_jumps.find(column, slice(0, len(column))) for column in values.T)
    found = tried = 0
    for _ in range(400):
        column = values[:, rng.integers(values.shape[1])].copy()
        row = int(rng.integers(15, len(column) - 1))
        if np.isfinite(column[row - 14 : row]).sum() < 7 or not np.isfinite(column[row]):
            continue
        last = row + 1 if rng.random() < 0.5 else len(column)
        column[row:last] *= 1000.0 if rng.random() < 0.5 else 0.001
        tried += 1
        hit = unit_jumps.find(column, slice(row, row + 1))
        found += hit is not None and hit.first == row
    assert tried > 80
    assert found / tried >= 0.95


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.25, 7.0, 1e3]), weeks=st.integers(1, 60), double=st.booleans())
def test_units_order_dates_and_a_constant_stranger_do_not_matter(
    seed: int, scale: float, weeks: int, double: bool
) -> None:
    values = market(seed)
    if double:
        values[20] *= 2
    plain = finding(scene(panel(values), "m7", 19, 21))
    # Nine series do not always suffice to call a doubled day; without one, none may be called.
    assert plain.variant in ({"cross_section", "single", "none"} if double else {"none"})
    order = [f"x{i}" for i in np.random.default_rng(seed).permutation(8)]
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    moved = finding(scene(panel(values * scale, start, order), order[7], 19, 21))
    assert moved.variant == plain.variant
    assert moved.statistic is not None
    assert plain.statistic is not None
    assert moved.statistic.value == pytest.approx(plain.statistic.value)
    stranger = np.column_stack([values, np.full(42, 1e-3)])
    assert finding(scene(panel(stranger), "m7", 19, 21)).variant == plain.variant


@pytest.mark.shared
def test_true_cran_counts_multiplied_back_are_found(shared: Path) -> None:
    true = pd.read_csv(shared / "artefacts" / "cran_double_count_days_true.csv", parse_dates=["date"])
    rng = np.random.default_rng(1)
    called, others = 0, 0
    for day, group in true.groupby("date"):
        factor, counts = int(group["cranlogs_multiplier"].iloc[0]), group["true_count"].to_numpy(float)
        dates = pd.date_range(pd.Timestamp(str(day)) - pd.Timedelta(days=21), periods=43)
        week = np.where(dates.day_of_week >= 5, 0.6, 1.0)
        rate = counts * (week / week[21])[:, None] * np.exp(rng.normal(0, 0.1, (43, 1)))
        values = rng.poisson(rate).astype(float)
        values[21] = counts * factor
        names = [str(p) for p in group["package"]]
        table = np.column_stack([np.where(values > 0, values, np.nan), values.sum(axis=1)])
        at = panel(table, str(dates[0]), [*names, "total"])
        found = finding(scene(at, names[int(np.argmax(counts))], 21, 21))
        assert (found.variant, found.figures["factor"]) == ("cross_section", factor)
        for row in (12, 15, 25, 30):
            called += finding(scene(at, names[int(np.argmax(values[row]))], row, row)).variant == "cross_section"
            others += 1
    assert called / others <= 0.01


@pytest.mark.shared
def test_no_day_of_the_real_platform_is_called_doubled(shared: Path) -> None:
    at = real(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    table = at.table()
    always = table.entities[int(np.isfinite(table.values).sum(axis=0).argmax())]
    found = finding(scene(at, always, 0, len(table.dates) - 1))
    assert found.variant != "cross_section"
    assert 0.8 < found.figures["largest_common_factor"] < 1.25


@pytest.mark.shared
def test_the_founding_case_is_no_scale_jump(shared: Path) -> None:
    at = real(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    found = finding(resolve(at, Case(subject=ids, window=window)))
    assert found.variant == "none"
    assert found.figures["largest_common_factor"] == pytest.approx(1.0, abs=0.1)
