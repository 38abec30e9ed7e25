"""The whole estimation: same seed, same bytes; the shipped table says at audit time what calibration measured."""

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from auditor.calibration import table as tables
from auditor.calibration.calibrate import Calibration, calibrate, choose
from auditor.calibration.crossval import fit
from auditor.calibration.evidence import CLASSES, RIVALS, evidence
from auditor.findings import Family, Finding, Hypothesis, Statistic
from auditor.texts.message import Message
from auditor.verdict.decide import decide
from auditor.verdict.domain import Domain
from auditor.verdict.table import from_document
from auditor.verdict.weigh import weigh
from tests.build import panel, scene
from tests.calibration.synthetic import episodes_of, feature_table

PLANS = [("family_mean", "bins"), ("pairwise", "bins")]
FRAME = feature_table(0, entities=12, weeks=6)
FRAME["days"] = 14
LABELLED = FRAME["episode"].isin(sorted(FRAME.loc[FRAME["truth"] == "incentivised", "episode"].unique())[:3])
FRAME.loc[LABELLED, "kind"] = "labelled"
UNKNOWN = FRAME["episode"].isin(sorted(FRAME.loc[FRAME["truth"] == "organic", "episode"].unique())[:4])
FRAME.loc[UNKNOWN, "certainty"] = "unlabelled"


@pytest.fixture(scope="module")
def made() -> Calibration:
    return calibrate(FRAME, episodes_of(FRAME), seed=3, quick=True, plans=PLANS, origin={"command": "test"})


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(made):
    again = calibrate(
        FRAME.sample(frac=1, random_state=1), None, seed=3, quick=True, plans=PLANS, origin={"command": "test"}
    )
    assert tables.dumps(again.table) == tables.dumps(made.table)
    del again.report["counts"]["failed"]
    report = {k: v for k, v in made.report.items() if k != "counts"}
    assert {k: v for k, v in again.report.items() if k != "counts"} == report


def test_the_report_is_plain_json_and_holds_what_is_promised(made):
    text = json.dumps(made.report, allow_nan=False)
    assert json.loads(text) == made.report
    for tier in ("1", "2", "3"):
        figures = made.report["tiers"][tier]
        assert {
            "false_accusation",
            "tippett",
            "reliability",
            "cllr",
            "cllr_min",
            "bound",
            "confusion",
            "power_cells",
        } <= set(figures)
        assert sum(r["n"] for r in figures["confusion"]) == made.report["counts"]["used"]
        for line in figures["confusion"]:
            assert line["n"] == line["insufficient"] + sum(line[h.value] for h in Hypothesis)
    assert {b["what"] for b in made.report["bars"]} >= {
        "false_accusation",
        "bound",
        "power",
        "cllr",
        "data_error_named",
    }
    assert len(made.report["labelled"]) == 3


def test_more_knowledge_costs_less(made):
    cost = [made.report["tiers"][t]["cllr"] for t in ("1", "2", "3")]
    assert cost[2] < cost[1] < cost[0] < 1


def test_surges_that_nobody_explained_teach_nothing_but_are_scored(made):
    unknown = made.report["unlabelled"]
    assert unknown["episodes"] == 4
    assert made.report["counts"]["used"] == FRAME["episode"].nunique() - 4
    without = calibrate(FRAME[~UNKNOWN], None, seed=3, quick=True, plans=PLANS, origin={"command": "test"})
    assert without.table["rules"] == made.table["rules"]
    assert set(unknown["counted_as_organic"]) == {"1", "2", "3"}


def row(combination: str, method: str, cllr: float, *, holds: bool) -> dict[str, Any]:
    return {"combination": combination, "method": method, "cllr_mean": cllr, "bound_holds": holds, "above_ten": 1}


def test_the_choice_is_the_cheapest_that_keeps_the_bound_and_can_be_taken_apart():
    rows = [
        row("boosted", "", 0.1, holds=True),
        row("logistic", "kde", 0.2, holds=False),
        row("logistic", "bins", 0.3, holds=True),
        row("family_mean", "bins", 0.4, holds=True),
    ]
    assert choose(rows) == ("logistic", "bins")
    assert choose(rows[:2]) == ("logistic", "kde")


def findings(found, i):
    out = []
    for j, rule in enumerate(found.rules):
        if np.isfinite(found.value[i, j]):
            statistic = Statistic("s", float(found.value[i, j]))
            family = Family(found.families[j])
            out.append(Finding(rule, "1", rule, family, "a", None, Message.literal("x"), statistic))
    return out


