"""Replays the stored examples of real and documented answers through the transport."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from auditor.errors import SourceError
from auditor.observations import Frequency, Status
from auditor.panel import Panel
from auditor.sources import (
    artificial_analysis,
    cloudflare_radar,
    github,
    hackernews,
    huggingface,
    lmarena,
    openrouter,
    openrouter_catalogue,
    openrouter_exports,
    price_events,
    pypistats,
    vercel,
    wikimedia,
)
from auditor.sources.base import Query, Received, Source
from auditor.sources.fetch import read, read_events
from tests.sources.support import NOW, FakeTime, ask, example, query, received, replay

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def examples(shared_root: Path) -> Path:
    return shared_root / "sources"


def replayed(source: Source, question: Query, path: Path, *, kind: str = "application/json") -> list[Received]:
    """Serve one example to the first request of a question."""
    raw = example(path) if path.suffix == ".json" else path.read_bytes()
    headers = {"content-type": kind}
    wrapper = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    if isinstance(wrapper, dict) and "_http" in wrapper:
        headers |= wrapper["_http"]["headers"]
    transport, _ = replay(httpx.Response(200, headers=headers, content=raw))
    return ask(source, question, transport)


def rankings(examples: Path, name: str, since: str, until: str, **options: str):
    question = query(since=since, until=until, today=date(2026, 10, 12), via="api", **options)
    answers = replayed(openrouter, question, examples / "openrouter/examples" / name)
    return read(openrouter, answers)


def test_thirty_real_days_of_rankings(examples: Path) -> None:
    found = rankings(examples, "rankings-daily.200.30d.vintage-2026-08-22.json", "2026-07-23", "2026-08-21")
    assert len(found.frame) == 1530
    assert found.frequency is Frequency.DAY
    assert found.notes == ()
    panel = Panel.of(found)
    table = panel.table("total_tokens")
    assert len(table.entities) == 76
    assert "other" not in table.entities
    assert table.published_total.size == 30
    assert (table.other > 0).all()
    daily = {}
    for line in (examples / "openrouter/examples/daily-totals.2026-06-21..08-21.csv").read_text().splitlines()[1:]:
        cells = line.split(",")
        daily[cells[0]] = cells
    last = daily["2026-08-21"]
    assert any(str(int(table.total[-1])) == cell for cell in last[1:]), (table.total[-1], last)
    assert int((table.status == Status.CENSORED).sum()) == 76 * 30 - 1500


def test_real_audit_days(examples: Path) -> None:
    found = rankings(examples, "rankings-daily.200.2026-10-05..09.json", "2026-10-05", "2026-10-09")
    frame = found.frame
    value = frame.set_index([frame["date"].dt.strftime("%Y-%m-%d"), "entity"])["value"]
    assert value["2026-10-05", "stealth/space-bunny-alpha"] == 4_196_825_632_807
    assert found.sources[0].as_of == "2026-10-11T00:27:00Z"
    assert found.sources[0].citation == (
        "Source: OpenRouter (openrouter.ai/rankings), as of 2026-10-11T00:27:00Z. Licensed under CC BY 4.0."
    )


def test_the_two_vintages_differ_in_the_documented_rows(examples: Path) -> None:
    sides = []
    for name in ("A.as_of-2026-08-22", "B.as_of-2026-10-11"):
        found = rankings(examples, f"rankings-daily.200.vintage-{name}.json", "2026-08-19", "2026-08-21")
        frame = found.frame
        sides.append(frame.set_index(["date", "entity"])["value"])
    a, b = (side.sort_index() for side in sides)
    assert a.index.equals(b.index)
    changed = (a != b).groupby(level="date").sum()
    assert changed.tolist() == [0, 1, 35]


def test_first_day_of_the_record_and_its_clamped_window(examples: Path) -> None:
    found = rankings(examples, "rankings-daily.200.2025-01-01.json", "2024-06-01", "2025-01-01")
    assert found.frame["value"].max() > 0
    assert any(":beta" in entity for entity in found.frame["entity"])
    with pytest.raises(SourceError, match="outside the window"):
        rankings(examples, "rankings-daily.200.2025-01-01.json", "2025-01-02", "2025-01-03")


def test_an_empty_clamped_answer_is_noted(examples: Path) -> None:
    found = rankings(examples, "rankings-daily.200.clamped-start.reconstructed.json", "2025-01-01", "2025-01-05")
    assert len(found.frame) == 0
    assert [n.code for n in found.notes] == ["window-moved"]


def test_ties_without_a_remainder(examples: Path) -> None:
    found = rankings(examples, "rankings-daily.200.no-other-row.reconstructed.json", "2025-01-01", "2025-01-01")
    assert [n.code for n in found.notes] == ["no-remainder"]
    assert not Panel.of(found).table().has_total


def test_weekly_estimates_keep_their_mondays(examples: Path) -> None:
    name = "rankings-daily.200.week-category.reconstructed.json"
    found = rankings(examples, name, "2026-05-06", "2026-05-17", category="programming")
    assert found.frequency is Frequency.WEEK
    assert found.frame["metric"].unique().tolist() == ["total_tokens[category=programming]"]
    assert sorted(found.frame["date"].dt.strftime("%m-%d").unique()) == ["05-04", "05-11"]
    with pytest.raises(SourceError, match=r"every date of the answer is a Monday"):
        rankings(examples, name, "2026-05-04", "2026-05-17")


def test_real_manifest_and_a_file_that_is_not_the_one_it_names(examples: Path) -> None:
    folder = examples / "openrouter/examples"
    manifest = (folder / "exports.rankings-daily.manifest.200.json").read_bytes()
    file = (folder / "exports.rankings-daily.subset.2026-10-08.csv").read_bytes()
    transport, asked = replay(
        httpx.Response(200, headers={"content-type": "application/json"}, content=manifest),
        httpx.Response(200, headers={"content-type": "text/csv"}, content=file),
    )
    with pytest.raises(SourceError, match="has 8,235 bytes, its manifest states 122,881"):
        ask(openrouter, query(), transport)
    assert [str(r.url).rpartition("/")[2] for r in asked] == ["latest.manifest.json", "2026-10-08.csv"]
    assert all("authorization" not in r.headers for r in asked)


def test_real_export_rows_and_their_shares(examples: Path) -> None:
    folder = examples / "openrouter/examples"
    manifest = received(
        openrouter.requests(query())[0], (folder / "exports.rankings-daily.manifest.200.json").read_bytes()
    )
    request = openrouter.follow(manifest)[0]
    assert (request.size, request.sha256[:8]) == (122_881, "a568e932")
    from dataclasses import replace

    rows = (folder / "exports.rankings-daily.subset.2026-10-08.csv").read_bytes()
    subset = replace(request, context=tuple((n, v) for n, v in request.context if n != "rows"))
    found = openrouter_exports.parse(received(subset, rows))
    assert len(found.frame) == 102
    assert found.notes == (), "every stated share is exactly tokens / sum of the day"
    assert "reuse and republish with attribution" in found.sources[0].citation
    edited = rows.replace(b"5331621827040", b"5431621827040")
    assert [n.code for n in openrouter_exports.parse(received(subset, edited)).notes] == ["share-mismatch"]
    with pytest.raises(SourceError, match="102 rows, its manifest states 1,530"):
        openrouter_exports.parse(received(request, rows))


def test_real_apps_window_is_no_series(examples: Path) -> None:
    path = examples / "openrouter/examples/app-rankings.200.default-30d.json"
    answers = replayed(openrouter, query(since="2026-08-21", until="2026-08-21", dataset="app-rankings"), path)
    with pytest.raises(SourceError, match="not the one day 2026-08-21"):
        read(openrouter, answers)


def test_session_cost_and_tasks(examples: Path) -> None:
    folder = examples / "openrouter/examples"
    answers = replayed(openrouter, query(dataset="session-cost"), folder / "session-cost.200.spec.json")
    found = read(openrouter, answers)
    assert found.frame["value"].tolist() == [1.74]
    assert found.frame["entity"].tolist() == ["hermes-agent|anthropic/claude-4.8-opus|10-49-turns"]
    empty = replayed(
        openrouter, query(dataset="session-cost"), folder / "session-cost.200.no-snapshot.reconstructed.json"
    )
    assert [n.code for n in read(openrouter, empty).notes] == ["no-snapshot"]
    answers = replayed(openrouter, query(dataset="classifications"), folder / "classifications-task.200.spec.json")
    assert sorted(read(openrouter, answers).frame["value"]) == [0.23, 0.31, 0.55, 0.75]


def test_real_catalogue_maps_names_and_prices(examples: Path) -> None:
    path = examples / "openrouter/examples/models.200.subset-2026-08-22.json"
    answers = replayed(openrouter, query(dataset="models"), path)
    names = {row.id: row for row in openrouter_catalogue.listings(answers[0])}
    assert names["deepseek/deepseek-v4-flash-0731"].permaslug == "deepseek/deepseek-v4-flash-20260731"
    assert names["z-ai/glm-5.3"].created == datetime.fromtimestamp(1_787_086_655, UTC)
    frame = read(openrouter, answers).frame
    price = frame.set_index(["entity", "metric"])["value"]
    assert price["z-ai/glm-5.3-20260816", "price_input"] == pytest.approx(1.4)
    stored = (examples / "openrouter/examples/models.id-map.2026-08-22.csv").read_text().splitlines()[1:]
    slugs = {line.split(",")[0]: line.split(",")[1] for line in stored}
    for row in names.values():
        assert slugs[row.id] == row.canonical_slug
    events = read_events(openrouter, answers).events
    assert len(events) == len({e.entity for e in events}) == sum(not row.alias_of for row in names.values())


def test_endpoints(examples: Path) -> None:
    folder = examples / "openrouter/examples"
    answers = replayed(
        openrouter, query("z-ai/glm-5.3", dataset="endpoints"), folder / "endpoints.200.reconstructed.json"
    )
    frame = read(openrouter, answers).frame
    assert sorted(frame[frame["metric"] == "price_input"]["value"]) == [pytest.approx(0.3), pytest.approx(1.4)]
    assert len(frame[frame["metric"] == "uptime_last_30m"]) == 1, "null is not zero"
    stub = replayed(openrouter, query("openai/gpt-4", dataset="endpoints"), folder / "endpoints.200.spec-stub.json")
    assert [n.code for n in read(openrouter, stub).notes] == ["no-endpoint"]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_vercel(examples: Path, form: str) -> None:
    name = (
        "leaderboard-export.models.200.reconstructed.json"
        if form == "json"
        else "leaderboard-export.models.reconstructed.csv"
    )
    kind = "application/json" if form == "json" else "text/csv"
    question = query(since="2026-05-17", until="2026-05-18", format=form)
    answers = replayed(vercel, question, examples / "vercel-ai-gateway/examples" / name, kind=kind)
    found = read(vercel, answers)
    table = Panel.of(found).table("share_requests")
    assert table.entities == ("Claude Sonnet 4.6", "Gemini 3 Flash")
    assert table.values[1, 1] == 18.1487
    assert table.total.tolist() == pytest.approx([100, 100])
    assert table.status[1, 0] == Status.CENSORED, "a name that is absent lies outside the list; it is not zero"
    assert [n.code for n in found.notes] == ["shares"]


def test_vercel_apps_hold_no_series(examples: Path) -> None:
    path = examples / "vercel-ai-gateway/examples/leaderboard-export.apps.200.reconstructed.json"
    with pytest.raises(SourceError, match="is 'apps', not 'models' as asked for"):
        read(vercel, replayed(vercel, query(since="2026-05-17"), path))


def test_wikimedia(examples: Path) -> None:
    folder = examples / "wikimedia/examples"
    question = query("ChatGPT", since="2022-12-01", until="2026-09-30", agent="user", period="month")
    found = read(wikimedia, replayed(wikimedia, question, folder / "per-article.monthly.ChatGPT.200.json"))
    assert len(found.frame) == 46
    assert found.frequency is Frequency.MONTH
    assert found.frame["value"].iloc[0] == 1_882_964
    daily = query("ChatGPT", since="2026-09-01", until="2026-09-04", agent="user")
    table = Panel.of(
        read(wikimedia, replayed(wikimedia, daily, folder / "per-article.daily.200.reconstructed.json"))
    ).table()
    assert table.status[:, 0].tolist() == [Status.OBSERVED, Status.OBSERVED, Status.MISSING, Status.OBSERVED]
    with pytest.raises(SourceError, match=r"is 'user' \(monthly\), not what was asked for"):
        read(wikimedia, replayed(wikimedia, daily, folder / "per-article.monthly.ChatGPT.200.json"))


def test_pypistats(examples: Path) -> None:
    folder = examples / "pypistats/examples"
    found = read(
        pypistats, replayed(pypistats, query("OpenAI", mirrors="each"), folder / "overall.200.reconstructed.json")
    )
    values = found.frame.set_index("metric")["value"]
    assert values.to_dict() == {"downloads": 15_900_000, "downloads_with_mirrors": 16_400_000}
    minor = read(
        pypistats,
        replayed(pypistats, query("openai", table="python_minor"), folder / "python_minor.200.reconstructed.json"),
    )
    assert set(minor.frame["metric"]) == {"downloads[3.12]", "downloads[null]"}
    recent = read(pypistats, replayed(pypistats, query("openai", table="recent"), folder / "recent.200.json"))
    assert recent.frame["date"].dt.date.unique().tolist() == [date(2026, 10, 8)]


def test_huggingface(examples: Path) -> None:
    folder = examples / "huggingface/examples"
    one = read(
        huggingface, replayed(huggingface, query("openai/gpt-oss-120b"), folder / "model.expand.200.reconstructed.json")
    )
    assert one.frame.set_index("metric")["value"]["downloads_all_time"] == 51_000_000
    assert set(one.frame["dimension"]) == {"6894d03bb8a0d9c1c0ffee00"}
    path = folder / "list.200.reconstructed.json"
    answers = replayed(huggingface, query(sort="downloads", limit="1000"), path)
    assert len(answers) == 1
    assert read(huggingface, answers).frame["entity"].unique().tolist() == ["o/m1", "o/m2"]


def test_hackernews(examples: Path) -> None:
    question = query("launch", since="2026-08-20", until="2026-08-21")
    answers = replayed(hackernews, question, examples / "hn-algolia/examples/search_by_date.200.reconstructed.json")
    frame = read(hackernews, answers).frame
    stories = frame[frame["metric"] == "hn_stories"]["value"].tolist()
    assert stories == [1, 0]
    (event,) = read_events(hackernews, answers).events
    assert event.date == datetime(2026, 8, 20, 15, 2, 11, tzinfo=UTC)
    assert event.source == "https://news.ycombinator.com/item?id=40000000"


def test_cloudflare(examples: Path) -> None:
    folder = examples / "cloudflare-radar/examples"
    question = query(since="2026-08-01", until="2026-08-02")
    path = folder / "internet_services.timeseries_groups.200.reconstructed.json"
    found = read(cloudflare_radar, replayed(cloudflare_radar, question, path))
    assert found.frame["value"].tolist() == [1, 1, 7, 8]
    assert found.sources[0].as_of == "2026-08-04T04:00:00Z"
    top = query(until="2026-08-20", since="2026-08-20", table="top")
    assert (
        len(
            read(
                cloudflare_radar,
                replayed(cloudflare_radar, top, folder / "internet_services.top.200.reconstructed.json"),
            ).frame
        )
        == 2
    )
    sample = read(cloudflare_radar, replayed(cloudflare_radar, question, folder / "timeseries.docs-sample.json"))
    assert {"normalization", "incident"} <= {n.code for n in sample.notes}
    with pytest.raises(SourceError, match="success is not true"):
        read(cloudflare_radar, replayed(cloudflare_radar, question, folder / "error.403.json"))


def test_github(examples: Path) -> None:
    folder = examples / "github/examples"
    stars = read(github, replayed(github, query("org/repo"), folder / "stargazers.star+json.200.reconstructed.json"))
    assert stars.frame["value"].tolist() == [1]
    answers = replayed(github, query("org/repo", table="releases"), folder / "releases.200.reconstructed.json")
    (event,) = read_events(github, answers).events
    assert event.date == datetime(2026, 8, 1, 12, tzinfo=UTC), "published, not created"


def test_lmarena_real_rows(examples: Path) -> None:
    folder = examples / "lmarena/examples"
    answers = replayed(lmarena, query(split="full"), folder / "datasets-server.rows.200.reconstructed-wrapper.json")
    real = {
        (r["model_name"], r["leaderboard_publish_date"]): r["rating"]
        for r in json.loads((folder / "rows.real.json").read_bytes())
        if r["category"] == "overall"
    }
    frame = read(lmarena, answers).frame
    ratings = frame[frame["metric"] == "rating"]
    for day, name, value in zip(ratings["date"], ratings["entity"], ratings["value"], strict=True):
        assert real[name, str(day.date())] == value
    assert ((ratings["low"] <= ratings["value"]) | ratings["low"].isna()).all()


def test_artificial_analysis(examples: Path) -> None:
    path = examples / "artificial-analysis/examples/models.free.200.reconstructed.json"
    first = received(artificial_analysis.requests(query())[0], example(path))
    assert artificial_analysis.follow(first)[0].params == (("page", "2"),)
    assert artificial_analysis.parse(first).frame["value"].tolist() == [59.5, 74.8, 1.4, 4.4, 61.0]


def test_a_real_ledger_of_prices(shared: Path) -> None:
    name = "price_events_2025-06-21_2026-06-30.csv"
    taken = price_events.from_file((shared / "openrouter" / name).read_bytes(), name, datetime.fromtimestamp(NOW, UTC))
    found = price_events.events(taken)
    kinds = [e.kind.value for e in found.events]
    assert kinds.count("launch") == 461
    assert kinds.count("rename") == 132
    assert {"free_start", "free_end", "price"} <= set(kinds)
    assert len(price_events.parse(taken).frame) > 500


FAULTS = [
    ("openrouter", openrouter, query(since="2026-10-01", via="api"), "error.400.json", 400, "check dates"),
    ("openrouter", openrouter, query(since="2026-10-01", via="api"), "error.401.json", 401, "OPENROUTER_API_KEY"),
    ("openrouter", openrouter, query(since="2026-10-01", via="api"), "error.403.json", 403, "OPENROUTER_API_KEY"),
    ("openrouter", openrouter, query(), "error.404.export.json", 404, "nothing under this address"),
    ("openrouter", openrouter, query("a/b", dataset="endpoints"), "error.404.json", 404, "spelling"),
    ("openrouter", openrouter, query(), "error.429.observed-daily-quota.json", 429, "try again after that"),
    ("openrouter", openrouter, query(), "error.429.spec.json", 429, "wait and try again"),
    ("openrouter", openrouter, query(), "error.500.json", 500, "archive:SOURCE"),
    ("openrouter", openrouter, query(), "error.502.json", 502, "archive:SOURCE"),
    ("openrouter", openrouter, query(), "error.503.json", 503, "archive:SOURCE"),
    ("wikimedia", wikimedia, query("X"), "error.400.json", 400, "check dates"),
    ("wikimedia", wikimedia, query("X"), "error.403-no-user-agent.json", 403, "doc.wikimedia.org"),
    ("wikimedia", wikimedia, query("X"), "error.429.json", 429, "wait and try again"),
    ("pypistats", pypistats, query("x"), "error.404.txt", 404, "spelling"),
    ("pypistats", pypistats, query("x"), "error.429.txt", 429, "wait and try again"),
    ("huggingface", huggingface, query("o/m"), "error.401.json", 401, "HF_TOKEN"),
    ("huggingface", huggingface, query("o/m"), "error.404.json", 404, "spelling"),
    ("huggingface", huggingface, query("o/m"), "error.429.json", 429, "try again after that"),
    ("cloudflare-radar", cloudflare_radar, query(), "error.403.json", 403, "CLOUDFLARE_API_TOKEN"),
    ("cloudflare-radar", cloudflare_radar, query(), "error.422.json", 422, "shorter window"),
    ("github", github, query("o/r"), "error.403-rate-limit.json", 403, "try again after that"),
    ("github", github, query("o/r"), "error.422-beyond-page-400.json", 422, "shorter window"),
    ("artificial-analysis", artificial_analysis, query(), "error.401.json", 401, "ARTIFICIAL_ANALYSIS_API_KEY"),
    ("artificial-analysis", artificial_analysis, query(), "error.410.json", 410, "retired"),
    ("artificial-analysis", artificial_analysis, query(), "error.429.json", 429, "try again after that"),
]


@pytest.mark.parametrize(
    ("folder", "source", "question", "name", "status", "hint"), FAULTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_stored_errors(
    examples: Path, folder: str, source: Source, question: Query, name: str, status: int, hint: str
) -> None:
    path = examples / folder / "examples" / name
    raw, headers = path.read_bytes(), {"content-type": "application/json"}
    if path.suffix == ".json":
        wrapper = json.loads(raw)
        stored = wrapper.get("_http", {}).get("headers", {})
        headers |= {k.lower(): v for k, v in stored.items() if not v.startswith("(")}
        raw = example(path)
    time = FakeTime()
    transport, _ = replay(httpx.Response(status, headers=headers, content=raw))
    with pytest.raises(SourceError) as caught:
        ask(source, question, transport, time=time)
    assert f"status {status}" in caught.value.what
    assert hint in caught.value.hint, caught.value.hint
    assert sum(time.slept) < 60
