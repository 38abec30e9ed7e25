"""The populations hold what is on record, and keep what nobody has explained apart."""

from pathlib import Path

import numpy as np
import pytest

from auditor.calibration import design, labels
from auditor.calibration import populations as pop
from auditor.calibration.bases import LONG, MONTH, Base, load, weekly
from auditor.calibration.episodes import Spec, check_unique
from auditor.calibration.injections import SHAPES
from auditor.case import EventKind
from auditor.errors import InputError
from auditor.findings import Hypothesis


@pytest.fixture(scope="module", name="bases")
def _bases(shared: Path) -> dict[str, Base]:
    return load(shared)


@pytest.fixture(scope="module", name="specs")
def _specs(bases: dict[str, Base], shared: Path) -> list[Spec]:
    return design.full(bases, shared)


def test_plain_names() -> None:
    assert labels.plain("tencent/hy3-preview-20260421:free") == "tencent/hy3-preview:free"
    assert labels.plain("qwen/qwen3.6-plus-04-02") == "qwen/qwen3.6-plus"
    assert labels.plain("moonshotai/kimi-k2.5-0127") == "moonshotai/kimi-k2.5"
    assert labels.plain("openai/gpt-4o-mini") == "openai/gpt-4o-mini"


def test_rises_are_medians_over_medians() -> None:
    values = np.concatenate([np.full(30, 10.0), np.full(3, 25.0), np.full(10, 10.0)])
    rise = pop.elevations(values, 3)
    assert rise[30] == 2.5
    assert rise[20] == 1.0
    assert np.isnan(rise[:5]).all()
    assert np.isnan(rise[-2:]).all()


def test_rises_skip_what_is_not_listed() -> None:
    values = np.concatenate([np.full(30, 10.0), [np.nan, 30.0, 30.0, np.nan, np.nan], np.full(5, 10.0)])
    assert pop.elevations(values, 2)[31] == 3.0
    assert np.isnan(pop.elevations(values, 5)[30])


def test_free_starts_and_ends_come_from_the_ledger() -> None:
    ledger = [
        labels.PriceEvent("2026-03-30", "m/x:free", "added", "", None, ""),
        labels.PriceEvent("2026-03-30", "m/x:free", "price", "price_usd_per_m_input", 0.0, ""),
        labels.PriceEvent("2026-04-08", "m/x:free", "renamed", "m/x", None, ""),
        labels.PriceEvent("2026-04-08", "m/x", "added_by_rename", "", None, ""),
        labels.PriceEvent("2026-04-08", "m/x", "price", "price_usd_per_m_input", 0.3, ""),
        labels.PriceEvent("2026-04-08", "m/other", "price", "price_usd_per_m_input", 0.3, ""),
    ]
    found = labels.events_of(("m/x-20260330:free", "m/x-20260330"), ledger)
    assert [(e.kind, e.date.day) for e in found] == [
        (EventKind.FREE_START, 30),
        (EventKind.FREE_END, 8),
        (EventKind.LAUNCH, 8),
        (EventKind.PRICE, 8),
    ]


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labelled_spikes\.csv is absent"):
        labels.labels(tmp_path)
    with pytest.raises(InputError, match="is absent"):
        load(tmp_path)


@pytest.mark.shared
def test_labels_keep_their_uncertainty(shared: Path) -> None:
    known = labels.labels(shared)
    assert len(known) == 18
    by_certainty = {c: sum(label.certainty == c for label in known) for c in ("labelled", "inferred", "unlabelled")}
    assert by_certainty == {"labelled": 11, "inferred": 1, "unlabelled": 6}
    assert all((label.hypothesis is None) == (label.certainty == "unlabelled") for label in known)
    stitched = next(label for label in known if "(" in label.name)
    assert len(stitched.ids) == 3
    assert all(label.peak and label.start for label in known)


@pytest.mark.shared
def test_the_organic_population_holds_nothing_free_or_labelled(
    specs: list[Spec], bases: dict[str, Base], shared: Path
) -> None:
    known = pop.Known.read(shared)
    organic = [s for s in specs if s.truth is Hypothesis.ORGANIC]
    assert sum(s.kind in {"placebo_window", "surge_window"} for s in organic) >= 3000
    assert not [s for s in organic for i in s.ids if labels.at_no_charge(i) or i in known.incentivised]
    unexplained = {i for label in known.labels if label.hypothesis is None for i in label.ids}
    apart = [s for s in organic if s.certainty == "unlabelled"]
    assert apart
    assert {s.ids[0] for s in apart} <= unexplained
    for s in organic:
        if s.kind == "surge_window" and s.base == LONG:
            series = bases[LONG].values[:, bases[LONG].index[s.ids[0]]]
            assert pop.elevations(series, s.days)[s.start] >= pop.SURGE


@pytest.mark.shared
def test_the_design_is_complete_and_in_proportion(specs: list[Spec]) -> None:
    check_unique(specs)
    made = {(s.shape, s.magnitude, s.days) for s in specs if s.truth is Hypothesis.INFLATED}
    assert len(made) == len(SHAPES) * len(design.MAGNITUDES) * len(design.DURATIONS)
    by_truth = {h: sum(s.truth is h for s in specs) for h in Hypothesis}
    assert by_truth[Hypothesis.INFLATED] >= 2400
    assert by_truth[Hypothesis.INCENTIVISED] >= 600
    assert by_truth[Hypothesis.DATA_ERROR] == 600
    assert by_truth[Hypothesis.CONCENTRATED] == 300
    tenth = design.part(specs, 0.1)
    assert {(s.truth, s.kind) for s in tenth} == {(s.truth, s.kind) for s in specs}
    assert 0.08 * len(specs) < len(tenth) < 0.13 * len(specs)
    assert design.part(specs[::-1], 0.1) == tenth[::-1]


@pytest.mark.shared
def test_labelled_spikes_lie_in_the_panels_that_hold_them(specs: list[Spec]) -> None:
    spikes = [s for s in specs if s.kind == "labelled" and s.truth is Hypothesis.INCENTIVISED]
    assert {s.base for s in spikes} >= {LONG, MONTH}
    stitched = [s for s in spikes if len(s.ids) == 3 and s.base == LONG]
    assert {bool(s.events) for s in stitched} == {True, False}
    documented = next(s for s in stitched if s.events)
    assert {e.kind for e in documented.events} >= {EventKind.FREE_START, EventKind.FREE_END}


@pytest.mark.shared
def test_the_same_seed_designs_the_same_calibration(bases: dict[str, Base], shared: Path) -> None:
    known = pop.Known.read(shared)

    def names(seed: int) -> list[str]:
        return [s.id for s in design.concentrated(bases[LONG], known, np.random.default_rng(seed), repeats=2)]

    assert names(0) == names(0)
    assert names(0) != names(1)


@pytest.mark.shared
def test_weeks_are_sums_of_seven_days(bases: dict[str, Base]) -> None:
    daily = bases["organic/taxi"]
    made = weekly(daily)
    first = int(daily.dates.get_indexer(made.dates[:1])[0])
    assert made.dates[0].day_of_week == 0
    assert made.values[0, 0] == daily.values[first : first + 7, 0].sum()
