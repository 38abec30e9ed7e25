"""The score code against published figures, and the segmentation against human annotators."""

from pathlib import Path

import numpy as np
import pytest

from auditor.errors import InputError
from benchmarks.changepoints.__main__ import main
from benchmarks.changepoints.commands import ours
from benchmarks.changepoints.datasets import load_tcpd, period_of, shared_data
from benchmarks.changepoints.scoring import covering_score, f1_score, true_positives


def test_a_prediction_serves_one_true_change() -> None:
    assert true_positives([10, 12], [11], 5) == 1
    assert true_positives([10, 20], [12, 26], 5) == 1
    assert true_positives([10], [15], 5) == 1


def test_f1_known_answers() -> None:
    assert f1_score([[10]], [10]) == 1.0
    # Precision 2/3 (0 and 10 of 0, 10, 50), recall 1.
    assert f1_score([[10]], [10, 50]) == pytest.approx(0.8)
    # Precision 1, recall (1 + 1/2) / 2.
    assert f1_score([[], [10]], []) == pytest.approx(2 * 0.75 / 1.75)


def test_covering_known_answers() -> None:
    assert covering_score([[5]], [5], 10) == 1.0
    assert covering_score([[5]], [], 10) == pytest.approx(0.5)
    assert covering_score([[]], [5], 10) == pytest.approx(0.5)
    assert covering_score([[], [5]], [], 10) == pytest.approx(0.75)


def test_periods_come_from_dates() -> None:
    assert period_of(["2001-01", "2001-02"]) == 12
    assert period_of(["2001-01-01", "2001-01-02", "2001-01-03"]) == 7
    assert period_of(["2001-01-01", "2001-01-15"]) is None
    assert period_of(["1900", "1901"]) is None
    assert period_of(["0", "1"]) is None


def test_absent_reference_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reference data"):
        shared_data(str(tmp_path))


def test_the_command_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["changepoints", "--data", str(tmp_path)])
    assert main() == 3
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.shared
def test_no_change_scores_what_was_published(shared: Path) -> None:
    series = load_tcpd(shared)
    assert len(series) == 30
    assert all(len(one.annotations) == 5 for one in series)
    f1 = np.mean([f1_score(one.annotations, []) for one in series])
    covering = np.mean([covering_score(one.annotations, [], one.values.size) for one in series])
    assert round(float(f1), 3) == 0.668
    assert round(float(covering), 3) == 0.575


@pytest.mark.shared
@pytest.mark.slow
def test_default_settings_beat_the_best_published_defaults(shared: Path) -> None:
    series = load_tcpd(shared)
    found = [ours(one) for one in series]
    f1 = np.mean([f1_score(one.annotations, b) for one, b in zip(series, found, strict=True)])
    covering = np.mean(
        [covering_score(one.annotations, b, one.values.size) for one, b in zip(series, found, strict=True)]
    )
    assert f1 > 0.80
    assert covering > 0.73
