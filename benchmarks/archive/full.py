"""A full disk: a small tmpfs where mounting is permitted, otherwise a limit on the size of files."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.archive import Archive, verify
from auditor.errors import ArchiveError
from benchmarks.archive.rows import Row

_MOMENT = "2026-04-05T01:35:00Z"
_PAGE = 4096


def full_disk(*, levels: int, seed: int = 1) -> list[Row]:
    """Fill a disk to each of several levels and add until it refuses; then free space and add again."""
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, _small_disk(Path(folder), 4) as disk:
        if disk is None:
            return _limited(Path(folder))
        refused = unclear = damaged = stuck = lost = 0
        for level in range(levels):
            path = disk / "archive"
            archive = Archive(path, busy_timeout=5)
            promised: set[str] = set()
            filler = disk / "filler"
            usage = shutil.disk_usage(disk)
            filler.write_bytes(b"x" * max(0, usage.free - (60 + level) * _PAGE))
            for _ in range(400):
                body = generator.randbytes(generator.choice((50, 3000, 20_000)))
                try:
                    promised.add(archive.add(body, source="s", url="u", retrieved_at=_MOMENT).hash)
                except ArchiveError as error:
                    refused += 1
                    unclear += "no space left" not in error.what
                    break
            full = verify(Archive(path, busy_timeout=5))
            filler.unlink()
            archive = Archive(path)
            promised.add(archive.add(b"after", source="s", url="u", retrieved_at=_MOMENT).hash)
            after = verify(archive)
            damaged += not full.ok
            stuck += not after.ok
            lost += len(promised - {entry.hash for entry in archive.entries()})
            shutil.rmtree(path)
    good = refused == levels and not (unclear or damaged or stuck or lost)
    return [
        Row("full disk", f"tmpfs filled {levels} times: refused / with an unclear error", f"{refused} / {unclear}", "all / 0", good),
        Row("full disk", "verify failed while full / after freeing space; acknowledged lost", f"{damaged} / {stuck}; {lost}", "0 / 0; 0", good),
    ]  # fmt: skip


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    mount = shutil.which("mount")
    disk = folder / "disk"
    disk.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
    if mount is None or os.name == "nt" or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run([str(shutil.which("umount")), str(disk)], check=True)


def _limited(folder: Path) -> list[Row]:
    """Use RLIMIT_FSIZE, which makes any file longer than the limit fail as a full disk does."""
    archive = Archive(folder / "archive")
    archive.add(b"before", source="s", url="u", retrieved_at=_MOMENT)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    refused = False
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        with contextlib.suppress(ArchiveError):
            refused = True
            archive.add(random.Random(1).randbytes(200_000), source="s", url="u", retrieved_at=_MOMENT)
            refused = False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    good = refused and verify(Archive(archive.folder)).ok
    return [
        Row("full disk", "no mount permitted; file size limited instead: refused and whole", str(good), "True", good)
    ]
