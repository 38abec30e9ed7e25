"""Merged, split and renamed ids: what is found and named, what is left alone, and how often chance matches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.merged_ids import detect
from auditor.findings import Finding
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import event, panel, pd, scene
from tests.detectors.two_metrics import only

DAYS, ROW = 70, 42
WINDOW = "2026-02-16:2026-02-18"  # rows 42 to 44


def market(seed: int = 0, *, noise: float = 0.05) -> dict[str, Any]:
    """Return ten ids with levels of 100, 200, ... that scatter from day to day."""
    rng = np.random.default_rng(seed)
    names = ["s", *(f"p{i}" for i in range(9))]
    return {n: 100.0 * (1 + i) * np.exp(noise * rng.standard_normal(DAYS)) for i, n in enumerate(names)}


def merged(columns: dict[str, Any], into: str, gone: str, row: int = ROW) -> dict[str, Any]:
    """Publish two ids as one from a row on."""
    made = {n: v.copy() for n, v in columns.items()}
    made[into][row:] += made[gone][row:]
    made[gone][row:] = np.nan
    return made


def measured(columns, subject="s", window=WINDOW, **more) -> Any:
    listed = {n: [None if np.isnan(v) else float(v) for v in values] for n, values in columns.items()}
    built = panel(listed, start=more.pop("start", "2026-01-05"))
    return only(detect(scene(built, subject, window, **more)))


def finding(*args, **more) -> Any:
    found = measured(*args, **more)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    assert all("{" not in catalogue().write(m) for m in (found.statement, *found.limits))
    return found


def test_a_merger_names_both_ids_the_day_and_the_volume():
    found = finding(merged(market(), "s", "p1"))
    said = catalogue().write(found.statement)
    assert found.variant == "merged"
    assert "p1 was last listed on 2026-02-15" in said
    assert "from 2026-02-16 s stands" in said
    assert found.figures["moved"] == pytest.approx(300, rel=0.1)
    assert found.figures["step"] == pytest.approx(300, rel=0.15)
    assert found.figures["listed_after"] == pytest.approx(found.figures["listed_before"], rel=0.05)
    assert found.statistic.p == pytest.approx(1 / (found.statistic.n_reference + 1))


def test_a_split_is_a_merger_backwards():
    columns = {n: v[::-1].copy() for n, v in merged(market(), "s", "p1", DAYS - ROW).items()}
    found = finding(columns)
    assert (found.variant, "p1 is first listed on 2026-02-16" in catalogue().write(found.statement)) == ("split", True)


def test_a_rename_is_found_from_both_ends():
    columns = market()
    columns["new"] = np.where(np.arange(DAYS) >= ROW, columns["p4"], np.nan)
    columns["p4"] = np.where(np.arange(DAYS) < ROW, columns["p4"], np.nan)
    assert finding(columns, "new", "2026-02-16:2026-02-18").variant == "renamed"
    found = finding(columns, "p4", "2026-02-14:2026-02-18")
    assert found.statement.key == "AUD176.renamed_to"


def test_a_rename_that_the_case_states_is_said_as_such():
    found = finding(merged(market(), "s", "p1"), events=[event("2026-02-16", "rename")])
    assert (found.variant, found.statement.key, found.severity.value) == ("stated", "AUD176.merged_stated", "info")


def test_a_rise_without_a_vanished_id_and_an_id_that_goes_without_a_rise_are_left_alone():
    risen = market()
    risen["s"][ROW:] *= 4
    assert finding(risen).variant == "none"
    gone = market()
    gone["p1"][ROW:] = np.nan
    assert finding(gone).variant == "none"
    both_but_unequal = merged(market(), "s", "p1")
    both_but_unequal["s"][ROW:] *= 2.5
    assert finding(both_but_unequal).variant == "none"


def test_an_id_that_is_missing_for_a_day_has_not_been_merged():
    columns = market()
    columns["s"][ROW] += 300.0
    columns["p1"][ROW] = np.nan
    assert finding(columns).variant == "none"


def test_what_is_missing_is_named():
    columns = market()
    assert measured({"s": columns["s"]}).reason.key == "AUD176.alone"
    assert (
        measured({n: v[:4] for n, v in columns.items()}, window="2026-01-06:2026-01-07").reason.key
        == "AUD176.too_short"
    )
    assert measured(columns, window="2026-01-05:2026-01-05").reason.key == "AUD176.first_period"


def test_chance_matches_hold_the_level():
    # Ids come and go, and every id steps now and then; nothing was merged.
    low = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        columns = market(seed)
        for values in columns.values():
            values[int(rng.integers(DAYS)) :] *= np.exp(0.5 * rng.standard_normal())
        for name in ("p3", "p6", "p8"):
            columns[name][: int(rng.integers(10, DAYS))] = np.nan
        for name in ("p2", "p5", "p7"):
            columns[name][int(rng.integers(10, DAYS)) :] = np.nan
        low.append(finding(columns).statistic.p <= 0.05)
    assert np.mean(low) <= 0.13  # 0.05 plus 2.6 binomial standard deviations


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-2, 1e6), weeks=st.integers(1, 30))
def test_units_and_dates_do_not_matter(factor: float, weeks: int):
    columns = merged(market(2), "s", "p2")
    first = finding(columns)
    assert finding({n: v * factor for n, v in columns.items()}).statistic.value == pytest.approx(first.statistic.value)
    shift = pd.Timedelta(weeks=weeks)
    days = ":".join(f"{pd.Timestamp(d) + shift:%Y-%m-%d}" for d in WINDOW.split(":"))
    moved = finding(columns, window=days, start=f"{pd.Timestamp('2026-01-05') + shift:%Y-%m-%d}")
    assert moved.statistic.value == pytest.approx(first.statistic.value)
    assert moved.variant == first.variant


@pytest.mark.shared
def test_a_model_that_was_listed_under_another_name_is_found(shared: Path):
    # Hunter Alpha was last listed on 2026-03-19; the model was published as MiMo V2 Pro the day after.
    built = Panel.of(read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"))
    found = only(detect(scene(built, "xiaomi/mimo-v2-pro-20260318", "2026-03-18:2026-03-24")))
    assert "openrouter/hunter-alpha" in catalogue().write(found.statement)
    assert found.statistic.p <= 0.05


@pytest.mark.shared
def test_the_preview_of_the_founding_case_ended_where_its_successor_began(shared: Path):
    built = Panel.of(read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv"))
    found = only(detect(scene(built, "qwen/qwen3.6-plus-preview:free", "2026-04-01:2026-04-03")))
    assert found.statement.key == "AUD176.renamed_to"
    assert "qwen/qwen3.6-plus-04-02:free" in catalogue().write(found.statement)
