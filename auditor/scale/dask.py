"""The same chunks on Dask: a cluster on this machine for trying it, or one that runs already."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditor.errors import SourceError, UsageError
from auditor.scale.work import Part, Work

if TYPE_CHECKING:
    from auditor.scale.engines import Engine, Numbered

#: Chunks handed to the scheduler per worker thread at a time.
AHEAD = 4

#: Workers a chunk may take down with it before it is given up.
DEATHS = 3


def on_dask(workers: int, scheduler: str = "") -> "Engine":
    """Return an engine on Dask.

    Parameters
    ----------
    workers : int
        Processes of the cluster that is started where ``scheduler`` is ''.
    scheduler : str
        Address (``tcp://host:8786``) or path of a scheduler file of a running cluster. Its workers need this program, and the
        input under the same path.

    Raises
    ------
    UsageError
        When Dask is not installed.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise UsageError(
            "the engine dask is not installed", hint="pip install 'usage-auditor[dask]', or leave --engine out"
        ) from error

    def run(work: Work, chunks: "Sequence[Numbered]") -> Iterator[tuple[int, Part]]:
        with import_module("dask").config.set({"distributed.scheduler.allowed-failures": DEATHS}):
            if scheduler:
                yield from _submitted(_client(scheduler), work, chunks)
                return
            with distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster:
                yield from _submitted(distributed.Client(cluster), work, chunks)

    return run


def _client(scheduler: str) -> Any:
    distributed: Any = import_module("distributed")
    try:
        if "://" in scheduler or ":" in scheduler:
            return distributed.Client(scheduler, timeout="30s")
        return distributed.Client(scheduler_file=scheduler, timeout="30s")
    except (OSError, ValueError, TimeoutError) as error:
        raise SourceError(
            f"no Dask scheduler answers at {scheduler}: {error}",
            hint="start one with `dask scheduler`, or check the address",
        ) from error


def _submitted(client: Any, work: Work, chunks: "Sequence[Numbered]") -> Iterator[tuple[int, Part]]:
    """Hand out chunks as workers become free; an answer leaves the cluster as soon as it is here."""
    distributed: Any = import_module("distributed")
    with client:
        todo = list(reversed(chunks))
        under_way: dict[Any, Any] = {}
        pending = distributed.as_completed()

        def more() -> None:
            threads = max(1, sum(client.nthreads().values()))
            while todo and len(under_way) < AHEAD * threads:
                chunk = todo.pop()
                future = client.submit(_call, work, chunk, retries=1, pure=False)
                under_way[future] = chunk
                pending.add(future)

        more()
        for future in pending:
            chunk = under_way.pop(future)
            try:
                part = future.result()
            except distributed.KilledWorker:
                part = work.lost(chunk, "the workers that worked on it died, several times")
            future.release()
            yield chunk.number, part
            more()


def _call(work: Work, chunk: Any) -> Part:
    return work(chunk)
