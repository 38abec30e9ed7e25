"""AUD145: pulses that leave no trace, against steps, stairs and ramps; labelled surges of the real table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import Case
from auditor.detectors import batch_shape
from auditor.detectors.batch_shape import pulses
from auditor.findings import Finding, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.window import resolve
from tests.detectors.made import at, exact, findings, market, observations, said, scene

#: Tests read the fields of an outcome without asking whether they are there.
detect: Any = batch_shape.detect


def shaped(columns, factors, first=42):
    path = np.ones(len(columns["s"]))
    path[first : first + len(factors)] = factors
    return columns | {"s": columns["s"] * path}


def test_worked_answer():
    # Two days at four and six times the level, nothing before or after: 14 flat days around it.
    # Pulse: no squares left. Step up at its start (ln 4, ln 6, then seven zeros), squares about their mean.
    y = np.zeros(40)
    y[20:22] = np.log([4.0, 6.0])
    inside = np.array([np.log(4.0), np.log(6.0), 0, 0, 0, 0, 0, 0, 0])
    lasting = float(((inside - inside.mean()) ** 2).sum())
    noise, n = 0.02**2 * 16, 16
    expected = 0.5 * n * np.log((lasting + noise) / noise) - 0.5 * 2 * np.log(n)
    found = pulses(y[:, None], 7)
    assert found.score[20, 0] == pytest.approx(expected, rel=1e-6)
    assert found.length[20, 0] == 2


def test_a_batch_is_named_so_with_its_edges():
    (found,) = findings(detect(scene(shaped(market(30, 120), [5.0, 8.0, 5.0]), (40, 46))))
    assert found.variant == "batch"
    assert found.statistic.rank == 1
    assert (found.window.start.isoformat()[:10], found.window.end.isoformat()[:10]) == ("2026-02-16", "2026-02-18")
    assert found.figures["left_of_the_rise"] < 0.1
    assert found.figures["spread_inside"] > 0.2
    assert "looks like one batch" in said([found])


@pytest.mark.parametrize(
    ("factors", "variant"),
    [
        ([5.0] * 78, "stays"),  # a step to the end
        ([2.0, 4.0, 6.0, 8.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0], "stays"),  # a stair
        ([2.0, 3.0, 4.5, 6.0, 4.0, 2.0], "partial"),  # comes and goes by and by
        ([6.0, 6.0] + [2.5] * 30, "partial"),  # a third of it stays
    ],
)
def test_other_shapes_are_no_batch(factors, variant):
    (found,) = findings(detect(scene(shaped(market(30, 120), factors), (40, 48))))
    assert found.variant == variant


def test_what_all_share_is_no_pulse_of_one():
    columns = {
        name: v * np.where((np.arange(120) >= 42) & (np.arange(120) < 45), 6.0, 1.0)
        for name, v in exact(12, 120).items()
    }
    (found,) = detect(scene(columns, (40, 46)))
    assert found.reason.key == "AUD145.no_pulse"


def test_a_pulse_at_the_end_of_the_data_is_not_judged():
    (found,) = detect(scene(shaped(market(12, 84), [8.0, 8.0], 80), (78, 83)))
    assert found.reason.key == "AUD145.no_pulse"


def test_application_figures_are_quoted_where_they_exist():
    columns = shaped(exact(12, 84), [9.0, 9.0])
    apps = {"one": 10.0 + columns["s"] - exact(12, 84)["s"], "two": np.full(84, 50.0)}
    (found,) = findings(detect(scene(columns, (40, 46), more=[observations(apps, "app_tokens")])))
    assert found.figures["largest_application_share"] == pytest.approx(1.0, abs=0.05)
    assert "AUD145.limit_apps" in {m.key for m in found.limits}


def test_ordinary_windows_are_seldom_unusual():
    columns = market(40, 217, seed=3)
    jumps = np.random.default_rng(8)
    for values in columns.values():
        for first in jumps.integers(10, 200, size=6):
            values[first : first + int(jumps.integers(1, 4))] *= float(np.exp(jumps.normal(0.8, 0.4)))
    panel = scene(columns, (30, 36)).panel
    p = []
    for name in list(columns)[:20]:
        for first in range(30, 190, 16):
            (found,) = detect(resolve(panel, Case(subject=(name,), window=Window(at(first), at(first + 6)))))
            if isinstance(found, Finding) and found.statistic is not None:
                p.append(found.statistic.p)
    assert len(p) > 40
    assert np.mean(np.array(p) <= 0.05) < 0.15
    assert 0.3 < np.mean(np.array(p) <= 0.5) < 0.7


@settings(max_examples=12, deadline=None)
@given(scale=st.sampled_from([0.5, 1024.0]), weeks=st.integers(0, 3), seed=st.integers(0, 5), days=st.integers(1, 6))
def test_units_whole_weeks_and_a_constant_bystander_change_nothing(scale, weeks, seed, days):
    columns = shaped(market(12, 84, seed=seed), [6.0] * days)
    (plain,) = detect(scene(columns, (40, 50)))
    (moved,) = detect(scene({k: scale * v for k, v in columns.items()}, (40, 50), shift=7 * weeks))
    assert moved.statistic.value == pytest.approx(plain.statistic.value, rel=1e-6)
    assert (moved.statistic.p, moved.variant) == (plain.statistic.p, plain.variant)
    (beside,) = detect(scene(columns | {"zz": np.full(84, 3.0)}, (40, 50)))
    assert beside.variant == plain.variant


def labelled(panel: Panel, entity: str, first: str, last: str):
    window = Window(pd.Timestamp(first).to_pydatetime(), pd.Timestamp(last).to_pydatetime())
    return findings(detect(resolve(panel, Case(subject=(entity,), window=window))))[0]


@pytest.mark.shared
def test_labelled_surges_look_like_batches_and_the_founding_case_does_not(shared: Path):
    panel = auditor.read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    glm = labelled(panel, "z-ai/glm-5-20260211", "2026-04-16", "2026-04-18")
    assert (glm.variant, str(glm.window)) == ("batch", "2026-04-17:2026-04-17")
    assert min(glm.figures["rise_in_one_period"], glm.figures["fall_in_one_period"]) > 1
    mini = labelled(panel, "openai/gpt-4o-mini", "2026-04-04", "2026-04-10")
    assert (mini.variant, mini.statistic.rank) == ("batch", 1)
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(pd.Timestamp("2026-03-30").to_pydatetime(), pd.Timestamp("2026-04-08").to_pydatetime())
    case = detect(resolve(panel, Case(subject=ids, window=window)))[0]
    assert getattr(case, "variant", "") != "batch"


@pytest.mark.shared
def test_the_surge_of_gemini_flash_looks_like_a_batch_though_nothing_else_is_known(shared: Path):
    rows = pd.read_csv(shared / "openrouter" / "spike_windows_2025-04_2026-05.csv", parse_dates=["date"])
    rows = rows[(rows["model_permaslug"] == "google/gemini-2.5-flash") & (rows["date"] < "2025-12-01")]
    frame = rows.rename(columns={"model_permaslug": "entity", "total_tokens": "value"})
    frame = frame[["date", "entity", "value"]].assign(metric="total_tokens", value=frame["value"].astype(float))
    panel = Panel.of(Observations(frame, Frequency.DAY))
    found = labelled(panel, "google/gemini-2.5-flash", "2025-08-31", "2025-09-02")
    # 46 billion before; 80 and 165; 47 after. Three days after it are known in this file's window and they stay at the base.
    assert found.variant == "batch"
    assert (found.statistic.p, found.figures["periods"]) == (None, 2.0)
    assert found.figures["left_of_the_rise"] < 0.25
