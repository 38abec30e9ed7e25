"""Incomplete days: what is found and how much of the day is estimated, what is left alone, and how often chance flags a day."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.incomplete_day import RULE, _weighted_median, detect
from auditor.findings import Confidence, Finding
from auditor.observations import Frequency, Status
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import panel, pd, scene
from tests.detectors.two_metrics import only

DAYS, NAMES = 42, tuple(f"e{i:02d}" for i in range(12))
WEEK = np.array([1.0, 1.05, 1.04, 1.02, 0.98, 0.6, 0.65])
LAST = "2026-02-15:2026-02-15"  # row 41, a Sunday


def market(seed: int = 0, *, noise: float = 0.08, days: int = DAYS, week: Any = WEEK) -> dict[str, Any]:
    """Return twelve entities with levels of 1,000, 2,000, ..., a common week and their own noise."""
    rng = np.random.default_rng(seed)
    rhythm = np.resize(week, days)
    return {n: 1000.0 * (1 + i) * rhythm * np.exp(noise * rng.standard_normal(days)) for i, n in enumerate(NAMES)}


def short(columns: dict[str, Any], row: int, share: float, spread: float = 0.0) -> dict[str, Any]:
    """Publish a part of a day; ``spread`` lets the part differ between entities."""
    rng = np.random.default_rng(9)
    made = {n: np.array(v, dtype=float) for n, v in columns.items()}
    for values in made.values():
        values[row] *= share * np.exp(spread * rng.standard_normal())
    return made


def measured(columns: dict[str, Any], window: str = LAST, subject: str = "e03", **more: Any) -> Any:
    listed = {n: [None if np.isnan(v) else float(v) for v in values] for n, values in columns.items()}
    return only(detect(scene(panel(listed, **more), subject, window)))


def finding(*args: Any, **more: Any) -> Finding:
    found = measured(*args, **more)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    assert all("{" not in catalogue().write(m) for m in (found.statement, *found.limits))
    return found


@pytest.mark.parametrize("share", [0.1, 0.42, 0.7])
def test_a_last_day_read_too_early_is_named_with_the_part_that_had_passed(share: float):
    found = finding(short(market(), DAYS - 1, share))
    assert (found.variant, found.confidence) == ("last", Confidence.HIGH)
    assert found.figures["completeness"] == pytest.approx(share, rel=0.08)
    assert found.statistic is not None
    assert found.statistic.p == pytest.approx(1 / (found.statistic.n_reference + 1))
    # 42 rows: two to know a level by, then a week to know the week by; the last is in question.
    assert found.statistic.n_reference == DAYS - 2 - 7 - 1
    assert "On 2026-02-15" in catalogue().write(found.statement)


def test_the_common_fall_is_the_weighted_median_of_the_rows_printed():
    found = finding(short(market(), DAYS - 1, 0.5))
    assert found.data is not None
    table = pd.DataFrame(found.data.rows, columns=found.data.columns)
    common = _weighted_median(table["log_change"].to_numpy()[None], table["weight"].to_numpy())[0]
    assert found.figures["common_factor"] == pytest.approx(np.exp(common))


def test_noiseless_figures_give_the_exact_part():
    found = finding(short(market(noise=0.0), DAYS - 1, 0.42))
    assert found.figures["completeness"] == pytest.approx(0.42, rel=1e-6)


def test_a_day_before_a_gap_is_treated_as_the_last_and_one_inside_with_less_confidence():
    made = short(market(), 35, 0.4)
    inside = finding(made, "2026-02-09:2026-02-09")
    assert (inside.variant, inside.confidence) == ("inside", Confidence.MEDIUM)
    assert "AUD177.limit_inside" in [m.key for m in inside.limits]
    gap = {n: np.where(np.arange(DAYS) == 36, np.nan, v) for n, v in made.items()}
    assert finding(gap, "2026-02-09:2026-02-09").variant == "last"


def test_the_day_must_lie_in_the_window():
    made = short(market(), DAYS - 1, 0.4)
    assert finding(made, "2026-02-13:2026-02-14").variant == "none"
    assert finding(made, "2026-02-12:2026-02-15").variant == "last"


def test_a_day_marked_partial_is_read_all_the_same():
    made = short(market(), DAYS - 1, 0.3)
    dates = pd.date_range("2026-01-05", periods=DAYS)
    status = [Status.PARTIAL if d == dates[-1] else Status.OBSERVED for _ in NAMES for d in dates]
    built = panel({n: list(v) for n, v in made.items()}, status=status)
    asked = scene(built, "e03", LAST)
    assert not asked.subject.settled[-1]
    found = only(detect(asked))
    assert (found.variant, round(found.figures["completeness"], 1)) == ("last", 0.3)


def test_a_weekend_one_entitys_fall_a_lasting_fall_and_a_holiday_of_unlike_factors_are_left_alone():
    columns = market()
    for row in range(35, 42):
        day = f"{pd.Timestamp('2026-01-05') + pd.Timedelta(days=row):%Y-%m-%d}"
        assert finding(columns, f"{day}:{day}").variant == "none", day
    alone = {n: v.copy() for n, v in columns.items()}
    alone["e03"][-1] *= 0.1
    assert finding(alone).variant == "none"
    lasting = {n: np.where(np.arange(DAYS) >= 36, 0.4 * v, v) for n, v in columns.items()}
    assert finding(lasting, "2026-02-10:2026-02-10").variant == "none"
    assert finding(short(columns, DAYS - 1, 0.7, spread=0.5)).variant == "none"


def test_a_total_that_did_not_fall_speaks_against_missing_hours():
    made = short(market(), DAYS - 1, 0.5)
    made["huge"] = np.full(DAYS, 1e6)
    assert finding(made).variant == "none"


@given(st.integers(0, 10_000), st.floats(0.15, 0.65))
@settings(max_examples=15, deadline=None)
def test_scale_order_whole_weeks_and_a_tiny_entity_change_nothing(seed: int, share: float):
    made = short(market(seed), DAYS - 1, share)
    plain = finding(made)
    assert plain.statistic is not None
    tiny = made | {"tiny": np.full(DAYS, 1e-3)}
    others = (
        finding({n: 7.5 * v for n, v in made.items()}),
        finding({n: made[n] for n in reversed(NAMES)}),
        finding(made, "2026-03-01:2026-03-01", start="2026-01-19"),
    )
    for other in others:
        assert other.statistic is not None
        assert other.variant == plain.variant
        assert other.statistic.value == pytest.approx(plain.statistic.value, rel=1e-6)
    assert finding(tiny).variant == plain.variant == "last"


def test_chance_keeps_the_level():
    flagged, low = 0, 0
    for seed in range(150):
        found = finding(market(seed, noise=0.2))
        assert found.statistic is not None
        assert found.statistic.p is not None
        flagged += found.variant != "none"
        low += found.statistic.p <= 0.1
    # At most 0.5 % named; p of 0.1 on 15 of 150, which 27 exceed with a chance of 1 in 1,000.
    assert (flagged, low <= 27) == (0, True)


def test_hours_are_read_and_weeks_are_not():
    rhythm = 1 + 0.5 * np.sin(np.arange(24) / 24 * 2 * np.pi)
    hours = short(market(days=24 * 8, week=rhythm), 24 * 8 - 1, 0.3)
    window = "2026-01-12T23:00:2026-01-12T23:00"
    built = panel({n: list(v) for n, v in hours.items()}, frequency=Frequency.HOUR)
    case_window = scene(built, "e03")
    last = len(case_window.table.dates) - 1
    asked = type(case_window)(
        case_window.panel, case_window.case, case_window.table, case_window.subject, slice(last, last + 1)
    )
    assert only(detect(asked)).variant == "last", window
    weekly = panel({n: list(v) for n, v in market().items()}, frequency=Frequency.WEEK)
    assert only(detect(scene(weekly, "e03"))).reason.key == "AUD177.frequency"


def test_what_is_missing_is_named():
    columns = market()
    few = {n: columns[n] for n in NAMES[:7]}
    assert measured(few).reason.key == "AUD177.few_entities"
    assert measured({n: v[:20] for n, v in columns.items()}, "2026-01-24:2026-01-24").reason.key == "AUD177.too_short"
    assert measured(columns, "2026-01-05:2026-01-06").reason.key == "AUD177.too_short"
    sparse = {n: np.where(np.arange(DAYS) % 12 == i, v, np.nan) for i, (n, v) in enumerate(columns.items())}
    sparse["e03"] = columns["e03"]
    assert measured(sparse).reason.key == "AUD177.few_comparable"


def test_a_window_over_the_whole_record_asks_of_its_last_day():
    found = finding(short(market(), DAYS - 1, 0.4), "2026-01-05:2026-02-15")
    assert (found.variant, found.statistic.n_reference if found.statistic else 0) == ("last", DAYS - 2 - 7 - 1)


@pytest.mark.shared
def test_on_record_no_day_is_named_and_halved_days_are(shared):
    observations = read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    from auditor.panel import Panel

    built = Panel.of(observations)
    table = built.table()
    named = found = asked = 0
    for row in range(24, len(table.dates), 3):
        if not table.published[row]:
            continue
        day = f"{table.dates[row]:%Y-%m-%d}"
        subject = table.entities[int(np.nanargmax(table.values[row]))]
        real = scene(built, subject, f"{day}:{day}")
        out = only(detect(real))
        if not isinstance(out, Finding):
            continue
        asked += 1
        named += out.variant != "none"
        table.values[row] *= 0.5
        table.other[row] *= 0.5
        try:
            found += only(detect(scene(built, subject, f"{day}:{day}"))).variant != "none"
        finally:
            table.values[row] *= 2
            table.other[row] *= 2
    assert asked >= 55
    assert (named, found / asked >= 0.95) == (0, True)
    assert RULE.family.value == "record"
