"""Claims: supported, contradicted or uncheckable, always with the measured figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.claims.base import Interval, claimed
from auditor.claims.registry import CHECKS, check
from auditor.errors import UsageError
from auditor.texts.catalogue import catalogue
from tests.build import claim, panel, scene

FIGURES = {
    "a": [None, 10.0, 1_413.0, 1_571.0, 29.0],
    "b": [200.0, 210.0, 193.0, 165.0, 190.0],
    "c": [50.0, 50.0, 50.0, 50.0, 50.0],
    "other": [100.0, 100.0, 100.0, 100.0, 100.0],
}


def outcome(kind, window="2026-01-06:2026-01-09", claims=(), figures=FIGURES, **params):
    asked = claim(kind, **params)
    result = check(scene(panel(figures), "a", window, claims=[*claims, asked]), asked)
    return result.status.value, catalogue().write(result.measured), result


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (1.4e12, 1.35e12, 1.45e12),
        ("1.4e12", 1.35e12, 1.45e12),
        (2, 1.5, 2.5),
        ("1413", 1412.5, 1413.5),
        (0.43, 0.425, 0.435),
        (1400, 1350, 1450),
    ],
)
def test_a_claimed_figure_stands_for_what_rounds_to_it(text, low, high):
    interval = claimed(claim("value", value=text))
    assert [interval.low, interval.high] == pytest.approx([low, high])


def test_a_tolerance_replaces_the_digits():
    assert claimed(claim("value", value=100, tolerance=0.2)) == Interval(100, 80, 120)


@pytest.mark.parametrize("value", [None, "many", True])
def test_a_claim_without_a_number_is_refused(value):
    with pytest.raises(UsageError, match="number"):
        claimed(claim("value", value=value))


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_the_interval_holds_the_figure(value):
    interval = claimed(claim("value", value=value))
    assert interval.low <= value <= interval.high


def test_value_is_supported_on_any_day_of_the_window():
    status, measured, result = outcome("value", value=1400)
    assert (status, result.value) == ("supported", 1413)
    assert measured == "1,413 on 2026-01-07; the largest day was 1,571 on 2026-01-08"


def test_value_is_contradicted_where_no_day_rounds_to_it():
    assert outcome("value", value=2500)[0] == "contradicted"
    assert outcome("value", value=1400, on="2026-01-08")[0] == "contradicted"
    assert outcome("value", value=1000, at_least=True)[0] == "supported"


def test_a_value_that_could_hide_below_the_cut_off_is_uncheckable():
    # On 2026-01-05 the subject is absent from a list whose smallest row is 50.
    status, _, _ = outcome("value", window="2026-01-05:2026-01-06", value=30, on="2026-01-05")
    assert status == "uncheckable"
    assert outcome("value", window="2026-01-05:2026-01-06", value=70, on="2026-01-05")[0] == "uncheckable"


def test_ratio_to_rank_speaks_of_the_days_the_value_claim_matches_and_of_the_peak():
    status, measured, _ = outcome("ratio_to_rank", claims=[claim("value", value=1400)], rank=2, value=2)
    assert status == "contradicted"
    assert measured == "7.3 times b on 2026-01-07; 9.5 times b on 2026-01-08"
    assert outcome("ratio_to_rank", rank=2, value=9.5)[0] == "supported"


def test_ratio_below_the_list_is_uncheckable():
    assert outcome("ratio_to_rank", rank=9, value=2)[0] == "uncheckable"


def test_rank():
    assert outcome("rank", rank=1)[0] == "supported"
    assert outcome("rank", rank=1, on="2026-01-09")[0] == "contradicted"
    assert outcome("rank", rank=3, on="2026-01-09")[1] == "rank 3 of 3 listed on 2026-01-09"


def test_share_is_of_the_published_total_and_uncheckable_without_one():
    status, measured, _ = outcome("share", value=0.83)
    assert (status, measured) == ("supported", "83.3 % of 1,886 on 2026-01-08")
    assert outcome("share", value=0.83, figures={k: v for k, v in FIGURES.items() if k != "other"})[0] == "uncheckable"


def test_first_seen():
    assert outcome("first_seen", date="2026-01-06")[0] == "supported"
    assert outcome("first_seen", date="2026-01-09")[:2] == (
        "contradicted",
        "first published figure on 2026-01-06 (10), before 2026-01-09",
    )
    assert outcome("first_seen", date="2026-01-05")[0] == "uncheckable"  # it may have been below the cut-off that day
    assert outcome("first_seen", date="2025-12-01")[0] == "uncheckable"


def test_growth():
    assert outcome("growth", value=140, **{"from": "2026-01-06", "to": "2026-01-07"})[0] == "supported"
    assert outcome("growth", value=2, **{"from": "2026-01-06", "to": "2026-01-07"})[0] == "contradicted"
    status, measured, _ = outcome(
        "growth", value=100, window="2026-01-05:2026-01-08", **{"from": "2026-01-05", "to": "2026-01-07"}
    )
    assert status == "uncheckable"
    assert measured.startswith("at least")


def test_total_of_subject_and_market():
    assert outcome("total", value=3023)[0] == "supported"
    assert outcome("total", value=3000)[0] == "supported"  # one digit that counts: 2,500 to 3,500
    assert outcome("total", value=4000)[0] == "contradicted"
    assert outcome("total", value=4_400, of="market")[0] == "supported"


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="unknown kind") as caught:
        outcome("vibes", value=1)
    assert all(kind in caught.value.hint for kind in CHECKS)


def test_every_check_answers_on_a_subject_with_one_figure():
    settings = {"value": 10, "rank": 1, "date": "2026-01-06", "from": "2026-01-06", "to": "2026-01-06"}
    for kind, module in CHECKS.items():
        params = {k: v for k, v in settings.items() if k in module.REQUIRED}
        status, measured, _ = outcome(
            kind, figures={"a": [None, 10.0], "b": [1.0, 1.0]}, window="2026-01-06:2026-01-06", **params
        )
        assert status in {"supported", "contradicted", "uncheckable"}
        assert measured
