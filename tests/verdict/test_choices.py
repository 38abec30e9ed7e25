"""Other choices, other sources, other domains: what is varied, what is left alone."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditor.case import Case
from auditor.detectors.registry import DETECTORS
from auditor.findings import Hypothesis
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.verdict.domain import Domain
from auditor.verdict.fragility import without_sources
from auditor.verdict.lattice import lattice
from auditor.verdict.rebuild import FEWEST_PEERS, FEWEST_WINDOWS, mapped, placebo_windows, rebuild
from auditor.verdict.table import Curve, ReferenceTable, Tier
from auditor.walk import audit
from tests.build import panel, scene

H = Hypothesis


def market(days=140, peers=24, *, metric="total_tokens", seed=0, rise=3.0, start=90, length=14):
    rng = np.random.default_rng(seed)
    week = np.where(np.arange(days) % 7 >= 5, 0.75, 1.0)
    columns = {}
    for i in range(peers):
        noise = np.cumsum(0.08 * rng.standard_normal(days)) * 0.7
        columns[f"m{i:02d}"] = (1e9 * (1 + i) * week * np.exp(noise + 0.05 * rng.standard_normal(days))).tolist()
    own = 5e9 * week * np.exp(0.08 * rng.standard_normal(days))
    own[start : start + length] *= rise
    own[start + length // 2] *= 2.5  # the peak lies well inside, so that every shift of the window keeps it
    columns["own"] = own.tolist()
    return panel(columns, start="2026-01-05", metric=metric, frequency=Frequency.DAY)


def question(built):
    return scene(built, "own", "2026-04-05:2026-04-18")


@pytest.fixture(scope="module")
def asked():
    built = market()
    place = question(built)
    return audit(built, place.case)


def test_each_choice_is_varied_alone_and_said(asked):
    rows = lattice(asked.scene, asked.findings, asked.not_applicable, detectors=DETECTORS)
    kinds = [r.kind for r in rows]
    assert kinds.count("window") == 9
    assert kinds.count("donors") == 1
    assert kinds.count("baseline") == 3
    said = [catalogue().write(r.choice) for r in rows]
    assert len(set(said)) == len(said)
    assert all(r.hypothesis in {h.value for h in H} | {"insufficient"} for r in rows)


def test_the_lattice_is_deterministic_and_quick(asked):
    began = time.process_time()
    first = lattice(asked.scene, asked.findings, asked.not_applicable, detectors=DETECTORS)
    assert time.process_time() - began < 1.5
    assert first == lattice(asked.scene, asked.findings, asked.not_applicable, detectors=DETECTORS)


def test_choices_the_record_does_not_allow_are_left_out():
    built = panel({"own": [1.0] * 6 + [5.0] * 3, "b": [1.0] * 9})
    result = audit(built, scene(built, "own", "2026-01-11:2026-01-13").case)
    rows = lattice(result.scene, result.findings, result.not_applicable, detectors=DETECTORS)
    assert "baseline" not in [r.kind for r in rows]
    assert "donors" not in [r.kind for r in rows]
    said = " ".join(catalogue().write(r.choice) for r in rows)
    assert "later" not in said.split("ends")[-1]  # nothing after the last day


def test_named_donors_are_compared_with_all(asked):
    few = tuple(f"m{i:02d}" for i in range(12))
    case = replace(asked.case, donors=few)
    result = audit(asked.scene.panel, case)
    said = [catalogue().write(r.choice) for r in lattice(result.scene, result.findings, detectors=DETECTORS)]
    assert "all peers are compared with, not only those the case names" in said


def two_sources():
    rng = np.random.default_rng(0)
    dates = pd.date_range("2026-01-05", periods=40)
    rows = [
        (d, e, "total_tokens", 1e9 * v, "one")
        for e in "abcdef"
        for d, v in zip(dates, np.exp(rng.normal(size=40)), strict=True)
    ]
    rows += [
        (d, e, "page_views", 1e3 * v, "two")
        for e in "ab"
        for d, v in zip(dates, np.exp(rng.normal(size=40)), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value", "source"])
    return Panel.of(Observations(frame, Frequency.DAY, (Source("one"), Source("two"))))


def ask(built, case):
    return audit(built, case).verdict


def test_the_question_is_asked_again_without_each_source():
    built = two_sources()
    case = Case(subject=("a",), metric="total_tokens")
    rows = without_sources(built, case, ask)
    assert [r.source for r in rows] == ["one", "two"]
    assert rows[0].hypothesis == ""  # the subject itself rests on it
    assert rows[0].leading is None
    kept = built.observations.frame.query("source == 'one'")
    alone = Panel.of(replace(built.observations, frame=kept, sources=(Source("one"),)))
    assert rows[1].hypothesis == ask(alone, case).hypothesis


def test_one_source_has_nothing_to_be_left_out():
    built = market(days=40, peers=3, start=20)
    assert without_sources(built, Case(subject=("own",)), ask) == ()


KNOTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CURVE = Curve(
    "value",
    steps=False,
    knots=KNOTS,
    log10_lr={H.INFLATED: tuple(2 * k for k in KNOTS)},
    quantiles=tuple(np.linspace(0, 1, 21)),
)


def test_a_rebuilt_curve_reads_the_same_quantile_whatever_the_unit():
    rng = np.random.default_rng(0)
    own = rng.uniform(0, 1, 4000)
    same = mapped(CURVE, own, peers=10_000)
    scaled = mapped(CURVE, 1000 * own + 7, peers=10_000)
    for q in (0.1, 0.5, 0.9):
        assert same.at(q)[H.INFLATED] == pytest.approx(CURVE.at(q)[H.INFLATED], abs=0.05)
        assert scaled.at(1000 * q + 7)[H.INFLATED] == pytest.approx(CURVE.at(q)[H.INFLATED], abs=0.05)


def test_few_peers_shrink_and_cap_a_rebuilt_ratio():
    own = np.linspace(0, 1, 50)
    assert mapped(CURVE, own, peers=10).at(1.0)[H.INFLATED] == pytest.approx(1.0)  # half of 2, below log10(11)
    assert mapped(CURVE, own, peers=2).at(1.0)[H.INFLATED] == pytest.approx(2 * 2 / 12)


def reference():
    quantiles = tuple(np.linspace(0.2, 3.0, 21))
    curve = Curve("value", steps=False, knots=(0.5, 2.0), log10_lr={H.INFLATED: (0.5, -0.5)}, quantiles=quantiles)
    single = Curve(
        "value", steps=True, knots=(0.0,), log10_lr={H.INFLATED: (0.4,), H.DATA_ERROR: (0.6,)}, quantiles=(0.0,) * 21
    )
    return ReferenceTable(
        "r",
        provisional=False,
        rules={},
        curves={("AUD114", ""): curve, ("AUD172", "none"): single},
        tiers={1: Tier(weights={"AUD114": {H.INFLATED: 1.0}})},
    )


def test_placebo_windows_keep_off_the_case_and_off_each_other():
    place = question(market())
    windows = placebo_windows(place)
    assert len(windows) >= FEWEST_WINDOWS
    assert len({e for e, _ in windows}) >= FEWEST_PEERS
    assert all(e != "own" for e, _ in windows)
    for entity, window in windows:
        assert window.stop <= place.window.start - 14 or window.start >= place.window.stop + 14
        assert not any(
            e == entity and w != window and w.start < window.stop and window.start < w.stop for e, w in windows
        )


def test_the_reference_is_rebuilt_where_the_panel_has_enough_and_says_so():
    place = question(market(metric="downloads"))
    made = rebuild(place, reference(), detectors=DETECTORS)
    assert made is not None
    assert made.tests == ("AUD114",)
    assert made.peers >= FEWEST_PEERS
    curve = made.table.curves["AUD114", ""]
    assert curve.knots != reference().curves["AUD114", ""].knots
    assert made.table.curves["AUD172", "none"].log10_lr[H.INFLATED] == (0.2,)
    assert made.table.curves["AUD172", "none"].log10_lr[H.DATA_ERROR] == (0.6,)
    from auditor.verdict.decide import decide

    verdict = decide(place, [], (), made.table, domain=Domain.REBUILT)
    assert verdict.domain_words is not None
    assert "placebo windows" in catalogue().write(verdict.domain_words)


def test_a_small_panel_is_not_rebuilt():
    place = question(market(peers=5))
    assert rebuild(place, reference(), detectors=DETECTORS) is None
    assert rebuild(question(market()), replace(reference(), provisional=True), detectors=DETECTORS) is None


def test_a_verdict_is_completed_and_otherwise_unchanged():
    from auditor.verdict.complete import complete

    built = two_sources()
    result = audit(built, Case(subject=("a",), metric="total_tokens"))
    full = complete(result.verdict, result.scene, result.findings, result.not_applicable, detectors=DETECTORS, ask=ask)
    assert full.lattice
    assert [s.source for s in full.without_source] == ["one", "two"]
    assert replace(full, lattice=(), without_source=()) == result.verdict
