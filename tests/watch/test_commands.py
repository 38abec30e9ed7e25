"""`audit watch` from the outside."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.errors import AuditError
from auditor.watch.found import Found
from auditor.watch.site import show
from auditor.watch.state import Keeper, Monitor, State
from benchmarks.watch.world import World, figures


def audit(*arguments):
    return CliRunner().invoke(cli, ["watch", *arguments], standalone_mode=False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert audit("init").return_value == 0
    return tmp_path


def test_init_does_not_overwrite(here):
    assert isinstance(audit("init").exception, AuditError)
    assert audit("init", "--force").return_value == 0


def test_run_without_network_then_status(here):
    assert audit("run", "--offline").return_value == 0
    done = audit("status", "--json", "--fail-if-older", "1")
    assert done.return_value == 0
    assert json.loads(done.output)["age_days"] == 0


def test_status_complains_about_a_dead_watch(here):
    assert audit("status", "--fail-if-older", "2").return_value == 1
    Keeper(here / "watch-state").save(State(last_run="2020-01-01"))
    done = audit("status", "--fail-if-older", "2", "--quiet")
    assert done.return_value == 1
    assert "no run has finished for" in done.output


@pytest.mark.parametrize("kind", ["cron", "systemd", "github-actions"])
def test_schedule_prints_a_file(here, kind):
    done = audit("schedule", "--as", kind)
    assert done.return_value == 0
    assert "watch run" in done.output


def test_replay_without_an_archive_says_what_to_do(here):
    assert "no archive" in str(audit("replay").exception)


@pytest.mark.parametrize(
    ("level", "rank", "code"),
    [("never", 4, 0), ("new", 0, 1), ("new-moderate", 1, 0), ("new-moderate", 2, 1), ("new-strong", 3, 0)],
)
def test_fail_on_counts_new_alarms_of_that_strength(level, rank, code):
    from auditor.commands.watch import _told
    from auditor.watch.found import Changes
    from auditor.watch.run import Outcome

    alarm = Found("alarm", "alarm", "s", "a", "d", "d", "d", "t", verdict={"rank": rank})
    event = Found("event", "new", "s", "b", "d", "d", "d", "t")
    assert _told(Outcome("d", changes=Changes((alarm, event), (), (), ())), level, quiet=True) == code


def test_an_alarm_is_audited_and_its_report_written(tmp_path):
    from auditor.watch.config import BudgetPart
    from auditor.watch.inquiry import inquire
    from benchmarks.watch.faults import INFLATED, PAST

    world = World(tmp_path, figures(PAST + 25, inflate=INFLATED), budget=BudgetPart(false_alarms_per_year=40))
    for day in range(PAST, PAST + 18):
        world.run(day, inquire=lambda f, known: inquire(f, known, world.config, world.places.reports))
    alarm = next(f for f in world.state().found.values() if f.kind == "alarm" and not f.old)
    assert set(alarm.verdict) == {"hypothesis", "strength", "rank", "words", "log10_lr"}
    assert (world.places.reports / alarm.report / "index.html").is_file()
    assert f"{alarm.report}/index.html" in (world.places.reports / "index.html").read_text()


def test_site_escapes_and_names_no_outside_address(tmp_path):
    world = World(tmp_path, figures(5))
    hostile = "<script>alert(1)</script>/../../x"
    found = Found("alarm", "alarm", "s", hostile, "2026-05-01", "2026-05-02", "2026-05-05", f"{hostile} rose")
    state = State(last_run="2026-05-05", monitors={"s": Monitor()}, found={found.id: found})
    from datetime import date

    show(state, date(2026, 5, 5), world.config, tmp_path / "reports")
    pages = list((tmp_path / "reports").rglob("*.html"))
    assert len(pages) == 2
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert not re.search(r"(src|href)=['\"](https?:)?//", text)
    assert all(Path(tmp_path / "reports") in p.resolve().parents for p in pages)
