"""Runs a command and says what it took: elapsed time, CPU time of it and its children, and their memory together."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Seconds between two looks at the memory.
PAUSE = 0.1


@dataclass(frozen=True)
class Spent:
    """What a command took.

    Attributes
    ----------
    elapsed, cpu : float
        Seconds; CPU of the command and all its children that ended.
    memory : float
        Largest sum of the resident memory of the command and its children, in MB; pages they share count once, in shares.
        NaN where the system does not tell.
    output : str
    """

    elapsed: float
    cpu: float
    memory: float
    output: str


def run(arguments: Sequence[str], *, cwd: Path | None = None) -> Spent:
    """Run Python with arguments; a command that fails ends the benchmark with its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    most = [float("nan")]
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, most, stop))
    watcher.start()
    output, _ = process.communicate()
    elapsed = time.perf_counter() - begin
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{output}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(elapsed, cpu, most[0], output)


def load() -> str:
    """Load of the machine, for the reader of elapsed times."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _watch(pid: int, most: list[float], stop: threading.Event) -> None:
    while not stop.wait(PAUSE):
        found = sum(_resident(p) for p in _family(pid))
        if found and not found <= most[0]:
            most[0] = found


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(c) for c in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _resident(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
