"""Who runs the chunks: this process, processes on this machine, or Dask beyond it. None of them changes a result."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from auditor.errors import UsageError
from auditor.scale.work import Part, Work

#: Times a chunk may take its worker down before its series are given up.
LIVES = 3

#: Chunks handed out per worker at a time; more would hold finished answers in memory.
AHEAD = 2

#: Numerical libraries start one thread each in a worker: the workers are the parallelism, and sums keep their order.
_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Numbered(Protocol):
    """A chunk that knows its place in the plan."""

    @property
    def number(self) -> int:
        """Place in the plan."""
        ...


Engine = Callable[[Work, Sequence[Numbered]], Iterator[tuple[int, Part]]]


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine(name: str = "processes", *, jobs: int = 0, scheduler: str = "") -> Engine:
    """Choose an engine.

    Parameters
    ----------
    name : {'processes', 'dask'}
    jobs : int
        Workers on this machine; 0 is one per core. 1 works in this process.
    scheduler : str
        Address or scheduler file of a running Dask cluster; '' starts one on this machine.

    Raises
    ------
    UsageError
        When the engine is unknown or not installed.
    """
    if jobs < 0:
        raise UsageError(f"--jobs {jobs} is not a number of workers", hint="use 1 or more, or 0 for all cores")
    workers = jobs or cores()
    if name == "dask":
        from auditor.scale.dask import on_dask

        return on_dask(workers, scheduler)
    if name != "processes":
        raise UsageError(f"there is no engine {name!r}", hint="use processes or dask")
    if scheduler:
        raise UsageError("--scheduler was given, but the engine is processes", hint="add --engine dask")
    return alone if workers == 1 else _processes(workers)


def alone(work: Work, chunks: Sequence[Numbered]) -> Iterator[tuple[int, Part]]:
    """Work in this process, chunk after chunk."""
    for chunk in chunks:
        yield chunk.number, work(chunk)


def _processes(workers: int) -> Engine:
    def run(work: Work, chunks: Sequence[Numbered]) -> Iterator[tuple[int, Part]]:
        waiting = list(reversed(chunks))
        deaths: dict[int, int] = {}
        while waiting:
            # After a death nobody knows whose fault it was: the suspects are tried one at a time.
            suspects = [c for c in waiting if deaths.get(c.number)]
            crowd = 1 if suspects else workers
            for number, part, lost in _pool(work, suspects[-1:] if suspects else waiting, crowd):
                chunk = next(c for c in waiting if c.number == number)
                if lost:
                    deaths[number] = deaths.get(number, 0) + 1
                    if deaths[number] < LIVES:
                        continue
                    part = work.lost(chunk, "the process that worked on it died, several times")  # noqa: PLW2901 - its stand-in
                waiting.remove(chunk)
                assert part is not None
                yield number, part

    return run


def _pool(work: Work, chunks: Sequence[Any], workers: int) -> Iterator[tuple[int, Part | None, bool]]:
    """Run chunks in a pool until they are done or a worker dies; then name those that were under way."""
    from multiprocessing import get_context

    todo = list(chunks)
    under_way: dict[Future[Part], int] = {}
    saved = {name: os.environ.get(name) for name in _ALONE}
    os.environ.update(dict.fromkeys(_ALONE, "1"))
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        while todo or under_way:
            while todo and len(under_way) < AHEAD * workers:
                chunk = todo.pop()
                under_way[pool.submit(work, chunk)] = chunk.number
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield under_way[future], future.result(), False
                del under_way[future]
    except BrokenProcessPool:
        for number in under_way.values():
            yield number, None, True
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
