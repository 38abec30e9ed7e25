"""Writers killed with SIGKILL at random moments, and writers that die at every step in turn."""

import contextlib
import os
import random
import select
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from auditor.archive import Archive, Retrieval, verify
from benchmarks.archive.rows import Row

_MOMENT = "2026-04-05T01:35:00Z"
_ARCHIVES = 10
_LONGEST_LIFE = 0.15
_BEFORE_THE_FIRST = 0.2
_PATIENCE = 10.0


def random_kills(runs: int, *, writers: int = 2, seed: int = 1) -> list[Row]:
    """Kill ``writers`` processes that write to one archive; ``runs`` times, crash upon crash."""
    generator = random.Random(seed)
    lost = failed = recovered = 0
    leftovers: set[tuple[int, str]] = set()
    with tempfile.TemporaryDirectory() as folder:
        promised: dict[int, set[str]] = {}
        for run in range(runs):
            number = run % min(_ARCHIVES, runs)
            path = Path(folder) / str(number)
            promised.setdefault(number, set())
            promised[number] |= _killed_writers(path, writers, generator)
            archive = Archive(path)
            report = verify(archive)
            held = {entry.hash for entry in archive.entries()}
            failed += not report.ok
            lost += len(promised[number] - held)
            leftovers |= {(number, note) for note in report.notes}
            recovered += bool(archive.recovered)
            archive.sweep()
        acknowledged = sum(len(hashes) for hashes in promised.values())
    return [
        Row("crash", f"{runs} runs, {writers} writers killed by SIGKILL: verify failed", str(failed), "0", failed == 0),
        Row("crash", f"acknowledged snapshots lost, of {acknowledged}", str(lost), "0", lost == 0 and acknowledged > 0),
        Row(
            "crash",
            "runs with entries recovered / unrecorded objects and temporary files left",
            f"{recovered} / {len(leftovers)}",
        ),
    ]


def every_step() -> list[Row]:
    """Let a writer die before, and half-way through, each operation on files and on the index in turn."""
    steps = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for half in (False, True):
            step, died = 0, True
            while died:
                step += 1
                path = Path(folder) / f"{step}-{half}"
                Archive(path).add(b"earlier", source="s", url="u", retrieved_at=_MOMENT)
                died, hashes = _dies_at(path, step, half=half)
                archive = Archive(path)
                whole = verify(archive).ok and hashes <= {entry.hash for entry in archive.entries()}
                archive.add(b"later", source="s", url="u", retrieved_at=_MOMENT)
                archive.sweep()
                bad += not (whole and verify(archive).ok)
                steps += died
    return [
        Row(
            "crash",
            f"death at each of {steps} steps of a write: archive not whole",
            str(bad),
            "0",
            bad == 0 and steps > 20,
        )
    ]


def _killed_writers(path: Path, writers: int, generator: random.Random) -> set[str]:
    """Start writers, kill each at its own moment, and return the hashes they had acknowledged."""
    children: list[tuple[float, int, int]] = []
    for number in range(writers):
        seed, life = generator.random(), generator.random() * _LONGEST_LIFE
        reading, child = _forked(partial(_write_for_ever, path, seed, number))
        children.append((life, child, reading))
    for life, child, reading in children:
        if life > _BEFORE_THE_FIRST * _LONGEST_LIFE:  # most live until they have acknowledged something
            select.select([reading], [], [], _PATIENCE)
        time.sleep(life)
        os.kill(child, signal.SIGKILL)
    hashes: set[str] = set()
    for _, child, reading in children:
        os.waitpid(child, 0)
        hashes |= _acknowledged(reading)
    return hashes


def _write_for_ever(path: Path, seed: float, number: int, out: int) -> None:
    generator = random.Random(seed)
    archive = Archive(path)
    count = 0
    while True:
        count += 1
        # half of the bodies are the same in all writers, so that they race for the same object
        shared = generator.random() < 0.5
        body = f"{count if shared else (number, seed, count)} ".encode() * generator.choice((1, 100, 10_000))
        if generator.random() < 0.2:
            batch = [Retrieval(body + bytes([part]), f"s{number}", "u", _MOMENT) for part in range(20)]
            entries = archive.add_many(batch)
        else:
            entries = [archive.add(body, source=f"s{number}", url=f"u{count}", retrieved_at=_MOMENT)]
        os.write(out, "".join(f"{entry.hash}\n" for entry in entries).encode())


def _dies_at(path: Path, step: int, *, half: bool) -> tuple[bool, set[str]]:
    """Add one entry in a process that dies at its n-th operation; returns whether it died, and what it acknowledged."""

    def act(out: int) -> None:
        archive = Archive(path)
        _arm(step, half=half)
        entry = archive.add(b"body " * 100, source="s", url="u", retrieved_at=_MOMENT)
        os.write = _real_write
        os.write(out, f"{entry.hash}\n".encode())

    reading, child = _forked(act)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9, _acknowledged(reading)


_real_write = os.write


def _arm(step: int, *, half: bool) -> None:
    """Count every operation that changes the disk, in this process only, and die at the chosen one."""
    left = step

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if function is _real_write and half:
                    _real_write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                elif half:
                    function(*arguments, **options)
                os._exit(9)
            return function(*arguments, **options)

        return wrapper

    class Counting(sqlite3.Connection):
        execute = counted(sqlite3.Connection.execute)
        executemany = counted(sqlite3.Connection.executemany)

    real_connect = sqlite3.connect
    sqlite3.connect = lambda *arguments, **options: real_connect(*arguments, factory=Counting, **options)  # type: ignore[assignment]  # test double
    for name in ("write", "fsync", "close"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("replace", "mkdir", "rename", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))


def _forked(act: Callable[[int], None]) -> tuple[int, int]:
    """Run ``act(pipe)`` in a child; returns the reading end and the child's id."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(act, writing)
    os.close(writing)
    return reading, child


def _run(act: Callable[[int], None], writing: int) -> NoReturn:
    with contextlib.suppress(BaseException):
        act(writing)
        os._exit(0)
    os._exit(1)


def _acknowledged(reading: int) -> set[str]:
    with os.fdopen(reading, "rb") as pipe:
        return {line.decode().strip() for line in pipe.read().splitlines(keepends=True) if line.endswith(b"\n")}
