"""Ready files for schedulers, checked by their own linters where there is one."""

import json
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from auditor.errors import UsageError
from auditor.watch.loop import Stop, loop, next_time
from auditor.watch.schedule import Plan, cron, schedule, workflow


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("folder", ["plain", "with space", "per%cent", "do$lar"])
def test_units_pass_systemds_own_check(tmp_path, folder):
    where = tmp_path / folder
    where.mkdir()
    program = where / "audit"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, text in schedule("systemd", Plan(folder=str(where), program=str(program))).items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            str(tmp_path / "audit-watch.service"),
            str(tmp_path / "audit-watch.timer"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if "audit-watch" in line]
    assert not ours
    assert done.returncode == 0, done.stderr


def test_systemds_check_would_notice(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    (tmp_path / "audit-watch.timer").write_text("[Timer]\nOnCalendar=sometimes\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "audit-watch.timer")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Failed to parse calendar" in done.stderr


def test_crontab_has_five_fields_and_a_command():
    lines = [
        line
        for line in cron(Plan(at="23:59", folder="/srv/a b", config="10%.toml")).splitlines()
        if not line.startswith(("#", "CRON_TZ"))
    ]
    assert len(lines) == 2
    for line in lines:
        minute, hour, *rest = line.split(" ", 5)
        assert re.fullmatch(r"[0-5]?\d", minute)
        assert re.fullmatch(r"1?\d|2[0-3]", hour)
        assert rest[:3] == ["*", "*", "*"]
        command = rest[3]
        assert not re.search(r"(?<!\\)%", command)
        # cron hands the shell what stands before a bare %, with \% as %.
        shell = command.replace(r"\%", "%")
        assert subprocess.run(["sh", "-n", "-c", shell], check=False).returncode == 0
        assert shlex.split(shell)[:3] == ["cd", "/srv/a b", "&&"]
        assert "10%.toml" in shlex.split(shell)
    assert [line.split(" ")[:2] for line in lines] == [["59", "23"], ["59", "5"]]


def workflow_errors(text):
    """What the schema that GitHub's workflows are commonly checked by says of one."""
    jsonschema = pytest.importorskip("jsonschema")
    try:  # the package is not imported: only the schema that it carries is wanted
        carrier = metadata.distribution("check-jsonschema")
    except metadata.PackageNotFoundError:
        pytest.skip("check-jsonschema holds the schema of GitHub workflows")
    place = Path(str(carrier.locate_file("check_jsonschema/builtin_schemas/vendor/github-workflows.json")))
    schema = json.loads(place.read_text("utf-8"))
    # YAML 1.1 reads the key `on` as true; GitHub does not.
    document = {("on" if key is True else key): value for key, value in yaml.safe_load(text).items()}
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


@pytest.mark.parametrize(
    "plan", [Plan(), Plan(at="00:00", secrets=("A_URL", "B_KEY"), keep=("a", "b c", "d'e"), config="my watch.toml")]
)
def test_workflow_passes_the_schema_of_workflows(plan):
    assert workflow_errors(workflow(plan)) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("runs-on: ubuntu-latest", "runs_on: ubuntu-latest"),
        ("  contents: write", "  contents: all"),
        ("timeout-minutes: 30", "timeout-minutes: [30]"),
        ("jobs:", "job:"),
    ],
)
def test_the_schema_of_workflows_would_notice(right, wrong):
    text = workflow(Plan())
    assert right in text
    assert workflow_errors(text.replace(right, wrong, 1))


def test_workflow_commits_what_it_keeps_and_no_cache(tmp_path):
    """Its own shell step, run on a real repository."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    remote, work = tmp_path / "remote", tmp_path / "work"
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", "--bare", str(remote)], check=True)
    subprocess.run([*git, "clone", "--quiet", str(remote), str(work)], check=True, capture_output=True)
    for name in ("store/cache/x.npz", "store/objects/y", "my state/state.json", "reports/index.html", "other.txt"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    step = yaml.safe_load(workflow(Plan(keep=("store", "my state", "reports"))))["jobs"]["watch"]["steps"]
    keep = next(s["run"] for s in step if "git commit" in s.get("run", "")).replace("git pull", "true git pull")
    for _ in range(2):  # the second day has nothing new; its empty commit keeps the schedule alive
        done = subprocess.run(["bash", "-e", "-c", keep], cwd=work, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=work, capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.splitlines()) == {"store/objects/y", "my state/state.json", "reports/index.html"}
    count = subprocess.run(
        ["git", "rev-list", "--count", "HEAD"], cwd=remote, capture_output=True, text=True, check=True
    )
    assert count.stdout.strip() == "2"


def test_workflow_has_the_shape_that_actions_asks_for():
    document = yaml.load(workflow(Plan(secrets=("AUDIT_WEBHOOK_URL",), keep=("a", "b c"))), Loader=yaml.BaseLoader)
    assert set(document) == {"name", "on", "permissions", "concurrency", "jobs"}
    (job,) = document["jobs"].values()
    assert document["on"]["schedule"] == [{"cron": "15 6 * * *"}]
    assert document["permissions"] == {"contents": "write"}
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"name", "uses", "with", "run", "env", "if"}
    check = next(s for s in job["steps"] if "watch run" in s.get("run", ""))
    assert check["env"] == {"AUDIT_WEBHOOK_URL": "${{ secrets.AUDIT_WEBHOOK_URL }}"}
    keep = next(s["run"] for s in job["steps"] if "git commit" in s.get("run", ""))
    assert subprocess.run(["sh", "-n"], input=keep, text=True, check=False).returncode == 0
    assert "-- a 'b c'" in keep
    assert "--allow-empty" in keep  # the commit that keeps the schedule alive


@pytest.mark.parametrize("at", ["24:00", "6:15", "06:60", "noon", ""])
def test_impossible_times_are_refused(at):
    with pytest.raises(UsageError):
        Plan(at=at)


@pytest.mark.parametrize("name", ["a\nb", "", "a: b"])
def test_paths_that_would_break_out_are_refused(name):
    with pytest.raises(UsageError):
        workflow(Plan(config=name))


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Sleeper(Stop):
    """Waiting moves the clock."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def wait(self, seconds):
        self.clock.now += timedelta(seconds=seconds)
        return self.wanted


def test_loop_runs_at_once_then_daily_and_again_sooner_after_a_failure():
    clock = Clock(datetime(2026, 5, 1, 7, 0, tzinfo=UTC))
    ran = []

    def once(now):
        ran.append(now)
        return len(ran) != 2

    assert loop(once, at="06:15", clock=clock, stop=Sleeper(clock), most=4) == 4
    assert [f"{r:%d %H:%M}" for r in ran] == ["01 07:00", "02 06:15", "02 07:15", "03 06:15"]


def test_loop_finishes_its_run_and_stops():
    clock = Clock(datetime(2026, 5, 1, 7, 0, tzinfo=UTC))
    stop = Sleeper(clock)
    done = []

    def once(_now):
        stop.set()
        done.append(1)
        return True

    assert loop(once, at="06:15", clock=clock, stop=stop) == 1
    assert done == [1]


def test_next_time_is_always_later():
    now = datetime(2026, 5, 1, 6, 15, tzinfo=UTC)
    assert next_time(now, "06:15") == now + timedelta(days=1)
