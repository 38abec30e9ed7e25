"""One application's rise against the subject's rise."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.app_concentration import detect
from auditor.findings import Finding, NotApplicable
from auditor.observations import concatenate
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

WINDOW = "2026-01-12:2026-01-14"


def risen(app: float, *, subject: float = 100.0) -> dict[str, dict[str, list[Any]]]:
    """Return the subject risen by ``subject``, application ``x`` by ``app`` and ``y`` not at all, on day 7."""
    return {
        "total_tokens": {"s": [50.0] * 7 + [50.0 + subject] * 3, "peer": [900.0] * 10},
        "app_tokens": {"x": [400.0] * 7 + [400.0 + app] * 3, "y": [600.0] * 10, "z": [10.0] * 10},
    }


def finding(columns, **more) -> Any:
    found = only(detect(scene(both(columns), "s", WINDOW, metric="total_tokens"), more))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_an_application_that_rose_by_as_much_is_large_enough():
    found = finding(risen(80.0))
    assert found.statistic.value == pytest.approx(0.8)
    assert (found.statistic.low, found.statistic.high) == (pytest.approx(0.8), pytest.approx(0.8))
    assert found.variant == "covers"
    # Shares 400, 600, 10 of 1010 before; 480, 600, 10 of 1090 during.
    assert found.figures["hhi_before"] == pytest.approx((400**2 + 600**2 + 10**2) / 1010**2)
    assert found.figures["hhi_during"] == pytest.approx((480**2 + 600**2 + 10**2) / 1090**2)
    assert "x rose by 80, 80.0 % of that" in catalogue().write(found.statement)


def test_no_application_rose_enough():
    assert finding(risen(20.0)).variant == "below"
    assert finding(risen(20.0), share=0.1).variant == "covers"


def test_no_application_rose_at_all():
    columns = risen(0.0)
    columns["app_tokens"] = {"x": [400.0] * 7 + [300.0] * 3, "y": [600.0] * 7 + [599.0] * 3}
    found = finding(columns)
    assert found.statement.key == "AUD141.fell"
    assert found.statistic.value == pytest.approx(-0.01)


def test_an_application_that_was_not_listed_is_bounded_not_zero():
    columns = risen(0.0)
    columns["app_tokens"]["new"] = [None] * 7 + [60.0] * 3
    found = finding(columns)
    # The smallest listed application had 10, so it rose by 50 to 60 of the subject's 100.
    assert (found.statistic.low, found.statistic.high) == (pytest.approx(0.5), pytest.approx(0.6))
    assert found.figures["app_rise"] == pytest.approx(55.0)


@pytest.mark.parametrize(
    ("change", "metric", "reason"),
    [
        (lambda c: c.pop("app_tokens"), "total_tokens", "no_apps"),
        (lambda c: c["total_tokens"].update(s=[50.0] * 10), "total_tokens", "no_rise"),
        (lambda c: c["total_tokens"].update(s=[None] * 7 + [50.0] * 3), "total_tokens", "no_periods"),
        (lambda c: c["app_tokens"].update(s=[1.0] * 10), "app_tokens", "subject_is_app"),
    ],
)
def test_what_is_missing_is_named(change, metric: str, reason: str):
    columns = risen(80.0)
    change(columns)
    found = only(detect(scene(both(columns), "s", WINDOW, metric=metric)))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == f"AUD141.{reason}"


def test_a_subject_counted_in_requests_is_not_set_beside_tokens():
    columns = risen(80.0)
    columns["requests"] = columns.pop("total_tokens")
    found = only(detect(scene(both(columns), "s", WINDOW, metric="requests")))
    assert found.reason.key == "AUD141.no_apps"


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-2, 1e9), app=st.floats(1.0, 500.0))
def test_the_unit_does_not_matter(factor: float, app: float):
    columns = risen(app)
    scaled = {m: {e: [v * factor for v in values] for e, values in c.items()} for m, c in columns.items()}
    one, two = finding(columns), finding(scaled)
    assert two.statistic.value == pytest.approx(one.statistic.value)
    assert two.figures["hhi_during"] == pytest.approx(one.figures["hhi_during"])


@pytest.mark.shared
def test_the_founding_case_beside_the_applications(shared: Path):
    tables = ("rankings_daily_2026-03-16_2026-04-25.csv", "app_rankings_daily_2026-03-28_2026-05-16.csv")
    panel = Panel.of(concatenate([read(shared / "openrouter" / name) for name in tables]))
    ids = ("qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-preview:free")
    found = only(detect(scene(panel, ids, "2026-03-30:2026-04-08", metric="total_tokens")))
    assert found.variant == "below"
    assert found.statistic.value == pytest.approx(0.187, abs=0.005)
    keys = {limit.key for limit in found.limits}
    assert {"AUD141.limit_gaps", "AUD141.limit_trailing"} <= keys
