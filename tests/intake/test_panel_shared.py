"""The panel of the founding case's published figures."""

from pathlib import Path

import numpy as np
import pytest

from auditor.observations import Status
from auditor.panel import Panel, Table
from auditor.sources.files import read

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def table(shared: Path) -> Table:
    return Panel.of(read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")).table("total_tokens")


def test_days_entities_and_unit(table: Table) -> None:
    assert (len(table.dates), len(table.entities), table.unit) == (41, 94, "tokens")
    assert "other" not in table.entities
    assert (str(table.dates[0].date()), str(table.dates[-1].date())) == ("2026-03-16", "2026-04-25")


def test_total_is_listed_rows_plus_remainder(table: Table, shared: Path) -> None:
    rows = [
        line.split(",")
        for line in (shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv").read_text().splitlines()[1:]
    ]
    for date in ("2026-03-16", "2026-04-04", "2026-04-25"):
        expected = sum(int(row[2]) for row in rows if row[0] == date)
        position = table.position(date)
        assert position is not None
        assert table.total[position] == expected


def test_share_of_the_peak_day(table: Table) -> None:
    subject = table.series(
        ["qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02"]
    )
    peak = int(np.nanargmax(subject.values))
    assert str(table.dates[peak].date()) == "2026-04-04"
    assert subject.values[peak] / 1e9 == pytest.approx(1571.8, abs=0.05)
    assert subject.values[peak] / table.total[peak] == pytest.approx(0.433, abs=0.0005)


def test_absent_is_below_the_days_cut_off_and_never_zero(table: Table) -> None:
    absent = ~np.isfinite(table.values)
    assert absent.any()
    assert (table.status[absent] == Status.CENSORED).all()
    assert (table.low[absent] == 0).all()
    smallest = np.nanmin(table.values, axis=1)
    assert (table.cutoff == smallest).all()
    assert (table.high[absent] == np.broadcast_to(smallest[:, None], absent.shape)[absent]).all()
    assert (np.isfinite(table.values).sum(axis=1) == 50).all()


def test_vintages_keep_the_latest_and_mark_revisions(shared: Path) -> None:
    path = shared / "openrouter" / "rankings_daily_vintages_2026-05-23_2026-07-05.csv"
    table = Panel.of(read(path)).table()
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    last: dict[tuple[str, str], tuple[str, str]] = {}
    import pandas as pd

    for date, entity, value, as_of in rows:
        moment = pd.Timestamp(as_of).tz_convert("UTC").isoformat()
        if (date, entity) not in last or last[date, entity][0] <= moment:
            last[date, entity] = (moment, value)
    for (date, entity), (_, value) in last.items():
        if entity in table.index:
            position = table.position(date)
            assert position is not None
            assert table.values[position, table.index[entity]] == float(value)
    assert (table.status == Status.REVISED).any()


def test_week_to_date_totals_are_not_taken_for_daily_figures(shared: Path) -> None:
    from auditor.errors import InputError

    with pytest.raises(InputError, match="look like a counter"):
        read(shared / "openrouter" / "week_to_date_top9_2026-03-28_2026-05-16.csv")


def test_week_to_date_totals_can_be_differenced(shared: Path) -> None:
    found = read(shared / "openrouter" / "week_to_date_top9_2026-03-28_2026-05-16.csv", difference=True)
    assert {"differenced", "counter_fell"} <= {note.code for note in found.notes}
    assert (found.frame["value"] >= 0).all()
