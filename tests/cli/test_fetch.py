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


REGISTRY = """\
name: my-registry
title: My registry
url: {server}/described/{{subject}}?from={{since}}&to={{until}}
format: json
rows: data.items[*]
fields:
  date: day
  entity: "{{subject}}"
  values: {{tokens: n.tokens}}
units: {{tokens: tokens}}
frequency: day
citation: My registry, as of {{as_of}}.
licence: CC0 1.0
next: links.next
"""


def test_a_source_described_in_yaml_is_asked_for_the_subject_of_the_case(call, server, tmp_path):
    (tmp_path / "my-registry.yaml").write_text(REGISTRY.format(server=server))
    code, said, problems = call("run", "my-registry.yaml", "--subject", "left-pad", *WINDOW, "--out", "own")
    assert code == 0, problems
    assert "Verdict:" in said
    assert "CC0 1.0" in (tmp_path / "own" / "index.html").read_text()


def test_a_source_that_needs_a_subject_is_asked_for_the_one_in_question(call, server, monkeypatch):
    monkeypatch.setenv("AUDIT_BASE_URL_PYPISTATS", f"{server}/pypistats")
    code, said, problems = call("run", "pypistats", "--subject", "openai", *WINDOW, "--out", "downloads")
    assert "needs at least one subject" not in problems
    assert (code, "Verdict:" in said) == (0, True), problems


def test_the_card_of_archived_figures_names_the_moment_and_the_bytes_not_the_ledger(call, tmp_path):
    from auditor import live
    from auditor.archive import Archive

    assert call("fetch", "openrouter", *WINDOW)[0] == 0
    archive = Archive(tmp_path / "audit-archive")
    assert all("{as_of}" not in entry.citation for entry in archive.entries())
    found = live.archived(live.source_of("openrouter"), archive)
    card = found.sources[0]
    held = {entry.sha256 for entry in archive.entries()}
    assert "{as_of}" not in card.citation
    assert card.sha256 in held | {""}
    assert archive.head() in card.file


@pytest.mark.parametrize(
    "options", [("--as-known-on", "2026-10-05"), ("--since", "2026-10-05"), ("--option", "via=api")]
)
def test_an_option_that_no_input_obeys_is_refused(call, tmp_path, options):
    (tmp_path / "f.csv").write_text("date,model,tokens\n2026-10-01,a,1\n2026-10-02,a,2\n")
    code, _, problems = call("run", "f.csv", "--subject", "a", *options)
    assert code == 2
    assert options[0] in problems
