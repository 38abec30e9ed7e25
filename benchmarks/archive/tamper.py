"""Single bytes changed at random, one at a time, and whether ``verify`` names the damage."""

import random
import shutil
import tempfile
from pathlib import Path

from auditor.archive import Archive, Entry, Retrieval, verify
from auditor.errors import ArchiveError
from benchmarks.archive.rows import Row


def sample_archive(folder: Path, *, entries: int = 120, seed: int = 1) -> Archive:
    """Build an archive of compressible and random bodies of many sizes."""
    generator = random.Random(seed)
    archive = Archive(folder)
    for number in range(entries):
        size = generator.choice((0, 1, 30, 300, 3000))
        body = generator.randbytes(size) if number % 2 else b"date,entity,value\n" * (size // 10 + number)
        archive.add_many(
            [
                Retrieval(
                    body,
                    source=f"source-{number % 5}",
                    url=f"https://example.org/data?day={number}",
                    retrieved_at=f"2026-04-05T{number % 24:02}:00:00Z",
                    headers={"Content-Type": "text/csv", "ETag": f'"{number}"'},
                    citation="Example source, as read",
                    licence="CC BY 4.0",
                )
            ]
        )
    return archive


def changed_bytes(changes: int, *, seed: int = 2) -> list[Row]:
    """Change bytes of snapshots and of the ledger of record; all must be detected."""
    generator = random.Random(seed)
    missed = {"snapshots": 0, "ledger": 0}
    made = dict.fromkeys(missed, 0)
    with tempfile.TemporaryDirectory() as folder:
        archive = sample_archive(Path(folder) / "archive")
        objects = list(archive.objects.files())
        sizes = [path.stat().st_size for path in objects]
        for number in range(changes):
            ledger = number % 2 == 0
            path = archive.ledger.record if ledger else generator.choices(objects, sizes)[0]
            what = "ledger" if ledger else "snapshots"
            made[what] += 1
            original = _change(path, generator)
            missed[what] += not _detected(archive.folder)
            _write(path, original)
        whole = verify(Archive(archive.folder)).ok
    return [
        Row(
            "tamper",
            f"bytes changed in {what}: undetected, of {made[what]}",
            str(missed[what]),
            "0",
            missed[what] == 0 and whole,
        )
        for what in missed
    ]


def changed_index(changes: int, *, seed: int = 3) -> list[Row]:
    """Change bytes of the index and of its write-ahead log: detected, healed, or without any effect on what is read."""
    generator = random.Random(seed)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        pristine = _with_log(Path(folder))
        untouched = Archive(_copy(pristine, Path(folder) / "truth"))
        truth = untouched.entries()
        if untouched.recovered or not verify(untouched).ok:
            raise RuntimeError("the sample itself is not whole")
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            counts = {"detected": 0, "rebuilt": 0, "no effect": 0, "wrong": 0}
            work = _copy(pristine, Path(folder) / "work")
            for _ in range(changes):
                _restore(pristine, work)
                _change(work / name, generator)
                counts[_effect(work, truth)] += 1
            result = ", ".join(f"{value} {key}" for key, value in counts.items())
            rows.append(Row("tamper", f"bytes changed in {name} (index)", result, "0 wrong", counts["wrong"] == 0))
    return rows


def _effect(folder: Path, truth: list[Entry]) -> str:
    try:
        archive = Archive(folder, busy_timeout=1)
        if not verify(archive).ok:
            return "detected"
        if archive.entries() != truth:
            return "wrong"
    except ArchiveError:
        return "detected"
    return "rebuilt" if archive.recovered else "no effect"


def _with_log(folder: Path) -> Path:
    """Copy an archive while a reader keeps its write-ahead log from being folded in."""
    archive = sample_archive(folder / "live", entries=60)
    with archive.ledger.connection() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        archive.add(b"in the log", source="s", url="u", retrieved_at="2026-04-05T00:00:00Z")
        return _copy(archive.folder, folder / "pristine")


def _copy(source: Path, target: Path) -> Path:
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*-shm"))
    return target


def _restore(source: Path, work: Path) -> None:
    for path in work.glob("ledger.*"):
        path.unlink()
    for path in source.glob("ledger.*"):
        if not path.name.endswith("-shm"):
            shutil.copyfile(path, work / path.name)


def _detected(folder: Path) -> bool:
    try:
        return not verify(Archive(folder)).ok
    except ArchiveError:
        return True


def _change(path: Path, generator: random.Random) -> bytes:
    original = path.read_bytes()
    at = generator.randrange(len(original))
    changed = bytearray(original)
    changed[at] ^= generator.randrange(1, 256)
    _write(path, bytes(changed))
    return original


def _write(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
