"""The command line as a person uses it: outputs, exit codes, and no traceback whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "from auditor.cli import main; main()"]


def audit(*arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"", **environment: str):
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=120,
        env={**os.environ, "NO_COLOR": "1", **environment},
        check=False,
    )


@pytest.fixture
def inside(monkeypatch, tmp_path, capsys):
    """Call the command line in this process, in an empty folder: exit code, output, errors."""
    from auditor.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def fixture(project: Path) -> Path:
    return project / "data" / "fixtures" / "qwen3.6-plus"


@pytest.fixture(scope="module")
def first(fixture: Path, tmp_path_factory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("first") / "report"
    done = audit("run", "--case", fixture / "case.yaml", "--out", out)
    assert done.returncode == 0, done.stderr.decode()
    return out, done.stdout.decode()


def test_help_answers_without_loading_the_heavy_libraries():
    code = (
        "import sys\nfrom auditor.cli import cli\ntry:\n    cli.main(['--help'], standalone_mode=False)\nfinally:\n"
        "    heavy = {'pandas', 'numpy', 'duckdb', 'altair', 'statsmodels', 'sklearn', 'httpx', 'pydantic', 'rich', 'yaml'}\n"
        "    print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "LOADED []" in done.stdout
    for command in ("run", "fetch", "archive", "sources", "explain"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["run", "fetch", "archive", "sources", "explain"])
def test_every_command_has_help(command):
    done = audit(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(b"Usage: audit " + command.encode())
    assert b"\\b" not in done.stdout


def test_it_ends_with_the_reports_path_and_the_verdict(first):
    out, said = first
    lines = said.splitlines()
    assert lines[-2] == f"Report:   {out / 'index.html'}"
    assert lines[-1].startswith("Verdict:  Real use that followed an incentive (incentivised)")
    assert "supported" in said
    assert said.count("contradicted") == 2
    assert {p.name for p in out.iterdir()} == {"index.html", "audit.json", "report.md", "data"}


def test_the_same_input_gives_the_same_bytes(first, fixture, tmp_path):
    out, _ = first
    again = tmp_path / "report"
    assert (
        audit(
            "run", "--case", fixture / "case.yaml", "--out", again, PYTHONHASHSEED="7", TZ="Pacific/Auckland"
        ).returncode
        == 0
    )
    files = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for name in files:
        here, there = (out / name).read_bytes(), (again / name).read_bytes()
        assert here == there, name
        assert str(fixture.parent).encode() not in here, "folders of the user's machine are nobody's business"


def test_json_holds_what_design_promises(first):
    found = json.loads((first[0] / "audit.json").read_text())
    assert found["schema_version"]
    for key in ("case", "verdict", "claims", "findings", "not_applicable", "sources", "calibration", "software"):
        assert key in found
    assert found["verdict"]["hypothesis"] == "incentivised"
    assert found["verdict"]["provisional"] is True
    assert [c["status"] for c in found["claims"]] == ["supported", "contradicted", "contradicted"]


def test_fail_on_gives_1_and_says_why(fixture, tmp_path):
    done = audit("run", "--case", fixture / "case.yaml", "--out", tmp_path / "r", "--fail-on", "high")
    assert done.returncode == 1
    assert "--fail-on" in done.stderr.decode()


def test_a_suppressed_finding_stays_visible_loses_its_weight_and_is_counted(inside, fixture, tmp_path):
    entry = "  - {{rule: {rule}, subject: '*', window: 2026-03-01:2026-05-01, reason: looked at by the desk, expires: {expires}}}\n"
    rows = [("AUD131", "2999-01-01"), ("AUD121", "2020-01-01"), ("AUD172", "2999-01-01"), ("AUD299", "2999-01-01")]
    (tmp_path / "known.yaml").write_text("suppressions:\n" + "".join(entry.format(rule=r, expires=e) for r, e in rows))
    asked = ("run", "--case", fixture / "case.yaml", "--suppress", tmp_path / "known.yaml", "--out", "r")
    code, said, problems = inside(*asked, "--fail-on", "high")
    assert code == 1, problems  # AUD121 is still of high severity: its suppression has expired
    assert "AUD131" not in problems
    assert "AUD131 is suppressed until 2999-01-01: looked at by the desk (known.yaml" in said
    assert "AUD121 for * expired on 2020-01-01" in said
    assert "AUD299 for * covers nothing here" in said
    found = json.loads((tmp_path / "r" / "audit.json").read_text())
    hidden = next(f for f in found["findings"] if f["rule"] == "AUD131")
    assert not hidden["weighs"]
    assert any("Suppressed until" in str(limit) for limit in hidden["limits"])
    assert found["verdict"]["hypothesis"] != "inflated"
    assert str(tmp_path) not in json.dumps(found), "folders of the user's machine are not published"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], 2, "no subject was named"),
        (["run", "none.csv", "--subject", "a", "--date", "2026-01-01"], 3, "no such file"),
        (["run", "FIGURES", "--subject", "qwen/qwen3.6", "--date", "2026-04-03"], 2, "did you mean"),
        (["run", "FIGURES", "--subject", "stepfun/step-3.5-flash:free", "--date", "April"], 2, "is not a date"),
        (
            ["run", "FIGURES", "--subject", "stepfun/step-3.5-flash:free", "--date", "2031-01-01"],
            2,
            "runs from 2026-03-16",
        ),
        (
            ["run", "FIGURES", "--subject", "x", "--date", "2026-04-03", "--window", "2026-04-03:2026-04-04"],
            2,
            "both given",
        ),
        (
            ["run", "FIGURES", "--subject", "stepfun/step-3.5-flash:free", "--format", "docx,html"],
            2,
            "unknown form docx",
        ),
        (["run", "FIGURES", "--subject", "stepfun/step-3.5-flash:free", "--metric", "stars"], 2, "does not occur"),
        (["run", "archive:openrouter", "--subject", "x", "--archive", "nowhere"], 4, "no archive"),
        (["runn"], 2, "Did you mean 'run'"),
        (["explain", "AUD999"], 2, "there is no test or rule"),
        (["archive", "verify", "--archive", "nowhere"], 4, "no archive"),
        (["fetch", "openruoter"], 2, "did you mean openrouter"),
        (["fetch", "openrouter", "--since", "yesterday"], 2, "is not a day"),
    ],
)
def test_mistakes_end_in_one_clear_error_and_the_right_code(inside, fixture, tmp_path, arguments, code, words):
    found, _, said = inside(*[fixture / "figures.csv" if a == "FIGURES" else a for a in arguments])
    assert (found, words in said) == (code, True), said
    assert "Traceback" not in said
    assert not any(p.name == "reports" for p in tmp_path.iterdir())


def test_what_cannot_be_found_in_a_file_is_asked_for_and_can_be_stated(inside, tmp_path):
    rows = "".join(f"12/{d},{4 + d % 3}.1B\n" for d in range(22, 32)) + "".join(f"1/{d},6.{d}B\n" for d in range(1, 9))
    (tmp_path / "axis.csv").write_text("label,total\n" + rows)
    code, _, said = inside("run", "axis.csv", "--subject", "a")
    assert code == 3
    assert "has no year" in said
    assert "--read year=" in said
    code, out, said = inside(
        "run", "axis.csv", "--subject", "a", "--read", "year=2025", "--read", "entity=a", "--out", "r"
    )
    assert code == 0, said
    assert "Verdict:" in out
    for wrong in ("year", "year=25", "colour=blue", "difference=maybe"):
        assert inside("run", "axis.csv", "--subject", "a", "--read", wrong)[0] == 2


def test_an_output_folder_that_cannot_be_written_is_one_clear_error(fixture, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    done = audit("run", "--case", fixture / "case.yaml", "--out", tmp_path / "taken")
    assert done.returncode in {2, 4}
    assert "Traceback" not in done.stderr.decode()
    assert (tmp_path / "taken").read_text() == "a file, not a folder"


def test_standard_input_and_a_day_instead_of_a_window(fixture, tmp_path):
    done = audit(
        "run",
        "-",
        "--subject",
        "qwen/qwen3.6-plus-preview:free",
        "--subject",
        "qwen/qwen3.6-plus-04-02:free",
        "--date",
        "2026-04-04",
        "--out",
        tmp_path / "r",
        stdin=(fixture / "figures.csv").read_bytes(),
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"from 2026-04-03 to 2026-04-06" in done.stdout


def test_interrupting_leaves_nothing_half_written(fixture, tmp_path):
    out = tmp_path / "r"
    running = subprocess.Popen(
        [*PROGRAM, "run", "--case", str(fixture / "case.yaml"), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(0.4)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert b"Traceback" not in said
    if running.returncode == 130:
        assert not out.exists()
        assert not list(tmp_path.iterdir())
    else:
        assert running.returncode == 0  # it was quicker than the interruption


def test_explain_lists_and_explains(inside):
    from auditor.detectors.registry import DETECTORS

    listed = inside("explain")[1]
    for module in DETECTORS:
        assert module.RULE.id in listed
        code, said, _ = inside("explain", module.RULE.id)
        assert code == 0
        assert "Error rates" in said
        assert "{" not in said
    assert "insufficient" in inside("explain", "verdict")[1]
    assert "SELECT" in inside("explain", "AUD231")[1]
    assert "AUD231" in inside("rules", "list")[1]


def test_an_archive_is_filled_listed_verified_and_audited_as_known_then(inside, tmp_path):
    rows = ["date,model_permaslug,total_tokens,as_of"]
    for read, factor in (("2026-01-20T01:00:00Z", 1.0), ("2026-01-22T01:00:00Z", 1.01)):
        for day in range(1, 16):
            rows += [
                f"2026-01-{day:02d},m/{i},{int(1e9 * (i + 1) * factor * (3 if day > 10 and i == 2 else 1))},{read}"
                for i in range(4)
            ]
            rows.append(f"2026-01-{day:02d},other,{int(5e9)},{read}")
    (tmp_path / "old.csv").write_text("\n".join(rows) + "\n")
    place = ["--archive", str(tmp_path / "kept")]
    taken = ("archive", "import", tmp_path / "old.csv", "--source", "openrouter", "--as-of-column", "as_of", *place)
    assert "Imported 2; 0 were held" in inside(*taken)[1]
    assert "Imported 0; 2 were held" in inside(*taken)[1]
    assert "whole" in inside("archive", "verify", *place)[1]
    assert "60 restated (60 times upward" in inside("archive", "show", "openrouter", *place)[1]
    assert "as of 2026-01-22" in inside("archive", "list", *place)[1]
    for when, value in (("2026-01-21", "9.0 billion"), ("2026-01-23", "9.1 billion")):
        out = tmp_path / when
        asked = ("--subject", "m/2", "--date", "2026-01-12", "--as-known-on", when, "--out", out, *place)
        assert inside("run", "archive:openrouter", *asked)[0] == 0
        assert value in (out / "index.html").read_text()
    code, _, said = inside("run", "archive:openrouter", "--subject", "m/2", "--as-known-on", "2025-01-01", *place)
    assert code == 3
    assert "nothing of openrouter was known" in said
