"""What the archive must show, in short: the full runs are ``python -m benchmarks.archive``."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.archive import full, tamper


def test_random_changes_of_snapshots_and_ledger_are_all_detected() -> None:
    assert [row for row in tamper.changed_bytes(60) if not row.met] == []


def test_changes_of_the_index_are_detected_healed_or_without_effect() -> None:
    assert [row for row in tamper.changed_index(12) if not row.met] == []


def test_a_small_disk_that_is_full() -> None:
    # without permission to mount one, the size of files is limited instead; the row says so
    assert [row for row in full.full_disk(levels=3) if not row.met] == []


@pytest.mark.slow
def test_writers_killed_at_random_moments_and_at_every_step_lose_nothing(project: Path) -> None:
    # in a process of its own, because the writers are forked
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.archive", "--quick", "--only", "crash"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ok") == 3


@pytest.mark.slow
def test_loading_and_listing_in_small(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.archive", "--quick", "--only", "speed"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
