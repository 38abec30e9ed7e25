"""Episodes are what their specification says, whatever the order or number of workers."""

from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from auditor.calibration import design, episodes, features, harness
from auditor.calibration.bases import LONG, Base, load
from auditor.calibration.episodes import ERRORS, Spec, build
from auditor.detectors import free_share, freshness, platform_total, share_margin
from auditor.detectors.base import Rule
from auditor.errors import UsageError
from auditor.findings import Family, Hypothesis
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel
from auditor.window import elevation, resolve
from tests.calibration.test_injections import base as small_base

BASES = {LONG: small_base(days=150)}
FEW = (freshness, platform_total, share_margin, free_share)


def spec(kind: str, *, size: float = 1.0, days: int = 7, entity: int = 2, start: int = 100, **more: object) -> Spec:
    truth = Hypothesis.DATA_ERROR if kind in ERRORS else Hypothesis.INFLATED
    chosen: dict[str, object] = {
        "id": f"{kind}/{entity}/{start}/{days}/{size}",
        "truth": truth,
        "kind": kind,
        "base": LONG,
        "ids": (BASES[LONG].entities[entity],),
        "start": start,
        "days": days,
        "magnitude": size,
        "shape": kind,
        "certainty": "injected",
    }
    return Spec(**(chosen | more))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize("kind", ["flat_bot", "padding", "on_off", "profile_copy", "batch"])
def test_an_injection_raises_the_window_as_intended(kind: str) -> None:
    made = build(spec(kind, size=2.0), BASES, 0)
    scene = resolve(made.panel, made.case)
    rise = elevation(scene)
    assert rise is not None
    assert made.magnitude == pytest.approx(2.0, rel=1e-3)
    mean = scene.subject.values[scene.window].mean() / np.median(
        scene.subject.values[scene.window.start - 28 : scene.window.start]
    )
    assert mean == pytest.approx(3.0, rel=0.2)
    assert made.established


@pytest.mark.parametrize(
    ("kind", "size"), [("doubled_day", 1.0), ("unit_jump", 999.0), ("restatement", 0.5), ("partial_day", -0.5)]
)
def test_an_error_moves_the_window_as_intended(kind: str, size: float) -> None:
    made = build(spec(kind, size=size, days=1), BASES, 3)
    scene = resolve(made.panel, made.case)
    rise = elevation(scene)
    assert rise is not None
    assert rise == pytest.approx(1 + size, rel=0.4)
    assert made.truth is Hypothesis.DATA_ERROR


def test_a_restated_window_shows_two_vintages() -> None:
    made = build(spec("restatement", size=0.5, days=3), BASES, 0)
    assert made.panel.observations is not None
    frame = made.panel.observations.frame
    mine = frame[(frame["entity"] == made.entity) & (frame["metric"] == "total_tokens") & (frame["as_of"] != "")]
    inside = mine[(mine["date"] >= made.case.window.start) & (mine["date"] <= made.case.window.end)]  # type: ignore[union-attr]  # it has a window
    ratio = inside.groupby("date")["value"].agg(lambda v: v.iloc[1] / v.iloc[0])
    np.testing.assert_allclose(ratio, 1.5, rtol=1e-6)
    assert (made.panel.table("total_tokens").status == Status.REVISED).any()


