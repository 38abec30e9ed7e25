"""Change points by ruptures: the method asked for is used, named, and held to its false-alarm rate."""

from pathlib import Path

import numpy as np
import pytest

from auditor.detectors.change_points import detect
from auditor.errors import UsageError
from auditor.findings import Finding
from auditor.kernels.alternatives import ALTERNATIVES, change_dates
from auditor.texts.catalogue import catalogue
from benchmarks.changepoints.simulate import usage
from tests.detectors.test_change_points import market, panel, scene


@pytest.mark.parametrize("method", ALTERNATIVES)
def test_a_step_is_dated_and_the_method_named(method: str) -> None:
    values = market()
    values[30:, 0] *= 4
    (found,) = detect(scene(panel(values)), {"method": method})
    assert isinstance(found, Finding)
    assert found.statement.key == "AUD101.step_up_by"
    assert method in catalogue().write(found.statement)
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(4, rel=0.1)
    assert found.data is not None
    assert [row[1] for row in found.data.rows] == ["2026-02-04"]
    assert any(limit.key == "AUD101.limit_method" and catalogue().write(limit) for limit in found.limits)
    assert "phi" not in found.figures


@pytest.mark.parametrize("method", ALTERNATIVES)
def test_a_fall_and_no_change_have_words_too(method: str) -> None:
    values = market()
    (still,) = detect(scene(panel(values)), {"method": method})
    values[30:, 0] *= 0.1
    (fall,) = detect(scene(panel(values)), {"method": method})
    assert isinstance(still, Finding)
    assert isinstance(fall, Finding)
    assert still.statement.key == "AUD101.none_by"
    assert method in catalogue().write(still.statement)
    assert fall.statement.key == "AUD101.step_down_by"
    assert method in catalogue().write(fall.statement)


@pytest.mark.parametrize(
    ("method", "n", "least"),
    [("ruptures-kernelcpd", 30, 36), ("ruptures-kernelcpd", 365, 36), ("ruptures-pelt", 365, 36)],
)
def test_false_alarms_and_hits_at_moderate_persistence(method: str, n: int, least: int) -> None:
    rng = np.random.default_rng(n)
    alarms = sum(bool(change_dates(usage(rng, n, 0.5).values, method)) for _ in range(40))
    assert alarms <= 8  # measured 5 %
    hits = 0
    for _ in range(40):
        truth = usage(rng, n, 0.0, shape="step")
        hits += any(abs(i - truth.changes[0]) <= 2 for i in change_dates(truth.values, method))
    assert hits >= least


@pytest.mark.parametrize("method", ALTERNATIVES)
def test_gaps_are_skipped_and_units_cancel(method: str) -> None:
    rng = np.random.default_rng(5)
    y = np.append(rng.normal(0, 0.1, 60), rng.normal(1, 0.1, 60))
    y[50:55] = np.nan
    assert change_dates(y, method) == (60,)
    assert change_dates(1e9 + 1e3 * y, method) == (60,)
    assert change_dates(np.ones(60), method) == ()
    assert change_dates(y[:9], method) == ()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="astrology") as caught:
        change_dates(np.arange(30.0), "astrology")
    assert "ruptures-pelt" in (caught.value.hint or "")


def test_the_command_line_passes_the_method_on(tmp_path: Path) -> None:
    from auditor.cli import main

    rows = ["date,model,tokens"]
    values = market()
    values[30:, 0] *= 4
    at = panel(values).table()
    for day, row in zip(at.dates, at.values, strict=True):
        rows += [f"{day:%Y-%m-%d},{name},{value:.0f}" for name, value in zip(at.entities, row, strict=True)]
    (tmp_path / "in.csv").write_text("\n".join(rows) + "\n")
    asked = ["run", str(tmp_path / "in.csv"), "--subject", "s", "--date", "2026-02-04", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as done:
        main([*asked, "--format", "md", "--quiet", "--changepoint", "ruptures-kernelcpd"])
    assert done.value.code == 0
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "out").glob("*.md")]
    assert any("kernelcpd, the level of s rose" in page for page in pages)
