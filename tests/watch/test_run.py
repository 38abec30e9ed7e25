"""Whole runs: idempotent, caught up, told once, never on unsettled days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from auditor.errors import SourceError, UsageError
from auditor.watch.config import BudgetPart, RetentionPart, SuppressPart
from auditor.watch.lock import BusyError, locked
from auditor.watch.outbox import NotifyError
from auditor.watch.state import State
from benchmarks.watch.faults import INFLATED, PAST, new_world
from benchmarks.watch.world import FIRST, World, figures

CAUGHT = f"simulated/model-{INFLATED[0]:02d}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A world of 20 runs, one inflated entity; not to be changed."""
    world = new_world(tmp_path_factory.mktemp("finished"), 20)
    for day in range(PAST, PAST + 20):
        world.run(day)
    return world


def alarm_of(world, entity=CAUGHT):
    return next(f for f in world.state().found.values() if f.kind == "alarm" and f.entity == entity and not f.old)


def test_inflation_is_caught_within_a_week_and_told_once(finished):
    alarm = alarm_of(finished)
    started = FIRST + timedelta(days=INFLATED[1])
    assert (datetime.fromisoformat(alarm.raised).date() - started).days <= 7
    assert finished.told.count(f"stdout {alarm.id}") == 1


def test_no_alarm_rests_on_an_unsettled_day(finished):
    for found in finished.state().found.values():
        if found.kind == "alarm":
            age = datetime.fromisoformat(found.raised) - datetime.fromisoformat(found.day)
            assert age.days >= 3


def test_second_run_of_a_day_changes_nothing(tmp_path):
    world = new_world(tmp_path, 3)
    world.run(PAST)
    before, told = world.bytes(), world.told
    outcome = world.run(PAST)
    assert world.bytes() == before
    assert world.told == told
    assert not outcome.days
    assert "finished already" in outcome.notes[0]


def test_missed_days_are_caught_up_one_by_one_as_known_then(tmp_path, finished):
    world = new_world(tmp_path, 20)
    for day in range(PAST, PAST + 20):
        if PAST + 6 <= day < PAST + 12:  # the source was asked, the watch died before judging
            archive_only(world, day)
        else:
            outcome = world.run(day)
            if day == PAST + 12:
                assert len(outcome.days) == 7
                assert "no run since" in outcome.notes[0]
    state = world.state()
    (gap,) = [f for f in state.found.values() if f.rule == "not_run"]
    assert (gap.figures["days"], gap.opened) == (6, str(FIRST + timedelta(days=PAST + 6)))
    assert world.told.count(f"stdout {gap.id}") == 1
    del state.found[gap.id]
    assert state == finished.state()


def archive_only(world, day):
    from auditor.live import Shelf

    world.fetch(world.config.source[0], FIRST + timedelta(days=day), Shelf(world.places.archive))


def test_clock_that_went_back_changes_nothing_and_is_said(tmp_path):
    world = new_world(tmp_path, 3)
    world.run(PAST)
    before = world.bytes()
    outcome = world.run(PAST - 1)
    assert world.bytes() == before
    assert "clock" in outcome.notes[0]


def test_second_run_at_once_says_so_and_leaves(tmp_path):
    world = new_world(tmp_path, 3)
    with locked(world.places.state), pytest.raises(BusyError, match="another run is at work"):
        world.run(PAST)
    world.run(PAST)


def test_source_down_is_told_goes_silent_and_recovers(tmp_path, finished):
    from benchmarks.watch.faults import alarm_ids, source_down

    world = source_down(tmp_path, 20)
    found = world.state().found.values()
    rules = {f.rule: f for f in found if f.kind == "record"}
    assert set(rules) == {"source_failed", "stale"}
    assert all(f.resolved for f in rules.values())
    assert world.state().monitors == finished.state().monitors
    assert alarm_ids(world) == alarm_ids(finished)


def test_failed_source_is_asked_again_on_the_same_day(tmp_path):
    world = new_world(tmp_path, 3)
    world.run(PAST)
    world.down = {FIRST + timedelta(days=PAST + 1)}
    assert world.run(PAST + 1).failed
    world.down = set()
    outcome = world.run(PAST + 1)
    assert not outcome.failed
    assert world.state().monitors["openrouter.total_tokens"].last_day == str(FIRST + timedelta(days=PAST - 2))


