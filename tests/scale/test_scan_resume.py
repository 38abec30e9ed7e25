"""Checkpoints: a killed scan goes on where it was, and nothing of it shows."""

import os
import signal
import subprocess
import sys
import time

import pytest

from auditor.errors import UsageError
from auditor.scale.engines import alone, engine
from auditor.scale.scan import Plan, screen_files
from auditor.scale.work import Part
from tests.scale.tables import scan, table, write


class ScanStoppedError(Exception):
    """Stands for a kill."""


def stopping(after):
    def run(work, chunks):
        for done, answer in enumerate(alone(work, chunks)):
            if done == after:
                raise ScanStoppedError
            yield answer

    return run


@pytest.mark.parametrize("by", [("entity", "date"), ("date", "entity")])
def test_an_interrupted_scan_goes_on_and_ends_with_the_same_bytes(tmp_path, by):
    path = write(table(160), tmp_path / "t.parquet", by=by)
    _, expected = scan(path, tmp_path / "o")
    with pytest.raises(ScanStoppedError):
        scan(path, tmp_path / "p", engine=stopping(2))
    assert not (tmp_path / "p" / "scan.jsonl").exists()
    done_again: list[int] = []

    def watching(work, chunks):
        done_again.extend(c.number for c in chunks)
        return alone(work, chunks)

    result, lines = scan(path, tmp_path / "p", engine=watching)
    assert lines == expected
    assert (tmp_path / "p" / "index.html").read_bytes() == (tmp_path / "o" / "index.html").read_bytes()
    assert result.counts["answered"] == 160
    everything: list[int] = []

    def counting(work, chunks):
        everything.extend(c.number for c in chunks)
        return alone(work, chunks)

    scan(path, tmp_path / "q", engine=counting)
    assert len(done_again) == len(everything) - 2
    assert set(done_again) < set(everything)
    assert not list((tmp_path / "p").glob(".*"))


def test_another_question_does_not_mix_with_the_checkpoints(tmp_path):
    path = write(table(), tmp_path / "t.parquet")
    with pytest.raises(ScanStoppedError):
        scan(path, tmp_path / "p", engine=stopping(1))
    write(table(seed=4), path)
    with pytest.raises(UsageError, match="another input"):
        scan(path, tmp_path / "p")
    _, lines = scan(path, tmp_path / "p", restart=True)
    assert lines == scan(path, tmp_path / "o")[1]


def test_a_half_written_part_counts_for_nothing(tmp_path):
    path = write(table(), tmp_path / "t.parquet")
    _, expected = scan(path, tmp_path / "o")
    with pytest.raises(ScanStoppedError):
        scan(path, tmp_path / "p", engine=stopping(2))
    folder = tmp_path / "p" / ".scan.jsonl.parts"
    (folder / "part-000001.json").unlink()
    (folder / "part-000001.jsonl").write_bytes(b'{"entity":"half')
    assert scan(path, tmp_path / "p")[1] == expected


def test_a_full_disk_is_said_and_what_is_finished_is_kept(tmp_path, monkeypatch):
    from auditor.archive.durable import write_durably as true

    path = write(table(), tmp_path / "t.parquet")
    _, expected = scan(path, tmp_path / "o")

    def full(place, data):
        if place.name == "part-000001.jsonl":
            raise OSError(28, "No space left on device")
        true(place, data)

    monkeypatch.setattr("auditor.scale.parts.write_durably", full)
    with pytest.raises(UsageError, match="No space left"):
        scan(path, tmp_path / "p")
    monkeypatch.setattr("auditor.scale.parts.write_durably", true)
    assert (tmp_path / "p" / ".scan.jsonl.parts" / "part-000000.json").exists()
    assert scan(path, tmp_path / "p")[1] == expected


def test_many_parts_are_merged_in_steps(tmp_path, monkeypatch):
    path = write(table(160), tmp_path / "t.parquet")
    _, expected = scan(path, tmp_path / "o")
    monkeypatch.setattr("auditor.scale.parts.FAN", 2)
    assert scan(path, tmp_path / "p")[1] == expected


def test_an_input_that_changes_meanwhile_is_refused(tmp_path):
    path = write(table(), tmp_path / "t.parquet")

    def touching(work, chunks):
        yield from alone(work, chunks)
        os.utime(path, (1, 1))

    with pytest.raises(Exception, match="changed while it was scanned"):
        scan(path, tmp_path / "o", engine=touching)


@pytest.mark.slow
def test_a_killed_command_is_resumed(tmp_path):
    path = write(table(400), tmp_path / "t.parquet")
    program = (
        "import sys; from pathlib import Path; from auditor.scale.scan import *; "
        "screen_files([Path(sys.argv[1])], Plan(out=Path(sys.argv[2]), rows=500, formats=('jsonl',)))"
    )
    arguments = [sys.executable, "-c", program, str(path)]
    parts = tmp_path / "p" / ".scan.jsonl.parts"
    process = subprocess.Popen([*arguments, str(tmp_path / "p")])
    try:
        for _ in range(600):
            if len(list(parts.glob("part-*.json"))) >= 2 or process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is None, "the scan ended before it could be killed"
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    held = {p: p.stat().st_mtime_ns for p in parts.glob("part-*.jsonl")}
    assert held
    screen_files([path], Plan(out=tmp_path / "o", rows=500, formats=("jsonl",)))
    seen = {}

    def watching(work, chunks):
        seen.update({p: p.stat().st_mtime_ns for p in held if p.exists()})
        return alone(work, chunks)

    screen_files([path], Plan(out=tmp_path / "p", rows=500, formats=("jsonl",), engine=watching))
    assert seen == held
    assert (tmp_path / "p" / "scan.jsonl").read_bytes() == (tmp_path / "o" / "scan.jsonl").read_bytes()


class Chunk:
    """A chunk of nothing."""

    def __init__(self, number):
        self.number = number


class Deadly:
    """Work whose chunk 3 kills its process, the first time or every time."""

    def __init__(self, folder, *, always):
        self.folder, self.always = folder, always

    def __call__(self, chunk):
        mark = self.folder / "died"
        if chunk.number == 3 and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Part(b"%d\n" % chunk.number, {"answered": 1}, [])

    def lost(self, chunk, reason):
        return Part(b"lost %d\n" % chunk.number, {"refused": 1}, [])


@pytest.mark.slow
@pytest.mark.parametrize("always", [False, True])
def test_a_worker_that_dies_costs_at_most_its_own_chunk(tmp_path, always):
    chunks = [Chunk(i) for i in range(6)]
    found = sorted(engine(jobs=2)(Deadly(tmp_path, always=always), chunks), key=lambda pair: pair[0])
    lines = [part.lines for _, part in found]
    assert lines == [b"lost 3\n" if always and i == 3 else b"%d\n" % i for i in range(6)]
