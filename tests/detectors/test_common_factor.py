"""Common factor: a factor of all is nobody's, a factor of one is found, and p-values hold their level."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.detectors.common_factor import detect
from auditor.findings import NotApplicable
from auditor.observations import Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from tests.build import Frequency, panel, pd, scene
from tests.detectors.two_metrics import both, only

HERE, THERE = Source("pages", url="https://a.example/x"), Source("api", url="https://b.example/y")
WINDOW = "2026-02-02:2026-02-08"  # rows 28 to 34


def counts(seed: int = 0, n: int = 12, days: int = 56, noise: float = 0.01, common: float = 0.02):
    """Two counts of n entities: independent errors, and a factor common to all that changes by day."""
    rng = np.random.default_rng(seed)
    true = np.exp(rng.normal(12, 1, n) + np.cumsum(rng.normal(0, 0.1, (days, n)), axis=0))
    factor = np.exp(0.1 + common * rng.normal(size=(days, 1)))
    return true * factor * np.exp(noise * rng.normal(size=(days, n))), true


def two(a, b, **more):
    names = ["s", *(f"p{i:02d}" for i in range(a.shape[1] - 1))]
    metrics = {
        "total_tokens": {n: a[:, i].tolist() for i, n in enumerate(names)},
        "tokens": {n: b[:, i].tolist() for i, n in enumerate(names)},
    }
    return both(metrics, sources={"total_tokens": HERE, "tokens": THERE}, **more)


def at(a, b, window: str = WINDOW, **more):
    return scene(two(a, b, **more), "s", window, metric="total_tokens")


def test_a_factor_common_to_all_is_taken_out_exactly():
    _, true = counts()
    factor = np.exp(np.linspace(-0.3, 0.3, 56))[:, None]
    apart = true * factor
    apart[28:35, 0] *= 1.25
    found = only(detect(at(apart, true)))
    assert found.statistic.value == pytest.approx(np.log(1.25))
    assert found.figures["common_factor"] == pytest.approx(float(np.exp(np.linspace(-0.3, 0.3, 56)[31])))
    assert found.figures["deviation_outside_window"] == pytest.approx(0.0, abs=1e-12)
    assert found.statistic.rank == 1
    assert found.statistic.n_reference == 11 * 8
    assert found.statement.key == "AUD162.apart"
    assert found.weighs
    same = only(detect(at(true * factor, true)))
    assert same.statistic.value == pytest.approx(0.0, abs=1e-12)
    assert same.statistic.p == 1.0
    assert same.statement.key == "AUD162.shared"


def test_entities_that_differ_for_good_reject_one_factor_and_others_do_not():
    a, b = counts(1)
    assert only(detect(at(a, b))).figures["p_one_factor"] > 0.01
    own = np.exp(np.linspace(-0.05, 0.05, 12))
    lasting = only(detect(at(a * own, b)))
    assert lasting.figures["p_one_factor"] < 1e-6
    assert "AUD162.limit_lasting" in [limit.key for limit in lasting.limits]
    # The factor's spread is 0.02, the errors' 0.01: (1 - 0.01^2 / (0.02^2 + 0.01^2)) = 0.8.
    wide = only(detect(at(*counts(2, n=30, days=200))))
    assert wide.figures["share_of_variance_common"] == pytest.approx(0.8, abs=0.1)


def test_p_values_hold_their_level():
    p = np.array([only(detect(at(*counts(seed, n=20)))).statistic.p for seed in range(150)])
    assert (p <= 0.01).mean() <= 0.03
    assert (p <= 0.1).mean() <= 0.15
    assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.12)


def test_two_sources_of_one_metric_are_two_vantage_points():
    a, b = counts(3)
    a[28:35, 0] *= 1.5
    names = ["s", *(f"p{i:02d}" for i in range(11))]
    parts = []
    for values, source, as_of in ((a, HERE, "2026-03-02"), (b, THERE, "2026-03-03")):
        frame = pd.DataFrame(values, columns=names, index=pd.date_range("2026-01-05", periods=56))
        long = frame.rename_axis("date").reset_index().melt("date", var_name="entity")
        parts.append(long.assign(metric="total_tokens", source=source.name, as_of=as_of))
    built = Panel.of(Observations(pd.concat(parts, ignore_index=True), Frequency.DAY, (HERE, THERE)))
    found = only(detect(scene(built, "s", WINDOW)))
    assert abs(found.statistic.value) == pytest.approx(np.log(1.5), abs=0.03)
    assert found.statistic.rank == 1
    assert found.variant == "separate"


def test_rounding_is_carried_and_named():
    a, b = counts(4, noise=0.0, common=0.0)
    a[:, 0] *= 1.01
    found = only(detect(at(a, b, width=0.02)))
    assert found.statistic.low == pytest.approx(np.log(1.01) - 0.02, abs=1e-3)
    assert found.statistic.high == pytest.approx(np.log(1.01) + 0.02, abs=1e-3)
    assert found.statement.key == "AUD162.shared"
    assert "AUD162.limit_rounding" in [limit.key for limit in found.limits]


def test_one_vantage_and_few_entities_are_declined():
    def reason(s):
        (found,) = detect(s)
        assert isinstance(found, NotApplicable)
        assert catalogue().write(found.reason)
        return found.reason.key

    assert reason(scene(panel({"s": [1.0] * 40, "p": [2.0] * 40}), "s", WINDOW)) == "AUD162.one_vantage"
    a, b = counts(5, n=5)
    assert reason(at(a, b)) == "AUD162.few_entities"
    a, b = counts(5, n=7, days=1)
    assert reason(at(a, b, "2026-01-05:2026-01-05")) == "AUD162.few_references"


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e6), other=st.floats(0.2, 5.0))
def test_units_of_either_source_do_not_matter(scale, other):
    a, b = counts(6)
    a[28:35, 0] *= 1.1
    here, there = only(detect(at(a, b))), only(detect(at(a * scale, b * scale * other)))
    assert there.statistic.value == pytest.approx(here.statistic.value, rel=1e-6, abs=1e-9)
    assert there.statistic.rank == here.statistic.rank


@pytest.mark.shared
def test_weekly_pages_exceed_the_daily_figures_by_one_factor_common_to_all(shared: Path):
    daily = auditor.read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv").table()
    pages = pd.read_csv(shared / "openrouter" / "weekly_top10_2025-11-16_2026-05-11.csv", parse_dates=["date"])
    # Labels up to February 2026 are the Sundays on which the weeks end; later ones are rounded Mondays.
    pages = pages[(pages["metric"] == "weekly_total_tokens") & (pages["date"].dt.day_name() == "Sunday")]
    wide = pd.DataFrame(daily.values, index=daily.dates, columns=daily.entities)
    weeks = wide.rolling(7).sum().loc[lambda f: f.index.isin(pages["date"].unique())].dropna(how="all")
    sums = weeks.rename_axis("date").reset_index().melt("date", var_name="entity").dropna()
    pages = pages[pages["date"].isin(weeks.index)][["date", "entity", "value"]]
    frame = pd.concat(
        [
            pages.assign(metric="weekly_total_tokens", source="pages"),
            sums.assign(metric="total_tokens", source="api"),
        ],
        ignore_index=True,
    )
    built = Panel.of(Observations(frame, Frequency.WEEK, (HERE, THERE)))
    table = built.table("weekly_total_tokens")
    name = next(e for e in table.entities if np.isfinite(table.values[:, table.index[e]]).all())
    spot = f"{table.dates[3]:%Y-%m-%d}:{table.dates[5]:%Y-%m-%d}"
    found = only(detect(scene(built, name, spot, metric="weekly_total_tokens")))
    assert 1.0 < found.figures["common_factor"] < 1.0035
    assert abs(found.statistic.value) < 0.002
    doubled = frame.assign(
        value=frame["value"].where((frame["entity"] != name) | (frame["source"] == "api"), frame["value"] * 1.1)
    )
    there = only(
        detect(
            scene(
                Panel.of(Observations(doubled, Frequency.WEEK, (HERE, THERE))), name, spot, metric="weekly_total_tokens"
            )
        )
    )
    assert there.statistic.value == pytest.approx(np.log(1.1), abs=0.002)
    assert there.statistic.p <= 0.1
