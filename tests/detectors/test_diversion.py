"""AUD121: D on worked examples, its headline rule, its bounds, and the founding case."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import diversion
from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable, Outcome, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")
QWEN = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")


def days(start: str, end: str) -> Window:
    return Window(pd.Timestamp(start).to_pydatetime(), pd.Timestamp(end).to_pydatetime())


def scene(
    columns: dict[str, list[float]],
    window: tuple[int, int],
    *,
    start: pd.Timestamp = MONDAY,
    half: float = 0.0,
    frequency: Frequency = Frequency.DAY,
) -> Scene:
    """Build a scene of subject ``s`` from columns of equal length; NaN leaves the row out."""
    rows = [
        (start + i * pd.Timedelta(hours=round(24 * frequency.days)), name, "n", value, value - half, value + half)
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value", "low", "high"])
    panel = Panel.of(Observations(frame, frequency))
    dates = panel.table().dates
    return resolve(
        panel, Case(subject=("s",), window=Window(dates[window[0]].to_pydatetime(), dates[window[1]].to_pydatetime()))
    )


def only(found: list[Outcome]) -> Finding:
    (finding,) = found
    assert isinstance(finding, Finding), finding
    return finding


def flat(n: int = 28) -> dict[str, list[float]]:
    return {"s": [10.0] * n, "a": [60.0] * n, "b": [20.0] * n, "other": [10.0] * n}


def rise(columns: dict[str, list[float]], row: int, subject: float, a: float) -> dict[str, list[float]]:
    for i in range(row, len(columns["s"])):
        columns["s"][i] += subject
        columns["a"][i] += a
    return columns


@pytest.mark.parametrize(
    ("peer", "d", "key"),
    [
        (-15.0, 0.75, "AUD121.diverted_donor"),
        (0.0, 0.0, "AUD121.added"),
        (10.0, -0.5, "AUD121.along"),
        (-30.0, 1.5, "AUD121.exceeded_donor"),
    ],
)
def test_worked_answer(peer: float, d: float, key: str) -> None:
    found = only(diversion.detect(scene(rise(flat(), 15, 20.0, peer), (15, 18))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(d)
    assert found.statement.key == key
    assert found.statement.values["before"] == 100.0
    assert found.statement.values["after"] == pytest.approx(120.0 + peer)


def test_rows_recompute_the_headline_and_name_the_donor() -> None:
    found = only(diversion.detect(scene(rise(flat(), 15, 20.0, -15.0), (15, 18))))
    assert found.data is not None
    assert found.statistic is not None
    table = [dict(zip(found.data.columns, row, strict=True)) for row in found.data.rows]
    head = table[0]
    assert 1 - (head["after"] - head["before"]) / head["subject_rise"] == pytest.approx(found.statistic.value)
    donor = next(row for row in table if row["what"] == "peer: a")
    assert (donor["change"], donor["share_of_rise"]) == (-15.0, -0.75)
    assert found.statement.values["donor"] == "a"


def test_rounding_reaches_the_interval() -> None:
    found = only(diversion.detect(scene(rise(flat(), 15, 20.0, -15.0), (15, 18), half=0.05)))
    assert found.statistic is not None
    # peers fell by 15 within 2 x 0.05 for each of a and b; the subject rose by 20 within 0.1
    assert found.statistic.low == pytest.approx(14.8 / 20.1)
    assert found.statistic.high == pytest.approx(15.2 / 19.9)


def test_subject_below_the_cut_off_before_is_bounded() -> None:
    columns = flat()
    columns["s"] = [float("nan")] * 15 + [30.0] * 13
    columns["a"] = [60.0] * 15 + [40.0] * 13
    found = only(diversion.detect(scene(columns, (15, 18))))
    assert found.statistic is not None
    # the total rose from 90 to 100; the subject came from somewhere in [0, 20], the lowest listed value
    assert found.statistic.low == pytest.approx(1 - 10 / 10)
    assert found.statistic.high == pytest.approx(1 - 10 / 30)
    assert "AUD121.limit_censored" in {limit.key for limit in found.limits}


def seasonal(weeks: int = 6) -> dict[str, list[float]]:
    week = np.array([100.0, 104, 106, 105, 100, 75, 77])
    shape = np.tile(week, weeks) * (1 + 0.004 * np.sin(np.arange(7 * weeks) ** 2))
    return {"s": [2.0] * shape.size, "a": list(0.7 * shape), "b": list(0.3 * shape), "other": [1.0] * shape.size}


def test_weekend_dip_is_not_taken_for_diversion() -> None:
    columns = seasonal()
    saturday = 3 * 7 + 5
    for i in range(saturday, saturday + 2):
        columns["s"][i] += 25.0  # added on top: nothing else moved but the weekend
    found = only(diversion.detect(scene(columns, (saturday, saturday + 1))))
    assert found.statistic is not None
    assert abs(found.statistic.value) < 0.1
    assert found.figures["d_plain"] > 0.9  # what the unadjusted figure would have said
    assert found.statement.key == "AUD121.added_season"


def test_rise_on_an_ordinary_weekday_is_left_as_published() -> None:
    columns = seasonal()
    columns["s"][3 * 7 + 3] += 25.0
    found = only(diversion.detect(scene(columns, (3 * 7 + 2, 3 * 7 + 4))))
    assert found.statistic is not None
    assert found.statistic.value == found.figures["d_plain"]


def test_headline_is_the_largest_rise_of_the_window() -> None:
    columns = rise(rise(flat(), 14, 5.0, 0.0), 16, 20.0, -20.0)
    found = only(diversion.detect(scene(columns, (13, 20))))
    assert found.statistic is not None
    assert found.window is not None
    assert found.statistic.value == pytest.approx(1.0)
    assert found.window.end == (MONDAY + pd.Timedelta(days=16)).to_pydatetime()
    assert found.data is not None
    assert any(str(row[0]).startswith("rise of 2026-01-19") for row in found.data.rows)


def test_other_rises_of_the_window_are_not_hidden() -> None:
    found = only(diversion.detect(scene(rise(rise(flat(), 14, 12.0, 0.0), 16, 20.0, -20.0), (13, 20))))
    (step,) = [limit for limit in found.limits if limit.key == "AUD121.limit_step"]
    assert step.values["least"] == pytest.approx(0.0)
    assert step.values["least_day"] == (MONDAY + pd.Timedelta(days=14)).to_pydatetime()


def reason(found: list[Outcome]) -> str:
    (outcome,) = found
    assert isinstance(outcome, NotApplicable), outcome
    assert catalogue().write(outcome.reason)
    return outcome.reason.key


def test_not_applicable() -> None:
    alone = flat()
    del alone["other"]
    assert reason(diversion.detect(scene(rise(alone, 15, 20.0, 0.0), (15, 18)))) == "AUD121.no_total"
    assert reason(diversion.detect(scene(flat(), (15, 18)))) == "AUD121.no_rise"
    assert reason(diversion.detect(scene(rise(flat(), 15, 1.5, 0.0), (15, 18)))) == "AUD121.rise_too_small"
    assert reason(diversion.detect(scene(rise(flat(1), 0, 20.0, 0.0), (0, 0)))) == "AUD121.no_rise"


def test_noise_raises_the_floor() -> None:
    columns = flat(42)
    rng = np.random.default_rng(3)
    columns["a"] = list(60.0 * np.exp(rng.normal(0, 0.1, 42)))
    assert reason(diversion.detect(scene(rise(columns, 20, 15.0, 0.0), (20, 22)))) == "AUD121.rise_too_small"


def test_short_panel_says_that_scatter_is_unknown() -> None:
    found = only(diversion.detect(scene(rise(flat(4), 2, 20.0, -10.0), (2, 3))))
    assert found.confidence == "low"
    assert {"AUD121.limit_no_noise", "AUD121.limit_no_placebo"} <= {limit.key for limit in found.limits}


@given(factor=st.floats(1e-3, 1e9), weeks=st.integers(-40, 40))
@settings(max_examples=15, deadline=None)
def test_scale_and_whole_weeks_change_nothing(factor: float, weeks: int) -> None:
    columns = rise(seasonal(), 24, 30.0, -12.0)
    base = only(diversion.detect(scene(columns, (23, 27))))
    moved = only(
        diversion.detect(
            scene(
                {k: [factor * x for x in v] for k, v in columns.items()},
                (23, 27),
                start=MONDAY + pd.Timedelta(weeks=weeks),
            )
        )
    )
    assert base.statistic is not None
    assert moved.statistic is not None
    assert moved.statistic.value == pytest.approx(base.statistic.value)
    assert moved.statistic.p == base.statistic.p
    assert moved.statement.key == base.statement.key


@given(order=st.permutations(["a", "b", "c"]), size=st.floats(0.1, 3.0))
@settings(max_examples=15, deadline=None)
def test_names_of_peers_and_a_constant_entity_do_not_matter(order: list[str], size: float) -> None:
    columns = rise(seasonal(), 24, 30.0, -12.0)
    base = only(diversion.detect(scene(columns, (23, 27))))
    renamed = {"s": columns["s"], order[0]: columns["a"], order[1]: columns["b"], "other": columns["other"]}
    renamed[order[2]] = [size] * len(columns["s"])
    found = only(diversion.detect(scene(renamed, (23, 27))))
    assert found.figures["d_plain"] == pytest.approx(base.figures["d_plain"])
    assert found.statement.values["donor"] == order[0]


@pytest.mark.parametrize("frequency", [Frequency.HOUR, Frequency.WEEK])
def test_other_frequencies(frequency: Frequency) -> None:
    found = only(diversion.detect(scene(rise(flat(60), 50, 20.0, -15.0), (50, 52), frequency=frequency)))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.75)


@pytest.mark.shared
def test_founding_case(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(raw["date"]),
            "entity": raw["model_permaslug"],
            "metric": "total_tokens",
            "value": raw["total_tokens"].astype(float),
        }
    )
    window = days("2026-03-30", "2026-04-08")
    case = Case(subject=QWEN, name="Qwen3.6-Plus", window=window)
    found = only(diversion.detect(resolve(Panel.of(Observations(frame, Frequency.DAY)), case)))
    assert found.statistic is not None
    assert round(found.statistic.value, 3) == 0.930
    assert found.window == days("2026-04-02", "2026-04-03")
    assert found.statistic.rank == 1
    sentence = catalogue().write(found.statement)
    assert "From 2026-04-02 to 2026-04-03" in sentence
    assert "D = 0.93" in sentence
    assert "4,043.3 billion to 4,091.9 billion" in sentence
    assert found.statement.values["donor"] == "xiaomi/mimo-v2-pro-20260318"
    assert found.figures["d_season"] == pytest.approx(0.82, abs=0.01)
    for limit in found.limits:
        assert catalogue().write(limit)
