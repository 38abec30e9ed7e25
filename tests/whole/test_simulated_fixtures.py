"""The simulated fixtures: regenerated to the byte, and called what they are."""

from pathlib import Path

import pytest

from auditor import session
from auditor.calibration.fixtures import FIXTURES, write
from auditor.findings import Hypothesis


@pytest.mark.parametrize("name", FIXTURES)
def test_the_kept_files_are_what_the_seed_gives(project: Path, tmp_path: Path, name):
    write(tmp_path)
    for file in sorted((tmp_path / name).iterdir()):
        assert file.read_bytes() == (project / "data" / "fixtures" / name / file.name).read_bytes(), file.name


def audited(project: Path, name: str):
    return session.run(case=project / "data" / "fixtures" / name / "case.yaml")


def test_the_inflated_series_is_found(project):
    result = audited(project, "simulated-inflated")
    assert result.simulated
    assert result.verdict.hypothesis == "inflated"
    assert len(result.verdict.scores[Hypothesis.INFLATED].by_family) >= 2


def test_the_doubled_day_is_a_data_error(project):
    result = audited(project, "simulated-doubled-day")
    assert result.simulated
    assert result.verdict.hypothesis == "data_error"


@pytest.mark.parametrize("seed", range(12))
def test_the_same_rise_of_ordinary_use_is_not_called_inflated(seed):
    """A rise of the same size whose added traffic keeps its users' weekends and noise."""
    import numpy as np
    import pandas as pd

    from auditor.calibration.simulate import Platform, platform
    from auditor.case import Case
    from auditor.casefile import window
    from auditor.observations import Frequency, Observations
    from auditor.panel import Panel
    from auditor.walk import audit

    base = platform(Platform(entities=30, days=84), seed=seed)
    values = base.values.copy()
    subject = int(np.argsort(-values.mean(axis=0))[4])
    values[42:70, subject] *= 3.0
    dates = pd.date_range("2026-01-05", periods=84)
    order = np.argsort(-values, axis=1)
    rows = []
    for t, date in enumerate(dates):
        rows += [(date, base.names[i], "total_tokens", values[t, i]) for i in order[t, :20]]
        rows.append((date, "other", "total_tokens", values[t, order[t, 20:]].sum()))
    panel = Panel.of(Observations(pd.DataFrame(rows, columns=["date", "entity", "metric", "value"]), Frequency.DAY))
    result = audit(panel, Case(subject=(base.names[subject],), window=window("2026-02-16:2026-03-15")))
    assert result.verdict.hypothesis != "inflated"
