"""An export is readable, checkable and citable without this tool, and merges back without loss or doubling."""

import csv
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.archive import Archive, Entry, Parser, Retrieval, export, merge, observations, verify
from auditor.archive.entry import parse_line
from auditor.errors import ArchiveError, UsageError

MOMENT = "2026-04-05T01:35:00Z"


def filled(folder: Path, names: str = "ab") -> Archive:
    archive = Archive(folder)
    for name in names:
        archive.add(
            f"date,entity,value\n2026-04-01,{name},1\n".encode(),
            source=f"source-{name}",
            url=f"https://example.org/{name}",
            retrieved_at=MOMENT,
            headers={"content-type": "text/csv; charset=utf-8"},
            licence="CC BY 4.0",
            citation=f"Source: {name}",
            as_of="2026-04-02",
        )
    return archive


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_export_is_described_and_can_be_checked_without_the_tool(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive")
    folder = export(archive, tmp_path / "out" / "export", created=MOMENT)
    package = json.loads((folder / "datapackage.json").read_text())
    assert package["created"] == MOMENT
    assert package["licenses"] == [{"name": "CC-BY-4.0", "title": "CC BY 4.0"}]
    assert package["chain_head"] == archive.head()
    for resource in package["resources"]:
        data = (folder / resource["path"]).read_bytes()
        assert resource["bytes"] == len(data)
        assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    raw = [resource for resource in package["resources"] if resource["path"].startswith("data/")]
    assert {resource["mediatype"] for resource in raw} == {"text/csv"}
    assert raw[0]["sources"] == [{"title": "Source: a", "path": "https://example.org/a"}]
    with (folder / "ledger.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    schema = next(resource for resource in package["resources"] if resource["name"] == "ledger")["schema"]
    assert list(rows[0]) == [field["name"] for field in schema["fields"]]
    for row, entry in zip(rows, archive.entries(), strict=True):
        assert (folder / row["file"]).read_bytes() == archive.read(entry.sha256)
        assert row["hash"] == entry.hash
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    assert [parse_line(line) for line in lines] == archive.entries()
    program = shutil.which("sha256sum")
    if program:
        subprocess.run([program, "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}


def test_the_same_archive_gives_the_same_bytes(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive")
    first, second = (files(export(archive, tmp_path / name)) for name in ("one", "two"))
    assert first == second


def test_an_export_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive")
    archive.objects.path(archive.entries()[1].sha256).unlink()
    with pytest.raises(ArchiveError, match="missing"):
        export(archive, tmp_path / "export")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_an_export_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export(filled(tmp_path / "archive"), tmp_path)


def test_an_empty_archive_can_be_exported_and_merged(tmp_path: Path) -> None:
    folder = export(Archive(tmp_path / "archive"), tmp_path / "export")
    assert merge(Archive(tmp_path / "other"), folder, retrieved_at=MOMENT) == (0, 0, 0)


@pytest.mark.parametrize("as_export", [True, False])
def test_merging_keeps_every_field_and_merging_again_adds_nothing(tmp_path: Path, as_export: bool) -> None:
    theirs = filled(tmp_path / "theirs", "abc")
    theirs.record_unchanged(theirs.entries()[0], retrieved_at="2026-04-06T00:00:00Z")
    folder = export(theirs, tmp_path / "export") if as_export else theirs.folder
    mine = filled(tmp_path / "mine", "cd")
    assert merge(mine, folder, retrieved_at="2026-05-01T00:00:00Z") == (4, 0, 0)
    assert merge(mine, folder, retrieved_at="2026-05-02T00:00:00Z") == (0, 4, 0)
    assert verify(mine).ok
    merged = mine.entries(kinds=["merge"])
    for entry, original in zip(merged, theirs.entries(), strict=False):
        assert entry.identity == original.hash
        assert entry.retrieved_at == original.retrieved_at
        assert (entry.source, entry.url, entry.sha256, entry.as_of, entry.headers, entry.citation) == (
            original.source, original.url, original.sha256, original.as_of, original.headers, original.citation,
        )  # fmt: skip
        assert mine.read(entry.sha256) == theirs.read(original.sha256)
    assert [entry.kind for entry in mine.entries()[2:]] == ["merged_ledger", "merge", "merge", "merge", "unchanged"]
    proof = mine.read(merged[0].details["merged"]["ledger"])
    assert proof == theirs.ledger.record.read_bytes()


def test_merging_there_and_back_adds_nothing(tmp_path: Path) -> None:
    first, second, third = (filled(tmp_path / name, name) for name in "abc")
    merge(second, first.folder, retrieved_at=MOMENT)
    merge(third, second.folder, retrieved_at=MOMENT)
    assert merge(first, third.folder, retrieved_at=MOMENT).added == 2
    assert merge(third, first.folder, retrieved_at=MOMENT).added == 0
    assert {entry.source for entry in first.entries(kinds=["retrieval", "merge"])} == {
        "source-a",
        "source-b",
        "source-c",
    }
    assert all(verify(archive).ok for archive in (first, second, third))


def test_merged_entries_give_observations(tmp_path: Path) -> None:
    import io

    import pandas as pd

    mine = Archive(tmp_path / "mine")
    merge(mine, filled(tmp_path / "theirs").folder, retrieved_at=MOMENT)
    parser = Parser("csv", "1", lambda raw, _: pd.read_csv(io.BytesIO(raw), parse_dates=["date"]).assign(metric="m"))
    assert list(observations(mine, parser)["entity"]) == ["a", "b"]


def test_a_partial_export_keeps_the_whole_chain_and_merges_what_it_has(tmp_path: Path) -> None:
    archive = filled(tmp_path / "archive", "abc")
    folder = export(archive, tmp_path / "export", sources=["source-b"])
    assert len(list((folder / "data").iterdir())) == 1
    assert len((folder / "ledger.jsonl").read_bytes().splitlines()) == 3
    mine = Archive(tmp_path / "mine")
    assert merge(mine, folder, retrieved_at=MOMENT) == (1, 0, 2)
    assert [entry.source for entry in mine.entries(kinds=["merge"])] == ["source-b"]


@pytest.mark.parametrize("what", ["ledger", "file", "order"])
def test_an_altered_export_is_refused_whole(tmp_path: Path, what: str) -> None:
    folder = export(filled(tmp_path / "archive"), tmp_path / "export")
    record = folder / "ledger.jsonl"
    if what == "file":
        path = sorted((folder / "data").iterdir())[1]
        path.write_bytes(path.read_bytes().replace(b"1\n", b"9\n"))
    elif what == "ledger":
        record.write_bytes(record.read_bytes().replace(b'"as_of":"2026-04-02"', b'"as_of":"2026-04-01"', 1))
    else:
        record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[::-1]))
    mine = Archive(tmp_path / "mine")
    with pytest.raises(ArchiveError, match="nothing was added"):
        merge(mine, folder, retrieved_at=MOMENT)
    assert mine.entries() == []


def test_a_merge_that_was_interrupted_is_completed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine = filled(tmp_path / "theirs", "abcde"), Archive(tmp_path / "mine")
    monkeypatch.setattr("auditor.archive.merging._CHUNK_ENTRIES", 2)
    chunks = 0
    real = Archive.add_many

    def interrupted(archive: Archive, retrievals: list[Retrieval]) -> list[Entry]:
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise KeyboardInterrupt
        return real(archive, retrievals)

    monkeypatch.setattr(Archive, "add_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge(mine, theirs.folder, retrieved_at=MOMENT)
    held = len(mine.entries(kinds=["merge"]))
    assert 0 < held < 5
    assert merge(mine, theirs.folder, retrieved_at=MOMENT) == (5 - held, held, 0)
    assert [entry.origin for entry in mine.entries(kinds=["merge"])] == [entry.hash for entry in theirs.entries()]
    assert verify(mine).ok


def test_an_archive_in_use_can_be_merged(tmp_path: Path) -> None:
    theirs = filled(tmp_path / "theirs")
    with theirs.ledger.record.open("ab") as file:
        file.write(b'{"as_of":')
    assert merge(Archive(tmp_path / "mine"), theirs.folder, retrieved_at=MOMENT).added == 2


def test_a_folder_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    with pytest.raises(UsageError, match=r"no ledger\.jsonl"):
        merge(Archive(tmp_path / "mine"), tmp_path / "downloads", retrieved_at=MOMENT)
