"""Weekend dilution: a flat share mixed into a weekly rhythm is recovered, a ramp is not mistaken for one."""

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
from auditor.detectors.weekend_dilution import detect
from auditor.findings import Finding, NotApplicable, Severity, Statistic, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

Floats = npt.NDArray[np.float64]
DAYS = 56
WEEK = np.where(np.arange(DAYS) % 7 >= 5, 0.75, 1.0)


def panel(
    values: Floats, start: str = "2026-01-05", names: list[str] | None = None, frequency: Frequency = Frequency.DAY
) -> Panel:
    days, n = values.shape
    dates = pd.date_range(start, periods=days, freq=frequency.offset)
    entity = np.tile(names or ["s", *(f"m{i}" for i in range(n - 1))], days)
    long = pd.DataFrame({"date": dates.repeat(n), "entity": entity, "metric": "n", "value": values.ravel()})
    return Panel.of(Observations(long.dropna(subset=["value"]), frequency))


def scene(at: Panel, first: int = 28, last: int = DAYS - 1, subject: str = "s") -> Scene:
    dates = at.table().dates
    return resolve(
        at, Case(subject=(subject,), window=Window(dates[first].to_pydatetime(), dates[last].to_pydatetime()))
    )


def measured(at: Scene) -> tuple[Finding, Statistic]:
    (found,) = detect(at)
    assert isinstance(found, Finding)
    assert found.statistic is not None
    assert found.statistic.reference is not None
    for message in (found.statement, found.statistic.reference, *found.limits):
        assert catalogue().write(message)
    return found, found.statistic


def reason(at: Scene) -> str:
    (found,) = detect(at)
    assert isinstance(found, NotApplicable)
    assert catalogue().write(found.reason)
    return found.reason.key


def peers(seed: int = 0, n: int = 9, noise: float = 0.02) -> Floats:
    values: Floats = 1e6 * WEEK[:, None] * np.exp(np.random.default_rng(seed).normal(0, noise, (DAYS, n)))
    return values


def launched(series: Floats) -> Floats:
    """The subject begins on day 28 beside its peers."""
    own = np.where(np.arange(DAYS) >= 28, series, np.nan)
    return np.column_stack([own, peers()])


def test_half_flat_traffic_without_noise_is_one_half() -> None:
    # r = 0.5 * 1 + 0.5 * 0.75 = 0.875; f = (0.875 - 0.75) / (1 - 0.75) = 0.5
    exact = np.column_stack([1e6 * (0.5 + 0.5 * WEEK), np.tile(1e6 * WEEK[:, None], 6)])
    exact[:28, 0] = np.nan
    found, statistic = measured(scene(panel(exact)))
    assert found.variant == "level"
    assert statistic.value == pytest.approx(0.5, abs=1e-9)
    assert found.figures["ratio"] == pytest.approx(0.875)
    assert found.figures["ratio_peers"] == pytest.approx(0.75)
    # The last weekend has no weekdays after it inside the window: three of the four are used.
    assert found.figures["weekends"] == 3
    # Six peers, each in the window and in the one other stretch of its length.
    assert (statistic.n_reference, statistic.rank) == (12, 1)
    assert statistic.p == pytest.approx(1 / 13)


@pytest.mark.parametrize("flat", [0.0, 0.4, 1.0])
def test_the_flat_share_lies_in_its_interval(flat: float) -> None:
    noise = np.exp(np.random.default_rng(5).normal(0, 0.01, DAYS))
    _, statistic = measured(scene(panel(launched(3e6 * (flat + (1 - flat) * WEEK) * noise))))
    assert statistic.low is not None
    assert statistic.high is not None
    assert statistic.low - 0.02 < flat < statistic.high + 0.02
    assert statistic.value == pytest.approx(flat, abs=0.15)


def test_a_steady_ramp_is_no_rhythm() -> None:
    ramp = np.exp(0.08 * np.arange(DAYS))
    _, statistic = measured(scene(panel(launched(1e6 * WEEK * ramp))))
    assert statistic.value == pytest.approx(0, abs=0.1)


