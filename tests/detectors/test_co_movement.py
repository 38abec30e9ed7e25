"""Co-movement with another source's series: a known regression, its level, and when it does not apply."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.co_movement import _fit, detect
from auditor.findings import Finding, NotApplicable
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

HERE, THERE = (
    Source("platform", url="https://platform.example/daily"),
    Source("repository", url="https://repository.example/api"),
)
DAYS = 61


def pair(
    seed: int,
    *,
    elasticity: float = 1.0,
    noise: float = 0.03,
    jump: float = 0.0,
    shared_jump: float = 0.0,
    jump_row: int = 50,
):
    """Return a subject that follows a random walk with an elasticity; ``jump`` is the subject's alone."""
    rng = np.random.default_rng(seed)
    dx, own = rng.normal(0, 0.1, DAYS), rng.normal(0, noise, DAYS)
    dx[jump_row] += shared_jump
    own[jump_row] += jump
    return np.exp(np.cumsum(elasticity * dx + own)) * 1e9, np.exp(np.cumsum(dx)) * 1e3


def compare(subject, other, *, sources=(HERE, THERE), window="2026-02-24:2026-02-24", **params):
    metrics = {"total_tokens": {"s": list(subject)}, "downloads": {"s": list(other)}}
    cards = dict(zip(metrics, sources, strict=True)) if sources else None
    return only(detect(scene(both(metrics, sources=cards), "s", window, metric="total_tokens"), params))


def finding(*args, **more) -> Any:
    found = compare(*args, **more)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_an_exact_relation_gives_its_slope():
    x = np.random.default_rng(1).normal(size=40)
    y = 0.3 + 1.5 * x
    y[7] += 50.0  # one gross error, which least squares would follow
    fit = _fit(x, y + np.random.default_rng(2).normal(0, 1e-3, 40))
    assert fit is not None
    assert fit.slope == pytest.approx(1.5, abs=0.01)
    assert fit.intercept == pytest.approx(0.3, abs=0.01)


def test_a_rise_of_the_subject_alone_is_far_from_what_the_other_shows():
    found = finding(*pair(0, jump=np.log(3)))
    assert found.statistic.value > 10
    assert found.statistic.p == pytest.approx(1 / (found.statistic.n_reference + 1))
    assert (found.variant, found.statement.key, found.weighs) == ("tied", "AUD161.unmatched", True)
    assert found.figures["elasticity"] == pytest.approx(1.0, abs=0.2)


def test_a_rise_that_both_show_is_explained():
    found = finding(*pair(0, shared_jump=np.log(3)))
    assert abs(found.statistic.value) < 3
    assert found.statement.key == "AUD161.matched"


def test_a_proxy_that_moves_on_its_own_carries_no_weight():
    found = finding(*pair(0, elasticity=0.0, noise=0.1, jump=np.log(3)))
    assert (found.variant, found.weighs) == ("untied", False)


def test_the_smaller_of_two_residuals_is_stated_because_the_proxy_has_errors():
    # Measurement error in the proxy halves the direct slope; with it the shared rise would look like an unmatched one.
    rng = np.random.default_rng(105)
    subject, other = pair(5, noise=0.01, shared_jump=np.log(4))
    found = finding(subject, other * np.exp(rng.normal(0, 0.07, DAYS)))
    assert found.figures["elasticity"] < 0.8
    assert found.figures["elasticity_reverse"] > 0.9
    assert found.statistic.value < found.statistic.high


def test_figures_of_one_publisher_are_not_independent():
    assert compare(*pair(0), sources=(HERE, HERE)).reason.key == "AUD161.no_independent"
    same_site = Source("platform weekly", url="https://platform.example/weekly")
    assert finding(*pair(0), sources=(HERE, same_site)).weighs is False
    assert compare(*pair(0), sources=None).reason.key == "AUD161.no_independent"
    assert finding(*pair(0), sources=None, metric="downloads").weighs is True  # the user says that it is independent


def test_the_same_metric_from_a_second_source_is_found_in_the_observations():
    subject, other = pair(0, jump=np.log(3))
    dates = pd.date_range("2026-01-05", periods=DAYS)
    first = pd.DataFrame({"date": dates, "entity": "s", "metric": "downloads", "value": subject, "source": HERE.name})
    second = first.assign(value=other, source=THERE.name)[:-1]
    panel = Panel.of(Observations(pd.concat([second, first], ignore_index=True), Frequency.DAY, (HERE, THERE)))
    found = only(detect(scene(panel, "s", "2026-02-24:2026-02-24")))
    assert found.statistic.value > 10
    assert found.figures["elasticity"] == pytest.approx(finding(subject, other).figures["elasticity"], abs=0.05)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s, o: (s, [None] * 45 + list(o[45:])), "few_pairs"),
        (lambda s, o: (s, [*o[:49], None, None, *o[51:]]), "no_step"),
        (lambda s, o: (s, [7.0] * DAYS), "constant"),
    ],
)
def test_what_is_missing_is_named(change, reason: str):
    found = compare(*change(*pair(0)))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == f"AUD161.{reason}"


@settings(max_examples=20, deadline=None)
@given(a=st.floats(1e-6, 1e6), b=st.floats(1e-6, 1e6), seed=st.integers(0, 99))
def test_units_do_not_matter(a: float, b: float, seed: int):
    subject, other = pair(seed, jump=0.5)
    assert finding(subject * a, other * b).statistic.value == pytest.approx(
        finding(subject, other).statistic.value, rel=1e-6
    )


def test_the_level_is_held_for_independent_noise():
    windows = ["2026-02-24:2026-02-24", "2026-02-20:2026-02-26"]  # one step, and the largest of seven
    p = np.array([finding(*pair(seed), window=windows[seed % 2]).statistic.p for seed in range(300)])
    assert (p <= 0.05).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
