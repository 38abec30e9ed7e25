"""AUD144: shifts of the provider mix worked by hand, and how they are ranked."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import provider_mix
from auditor.detectors.provider_mix import mixes_of, shifts
from auditor.findings import Severity, Window
from auditor.window import resolve
from tests.detectors.made import at, exact, findings, observations, said, scene

#: Tests read the fields of an outcome without asking whether they are there.
detect: Any = provider_mix.detect


DAYS = 84


def split(first, entity="s", metric="tokens_by_provider", total=100.0):
    """Two providers: the first has the given shares, the second the rest."""
    share = np.asarray(first, dtype=float)
    return observations({f"{entity} @ alpha": total * share, f"{entity} @ beta": total * (1 - share)}, metric)


def moved(before, during, first=42, stop=49):
    rows = np.arange(DAYS)
    return np.where((rows >= first) & (rows < stop), during, before)


def crowd(n=15, seed=2, level=0.6, noise=0.05):
    rng = np.random.default_rng(seed)
    return [split(np.clip(level + noise * rng.standard_normal(DAYS), 0.01, 0.99), f"p{i:02d}") for i in range(1, n)]


def test_worked_answer():
    # From 70 : 30 to 20 : 80, half of the volume changed provider.
    (found,) = findings(detect(scene(exact(), (42, 48), more=[split(moved(0.7, 0.2)), *crowd()])))
    assert found.statistic.value == pytest.approx(0.5)
    assert found.statistic.rank == 1
    assert found.severity is Severity.HIGH
    assert found.figures["hhi_before"] == pytest.approx(0.7**2 + 0.3**2)
    assert found.figures["top_share_during"] == pytest.approx(0.8)
    assert "50.0 % of the volume of s was with other providers than before; beta went from 30.0 % to 80.0 %" in said(
        [found]
    )


def test_an_ordinary_mix_is_not_unusual():
    wave = split(np.full(DAYS, 0.6) + 0.02 * np.sin(np.arange(DAYS)))
    (found,) = findings(detect(scene(exact(), (42, 48), more=[wave, *crowd()])))
    assert found.statistic.p > 0.2


def test_a_new_provider_counts_with_all_it_has():
    wide = observations(
        {
            "s @ alpha": np.full(DAYS, 60.0),
            "s @ beta": np.full(DAYS, 40.0),
            "s @ new": np.where(np.arange(DAYS) >= 42, 100.0, np.nan),
        },
        "tokens_by_provider",
    )
    (found,) = findings(detect(scene(exact(), (42, 48), more=[wide, *crowd()])))
    assert found.statistic.value == pytest.approx(0.5)


def test_entities_of_the_subjects_own_metric_are_read():
    (found,) = findings(detect(scene(exact(), (42, 48), more=[split(moved(0.7, 0.2), metric="total_tokens")])))
    assert found.statistic.value == pytest.approx(0.5)


def test_rows_with_a_dimension_are_read():
    frames = [
        observations({"s": 100.0 * share}, "tokens_by_provider").assign(dimension=name)
        for name, share in (("alpha", moved(0.7, 0.2)), ("beta", 1 - moved(0.7, 0.2)))
    ]
    where = scene(exact(), (42, 48), more=[pd.concat(frames)])
    assert set(mixes_of(where)[""].providers) == {"alpha", "beta"}
    assert findings(detect(where))[0].statistic.value == pytest.approx(0.5)


def test_too_few_windows_are_stated_without_a_rank():
    short = observations({"s @ alpha": np.full(30, 3.0), "s @ beta": np.full(30, 1.0)}, "tokens_by_provider")
    (found,) = findings(detect(scene(exact(days=30), (22, 28), more=[short])))
    assert (found.statistic.p, found.statistic.value) == (None, 0.0)
    assert "AUD144.limit_unranked" in {m.key for m in found.limits}


@pytest.mark.parametrize(
    ("more", "window", "reason"),
    [
        ([], (42, 48), "no_providers"),
        ([split(np.full(DAYS, 0.5), "p01")], (42, 48), "no_providers"),
        ([split(np.full(DAYS, 0.5))], (3, 8), "no_periods"),
        ([observations({"s @ alpha": np.full(DAYS, 5.0)}, "tokens_by_provider")], (42, 48), "one_provider"),
        ([split(np.full(DAYS, 0.5), total=0.0)], (42, 48), "no_volume"),
        ([split(np.full(DAYS, 0.5), metric="requests_by_provider")], (42, 48), "no_providers"),
        ([split(np.full(DAYS, 0.5), metric="latency")], (42, 48), "no_providers"),
    ],
)
def test_reasons_not_to_run(more, window, reason):
    (found,) = detect(scene(exact(), window, more=more))
    assert found.reason.key == f"AUD144.{reason}"


def test_every_window_is_measured_as_the_one_in_question():
    where = scene(exact(), (42, 48), more=[split(moved(0.7, 0.2))])
    found = shifts(mixes_of(where)[""], 7)
    assert found[42] == pytest.approx(0.5)
    assert found[30] == pytest.approx(0.0)
    assert np.isnan(found[:7]).all()
    assert np.isnan(found[DAYS - 6 :]).all()


def test_ranks_of_ordinary_mixes_are_uniform():
    made = crowd(40, seed=9)
    p = []
    panel = scene(exact(41), (35, 41), more=made).panel
    for subject in range(1, 40, 2):
        for first in (35, 49, 63):
            days = Window(at(first), at(first + 6))
            where = resolve(panel, Case(subject=(f"p{subject:02d}",), window=days, metric="total_tokens"))
            p.append(findings(detect(where))[0].statistic.p)
    assert np.mean(np.array(p) <= 0.05) <= 0.12
    assert 0.35 < np.mean(np.array(p) <= 0.5) < 0.65


@settings(max_examples=15, deadline=None)
@given(scale=st.sampled_from([0.5, 1024.0]), weeks=st.integers(0, 3), share=st.floats(0.05, 0.95))
def test_units_and_whole_weeks_change_nothing(scale, weeks, share):
    more = [split(moved(0.7, share)), *crowd(6)]
    (plain,) = detect(scene(exact(), (42, 48), more=more))
    (other,) = detect(
        scene(exact(), (42, 48), more=[m.assign(value=m["value"] * scale) for m in more], shift=7 * weeks)
    )
    assert other.statistic.value == pytest.approx(plain.statistic.value)
    assert other.statistic.value == pytest.approx(abs(share - 0.7))
    assert 0 <= other.statistic.value <= 1
