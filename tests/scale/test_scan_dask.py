"""The engine beyond one machine, on a real local cluster of several worker processes."""

import os
import signal
import threading
import time

import pytest

from auditor.errors import UsageError
from auditor.scale.engines import engine
from tests.scale.tables import scan, table, write

distributed = pytest.importorskip(
    "distributed", reason="the engine dask is an extra: pip install 'usage-auditor[dask]'"
)

# Dask closes its event loops while threads of it still run; what it warns of then is not ours to change.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_the_cluster_gives_the_bytes_of_one_process_though_a_worker_is_killed(tmp_path):
    path = write(table(300), tmp_path / "t.parquet")
    _, expected = scan(path, tmp_path / "o", rows=700)
    killed = []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        before = {w.pid for w in cluster.workers.values()}
        assert len(before) == 2

        def kill_one():
            parts = tmp_path / "p" / ".scan.jsonl.parts"
            for _ in range(2_000):
                if len(list(parts.glob("part-*.json"))) >= 2:
                    victim = min(before)
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)
                    return
                time.sleep(0.01)

        killer = threading.Thread(target=kill_one)
        killer.start()
        run = engine("dask", scheduler=cluster.scheduler_address)

        def slowly(work, chunks):
            for answer in run(work, chunks):
                time.sleep(0.1)
                yield answer

        result, lines = scan(path, tmp_path / "p", rows=700, engine=slowly)
        killer.join()
    assert killed
    assert lines == expected
    assert result.counts["answered"] == 300


def test_a_cluster_is_started_where_none_is_named(tmp_path):
    path = write(table(20), tmp_path / "t.parquet")
    _, expected = scan(path, tmp_path / "o")
    assert scan(path, tmp_path / "p", engine=engine("dask", jobs=2))[1] == expected


def test_a_scheduler_needs_its_engine():
    with pytest.raises(UsageError, match="--scheduler"):
        engine("processes", scheduler="tcp://127.0.0.1:1")
