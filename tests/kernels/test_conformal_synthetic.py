"""Conformal ranks and the synthetic control."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import InputError, UsageError
from auditor.kernels.conformal import Alternative, conformal_rank, pooled_rank
from auditor.kernels.synthetic import synthetic_control
from benchmarks.changepoints.simulate import peers

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


def test_ranks_known_answers() -> None:
    assert conformal_rank(5.0, [1, 2, 3, 4]).p == pytest.approx(1 / 5)
    assert conformal_rank(5.0, [1, 2, 3, 4]).rank == 1
    tied = conformal_rank(3.0, [1, 3, 3, 4])
    assert tied.p == pytest.approx(4 / 5)
    assert tied.mid_p == pytest.approx(2.5 / 5)
    assert tied.rank == 4
    assert conformal_rank(0.0, [1, 2, 3, np.nan], "less").p == pytest.approx(1 / 4)
    assert conformal_rank(9.0, range(39), "two-sided").p == pytest.approx(2 * 11 / 40)


def test_each_peer_counts_alike() -> None:
    rank = pooled_rank(5.0, [[9.0], np.zeros(99), [np.nan]])
    assert rank.p == pytest.approx((1 + 1 + 0) / 3)
    assert (rank.n_peers, rank.n_reference) == (2, 100)
    assert pooled_rank(5.0, [[9.0], np.zeros(99)], weights="cell").p == pytest.approx(2 / 101)


@given(numbers, st.integers(-6, 6).map(float), st.sampled_from(["greater", "less", "two-sided"]))
def test_p_values_are_probabilities_and_conservative(reference: list[float], value: float, side: Alternative) -> None:
    rank = conformal_rank(value, reference, side)
    assert 1 / (len(reference) + 1) <= rank.p <= 1.0
    assert rank.mid_p <= rank.p
    assert 1 <= rank.rank <= len(reference) + 1


@given(numbers)
def test_leave_one_out_p_values_are_super_uniform(sample: list[float]) -> None:
    p = [conformal_rank(v, sample[:i] + sample[i + 1 :]).p for i, v in enumerate(sample) if len(sample) > 1]
    for level in (0.05, 0.2, 0.5, 0.9):
        assert sum(value <= level for value in p) <= level * max(len(p), 1) + 1e-9


def test_nothing_to_rank_is_named() -> None:
    with pytest.raises(InputError, match="not a finite"):
        conformal_rank(float("nan"), [1.0])
    with pytest.raises(InputError, match="no references"):
        conformal_rank(1.0, [np.nan])


def test_an_exact_mixture_is_recovered() -> None:
    rng = np.random.default_rng(0)
    donors = rng.standard_normal((40, 6)).cumsum(axis=0)
    target = 3.0 + 0.7 * donors[:, 1] + 0.4 * donors[:, 4]
    target[33:] += 2.0
    result = synthetic_control(target, donors, (33, 40))
    assert result.weights == pytest.approx([0, 0.7, 0, 0, 0.4, 0], abs=1e-6)
    assert result.effect == pytest.approx(2.0)
    assert result.gap[33:] == pytest.approx(np.full(7, 2.0))
    assert result.n_placebo == 6
    assert result.p == pytest.approx(result.rank / 7)


def test_donors_are_dropped_with_a_reason_or_masked() -> None:
    panel = peers(np.random.default_rng(1), 47, 12)
    target, donors = panel[:, 0], panel[:, 1:].copy()
    donors[44, 0] = np.nan
    donors[:20, 1] = np.nan
    donors[5, 2] = np.nan
    donors[:40, 3] = 1.0
    censored = np.zeros(donors.shape, dtype=bool)
    censored[45, 5] = True
    result = synthetic_control(target, donors, (40, 47), censored=censored, exclude={4: "renamed"})
    assert set(result.dropped) == {0, 1, 3, 4, 5}
    assert result.dropped[0] == "1 of 7 window days not observed"
    assert result.dropped[1] == "20 of 40 training days not observed"
    assert result.dropped[3] == "constant over the training days"
    assert result.dropped[4] == "renamed"
    assert result.n_pre == 39
    assert result.n_placebo == 6
    assert (result.weights[[0, 1, 3, 4, 5]] == 0.0).all()


def test_a_one_sided_question_is_one_sided() -> None:
    panel = peers(np.random.default_rng(2), 35, 25)
    target = panel[:, 0].copy()
    target[28:] -= 2.0
    assert synthetic_control(target, panel[:, 1:], (28, 35), alternative="less").rank == 1
    assert synthetic_control(target, panel[:, 1:], (28, 35), alternative="greater").p == 1.0


@given(st.floats(-50, 50), st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_common_units_do_not_matter(shift: float, factor: float) -> None:
    panel = peers(np.random.default_rng(3), 35, 10)
    plain = synthetic_control(panel[:, 0], panel[:, 1:], (28, 35))
    moved = synthetic_control(factor * panel[:, 0] + shift, factor * panel[:, 1:] + shift, (28, 35))
    assert moved.rank == plain.rank
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-5)


def test_false_alarms_and_power_of_the_synthetic_control() -> None:
    rng = np.random.default_rng(4)
    alarms = hits = 0
    for _ in range(60):
        panel = peers(rng, 35, 31)
        target, donors = panel[:, 0].copy(), panel[:, 1:]
        alarms += synthetic_control(target, donors, (28, 35)).p <= 0.05
        target[28:] += np.log(1.5)
        hits += synthetic_control(target, donors, (28, 35)).p <= 0.05
    assert alarms <= 7
    assert hits >= 39


def test_too_little_to_compare_is_named() -> None:
    panel = peers(np.random.default_rng(5), 20, 6)
    with pytest.raises(InputError, match="5 training days, 5 donors"):
        synthetic_control(panel[:, 0], panel[:, 1:], (5, 12))
    with pytest.raises(InputError, match="3 donors"):
        synthetic_control(panel[:, 0], panel[:, 1:4], (13, 20))
    with pytest.raises(UsageError, match="shape"):
        synthetic_control(panel[:, 0], panel[:-1, 1:], (13, 20))
    with pytest.raises(UsageError, match="window"):
        synthetic_control(panel[:, 0], panel[:, 1:], (13, 40))


def test_a_target_never_seen_before_the_window_is_refused_in_words() -> None:
    panel = peers(np.random.default_rng(0), 30, 9)
    panel[:20, 0] = np.nan
    with pytest.raises(InputError, match="0 training days"):
        synthetic_control(panel[:, 0], panel[:, 1:], (20, 27))


def test_a_donor_without_a_training_day_is_dropped_with_the_reason() -> None:
    panel = peers(np.random.default_rng(0), 30, 9)
    panel[:20, 3] = np.nan
    found = synthetic_control(panel[:, 0], panel[:, 1:], (20, 27), max_missing=1.0)
    assert found.dropped == {2: "no training day observed"}