def test_the_panel_equals_what_long_rows_would_give() -> None:
    """The short way to a table and ``Panel.of`` agree cell by cell."""
    made = build(spec("flat_bot"), BASES, 0)
    table = made.panel.table("total_tokens")
    rows = [
        (date, name, "total_tokens", value)
        for i, date in enumerate(table.dates)
        for name, value in (*zip(table.entities, table.values[i], strict=True), ("other", table.other[i]))
        if np.isfinite(value)
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value"])
    slow = Panel.of(Observations(frame, Frequency.DAY, (Source("test"),))).table()
    assert slow.entities == table.entities
    for name in ("values", "low", "high", "status", "other", "cutoff", "published_total", "total"):
        np.testing.assert_array_equal(getattr(slow, name), getattr(table, name), err_msg=name)


def test_tests_of_totals_do_not_see_the_other_tiers() -> None:
    made = build(spec("flat_bot"), BASES, 0)
    alone = Panel(
        {"total_tokens": made.panel.table("total_tokens")}, made.panel.frequency, made.panel.sources, (), None
    )
    for module in (platform_total, share_margin):
        one, other = (module.detect(resolve(p, made.case)) for p in (made.panel, alone))
        assert [repr(o) for o in one] == [repr(o) for o in other]


def test_week_entity_and_age_are_those_of_the_true_window() -> None:
    made = build(spec("flat_bot", start=100, early=1, late=2), BASES, 0)
    first = BASES[LONG].dates[100]
    assert made.week == f"{first.isocalendar().year}-W{first.isocalendar().week:02d}"
    assert made.entity == BASES[LONG].entities[2]
    assert made.days == 10
    assert made.case.window is not None
    assert made.case.window.start == BASES[LONG].dates[99].to_pydatetime()


def test_a_subject_first_seen_lately_is_new() -> None:
    late = BASES[LONG]
    values = late.values.copy()
    values[:95, 2] = np.nan
    changed = {
        LONG: Base(late.name, late.metric, late.frequency, late.dates, late.entities, values, late.other, late.source)
    }
    assert not build(spec("flat_bot"), changed, 0).established
    assert build(spec("flat_bot", start=120), changed, 0).established


def test_a_hidden_offer_shows_no_mark_and_never_takes_a_name_that_is_taken() -> None:
    first = BASES[LONG]
    names = ("maker/model-00:free", "maker/model-00", *first.entities[2:])
    named = {
        LONG: Base(
            first.name, first.metric, first.frequency, first.dates, names, first.values, first.other, first.source
        )
    }
    asked = spec("", ids=(names[0],), hidden=True, magnitude=float("nan"), truth=Hypothesis.INCENTIVISED)
    made = build(asked, named, 0)
    assert made.events == "hidden"
    assert not any(e.endswith(":free") for e in made.panel.table("total_tokens").entities)
    assert len(set(made.panel.table("total_tokens").entities)) == len(made.panel.table("total_tokens").entities)


def test_an_unknown_base_is_named() -> None:
    with pytest.raises(UsageError, match="no base 'nowhere'"):
        build(spec("flat_bot", base="nowhere"), BASES, 0)


def test_two_episodes_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two episodes"):
        episodes.check_unique([spec("flat_bot"), spec("flat_bot")])


def test_an_episode_depends_on_seed_and_name_alone() -> None:
    one, again, other = (build(spec("flat_bot"), BASES, s).panel.table("total_tokens").values for s in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other, equal_nan=True)


def broken(scene: object, params: object) -> list[object]:
    raise ZeroDivisionError("no such thing")


def test_a_failing_test_is_a_row_and_a_failing_episode_is_counted() -> None:
    rule = Rule("AUD999", "broken", Family.RHYTHM)
    module = SimpleNamespace(RULE=rule, detect=broken, __name__="broken")
    measurer = harness.Measurer(BASES, 0, (module, freshness))  # type: ignore[arg-type]  # stands in for a module
    own, rows = measurer.measure(spec("flat_bot"))
    failed = [r for r in rows if r["rule"] == "AUD999"]
    assert [r["error"] for r in failed] == ["ZeroDivisionError: no such thing"]
    assert not failed[0]["applicable"]
    assert own["broken"] == 1
    assert any(r["rule"] == "AUD171" and r["applicable"] for r in rows)
    lost, nothing = measurer.measure(spec("flat_bot", ids=("nobody/at-all",)))
    assert nothing == []
    assert "nobody/at-all" in lost["error"]


def test_tiers_follow_what_a_test_reads() -> None:
    assert features.tier_of("AUD121", Family.MARKET) == 1
    assert features.tier_of("AUD142", Family.COMPOSITION) == 2
    assert features.tier_of("AUD161", Family.INDEPENDENCE) == 3
    assert features.tier_of("AUD132", Family.PRICE_EVENTS, "ids") == 1
    assert features.tier_of("AUD132", Family.PRICE_EVENTS, "documented") == 2


@pytest.mark.shared
def test_rules_take_their_tier_from_what_they_require() -> None:
    from auditor import rulebook

    tiers = {r.id: features.tier_of(r.id, r.family, "", r.requires) for r in rulebook.load().rules}
    assert tiers["AUD212"] == 1
    assert tiers["AUD206"] == tiers["AUD275"] == tiers["AUD300"] == 2
    assert tiers["AUD270"] == tiers["AUD272"] == 3


@pytest.mark.shared
@pytest.mark.slow
def test_order_and_number_of_workers_do_not_matter(shared: Path, tmp_path: Path) -> None:
    bases = load(shared)
    specs = design.part(design.full(bases, shared), 0.001)[::5]
    assert len({s.truth for s in specs}) == 5
    modules: tuple[ModuleType, ...] = FEW
    one = harness.collect(specs, shared, jobs=1, detectors=modules)
    two = harness.collect(specs, shared, jobs=2, detectors=modules)
    back = harness.collect(specs[::-1], shared, jobs=1, detectors=modules)
    assert one.failures == one.broken == 0
    paths = [harness.write(c, tmp_path / name) for c, name in ((one, "one"), (two, "two"))]
    assert [p.read_bytes() for p in paths[0]] == [p.read_bytes() for p in paths[1]]
    ordered = back.episodes.set_index("episode").loc[one.episodes["episode"]].reset_index()
    pd.testing.assert_frame_equal(ordered, one.episodes)
    again = harness.read(tmp_path / "one")
    assert len(again.tests) == len(one.tests)
    assert set(features.OUTCOME) < set(again.tests.columns)


def test_rules_that_found_nothing_are_told_from_rules_that_could_not_run() -> None:
    from auditor import rulebook

    measurer = harness.Measurer(BASES, 0, (freshness,), rulebook.load())
    own, rows = measurer.measure(spec("doubled_day", days=1))
    assert own["broken"] == 0
    by_rule = {r["rule"]: r for r in rows}
    assert by_rule["AUD212"]["applicable"]
    assert not by_rule["AUD212"]["hit"]
    assert not by_rule["AUD203"]["applicable"]
    assert {r["elevation"] for r in rows} == {own["elevation"]}
    assert len(by_rule) == 1 + len(measurer.book.rules)  # type: ignore[union-attr]  # it was given one