@pytest.mark.parametrize("plan", [("family_mean", "bins"), ("pairwise", "kde")])
def test_an_audit_with_the_table_says_what_the_model_says(plan):
    """The shipped table, read back and used finding by finding, gives the contributions that were evaluated."""
    made = calibrate(FRAME, None, seed=3, quick=True, plans=[plan])
    shipped = from_document(json.loads(tables.dumps(made.table)), {})
    known = evidence(FRAME[~UNKNOWN])
    chosen = made.report["chosen"]
    model = fit(known, combination=chosen["combination"], method=chosen["method"], seed=3)
    place = scene(panel({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]}), "a", "2026-01-06:2026-01-07")
    rows = np.arange(0, len(known), 29)
    part = known.rows(rows)
    ratios = model.per_test(part)
    wanted = model.contributions(part, ratios, 3) / model.factor[3]
    for n in range(len(part)):
        verdict = decide(place, [weigh(f, shipped) for f in findings(part, n)], (), shipped, domain=Domain.NATIVE)
        for i, h in enumerate(RIVALS):
            held = verdict.scores[h]
            factor = shipped.tier(3).factor[h]
            for f, family in enumerate(model.families):
                assert held.by_family.get(Family(family), 0.0) == pytest.approx(wanted[n, f, i] * factor, abs=2e-3), (
                    n,
                    h,
                    family,
                )
        assert verdict.tier == 3
        assert not verdict.provisional


def test_the_table_is_small_and_its_ratios_are_bounded(made):
    text = tables.dumps(made.table)
    assert len(text) < 60_000
    shipped = from_document(json.loads(text), {})
    for curve in shipped.curves.values():
        assert list(curve.knots) == sorted(set(curve.knots))
        assert all(abs(v) <= 3 for values in curve.log10_lr.values() for v in values)
        assert Hypothesis.ORGANIC not in curve.log10_lr
    for tier in shipped.tiers.values():
        assert tier.inflated_from >= 1
        assert all(0 <= w <= 1 for weights in tier.weights.values() for w in weights.values())
        assert all(0 <= f <= 1 for f in tier.factor.values())
        assert all(c <= 3 for c in tier.cap.values())


def test_no_test_case_of_an_explanation_at_all_is_survived():
    few = FRAME[FRAME["truth"].isin(["organic", "inflated"])]
    made = calibrate(few, None, seed=0, quick=True, plans=PLANS[:1])
    assert {line["truth"]: line["n"] for line in made.report["tiers"]["1"]["confusion"]}["concentrated"] == 0
    shipped = from_document(made.table, {})
    assert all(set(curve.log10_lr) <= {Hypothesis.INFLATED} for curve in shipped.curves.values())


def test_the_command_prints_the_bars_and_writes_the_figures(tmp_path, monkeypatch):
    from auditor.calibration import calibrate as module
    from auditor.calibration import harness
    from auditor.commands.calibrate import command

    harness.write(harness.Collection(FRAME, episodes_of(FRAME).assign(error="", broken=0), 0, 0), tmp_path / "f")
    monkeypatch.setattr(module, "QUICK", tuple(PLANS[:1]))
    arguments = [
        "--quick",
        "--features",
        str(tmp_path / "f"),
        "--out",
        str(tmp_path / "o"),
        "--data",
        str(tmp_path / "no"),
    ]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    assert "false_accusation" in result.output
    assert "called inflated: 0" in result.output
    report = json.loads((tmp_path / "o" / "calibration.json").read_text(encoding="utf-8"))
    assert report["origin"]["command"] == "audit calibrate --quick --seed 0"
    assert (
        from_document(json.loads((tmp_path / "o" / "reference.json").read_text(encoding="utf-8")), {}).version == "1.0"
    )


@pytest.mark.parametrize("missing", ["features", "data"])
def test_the_command_says_what_is_missing(tmp_path, missing):
    from auditor.commands.calibrate import command
    from auditor.errors import InputError

    (tmp_path / "empty").mkdir()
    arguments = ["--features", str(tmp_path / "empty")] if missing == "features" else ["--data", str(tmp_path / "none")]
    with pytest.raises(InputError, match=r"tests\.parquet" if missing == "features" else "reference data"):
        CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_explanations_are_in_one_order_everywhere():
    assert tuple(Hypothesis) == CLASSES
    assert [h for h in CLASSES if h in RIVALS] == list(RIVALS)
