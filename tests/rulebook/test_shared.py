"""The rules on published figures: what they say is explained, and elsewhere they are silent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from auditor.findings import NotApplicable
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.rulebook.book import Hit, Rulebook, scene_of

pytestmark = pytest.mark.shared

ACCEPTED: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "accepted.yaml").read_text())["accepted"]


def _panel(frame: pd.DataFrame, frequency: Frequency = Frequency.DAY) -> Panel:
    dated = frame.assign(date=pd.to_datetime(frame["date"]))
    names = sorted(set(dated["source"])) if "source" in dated else ["published"]
    return Panel.of(Observations(dated, frequency, tuple(Source(n) for n in names)))


def _ranking(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path).rename(columns={"model_permaslug": "entity", "total_tokens": "value"})
    return frame.assign(metric="total_tokens")


def _series(path: Path, metric: str) -> pd.DataFrame:
    frame = pd.read_csv(path).rename(columns={"series_id": "entity"})
    return frame[["date", "entity", "value"]].assign(metric=metric)


def _weekly(data: Path) -> pd.DataFrame:
    """The weekly file with its weeks by their Monday: it labels them by their Sunday at first, by the Monday after later."""
    frame = pd.read_csv(data / "openrouter" / "weekly_top10_2025-11-16_2026-05-11.csv", parse_dates=["date"])
    back = [6 if d.weekday() == 6 else 7 for d in frame["date"]]
    return frame.assign(date=frame["date"] - pd.to_timedelta(back, unit="D")).drop(columns=["as_of"])


def _against_days(data: Path) -> pd.DataFrame:
    long = _ranking(data / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    wide = long.assign(date=pd.to_datetime(long["date"])).pivot_table(index="date", columns="entity", values="value")
    weeks = wide.resample("W-MON", label="left", closed="left").agg(lambda days: days.sum(min_count=7))
    days = (
        weeks.reset_index()
        .melt(id_vars="date", var_name="entity")
        .dropna()
        .assign(source="daily", metric="total_tokens")
    )
    weekly = _weekly(data)
    weekly = weekly[weekly["metric"] == "weekly_total_tokens"].assign(source="weekly", metric="total_tokens")
    both = pd.concat([days, weekly], ignore_index=True)
    kept: pd.DataFrame = both[both["date"].between("2025-12-01", "2026-05-04")]
    return kept


PANELS: dict[str, tuple[str, Callable[[Path], Panel]]] = {
    "case": ("total_tokens", lambda d: _panel(_ranking(d / "openrouter/rankings_daily_2026-03-16_2026-04-25.csv"))),
    "long": ("total_tokens", lambda d: _panel(_ranking(d / "openrouter/rankings_daily_2025-12-01_2026-07-05.csv"))),
    "vintages": (
        "total_tokens",
        lambda d: _panel(_ranking(d / "openrouter/rankings_daily_vintages_2026-05-23_2026-07-05.csv")),
    ),
    "week_to_date": (
        "tokens_week_to_date",
        lambda d: _panel(pd.read_csv(d / "openrouter/week_to_date_top9_2026-03-28_2026-05-16.csv")),
    ),
    "apps": (
        "app_tokens",
        lambda d: _panel(pd.read_csv(d / "openrouter/app_rankings_daily_2026-03-28_2026-05-16.csv")),
    ),
    "catalogue": (
        "total_tokens",
        lambda d: _panel(pd.read_csv(d / "openrouter/catalogue_daily_2026-06-13_2026-06-17.csv")),
    ),
    "weekly": ("weekly_total_tokens", lambda d: _panel(_weekly(d), Frequency.WEEK)),
    "weekly_stated_totals": ("total_tokens", lambda d: _panel(_against_days(d), Frequency.WEEK)),
    "wiki": ("pageviews", lambda d: _panel(_series(d / "organic/wiki_peyton_daily.csv", "pageviews"))),
    "worldcup": ("requests", lambda d: _panel(_series(d / "organic/worldcup98_daily.csv", "requests"))),
    "cran": ("downloads", lambda d: _panel(_series(d / "artefacts/cran_total_daily_oct2019_jul2020.csv", "downloads"))),
}


def _spoken(book: Rulebook, panel: Panel, metric: str) -> dict[str, list[Hit]]:
    hits = book.hits(scene_of(panel, metric))
    return {r: h for r, h in hits.items() if not isinstance(h, NotApplicable) and h}


@pytest.mark.parametrize("name", PANELS)
def test_every_hit_on_a_real_panel_is_accepted_with_a_reason(book: Rulebook, shared: Path, name: str) -> None:
    metric, make = PANELS[name]
    spoken = _spoken(book, make(shared), metric)
    accepted = {a["rule"]: a for a in ACCEPTED if a["panel"] == name}
    beyond = {
        r: [(h.entity, str(h.start)[:10]) for h in hits]
        for r, hits in spoken.items()
        if len(hits) > accepted.get(r, {}).get("most", 0)
    }
    assert beyond == {}
    assert set(accepted) == set(spoken), "a line accepts what no longer occurs"


def test_real_surges_of_mentions_and_trips_are_not_called(book: Rulebook, shared: Path) -> None:
    frame = _series(shared / "organic" / "nab_daily.csv", "mentions")
    said = {e: list(_spoken(book, _panel(part), "mentions")) for e, part in frame.groupby("entity")}
    assert {e: r for e, r in said.items() if r} == {}


def test_the_week_to_date_trap_is_called_and_its_broken_days_with_it(book: Rulebook, shared: Path) -> None:
    metric, make = PANELS["week_to_date"]
    spoken = _spoken(book, make(shared), metric)
    assert len(spoken["AUD214"]) == 1
    days = {f"{h.start:%m-%d}" for h in spoken["AUD215"]}
    assert days == {"04-01", "04-14", "04-16", "04-19", "04-29", "04-30", "05-02", "05-06", "05-07", "05-13"}


def test_days_and_weeks_differ_by_one_factor_and_that_is_what_is_said(book: Rulebook, shared: Path) -> None:
    metric, make = PANELS["weekly_stated_totals"]
    spoken = _spoken(book, make(shared), metric)
    assert "AUD270" not in spoken
    differences = [float(h.values["difference"]) for h in spoken["AUD271"]]
    assert len(differences) >= 12
    assert all(5e-5 < d < 0.006 for d in differences)
