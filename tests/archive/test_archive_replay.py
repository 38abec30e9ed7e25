"""Observations come from raw bytes through versioned parsers; the cache can always be thrown away."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditor.archive import Archive, Entry, Parser, Retrieval, observations
from auditor.archive.columns import Columns
from auditor.errors import AuditError, InputError, UsageError

MOMENT = "2026-04-05T01:35:00Z"


class Counting:
    def __init__(self, factor: float = 1) -> None:
        self.calls: list[int] = []
        self.factor = factor

    def __call__(self, raw: bytes, entry: Entry) -> pd.DataFrame:
        self.calls.append(entry.seq)
        table = pd.read_csv(io.BytesIO(raw), parse_dates=["date"])
        return table.assign(metric="tokens", value=table["value"] * self.factor)


def body(*rows: str) -> bytes:
    return "\n".join(["date,entity,value", *rows]).encode()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "archive")
    archive.add(body("2026-04-01,a,1", "2026-04-01,b,2"), source="s", url="u", retrieved_at=MOMENT, as_of="2026-04-02")
    archive.add(
        body("2026-04-01,b,3", "2026-04-02,ü/\u6a21,4"), source="t", url="u", retrieved_at="2026-04-06T00:00:00Z"
    )
    archive.add(b"<html>busy</html>", source="s", url="u", retrieved_at=MOMENT, status=503)
    return archive


def test_all_vintages_in_ledger_order_with_their_snapshot(archive: Archive) -> None:
    read = observations(archive, Parser("csv", "1", Counting()))
    assert list(read.columns) == ["date", "entity", "metric", "value", "as_of", "source", "snapshot"]
    assert list(read["value"]) == [1, 2, 3, 4]
    assert list(read["entity"]) == ["a", "b", "b", "ü/模"]
    assert list(read["as_of"]) == ["2026-04-02"] * 2 + ["2026-04-06T00:00:00Z"] * 2
    assert list(read["source"]) == ["s", "s", "t", "t"]
    assert list(read["snapshot"]) == [entry.sha256 for entry in archive.entries()[:2] for _ in range(2)]
    assert read["date"].dtype == "datetime64[ns]"
    assert all(read[name].dtype == "category" for name in ("entity", "metric", "as_of", "source", "snapshot"))


def test_a_parser_runs_once_per_snapshot_and_a_new_version_is_replayed(archive: Archive) -> None:
    first, fixed = Counting(), Counting(factor=10)
    before = observations(archive, Parser("csv", "1", first))
    again = observations(archive, Parser("csv", "1", first))
    pd.testing.assert_frame_equal(before, again)
    assert first.calls == [1, 2]
    archive.add(body("2026-04-03,a,5"), source="s", url="u", retrieved_at=MOMENT)
    assert list(observations(archive, Parser("csv", "1", first))["value"]) == [1, 2, 3, 4, 5]
    assert first.calls == [1, 2, 4]
    assert list(observations(archive, Parser("csv", "2", fixed))["value"]) == [10, 20, 30, 40, 50]
    assert fixed.calls == [1, 2, 4]
    observations(archive, Parser("csv", "1", first), refresh=True)
    assert first.calls == [1, 2, 4, 1, 2, 4]


@pytest.mark.parametrize("damage", [b"", b"PK garbage", None])
def test_a_damaged_or_deleted_cache_is_rebuilt(archive: Archive, damage: bytes | None) -> None:
    parser = Parser("csv", "1", Counting())
    before = observations(archive, parser)
    (segment,) = (archive.folder / "cache").rglob("*.npz")
    whole = segment.read_bytes()
    if damage is None:
        middle = len(whole) // 2
        damage = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    segment.write_bytes(damage)
    pd.testing.assert_frame_equal(observations(archive, parser), before)


def test_many_small_segments_are_joined(archive: Archive) -> None:
    counting = Counting()
    parser = Parser("csv", "1", counting)
    for number in range(12):
        archive.add(body(f"2026-04-01,e{number},{number}"), source="s", url="u", retrieved_at=MOMENT)
        observations(archive, parser)
    assert len(list((archive.folder / "cache").rglob("*.npz"))) < 12
    read = observations(archive, parser)
    assert list(read["value"]) == [1, 2, 3, 4, *range(12)]
    assert len(counting.calls) == 14


def test_a_disk_without_room_for_the_cache_still_gives_observations(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("auditor.archive.columns.write_durably", full)
    assert len(observations(archive, Parser("csv", "1", Counting()))) == 4


def test_a_choice_of_entries(archive: Archive) -> None:
    parser = Parser("csv", "1", Counting())
    observations(archive, parser)
    assert list(observations(archive, parser, source="t")["value"]) == [3, 4]
    assert list(observations(archive, parser, until="2026-04-05T12:00:00Z")["value"]) == [1, 2]
    reverse = archive.entries()[1::-1]
    assert list(observations(archive, parser, entries=reverse)["value"]) == [3, 4, 1, 2]
    none = observations(archive, parser, source="nobody")
    assert len(none) == 0
    assert list(none.columns) == ["date", "entity", "metric", "value", "as_of", "source", "snapshot"]


def test_optional_columns_survive_the_cache_where_only_some_parts_have_them(archive: Archive) -> None:
    def parse(raw: bytes, entry: Entry) -> pd.DataFrame:
        table = Counting()(raw, entry)
        if entry.source == "t":
            table = table.assign(
                low=0.5,
                high=[9, np.nan],
                unit="tokens",
                dimension=pd.Series(["x", np.nan]),
                status="partial",
                complete=True,
            )
        return table

    for _ in range(2):
        read = observations(archive, Parser("csv", "1", parse))
        np.testing.assert_array_equal(read["low"], [np.nan, np.nan, 0.5, 0.5])
        np.testing.assert_array_equal(read["high"], [np.nan, np.nan, 9, np.nan])
        assert list(read["dimension"].astype(object).fillna("none")) == ["none", "none", "x", "none"]
        assert list(read["status"].astype(object).fillna("none")) == ["none", "none", "partial", "partial"]
        assert list(read["complete"]) == [False, False, True, True]


def test_hours_are_kept(archive: Archive) -> None:
    parser = Parser("csv", "1", lambda raw, entry: Counting()(raw, entry).assign(date=pd.Timestamp("2026-04-01 10:00")))
    for _ in range(2):
        assert set(observations(archive, parser)["date"]) == {pd.Timestamp("2026-04-01 10:00")}


def test_an_entry_can_say_that_its_days_are_complete(archive: Archive) -> None:
    archive.add(body("2026-04-01,a,1"), source="w", url="u", retrieved_at=MOMENT, details={"complete_days": True})
    read = observations(archive, Parser("csv", "1", Counting()))
    assert list(read["complete"]) == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"entity": None}, "no column 'entity'"),
        ({"date": "2026-04-01"}, "dates of type"),
        ({"date": pd.Timestamp("2026-04-01", tz="UTC")}, "dates of type"),
        ({"date": pd.NaT}, "a date is missing"),
        ({"value": "12"}, "not a number"),
        ({"entity": float("nan")}, "entity is missing"),
    ],
)
def test_a_parser_that_breaks_the_contract_is_named(archive: Archive, columns: dict[str, Any], said: str) -> None:
    def parse(raw: bytes, entry: Entry) -> pd.DataFrame:
        table = Counting()(raw, entry)
        (name, value), *_ = columns.items()
        return table.drop(columns=name) if name == "entity" and value is None else table.assign(**{name: value})

    with pytest.raises(InputError, match=said) as caught:
        observations(archive, Parser("broken", "7", parse))
    assert "broken 7" in str(caught.value)


def test_snapshots_that_cannot_be_parsed_are_collected_or_raised(archive: Archive) -> None:
    archive.add(b"\xff not a table", source="s", url="https://x/page", retrieved_at=MOMENT)
    parser = Parser("csv", "1", Counting())
    with pytest.raises(InputError, match="cannot read snapshot"):
        observations(archive, parser)
    failures: list[tuple[Entry, AuditError]] = []
    assert len(observations(archive, parser, failures=failures)) == 4
    assert [entry.seq for entry, _ in failures] == [4]


def test_a_parser_needs_a_name_and_a_version(archive: Archive) -> None:
    with pytest.raises(UsageError):
        observations(archive, Parser("csv", "", Counting()))


def test_versions_whose_names_look_alike_in_a_path_do_not_share_a_cache(archive: Archive) -> None:
    assert list(observations(archive, Parser("a/b", "1", Counting()))["value"]) == [1, 2, 3, 4]
    assert list(observations(archive, Parser("a b", "1", Counting(2)))["value"]) == [2, 4, 6, 8]


def test_entries_held_twice_count_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = archive.add_many([Retrieval(body(f"2026-04-01,a,{n}"), "s", "u", MOMENT) for n in (1, 2)])
    parse = Counting()
    parts = [
        Columns.from_parts([(entry, parse(archive.read(entry.sha256), entry).assign(as_of="x")) for entry in entries])
        for entries in ([first], [second, first], [second])
    ]
    assert list(Columns.joined(parts).frame([second, first])["value"]) == [2, 1]
