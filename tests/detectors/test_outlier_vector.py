"""Features together: who stands out, at which level, and where it cannot be told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor.calibration.simulate import Platform, flat_bot, platform
from auditor.detectors.outlier_vector import _matrix, _p_values, _q_values, _windows, detect
from auditor.findings import Finding, NotApplicable, Severity
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import panel, scene
from tests.detectors.two_metrics import only


def market(seed: int, *, entities: int = 40, days: int = 140):
    made = platform(Platform(entities=entities, days=days), seed=seed)
    return {name: made.values[:, i] for i, name in enumerate(made.names)}, made


def finding(columns, subject: str, window: str) -> Any:
    found = only(detect(scene(panel({k: list(v) for k, v in columns.items()}), subject, window)))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_adjusted_p_values_are_those_of_the_textbook():
    # Benjamini and Hochberg: p * n / rank, made monotone from the largest down.
    assert _q_values(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx([0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])


def test_conformal_p_values_count_ties_against():
    scores = np.array([5.0, 3.0, 9.0, 3.0, 4.0])
    assert _p_values(scores, 2) == pytest.approx([(1 + 1) / 4, (1 + 3) / 4])  # among 9, 3 and 4
    assert _p_values(scores[:3], 3) == pytest.approx([2 / 3, 1.0, 1 / 3])  # among themselves


def test_other_windows_are_disjoint_and_whole_weeks_away():
    columns, _ = market(0, entities=20)
    here = scene(panel({k: list(v) for k, v in columns.items()}), next(iter(columns)), "2026-03-02:2026-03-11")
    rows = [set(range(w.start, w.stop)) for w in (here.window, *_windows(here))]
    assert sum(len(r) for r in rows) == len(set().union(*rows))
    assert all((w.start - here.window.start) % 7 == 0 and w.stop - w.start == 10 for w in _windows(here))


def test_an_entity_of_another_shape_stands_out():
    columns, made = market(1)
    entity = int(np.argsort(-made.values.mean(axis=0))[12])
    bot = flat_bot(made, entity=entity, start=100, stop=114, volume=float(made.values.max()), jitter=0.01, seed=2)
    columns[made.names[entity]] = bot.values[:, entity]
    found = finding(columns, made.names[entity], "2026-04-15:2026-04-28")
    assert (found.variant, found.statement.key) == ("calibrated", "AUD181.stands_out")
    assert found.statistic.p <= 0.02
    assert found.severity.rank >= Severity.LOW.rank
    assert "growth" in catalogue().write(found.statement)


def test_the_level_is_held_where_nobody_is_unusual():
    panels = [market(100 + seed, entities=30, days=112) for seed in range(9)]
    p = [
        finding(columns, made.names[entity], "2026-03-23:2026-04-05").statistic.p
        for columns, made in panels
        for entity in (3, 11, 19)
    ]
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 2 * np.sqrt(0.09 / len(p))


def test_a_panel_without_other_windows_is_ranked_within_the_one():
    columns, made = market(3, entities=25, days=20)
    found = finding(columns, made.names[4], "2026-01-12:2026-01-24")
    assert found.variant == "alone"
    assert found.statistic.n_reference == 24
    assert np.isnan(found.figures["q"])


@pytest.mark.parametrize(
    ("entities", "window", "reason"),
    [(12, "2026-03-02:2026-03-08", "few_entities"), (30, "2026-03-02:2026-03-03", "short_subject")],
)
def test_what_is_missing_is_named(entities: int, window: str, reason: str):
    columns, made = market(4, entities=entities)
    found = only(detect(scene(panel({k: list(v) for k, v in columns.items()}), made.names[2], window)))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == f"AUD181.{reason}"


def test_entities_that_do_not_differ_are_not_ranked():
    found = only(detect(scene(panel({f"p{i:02}": [5.0] * 60 for i in range(30)}), "p03", "2026-02-02:2026-02-15")))
    assert found.reason.key == "AUD181.no_features"


@pytest.mark.parametrize("factor", [1e-6, 3.7, 1e9])
def test_neither_unit_nor_order_nor_whole_weeks_matter(factor: float):
    columns, made = market(5)
    first = finding(columns, made.names[7], "2026-04-13:2026-04-26")
    turned = {name: columns[name] * factor for name in reversed(list(columns))}
    again = finding(turned, made.names[7], "2026-04-13:2026-04-26")
    assert again.statistic.p == pytest.approx(first.statistic.p)
    later = panel({k: list(v) for k, v in columns.items()}, start="2026-02-16")
    moved = only(detect(scene(later, made.names[7], "2026-05-25:2026-06-07")))
    assert moved.statistic.p == pytest.approx(first.statistic.p)


def test_raw_values_never_reach_a_model():
    from auditor.detectors.outlier_vector import _features

    columns, made = market(6)
    here = scene(panel({k: list(v) for k, v in columns.items()}), made.names[0], "2026-04-13:2026-04-26")
    features = _features(here, np.log(here.table.values), here.window)
    scaled = _matrix(features, list(features.values))
    assert np.abs(scaled).max() <= 8.0
    assert np.abs(np.median(scaled, axis=0)).max() < 1e-6


@pytest.mark.shared
def test_the_founding_case_stands_out_of_its_table(shared: Path):
    built = Panel.of(read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"))
    ids = ("qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-preview:free")
    found = only(detect(scene(built, ids, "2026-03-30:2026-04-08")))
    assert found.variant == "calibrated"
    assert found.statistic.p < 0.01
    assert found.figures["q"] <= 0.1
    other = only(detect(scene(built, "anthropic/claude-4.6-opus-20260205", "2026-03-30:2026-04-08")))
    assert other.statistic.p > 0.5