def test_the_excess_over_the_usual_level_is_judged_by_itself() -> None:
    # 1e6 with the peers' week all along; from day 28 a flat 1e6 on top: the whole is half flat, the excess all flat.
    own = 1e6 * WEEK + np.where(np.arange(DAYS) >= 28, 1e6, 0.0)
    found, statistic = measured(scene(panel(np.column_stack([own, peers()]))))
    assert found.variant == "excess"
    assert statistic.value == pytest.approx(1.0, abs=0.1)
    assert found.figures["f_level"] == pytest.approx(0.5, abs=0.1)
    assert found.severity is Severity.MEDIUM  # 9 peers give p = .1 at best, however clear the excess
    steady, _ = measured(scene(panel(np.column_stack([1e6 * WEEK, peers()]))))
    assert steady.variant == "level"


def test_reasons_why_it_cannot_run() -> None:
    full = np.column_stack([1e6 * WEEK, peers()])
    assert reason(scene(panel(full), 28, 37)) == "AUD111.few_weekends"
    assert reason(scene(panel(full[:, :4]))) == "AUD111.few_peers"
    assert reason(scene(panel(full / WEEK[:, None]))) == "AUD111.no_dip"
    assert reason(scene(panel(full, frequency=Frequency.HOUR))) == "AUD111.not_daily"
    assert reason(scene(panel(full[:, :1]))) == "AUD111.few_peers"
    assert reason(scene(panel(full), 3, 3)) == "AUD111.few_weekends"


def test_gaps_zeros_and_constants_are_survived() -> None:
    full = np.column_stack([1e6 * WEEK, peers(), np.zeros(DAYS), np.full(DAYS, 7.0), np.full(DAYS, np.nan)])
    full[33, 0] = np.nan
    full[40, 3] = np.nan
    found, statistic = measured(scene(panel(full)))
    assert found.figures["weekends"] == 2
    # In the window not the placeholders, not the peer with a gap on a Saturday; that peer counts in the earlier stretch.
    assert statistic.n_reference == 8 + 9
    assert reason(scene(panel(full), subject="m9")) == "AUD111.few_weekends"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.25, 7.0, 1e6]), weeks=st.integers(1, 60))
def test_units_order_dates_and_a_constant_stranger_do_not_matter(seed: int, scale: float, weeks: int) -> None:
    values = np.column_stack([1e6 * (0.3 + 0.7 * WEEK), peers(seed)])
    _, plain = measured(scene(panel(values)))
    order = np.random.default_rng(seed).permutation(9)
    names = ["s", *(f"x{i}" for i in order)]
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    _, moved = measured(scene(panel(values * scale, start, names)))
    assert moved.value == pytest.approx(plain.value)
    assert (moved.rank, moved.n_reference) == (plain.rank, plain.n_reference)
    _, joined = measured(scene(panel(np.column_stack([values, np.full(DAYS, 1e-3)]))))
    assert joined.value == pytest.approx(plain.value)
    assert (joined.rank, joined.n_reference) == (plain.rank, plain.n_reference)


@pytest.mark.shared
def test_the_founding_case_is_too_short_and_placebos_hold_their_level(shared: Path) -> None:
    def real(name: str) -> Panel:
        raw = pd.read_csv(shared / "openrouter" / name, parse_dates=["date"])
        raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
        return Panel.of(Observations(raw, Frequency.DAY))

    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    founding = resolve(real("rankings_daily_2026-03-16_2026-04-25.csv"), Case(subject=ids, window=window))
    assert reason(founding) == "AUD111.few_weekends"

    at = real("rankings_daily_2025-12-01_2026-07-05.csv")
    table = at.table()
    ps, dips = [], []
    for first in (28, 84, 140):
        whole = np.isfinite(table.values[first : first + 28]).all(axis=0)
        for column in np.flatnonzero(whole):
            found, statistic = measured(scene(at, first, first + 27, table.entities[int(column)]))
            assert statistic.p is not None
            ps.append(statistic.p)
            dips.append(1 - found.figures["ratio_peers"])
    assert np.mean(np.asarray(ps) <= 0.05) <= 0.08
    assert 0.05 < float(np.median(dips)) < 0.3
