"""The whole walk on published figures: what the report must state, and what it must never say."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from auditor import session
from auditor.case import Case
from auditor.findings import Hypothesis
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.walk import Audit, audit

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def case(project: Path) -> Case:
    return session.load_case(project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")


@pytest.fixture(scope="module")
def panel(shared: Path) -> Panel:
    return session.read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")


@pytest.fixture(scope="module")
def result(panel: Panel, case: Case) -> Audit:
    return audit(panel, case)


def said(message) -> str:
    return catalogue().write(message)


def test_the_true_peak_and_its_share(result):
    finding = result.finding("AUD124")
    assert result.scene.subject.values[result.scene.peak] == 1_571_845_524_069
    assert f"{result.scene.day(result.scene.peak):%Y-%m-%d}" == "2026-04-04"
    assert "1,571.8 billion" in said(finding.statement)
    assert "43.3 %" in said(finding.statement)


def test_the_claims(result):
    outcomes = [(c.status.value, said(c.measured)) for c in result.claims]
    assert outcomes[0] == (
        "supported",
        "1,413.1 billion on 2026-04-03; the largest day was 1,571.8 billion on 2026-04-04",
    )
    assert outcomes[1][0] == "contradicted"
    assert "7.3 times" in outcomes[1][1]
    assert "on 2026-04-03" in outcomes[1][1]
    assert "9.5 times" in outcomes[1][1]
    assert "on 2026-04-04" in outcomes[1][1]
    assert outcomes[2][0] == "contradicted"
    assert "2026-03-30" in outcomes[2][1]


def test_diversion_retention_and_the_platform_total(result):
    diversion = result.finding("AUD121")
    assert diversion.statistic.value == pytest.approx(0.930, abs=0.005)
    assert {"2026-04-02", "2026-04-03"} <= set(said(diversion.statement).replace(",", " ").replace(".", " ").split())
    retention = result.finding("AUD131")
    assert retention.variant == "documented"
    assert retention.statistic.value == pytest.approx(0.0399, abs=0.0005)
    assert "4.0 %" in said(retention.statement)
    total = " ".join(said(f.statement) for f in result.findings if f.rule == "AUD123")
    assert "No step in the market total on 2026-04-03" in total
    assert "stepped at the onset on 2026-03-31" in total  # what speaks the other way is said too


def test_it_ranks_first_among_the_launches_of_the_window(result):
    finding = result.finding("AUD102")
    assert finding.statistic.rank == 1
    assert finding.statistic.n_reference >= 10


def test_the_verdict_is_incentivised_and_inflated_gets_no_support(result):
    assert result.verdict.hypothesis == "incentivised"
    assert result.verdict.scores[Hypothesis.INFLATED].log10_lr < 0.30103


def test_without_the_events_it_is_never_inflated(panel, case):
    without = audit(panel, replace(case, events=()))
    assert without.verdict.hypothesis in {"incentivised", "insufficient"}
    assert without.verdict.leading is not Hypothesis.INFLATED


@pytest.mark.parametrize(
    "window", ["2026-04-01:2026-04-07", "2026-04-03:2026-04-03", "2026-03-30:2026-04-25", "2026-04-03:2026-04-06"]
)
def test_other_reasonable_windows_do_not_turn_it_into_inflation(panel, case, window):
    from auditor.casefile import window as parse

    other = audit(panel, replace(case, window=parse(window)))
    assert other.verdict.hypothesis in {"incentivised", "insufficient"}


def test_the_restated_fixture_says_the_same(case):
    result = session.run(case=case)
    assert [c.status.value for c in result.claims] == ["supported", "contradicted", "contradicted"]
    assert result.verdict.hypothesis == "incentivised"
    assert not result.simulated


LABELLED = [
    ("openrouter/hunter-alpha", "2026-03-16:2026-03-19"),
    ("xiaomi/mimo-v2-pro-20260318", "2026-03-19:2026-04-03"),
    ("openrouter/elephant-alpha", "2026-04-13:2026-04-21"),
    ("moonshotai/kimi-k2.6-20260420", "2026-04-20:2026-04-25"),
    ("openai/gpt-4o-mini", "2026-04-04:2026-04-10"),
    ("google/gemini-3.1-flash-lite-preview-20260303", "2026-03-17:2026-03-18"),
    ("google/gemini-3.1-pro-preview-20260219", "2026-04-11:2026-04-13"),
    ("z-ai/glm-5-20260211", "2026-04-16:2026-04-18"),
]


@pytest.mark.parametrize(("subject", "window"), LABELLED)
def test_no_other_labelled_surge_is_called_inflated(panel, subject, window):
    from auditor.casefile import window as parse

    result = audit(panel, Case(subject=(subject,), window=parse(window)))
    assert result.verdict.hypothesis != "inflated"


def organic(shared: Path) -> list[tuple[str, Panel]]:
    """The 13 organic series: ten mention series and taxi trips, web requests, page views."""
    parts = [
        pd.read_csv(shared / "organic" / name)
        for name in ("nab_daily.csv", "worldcup98_daily.csv", "wiki_peyton_daily.csv")
    ]
    frame = pd.concat([p[["series_id", "date", "value"]] for p in parts])
    frame["date"] = pd.to_datetime(frame["date"])
    return [
        (
            str(name),
            Panel.of(
                Observations(
                    group.rename(columns={"series_id": "entity"}).assign(metric="count"),
                    Frequency.DAY,
                    (Source("organic"),),
                )
            ),
        )
        for name, group in frame.groupby("series_id")
    ]


def test_no_organic_series_is_called_inflated(shared):
    series = organic(shared)
    assert len(series) == 13
    for name, panel in series:
        result = audit(panel, Case(subject=(name,)))
        assert result.verdict.hypothesis != "inflated", name


def test_no_organic_series_is_called_inflated_among_its_peers(shared):
    frame = pd.read_csv(shared / "organic" / "nab_daily.csv")
    frame = (
        frame[frame["series_id"].str.contains("Twitter")]
        .rename(columns={"series_id": "entity"})
        .assign(metric="mentions")
    )
    frame["date"] = pd.to_datetime(frame["date"])
    panel = Panel.of(Observations(frame[["date", "entity", "metric", "value"]], Frequency.DAY))
    labelled = frame[frame["is_labelled_event"]]
    assert len(labelled) > 10
    for _, row in labelled.iterrows():
        result = audit(panel, Case(subject=(row["entity"],), date=row["date"].to_pydatetime()))
        assert result.verdict.hypothesis != "inflated", row["entity"]
