"""Kills at random moments, a full disk, a clock that went back, a source that is down, two runs at once."""

import errno
import os
import random
import resource
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from auditor.archive import durable
from auditor.errors import AuditError
from auditor.live import Shelf
from auditor.watch import state as keeping
from auditor.watch.config import NotifyPart
from auditor.watch.lock import BusyError
from auditor.watch.notify.files import DEFAULT_PATHS
from benchmarks.watch.world import FIRST, World, figures

FILE_NOTIFIERS: tuple[Literal["jsonl", "markdown", "atom"], ...] = ("jsonl", "markdown", "atom")

PAST = 240
"""Days of figures in the archive before the first run of a fault run."""

INFLATED = (3, PAST + 10, 3.0)
"""Entity, first day and factor of the inflation that the fault runs must neither lose nor tell twice."""


@dataclass
class Survival:
    """What a fault run gave."""

    kills: int = 0
    unharmed: int = 0
    reruns: int = 0
    told_again: int = 0
    alarms: int = 0
    equal: bool = False
    differing: list[str] = field(default_factory=list)


def new_world(folder: Path, days: int) -> World:
    """Return a world with one inflation, its watch set to a large budget so that a short past suffices."""
    from auditor.watch.config import BudgetPart

    folder.mkdir(parents=True, exist_ok=True)
    values = figures(PAST + days, inflate=INFLATED)
    everyone = (
        NotifyPart(kind="stdout", on=("alarm", "record", "event")),
        *(NotifyPart(kind=kind) for kind in FILE_NOTIFIERS),
    )
    return World(folder, values, budget=BudgetPart(false_alarms_per_year=40), notify=everyone)


def times_told(world: World) -> dict[str, list[int]]:
    """Count how often each alarm that is to be told stands in each notifier's output, oldest alarm first."""
    found = world.state().found
    keys = [key for key, f in found.items() if f.kind == "alarm" and not f.old]
    counts = {"stdout": [sum(line.endswith(f" {key}") for line in world.told) for key in keys]}
    for kind in FILE_NOTIFIERS:
        text = (world.places.reports / DEFAULT_PATHS[kind]).read_text(encoding="utf-8")
        mark = {"jsonl": '"id": "{}"', "markdown": "\n`{}`, ", "atom": "<id>urn:audit:finding:{}</id>"}[kind]
        counts[kind] = [text.count(mark.format(key)) for key in keys]
    return counts


def undisturbed(folder: Path, days: int) -> World:
    """Run every day without a fault."""
    world = new_world(folder, days)
    for day in range(PAST, PAST + days):
        world.run(day)
    return world


def killed(folder: Path, days: int, kills: int, *, seed: int) -> World:
    """Kill runs with SIGKILL at random moments, as often as asked for; each killed day is run again until it finishes."""
    world = new_world(folder, days)
    rng = random.Random(seed)
    usual = 0.0
    for day in range(PAST, PAST + days):
        # As many as are still wanted, spread over the days that are left; a child that finishes ends the day's kills.
        wanted = -(-(kills - world.kills) // (PAST + days - day)) * 2
        while wanted > 0 and world.kills < kills:
            wanted -= 1
            child = _fork(partial(world.run, day))
            time.sleep(rng.random() * (usual or 0.3))
            os.kill(child, signal.SIGKILL)
            if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
                break
            world.kills += 1
        started = time.monotonic()
        finished = world.state().last_run == str(FIRST + timedelta(days=day))
        world.run(day)
        if day > PAST and not finished:
            usual = min(usual or 9.0, time.monotonic() - started)
    return world


def full_disk(world: World, day: int, limit: int, *, archived: bool = False) -> str:
    """Run a day in a process whose disk is full; return what it said, and of which file.

    Parameters
    ----------
    limit : int
        Bytes to which files may grow.
    archived : bool
        Put the day's answer into the archive beforehand, and let the disk take ``limit`` bytes in all, so that it is the state
        whose writing breaks off in the middle.
    """
    said = world.folder / "said"
    if archived:
        world.fetch(world.config.source[0], FIRST + timedelta(days=day), Shelf(world.places.archive))

    def attempt() -> None:
        if archived:
            _fill(limit)
        else:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            world.run(day, **({"fetch": None} if archived else {}))
        except AuditError as error:
            os.write(handle, f"{error.what} ({Path(error.where.file).name})".encode())

    handle = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.waitpid(_fork(attempt), 0)
    finally:
        os.close(handle)
    return said.read_text()


def _fill(room: int) -> None:
    """Let this process's writes of days and state fail with ENOSPC once ``room`` bytes were written; what fits is written."""
    left = [room]

    def write_all(handle: int, data: bytes) -> None:
        os.write(handle, data[: left[0]])
        left[0] -= len(data)
        if left[0] < 0:
            left[0] = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write_durably(path: Path, data: bytes) -> None:
        usual = durable.write_all
        durable.write_all = write_all
        try:
            durable.write_durably(path, data)
        finally:
            durable.write_all = usual

    vars(keeping)["write_durably"] = write_durably


def two_at_once(world: World, day: int) -> tuple[int, int]:
    """Start two runs of a day together; return how many finished and how many left because the other was at work."""
    children = []
    for _ in range(2):

        def attempt() -> None:
            try:
                world.run(day)
            except BusyError:
                os._exit(77)

        children.append(_fork(attempt))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return codes.count(0), codes.count(77)


def compare(one: World, other: World) -> Survival:
    """Compare all bytes of two worlds, and what was told."""
    left, right = one.bytes(), other.bytes()
    differing = sorted(k for k in left.keys() | right.keys() if left.get(k) != right.get(k))
    found = one.state().found
    return Survival(
        kills=one.kills,
        told_again=len(one.told) - len(set(one.told)),
        alarms=sum(f.kind == "alarm" for f in found.values()),
        equal=not differing and set(one.told) == set(other.told),
        differing=differing,
    )


def clock_back(world: World, day: int) -> bool:
    """Run on a day before the last one; whether nothing changed."""
    before = world.bytes()
    world.run(day - 30)
    return world.bytes() == before


def source_down(folder: Path, days: int, out: int = 5) -> World:
    """Let the source fail for some days in a row."""
    world = new_world(folder, days)
    world.down = {FIRST + timedelta(days=PAST + 4 + i) for i in range(out)}
    for day in range(PAST, PAST + days):
        world.run(day)
    return world


def _fork(work: Callable[[], object]) -> int:
    """Run ``work`` in a copy of this process; return its id."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # later Pythons warn when threads exist; this child starts none
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def alarm_ids(world: World) -> list[str]:
    """Fingerprints of the alarms, in the order in which they were raised."""
    return [key for key, found in world.state().found.items() if found.kind == "alarm"]
