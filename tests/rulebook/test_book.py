"""From a rule's rows to findings: what weighs, what is only listed, and that the answer is always the same."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.base import Scene
from auditor.errors import ErrorList, UsageError
from auditor.findings import Finding, Hypothesis, NotApplicable, Outcome, Severity
from auditor.rulebook import testing
from auditor.rulebook.book import MOST_ELSEWHERE, Rulebook
from auditor.texts.catalogue import catalogue
from tests.rulebook.conftest import rule_from


def scene(
    subject: str = "a", window: str = "2026-01-06:2026-01-06", a: str = "50 100 50", b: str = "10 95 10"
) -> Scene:
    case = rule_from().tests[0]
    return testing.scene_of(
        replace(case, series={"a": tuple(a.split()), "b": tuple(b.split())}, subject=(subject,), window=window)
    )


def findings(at: Scene, *rules: object) -> list[Finding]:
    book = Rulebook(tuple(rules) or (rule_from(),))  # type: ignore[arg-type]  # rules are given positionally
    return [f for f in book.run(at) if isinstance(f, Finding)]


def test_a_hit_on_the_subject_in_the_window_weighs() -> None:
    own, other = findings(scene())
    assert (own.subject, own.weighs, dict(own.log10_lr)) == ("a", True, {Hypothesis.DATA_ERROR: 0.5})
    assert own.severity is Severity.HIGH
    assert own.statistic is not None
    assert own.statistic.value == 100
    assert (other.subject, other.weighs, dict(other.log10_lr), other.severity) == ("b", False, {}, Severity.INFO)


@pytest.mark.parametrize(("subject", "window"), [("a", "2026-01-07:2026-01-07"), ("a", "2026-01-05:2026-01-05")])
def test_a_hit_outside_the_window_is_listed_without_weight(subject: str, window: str) -> None:
    assert [f.weighs for f in findings(scene(subject, window))] == [False, False]


def test_a_hit_on_the_whole_table_bears_on_everyone() -> None:
    rule = rule_from(
        "SELECT date, max(value) AS value, 'x' AS who FROM daily WHERE value > 90 GROUP BY date", message='"{who}"'
    )
    (found,) = findings(scene("b"), rule)
    assert found.weighs
    assert found.subject == "b"


def test_a_group_bears_on_its_members_only() -> None:
    rule = rule_from(
        "SELECT date, max(d.value) AS value, list(DISTINCT m.x ORDER BY m.x) AS members FROM daily d, (VALUES ('a'), ('c')) m(x) WHERE d.value > 90 GROUP BY date",
        message="hit",
    )
    assert [f.weighs for f in findings(scene("a"), rule)] == [True]
    assert [(f.weighs, f.subject) for f in findings(scene("b"), rule)] == [(False, "a, c")]


def test_an_experimental_rule_carries_no_weight_and_says_so() -> None:
    (own, _) = findings(scene(), rule_from(status="experimental"))
    assert not own.weighs
    assert "experimental" in " ".join(catalogue().write(m) for m in own.limits)


def test_low_confidence_halves_the_weight_and_n_reference_caps_it() -> None:
    low = rule_from(level="high\nconfidence: low")
    assert dict(findings(scene(), low)[0].log10_lr) == {Hypothesis.DATA_ERROR: 0.25}
    capped = rule_from("SELECT date, entity, value, 1 AS n_reference FROM daily WHERE value > 90")
    assert findings(scene(), capped)[0].log10_lr[Hypothesis.DATA_ERROR] == pytest.approx(0.30103, abs=1e-5)
    ranked = rule_from("SELECT date, entity, value, 0.5 AS p FROM daily WHERE value > 90")
    assert findings(scene(), ranked)[0].log10_lr[Hypothesis.DATA_ERROR] == pytest.approx(0.30103, abs=1e-5)


def test_the_band_of_the_measured_value_is_used() -> None:
    (own, _) = findings(scene(a="50 5000 50"))
    assert dict(own.log10_lr) == {Hypothesis.DATA_ERROR: 1.0, Hypothesis.INFLATED: -0.4}


def test_a_value_that_no_band_covers_carries_no_weight() -> None:
    rule = rule_from("SELECT date, entity, value FROM daily WHERE value BETWEEN 40 AND 60")
    assert all(not f.weighs for f in findings(scene(window="2026-01-05:2026-01-07"), rule))


def test_the_statement_and_limits_are_readable_and_braces_survive() -> None:
    (own, _) = findings(scene())
    assert catalogue().write(own.statement) == "a states 100 on 2026-01-06."
    assert catalogue().write(own.limits[0]) == "A launch {multiplies} figures for real."


def test_evidence_is_kept_row_by_row() -> None:
    rule = rule_from(
        "SELECT min(date) AS date, entity, max(value) AS value, list({'date': date, 'value': value} ORDER BY date) AS evidence "
        "FROM daily WHERE value > 40 GROUP BY entity"
    )
    own = findings(scene(window="2026-01-05:2026-01-07"), rule)[0]
    assert own.data is not None
    assert own.data.columns == ("date", "value")
    assert own.data.rows == (("2026-01-05", 50.0), ("2026-01-06", 100.0), ("2026-01-07", 50.0))


def test_hits_elsewhere_are_counted_not_all_listed() -> None:
    rows = " ".join(["10 95"] * 10)
    found = findings(scene("a", "2026-01-05:2026-01-05", a="50x20", b=rows))
    assert len(found) == MOST_ELSEWHERE
    said = " ".join(catalogue().write(m) for m in found[0].limits)
    assert f"{10 - MOST_ELSEWHERE} further hits" in said


def test_what_is_missing_is_said_in_words(book: Rulebook) -> None:
    silent = [o for o in book.run(scene()) if isinstance(o, NotApplicable)]
    words = {o.rule: catalogue().write(o.reason) for o in silent}
    assert words["AUD202"] == "Only 3 periods were published; the rule needs 8."
    assert words["AUD220"] == "No remainder row (`other`) was published, which this rule checks."
    assert words["AUD270"] == (
        "The metric is stated by one source and for one spacing only; the rule compares 2 viewpoints."
    )
    assert words["AUD273"] == "The table has 2 entities; the rule needs 8."
    assert words["AUD300"] == "The case has no event of the kind free start or promotion."


def test_the_same_scene_gives_the_same_bytes_and_a_session_changes_nothing(book: Rulebook) -> None:
    def text(outcomes: list[Outcome]) -> str:
        plain = [
            (
                o.rule,
                o.subject,
                str(o.window),
                sorted(o.log10_lr.items()),
                sorted(o.figures.items()),
                o.data,
                str(o.statement),
            )
            if isinstance(o, Finding)
            else o.rule
            for o in outcomes
        ]
        return json.dumps(plain, default=str)

    first, second = scene("a"), scene("b")
    alone = [text(book.run(s)) for s in (first, second)]
    with book.session() as session:
        # Two questions of one panel; the second session call must not see the first one's subject.
        shared = [text(session.run(first)), text(session.run(replace(second, panel=first.panel, table=first.table)))]
    assert alone == shared
    assert alone[0] == text(book.run(first))


def test_a_session_refuses_another_panel(book: Rulebook) -> None:
    with book.session() as session:
        session.run(scene("a"))
        with pytest.raises(ValueError, match="one panel and one metric"):
            session.run(scene("b"))


@pytest.mark.parametrize("frequency", ["hour", "day", "week", "month"])
def test_all_rules_run_at_every_spacing_and_on_odd_names(book: Rulebook, frequency: str) -> None:
    case = rule_from().tests[0]
    names = {
        "o'brien; DROP TABLE daily --": ("50x30",),
        'a"b': ("40x29", "400"),
        "other": ("9x30",),
        "total": ("99x30",),
    }
    series = {n: tuple(v) for n, v in names.items()}
    at = testing.scene_of(
        replace(case, series=series, metric="it's tokens", frequency=frequency, subject=(), start="2026-01-01")
    )
    assert len({o.rule for o in book.run(at)} | {r.id for r in book.rules}) == len(book.rules)


def test_a_panel_without_its_observations_is_read_all_the_same(book: Rulebook) -> None:
    at = scene()
    bare = replace(at, panel=replace(at.panel, observations=None))
    assert {o.rule for o in book.run(bare) if isinstance(o, NotApplicable)} >= {"AUD218", "AUD250", "AUD270"}


def test_a_rule_without_date_is_an_error() -> None:
    with pytest.raises(UsageError, match="rule AUD490: the SQL returns no column `date`"):
        findings(scene(), rule_from("SELECT entity, value FROM daily"))


def test_an_unknown_rule_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        Rulebook((rule_from(),)).rule("probr")
    assert "did you mean probe" in str(caught.value)


def test_a_users_rule_may_not_take_a_shipped_name(folder: object) -> None:
    from pathlib import Path

    from auditor import rulebook

    path = Path(str(folder)) / "AUD490_probe.yaml"
    path.write_text(path.read_text().replace("name: probe", "name: negative_value"))
    with pytest.raises(ErrorList, match="is taken by"):
        rulebook.load(extra=[Path(str(folder))])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 10**13)), min_size=2, max_size=6), min_size=2, max_size=9))
def test_daily_tells_what_the_panel_tells(rows: list[list[int | None]]) -> None:
    """Neighbours, ranks, ties and repeats of the view against the plain definitions."""
    import numpy as np

    from auditor.rulebook import engine
    from auditor.rulebook.views import Built, build

    width = min(len(r) for r in rows)
    table = [r[:width] for r in rows]
    series = {f"e{i}": tuple("-" if r[i] is None else str(r[i]) for r in table) for i in range(width)}
    if not any(v != "-" for s in series.values() for v in s):
        return
    case = replace(rule_from().tests[0], series=series, subject=())
    at = testing.scene_of(case)
    with engine.connect() as con:
        build(con, at, frozenset({"daily"}), Built(set()))
        got = con.execute('SELECT t, entity, value, previous, "next", rank, tied, again FROM daily').fetchall()
    values = at.table.values
    assert len(got) == int(np.isfinite(values).sum())
    for t, entity, value, previous, following, rank, tied, again in got:
        i = at.table.entities.index(entity)
        before = values[t - 1, i] if t > 0 else np.nan
        after = values[t + 1, i] if t + 1 < len(values) else np.nan
        assert value == values[t, i]
        assert previous == (None if np.isnan(before) else before)
        assert following == (None if np.isnan(after) else after)
        assert np.nansum(values[t] > value) < rank <= np.nansum(values[t] >= value)
        assert tied == (np.nansum(values[t] == value) > 1)
        assert again == (np.nansum(values[:, i] == value) > 1)
