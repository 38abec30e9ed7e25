"""AUD122: folds recovered from simulated markets, placebo ranks, contamination, and a real surge."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import synthetic_control
from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable, Outcome, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")


def scene(columns: dict[str, list[float]], window: tuple[int, int], weeks: int = 0) -> Scene:
    rows = [
        (MONDAY + pd.Timedelta(days=i, weeks=weeks), name, "n", value)
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    panel = Panel.of(Observations(pd.DataFrame(rows, columns=["date", "entity", "metric", "value"]), Frequency.DAY))
    dates = panel.table().dates
    days = Window(dates[window[0]].to_pydatetime(), dates[window[1]].to_pydatetime())
    return resolve(panel, Case(subject=("s",), window=days))


def market(
    fold: float = 1.0, *, peers: int = 24, n: int = 56, row: int = 42, length: int = 7, seed: int = 0
) -> dict[str, list[float]]:
    """One common weekday rhythm and trend, each entity with its own noise; the subject times ``fold`` in the window."""
    rng = np.random.default_rng(seed)
    common = np.tile(np.log([100.0, 104, 106, 105, 100, 78, 80]), n // 7) + 0.005 * np.arange(n)
    columns = {f"p{i:02d}": list(np.exp(common + rng.normal(0, 0.05, n))) for i in range(peers)}
    subject = np.exp(common + rng.normal(0, 0.05, n))
    subject[row : row + length] *= fold
    return {"s": list(subject)} | columns | {"other": list(5 * np.exp(common))}


def only(found: list[Outcome]) -> Finding:
    (finding,) = found
    assert isinstance(finding, Finding), finding
    for message in (finding.statement, *finding.limits):
        assert catalogue().write(message)
    return finding


def test_the_fold_is_recovered() -> None:
    found = only(synthetic_control.detect(scene(market(2.0), (42, 48))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(2.0, rel=0.1)
    assert found.statistic.low is not None
    assert found.statistic.high is not None
    assert 1.5 < found.statistic.low < 2.0 < found.statistic.high
    assert (found.statistic.rank, found.statistic.n_reference) == (1, 24)
    assert found.statistic.p == pytest.approx(1 / 25)
    assert found.statement.key == "AUD122.above"
    assert found.figures["fold_on_shares"] == pytest.approx(2.0, rel=0.1)


def test_rows_recompute_the_fold() -> None:
    found = only(synthetic_control.detect(scene(market(2.0), (42, 48))))
    assert found.data is not None
    assert found.statistic is not None
    inside = found.data.rows[-7:]
    fold = np.exp(np.mean([np.log(subject / predicted) for _, subject, predicted, _ in inside]))
    assert fold == pytest.approx(found.statistic.value)
    assert found.figures["excess"] == pytest.approx(sum(row[1] - row[2] for row in inside))


def test_no_effect_is_rarely_called_one() -> None:
    runs, hits = 60, 0
    for seed in range(runs):
        found = only(synthetic_control.detect(scene(market(seed=seed, peers=19, n=42, row=35), (35, 41))))
        assert found.statistic is not None
        assert found.statistic.p is not None
        hits += found.statistic.p <= 0.05
    assert hits / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_peers_that_lost_users_are_named_and_left_out_once() -> None:
    columns = market(2.0)
    before = only(synthetic_control.detect(scene(columns, (42, 48))))
    donors = [key.removeprefix("weight ") for key in before.figures if key.startswith("weight ")]
    for name in donors:
        columns[name][42:49] = [0.6 * x for x in columns[name][42:49]]
    found = only(synthetic_control.detect(scene(columns, (42, 48))))
    assert found.figures["losers"] == 3
    assert abs(np.log(found.figures["fold_without_losers"] / 2)) < abs(np.log(found.figures["fold"] / 2))
    assert "AUD122.limit_losers" in {limit.key for limit in found.limits}


def test_other_variants_of_the_subject_do_not_serve_as_peers() -> None:
    columns = market(2.0)
    columns["s:free"] = list(columns["s"])
    columns["s:free"][42:49] = [0.1] * 7
    found = only(synthetic_control.detect(scene(columns, (42, 48))))
    assert found.statistic is not None
    assert found.statistic.n_reference == 24
    assert found.statistic.value == pytest.approx(2.0, rel=0.1)


def reason(found: list[Outcome]) -> str:
    (outcome,) = found
    assert isinstance(outcome, NotApplicable), outcome
    assert catalogue().write(outcome.reason)
    return outcome.reason.key


def test_not_applicable() -> None:
    nan = float("nan")
    short = {k: v[30:] for k, v in market(2.0).items()}
    assert reason(synthetic_control.detect(scene(short, (12, 18)))) == "AUD122.no_history"
    launched = market(2.0)
    launched["s"][:20] = [nan] * 20  # 22 days before the window, 14 of them the ramp
    assert reason(synthetic_control.detect(scene(launched, (42, 48)))) == "AUD122.no_history"
    assert reason(synthetic_control.detect(scene(market(2.0, peers=3), (42, 48)))) == "AUD122.few_donors"
    assert reason(synthetic_control.detect(scene({"s": [1.0]}, (0, 0)))) == "AUD122.no_history"
    gaps = market(2.0)
    for i in range(24):
        gaps[f"p{i:02d}"][44] = nan
    assert reason(synthetic_control.detect(scene(gaps, (42, 48)))) == "AUD122.unusable"
    amplified = market(2.0)
    amplified["s"] = list(np.array(amplified["s"]) * np.exp(np.arange(56) * 0.5))  # no peer grows like this
    assert reason(synthetic_control.detect(scene(amplified, (42, 48)))) == "AUD122.no_mix"


@given(factor=st.floats(1e-3, 1e9), weeks=st.integers(-40, 40))
@settings(max_examples=8, deadline=None)
def test_scale_and_whole_weeks_change_nothing(factor: float, weeks: int) -> None:
    columns = market(1.3, peers=8)
    base = only(synthetic_control.detect(scene(columns, (42, 48))))
    scaled = {k: [factor * x for x in v] for k, v in columns.items()}
    found = only(synthetic_control.detect(scene(scaled, (42, 48), weeks)))
    assert base.statistic is not None
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(base.statistic.value, rel=1e-6)
    assert found.statistic.rank == base.statistic.rank


@given(order=st.permutations(range(8)))
@settings(max_examples=8, deadline=None)
def test_names_of_peers_and_a_constant_entity_do_not_matter(order: list[int]) -> None:
    columns = market(1.3, peers=8)
    base = only(synthetic_control.detect(scene(columns, (42, 48))))
    renamed = {k: v for k, v in columns.items() if not k.startswith("p")}
    renamed |= {f"p{j:02d}": columns[f"p{i:02d}"] for i, j in enumerate(order)}
    renamed["constant"] = [0.5] * 56
    found = only(synthetic_control.detect(scene(renamed, (42, 48))))
    assert base.statistic is not None
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(base.statistic.value, rel=1e-6)
    assert found.statistic.n_reference == base.statistic.n_reference


def real(shared: Path, name: str) -> Panel:
    raw = pd.read_csv(shared / "openrouter" / name)
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(raw["date"]),
            "entity": raw["model_permaslug"],
            "metric": "total_tokens",
            "value": raw["total_tokens"].astype(float),
        }
    )
    return Panel.of(Observations(frame, Frequency.DAY))


def days(start: str, end: str) -> Window:
    return Window(pd.Timestamp(start).to_pydatetime(), pd.Timestamp(end).to_pydatetime())


@pytest.mark.shared
def test_a_labelled_surge(shared: Path) -> None:
    # 26, then 139, then 19 billion: labelled an unexplained one-day surge
    case = Case(subject=("z-ai/glm-5-20260211",), window=days("2026-04-17", "2026-04-17"))
    found = only(synthetic_control.detect(resolve(real(shared, "rankings_daily_2026-03-16_2026-04-25.csv"), case)))
    assert found.statistic is not None
    assert 3 < found.statistic.value < 7
    assert found.statistic.rank == 1


@pytest.mark.shared
def test_the_founding_case_has_no_baseline(shared: Path) -> None:
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    case = Case(subject=ids, window=days("2026-03-30", "2026-04-08"))
    table = real(shared, "rankings_daily_2026-03-16_2026-04-25.csv")
    assert reason(synthetic_control.detect(resolve(table, case))) == "AUD122.no_history"
