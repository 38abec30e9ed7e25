"""Growth of tokens beside growth of requests."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.request_growth import detect
from auditor.findings import Finding, NotApplicable, Severity
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

BEFORE, DURING = 14, 7
WINDOW = "2026-01-19:2026-01-25"


def grown(tokens: float, requests: float, peers: int = 9) -> dict[str, dict[str, list[Any]]]:
    """Return the subject grown by two factors inside the window, and peers whose ratio moved by -4 % to +4 %."""
    columns: dict[str, dict[str, list[Any]]] = {"total_tokens": {}, "requests": {}}
    for i in range(peers):
        columns["total_tokens"][f"p{i}"] = [5e5] * BEFORE + [5e5 * (0.96 + 0.01 * i)] * DURING
        columns["requests"][f"p{i}"] = [100.0] * (BEFORE + DURING)
    columns["total_tokens"]["s"] = [1e6] * BEFORE + [1e6 * tokens] * DURING
    columns["requests"]["s"] = [200.0] * BEFORE + [200.0 * requests] * DURING
    return columns


def finding(columns, window: str = WINDOW) -> Any:
    found = only(detect(scene(both(columns), "s", window, metric="total_tokens")))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_tokens_that_jump_without_requests():
    found = finding(grown(4.0, 1.1))
    assert found.variant == "flat"
    assert found.statistic.value == pytest.approx(np.log(4.0 / 1.1))
    assert (found.statistic.rank, found.statistic.p) == (1, pytest.approx(0.2))  # beyond all nine peers, two-sided
    assert found.severity.rank >= Severity.MEDIUM.rank
    assert "4.00 times and its requests only 1.10 times" in catalogue().write(found.statement)


def test_both_grow_together():
    found = finding(grown(4.0, 4.0))
    assert found.variant == ""
    assert found.statistic.value == pytest.approx(0.0, abs=1e-12)
    assert found.statement.key == "AUD153.together"


def test_requests_that_outgrow_tokens_are_told_apart_from_flat_ones():
    found = finding(grown(2.0, 8.0))
    assert (found.variant, found.statement.key) == ("", "AUD153.apart")
    assert found.statistic.value == pytest.approx(-np.log(4.0))


def test_without_peers_the_figures_stand_without_a_rank():
    found = finding(grown(4.0, 1.1, peers=2))
    assert found.statistic.p is None
    assert found.statistic.n_reference == 0
    assert any(limit.key == "AUD153.limit_no_peers" for limit in found.limits)


def test_without_a_base_nothing_is_measured():
    columns = grown(4.0, 1.1)
    columns["requests"]["s"] = [None] * BEFORE + [200.0] * DURING
    found = only(detect(scene(both(columns), "s", WINDOW, metric="total_tokens")))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD153.no_base"


@settings(max_examples=20, deadline=None)
@given(a=st.floats(1e-2, 1e4), b=st.floats(1e-2, 1e4))
def test_units_of_either_metric_do_not_matter(a: float, b: float):
    columns = grown(4.0, 1.1)
    scaled = {
        m: {e: [x * f for x in v] for e, v in columns[m].items()} for m, f in (("total_tokens", a), ("requests", b))
    }
    assert finding(scaled).statistic.value == pytest.approx(finding(columns).statistic.value)
    assert finding(scaled).statistic.p == finding(columns).statistic.p


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_missing_day_is_skipped_in_both_metrics(seed: int):
    rng = np.random.default_rng(seed)
    columns = grown(4.0, 1.1)
    for row in rng.choice(BEFORE + DURING, 5, replace=False):
        columns["requests"]["s"][row] = None
    found = finding(columns)
    assert found.statistic.value == pytest.approx(np.log(4.0 / 1.1))
