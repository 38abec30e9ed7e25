"""Stretches that recur: those made, and those that rounding, low counts and steady growth make look so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.copied_stretch import detect
from auditor.findings import Finding, NotApplicable, Severity
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import panel, scene
from tests.detectors.two_metrics import only

DAYS = 60


def walk(seed: int, *, n: int = 4, level: float = 1e9, noise: float = 0.1, unit: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = level * np.exp(np.cumsum(rng.normal(0, noise, (DAYS, n)), axis=0))
    return {
        name: np.round(values[:, i] / unit) * unit for i, name in enumerate(("s", *(f"p{k}" for k in range(n - 1))))
    }


def finding(columns, window: str = "") -> Any:
    found = only(detect(scene(panel({k: list(v) for k, v in columns.items()}), "s", window)))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_a_week_copied_from_the_subject_itself():
    columns = walk(0)
    columns["s"][40:47] = columns["s"][20:27]
    found = finding(columns, "2026-02-14:2026-02-20")
    assert (found.variant, found.statistic.value, found.severity) == ("equal_within", 7.0, Severity.HIGH)
    said = catalogue().write(found.statement)
    assert "2026-02-14 to 2026-02-20 equal those from 2026-01-25 to 2026-01-31" in said


def test_a_week_copied_from_another_entity_on_other_days():
    columns = walk(1)
    columns["s"][40:46] = columns["p1"][30:36]
    found = finding(columns)
    assert (found.variant, found.statistic.value) == ("equal_between", 6.0)
    assert found.statement.values["entity"] == "p1"


def test_a_scaled_copy_survives_rounding():
    columns = walk(2)
    columns["s"][40:47] = np.round(columns["s"][20:27] * 1.37)
    found = finding(columns)
    assert (found.variant, found.statistic.value) == ("ratio_within", 7.0)
    assert found.statement.values["ratio"] == pytest.approx(1.37)
    columns = walk(3)
    columns["s"][40:47] = np.round(columns["p2"][40:47] * 0.5)
    assert finding(columns).variant == "ratio_between"


@pytest.mark.parametrize(
    "columns",
    [
        {"s": np.full(DAYS, 5.0), "p": np.full(DAYS, 5.0)},
        {"s": np.arange(1.0, DAYS + 1), "p": np.arange(1.0, DAYS + 1) * 2},
        {"s": np.round(1e9 * 1.03 ** np.arange(DAYS)), "p": np.round(2e9 * 1.03 ** np.arange(DAYS))},
        {"s": np.tile([1.0, 2.0, 1.0, 3.0, 2.0], 12), "p": np.tile([2.0, 1.0], 30)},
    ],
    ids=["constant", "counting", "steady growth", "low counts"],
)
def test_what_agrees_without_being_copied(columns):
    assert finding(columns).variant == "none"


@pytest.mark.parametrize("seed", range(40))
def test_independent_figures_do_not_recur_however_rounded(seed: int):
    levels: tuple[dict[str, float], ...] = (
        {"level": 20.0},
        {"unit": 1e8},
        {"unit": 1e7, "noise": 0.02},
        {"noise": 0.5},
    )
    assert finding(walk(seed, n=4, **levels[seed % 4])).variant == "none"


def test_a_table_that_all_repeats_is_not_held_against_one_entity():
    columns = walk(4)
    factor = 1.25
    for name in columns:
        columns[name][40:47] = columns[name][20:27] * factor
    assert finding({k: np.round(v) for k, v in columns.items()}).variant == "none"


def test_four_periods_are_too_few():
    columns = walk(5)
    columns["s"][40:44] = columns["s"][20:24]
    assert finding(columns).variant == "none"
    short = only(detect(scene(panel({"s": [1.0, 2.0, 3.0]}), "s")))
    assert isinstance(short, NotApplicable)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), start=st.integers(12, 50), length=st.integers(6, 9), scale=st.integers(1, 10**6))
def test_a_copy_is_found_wherever_it_lies_and_in_any_unit(seed: int, start: int, length: int, scale: int):
    columns = walk(seed)
    columns["s"][start : start + length] = columns["s"][: min(length, DAYS - start)]
    found = finding({k: v * scale for k, v in columns.items()})
    assert (found.variant, found.statistic.value) == ("equal_within", float(min(length, DAYS - start)))


@pytest.mark.shared
def test_no_series_of_the_long_panel_is_a_copy(shared: Path):
    built = Panel.of(read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"))
    for entity in built.table().entities:
        for outcome in detect(scene(built, entity)):
            assert isinstance(outcome, NotApplicable) or outcome.variant == "none", entity
