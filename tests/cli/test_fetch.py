"""Fetching and auditing a live source from the command line, against a local server that answers in the publisher's shapes."""

import pytest

from auditor.cli import main
from tests.sources import shapes
from tests.sources.server import running

CANARY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
def server():
    with running() as base:
        yield base


@pytest.fixture
def call(server, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("AUDIT_BASE_URL_OPENROUTER", f"{server}/openrouter")
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return run


WINDOW = ("--since", "2026-10-01", "--until", "2026-10-07")


def test_what_is_fetched_is_kept_cited_verified_and_audited(call, tmp_path):
    code, said, problems = call("fetch", "openrouter", *WINDOW)
    assert (code, problems) == (0, "")
    assert "Citation: Source: OpenRouter" in said
    assert "total_tokens" in said
    assert "whole" in call("archive", "verify")[1]
    assert "openrouter" in call("archive", "list")[1]
    assert "last kept" in call("sources", "list")[1]
    name = max(_figures(tmp_path).items(), key=lambda item: item[1])[0]
    code, said, problems = call("run", "archive:openrouter", "--subject", name, "--out", "kept")
    assert code == 0, problems
    assert "Verdict:" in said
    report = (tmp_path / "kept" / "index.html").read_text()
    assert "OpenRouter" in report
    assert "CC BY 4.0" in report


def _figures(folder):
    from auditor import live
    from auditor.archive import Archive

    frame = live.archived(live.source_of("openrouter"), Archive(folder / "audit-archive")).frame
    frame = frame[~frame["entity"].isin(["other"])]
    return frame.groupby("entity", observed=True)["value"].max().to_dict()


def test_a_source_can_be_audited_in_one_step(call, tmp_path):
    assert call("fetch", "openrouter", *WINDOW, "--archive", "first")[0] == 0
    (tmp_path / "first").rename(tmp_path / "audit-archive")
    name = max(_figures(tmp_path).items(), key=lambda item: item[1])[0]
    code, said, problems = call("run", "openrouter", *WINDOW, "--subject", name, "--out", "live")
    assert code == 0, problems
    assert "Verdict:" in said


def test_fetching_again_says_what_is_unchanged(call):
    assert call("fetch", "openrouter", *WINDOW)[0] == 0
    code, said, _ = call("fetch", "openrouter", *WINDOW)
    assert code == 0
    assert "unchanged" in said


def test_a_missing_key_names_its_variable_and_leaves_no_folder(call, tmp_path):
    code, _, problems = call("fetch", "openrouter", *WINDOW, "--option", "via=api")
    assert code == 4
    assert "OPENROUTER_API_KEY" in problems
    assert not (tmp_path / "audit-archive").exists()


def test_a_key_is_used_and_never_written(call, tmp_path, monkeypatch):
    key = next(iter(shapes.KEYED.values()))
    for value in (key, CANARY):  # the server accepts the first and refuses the second
        monkeypatch.setenv("OPENROUTER_API_KEY", value)
        code, said, problems = call("fetch", "openrouter", *WINDOW, "--option", "via=api")
        assert value not in said + problems
        for file in tmp_path.rglob("*"):
            if file.is_file():
                assert value.encode() not in file.read_bytes(), file
        assert code == 0 or "Traceback" not in problems