def test_failing_notifier_loses_nothing_and_tells_once_it_works(tmp_path):
    world = new_world(tmp_path, 25)

    def broken(_part, _found):
        raise NotifyError("the webhook answered 500")

    for day in range(PAST, PAST + 25):
        outcome = world.run(day, notify=broken)
    waiting = outcome.undelivered
    assert waiting >= 2
    assert "kept for the next run" in outcome.notes[-1]
    world.run(PAST + 24)  # the day is finished, the outbox is not
    assert len(world.told) == waiting == len(set(world.told))
    assert world.state().outbox == []


def test_dry_run_keeps_the_outbox(tmp_path):
    world = new_world(tmp_path, 20)
    for day in range(PAST, PAST + 20):
        outcome = world.run(day, keep_outbox=True)
    assert outcome.undelivered == len(set(world.told)) > 0


def test_suppressed_alarm_is_kept_counted_and_not_told(tmp_path):
    quiet = SuppressPart(entity=CAUGHT, rule="alarm", reason="Announced batch.", expires=date(2030, 1, 1))
    world = World(
        tmp_path,
        figures(PAST + 25, inflate=INFLATED),
        budget=BudgetPart(false_alarms_per_year=40),
        suppress=(quiet,),
    )
    for day in range(PAST, PAST + 20):
        outcome = world.run(day)
    found = alarm_of(world)
    assert found.suppressed.startswith("Announced batch.")
    assert f"stdout {found.id}" not in world.told
    assert found.id in {f.id for f in outcome.changes.suppressed}


def test_comparison_with_the_last_run(finished, tmp_path):
    world = new_world(tmp_path, 20)
    told: list[str] = []
    for day in range(PAST, PAST + 20):
        outcome = world.run(day)
        told += [f.id for f in outcome.changes.new]
        names = [f.id for part in vars(outcome.changes).values() for f in part]
        assert len(names) == len(set(names))
    assert len(told) == len(set(told)) == len(finished.told)


def test_restated_and_withdrawn_figures_are_found(tmp_path):
    world = new_world(tmp_path, 6)
    world.run(PAST)
    world.values[PAST - 6, 0] *= 1.05
    world.values[PAST - 7, 1] = float("nan")
    world.run(PAST + 1)
    found = {f.rule: f for f in world.state().found.values() if f.kind == "record"}
    assert found["restated"].figures["largest"] == pytest.approx(0.05, abs=1e-6)
    assert found["restated"].day == str(FIRST + timedelta(days=PAST - 6))
    assert "withdrawn" not in found  # this publisher's answers state rows only: an absent row says nothing
    told = len(world.told)
    world.run(PAST + 2)
    assert len(world.told) == told


def test_state_of_a_later_version_is_refused():
    raw = State().to_bytes().replace(b'"version": 1', b'"version": 9')
    with pytest.raises(UsageError, match="version 9"):
        State.from_bytes(raw)


def test_damaged_state_is_named_with_what_to_do(tmp_path):
    world = new_world(tmp_path, 3)
    world.places.state.mkdir()
    (world.places.state / "state.json").write_text('{"version": 1, "last_run": ')
    with pytest.raises(UsageError, match="damaged") as error:
        world.run(PAST)
    assert "rebuild" in error.value.hint


def test_rebuilt_state_equals_the_one_that_grew(tmp_path):
    from auditor.live import Shelf
    from auditor.watch.knowledge import Knowledge
    from auditor.watch.replay import rebuild

    world = new_world(tmp_path, 20)
    for day in range(PAST, PAST + 20):
        world.run(day)
    before = world.bytes()
    archive = Shelf(world.places.archive).opened()
    assert archive is not None
    known = {"openrouter.total_tokens": Knowledge(world.config.source[0], archive)}
    rebuild(world.config, world.places, known)
    assert world.bytes() == before


def test_old_findings_leave_the_state_when_asked(tmp_path):
    world = World(
        tmp_path,
        figures(PAST + 60, inflate=None),
        budget=BudgetPart(false_alarms_per_year=40),
        retention=RetentionPart(findings_days=10),
    )
    world.down = {FIRST + timedelta(days=PAST + 2)}
    for day in range(PAST, PAST + 10):
        world.run(day)
    assert "source_failed" in {f.rule for f in world.state().found.values()}
    for day in range(PAST + 10, PAST + 20):
        world.run(day)
    assert "source_failed" not in {f.rule for f in world.state().found.values()}


def test_wrong_key_is_not_taken_for_a_source_that_is_down(tmp_path):
    world = new_world(tmp_path, 3)

    def refuse(*_args):
        raise UsageError("the source needs a key")

    with pytest.raises(UsageError):
        world.run(PAST, fetch=refuse)


