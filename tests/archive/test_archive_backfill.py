"""Old downloads and git histories become vintages, with the as-of they really had."""

import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from auditor.archive import Archive, Entry, Parser, as_known_on, import_path, observations, revisions, verify
from auditor.errors import InputError, UsageError

MOMENT = "2026-10-11T00:00:00Z"
HEAD = "date,entity,value"


def parse(raw: bytes, entry: Entry) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(raw), parse_dates=["date"]).assign(metric="tokens")


PARSER = Parser("csv", "1", parse)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def downloads(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def take(archive: Archive, path: Path, **options: Any) -> tuple[int, int]:
    return tuple(import_path(archive, path, source="s", retrieved_at=MOMENT, **options))  # type: ignore[return-value]  # named tuple of two


def test_a_folder_with_dates_in_the_names(archive: Archive, tmp_path: Path) -> None:
    folder = downloads(
        tmp_path / "old",
        **{
            "rank_2026-04-02__csv": f"{HEAD}\n2026-04-01,a,1\n",
            "rank_20260403T0135Z__csv": f"{HEAD}\n2026-04-01,a,2\n",
        },
    )
    (folder / ".hidden-2026-04-09").write_text("no")
    assert take(archive, folder, licence="CC BY 4.0", citation="Source: s") == (2, 0)
    first, second = archive.entries()
    assert (first.url, first.as_of, first.kind, first.status) == (
        "rank_2026-04-02.csv",
        "2026-04-02",
        "backfill",
        None,
    )
    assert second.as_of == "2026-04-03T01:35:00Z"
    assert first.details["as_of_from"] == "name"
    assert (first.licence, first.citation, first.headers) == ("CC BY 4.0", "Source: s", {"content-type": "text/csv"})
    assert archive.read(first.sha256) == (folder / "rank_2026-04-02.csv").read_bytes()
    changes = revisions(observations(archive, PARSER))
    assert list(zip(changes["old"], changes["new"], strict=True)) == [(1, 2)]
    assert take(archive, folder) == (0, 2)


def test_one_file_with_a_stated_as_of(archive: Archive, tmp_path: Path) -> None:
    folder = downloads(tmp_path / "old", data__csv=f"{HEAD}\n2026-04-01,a,1\n")
    assert take(archive, folder / "data.csv", as_of="week ending 2026-04-05") == (1, 0)
    assert archive.entries()[0].as_of == "week ending 2026-04-05"


def test_a_column_gives_one_vintage_for_each_of_its_values_over_the_same_bytes(
    archive: Archive, tmp_path: Path
) -> None:
    text = (
        f"{HEAD},as_of\n2026-04-01,a,1,2026-04-02T00:00Z\n2026-04-01,b,5,2026-04-02T00:00Z\n2026-04-01,a,2,2026-04-03\n"
    )
    folder = downloads(tmp_path / "old", data__csv=text)
    assert take(archive, folder, as_of_column="as_of") == (2, 0)
    assert len({entry.sha256 for entry in archive.entries()}) == 1
    assert [entry.as_of for entry in archive.entries()] == ["2026-04-02T00:00Z", "2026-04-03"]
    read = observations(archive, PARSER)
    assert list(read["value"]) == [1, 5, 2]
    assert list(as_known_on(read, "2026-04-02")["value"]) == [1, 5]
    assert take(archive, folder, as_of_column="as_of") == (0, 2)
    assert verify(archive).ok


def test_a_parser_that_changes_the_as_of_of_a_column_is_told(archive: Archive, tmp_path: Path) -> None:
    folder = downloads(tmp_path / "old", data__csv=f"{HEAD},as_of\n2026-04-01,a,1,2026-04-02T00:00Z\n")
    take(archive, folder, as_of_column="as_of")
    parser = Parser("csv", "1", lambda raw, entry: parse(raw, entry).assign(as_of="2026-04-02"))
    with pytest.raises(InputError, match="no row has the as_of"):
        observations(archive, parser)


def test_a_pattern_of_ones_own(archive: Archive, tmp_path: Path) -> None:
    folder = downloads(tmp_path / "old", a__csv=HEAD)
    (folder / "x 5.4.2026.csv").write_text(HEAD)
    (folder / "a.csv").unlink()
    pattern = r"(?P<day>\d+)\.(?P<month>\d+)\.(?P<year>\d{4})"
    with pytest.raises(UsageError, match="not known"):  # 2026-4-5 is no ISO date
        take(archive, folder, as_of_pattern=pattern)
    (folder / "x 5.4.2026.csv").rename(folder / "x 05.04.2026.csv")
    assert take(archive, folder, as_of_pattern=pattern) == (1, 0)
    assert archive.entries()[0].as_of == "2026-04-05"


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("data.csv", {}, UsageError, "no date in the file's name"),
        ("data-2026-13-45.csv", {}, UsageError, "no date in the file's name"),
        ("data.csv", {"as_of": "x", "git": True}, UsageError, "exclude each other"),
        ("data.csv", {"as_of_column": "when"}, InputError, "no column 'when'"),
        ("data.csv", {"as_of_column": "value"}, InputError, "is empty in some row"),
        ("data.csv", {"as_of_pattern": "("}, UsageError, "no regular expression"),
        ("data.csv", {"glob": "*.json"}, UsageError, "no file matches"),
    ],
)
def test_what_cannot_be_known_is_refused_and_nothing_is_kept(
    archive: Archive, tmp_path: Path, name: str, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / name).write_text(f"{HEAD}\n2026-04-01,a,\n")
    with pytest.raises(error, match=said):
        take(archive, folder, **options)
    assert archive.entries() == []


def test_a_path_that_does_not_exist(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to import"):
        take(archive, tmp_path / "none")


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def commit(folder: Path, moment: str, **files: str | None) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    identity = {"GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "e"}
    dates = {"GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE": moment}
    environment = {**os.environ, **identity, **dates, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for arguments in (["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


@needs_git
def test_a_git_history_gives_one_vintage_for_each_version(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    sub = folder / "data set"
    commit(folder, "2026-04-02T08:00:00+08:00", **{"data set/a__csv": f"{HEAD}\n2026-04-01,a,1\n", "README": "text"})
    commit(folder, "2026-04-03T00:00:00Z", README="other text")
    commit(
        folder,
        "2026-04-04T00:00:00Z",
        **{"data set/a__csv": f"{HEAD}\n2026-04-01,a,2\n", "data set/ü__csv": f"{HEAD}\n"},
    )
    commit(folder, "2026-04-05T00:00:00Z", **{"data set/a__csv": None})
    assert take(archive, sub, git=True, glob="*.csv") == (3, 0)
    found = [(entry.details["path"], pd.Timestamp(str(entry.as_of))) for entry in archive.entries()]
    assert found == [
        ("a.csv", pd.Timestamp("2026-04-02T00:00:00Z")),
        ("a.csv", pd.Timestamp("2026-04-04T00:00:00Z")),
        ("ü.csv", pd.Timestamp("2026-04-04T00:00:00Z")),
    ]
    assert len(archive.entries()[0].details["git_commit"]) == 40
    changes = revisions(observations(archive, PARSER))
    assert list(changes["ratio"]) == [2]
    assert take(archive, sub, git=True, glob="*.csv") == (0, 3)


@needs_git
def test_a_folder_outside_a_repository_is_named(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = downloads(tmp_path / "old", a__csv=HEAD)
    with pytest.raises(InputError, match="git cannot read"):
        take(archive, folder, git=True)
