"""Faults: killed anywhere, disk full, two at once; the outcome is that of a run without them."""

import sys
from pathlib import Path

import pytest

from benchmarks.watch import faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


@pytest.mark.slow
def test_killed_runs_end_in_the_state_of_undisturbed_ones(tmp_path):
    plain = faults.undisturbed(tmp_path / "plain", 18)
    hit = faults.killed(tmp_path / "hit", 18, 15, seed=2)
    result = faults.compare(hit, plain)
    assert result.kills >= 10
    assert result.equal, result.differing
    for name, counts in faults.times_told(hit).items():
        assert counts, "no alarm was to be told: nothing was shown"
        # A kill between delivery and mark delivers again, under the same id; files hold each finding once.
        assert set(counts) == {1} or (name == "stdout" and min(counts) >= 1)
    assert set(hit.told) == set(plain.told)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    """A world of two undisturbed runs; not to be changed."""
    return faults.undisturbed(tmp_path_factory.mktemp("plain"), 2)


def test_full_disk_is_named_and_leaves_the_state_whole(tmp_path, two_days):
    world = faults.new_world(tmp_path / "full", 2)
    for limit in (3_000, 9_000, 20_000):
        assert faults.full_disk(world, faults.PAST, limit)
    world.run(faults.PAST)
    before = world.bytes()
    size = len(before[str(Path("watch-state") / "state.json")])
    for limit in (size // 2, size - 200):  # the answer is archived by then: it is the state that does not fit
        said = faults.full_disk(world, faults.PAST + 1, limit, archived=True)
        assert "no space left" in said
        assert "state.json" in said
    after = world.bytes()
    assert all(after[name] == data for name, data in before.items())
    world.run(faults.PAST + 1)
    assert faults.compare(world, two_days).equal


def test_of_two_runs_at_once_one_does_the_work(tmp_path, two_days):
    world = faults.new_world(tmp_path / "two", 2)
    world.run(faults.PAST)
    finished, left = faults.two_at_once(world, faults.PAST + 1)
    assert finished + left == 2
    assert finished >= 1
    assert faults.compare(world, two_days).equal