def test_nothing_below_the_command_line_reads_a_clock(tmp_path):
    import time_machine

    world = new_world(tmp_path, 3)
    with time_machine.travel(datetime(1999, 1, 1, tzinfo=UTC)):
        world.run(PAST)
    assert world.state().last_run == str(FIRST + timedelta(days=PAST))


def test_source_error_of_another_kind_is_told_as_is(tmp_path):
    world = new_world(tmp_path, 3)

    def changed(*_args):
        raise SourceError("the answer has no column total_tokens")

    world.run(PAST)
    outcome = world.run(PAST + 1, fetch=changed)
    text = next(f.text for f in world.state().found.values() if f.rule == "source_failed")
    assert "no column total_tokens" in text
    assert outcome.failed == ["openrouter.total_tokens"]


def test_silence_is_told_even_on_the_first_run_over_an_old_archive(tmp_path):
    world = new_world(tmp_path, 3)
    archive_only(world, PAST)
    outcome = world.run(PAST + 90, fetch=None)
    (stale,) = [f for f in outcome.changes.new if f.rule == "stale"]
    assert stale.figures["days"] == 90
    assert f"stdout {stale.id}" in world.told


def test_gap_of_the_watch_is_told_once_though_the_catching_up_is_cut_short(tmp_path):
    from auditor.errors import ArchiveError
    from auditor.watch.state import Keeper

    world = new_world(tmp_path, 12)
    world.run(PAST)
    saves: list[object] = []

    def dying(keeper, state, save=Keeper.save):
        if len(saves) == 3:
            raise ArchiveError("killed")
        saves.append(state.last_run)
        save(keeper, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keeper, "save", dying)
        with pytest.raises(ArchiveError):
            world.run(PAST + 8)
    assert world.state().last_run == str(FIRST + timedelta(days=PAST + 3))
    world.run(PAST + 8)
    (gap,) = [f for f in world.state().found.values() if f.rule == "not_run"]
    assert gap.figures["days"] == 7
    assert world.told.count(f"stdout {gap.id}") == 1


def test_reports_past_their_time_are_removed_and_the_finding_stays(tmp_path):
    world = World(
        tmp_path,
        figures(PAST + 40, inflate=INFLATED),
        budget=BudgetPart(false_alarms_per_year=40),
        retention=RetentionPart(reports_days=5),
    )

    def report(found, _figures):
        found.report = f"openrouter/{found.entity.rpartition('/')[2]}/{found.opened}"
        folder = world.places.reports / found.report
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text("report")

    bystander = world.places.reports / "openrouter" / "mine.txt"
    seen: dict[Any, Any] = {}
    for day in range(PAST, PAST + 40):
        world.run(day, inquire=report)
        bystander.parent.mkdir(parents=True, exist_ok=True)
        bystander.write_text("not the watch's")
        for key, found in world.state().found.items():
            there = bool(found.report) and (world.places.reports / found.report / "index.html").exists()
            assert there == bool(found.report)
            seen.setdefault(key, set()).add((there, bool(found.resolved)))
    ended = [key for key, states in seen.items() if (True, True) in states and (False, True) in states]
    assert ended, "no report outlived its alarm and was then removed"
    assert set(ended) <= set(world.state().found)
    assert bystander.exists()


def test_findings_that_leave_before_their_reports_are_refused():
    with pytest.raises(ValueError, match="findings_days"):
        RetentionPart(reports_days=30, findings_days=10)


def test_a_lost_cache_costs_the_answers_of_some_weeks_not_of_years(tmp_path, monkeypatch):
    import shutil

    from auditor.archive import replay as reading

    world, other = new_world(tmp_path / "a", 70), new_world(tmp_path / "b", 70)
    for day in range(PAST, PAST + 69):
        archive_only(world, day)
        archive_only(other, day)
    for one in (world, other):
        one.run(PAST + 69)
    shutil.rmtree(world.places.archive / "cache")
    parsed: list[object] = []
    call = reading._call

    def counted(archive, parser, entry):
        parsed.append(entry)
        return call(archive, parser, entry)

    monkeypatch.setattr(reading, "_call", counted)
    world.run(PAST + 70)
    cold = len(parsed)
    other.run(PAST + 70)
    assert len(parsed) - cold == 1  # warm: the answer of the day
    assert 30 < cold <= 52  # of 72
    assert world.bytes() == other.bytes()
