"""The smaller sources, by their documented quirks."""

import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError, UsageError
from auditor.observations import Status
from auditor.panel import Panel
from auditor.sources import (
    cloudflare_radar,
    github,
    hackernews,
    huggingface,
    lmarena,
    price_events,
    pypistats,
    vercel,
    wikimedia,
)
from auditor.sources.fetch import read, read_events, reread
from auditor.sources.windows import period_end, window
from tests.sources.support import NOW, ask, query, received


def test_vercel_marks_the_newest_two_days() -> None:
    table = Panel.of(read(vercel, ask(vercel, query(since="2026-10-04")))).table()
    assert table.status[:, 0].tolist() == [Status.OBSERVED] * 3 + [Status.PARTIAL] * 2


def test_vercel_notes_shares_that_do_not_add_up() -> None:
    (request,) = vercel.requests(query(since="2026-05-17", until="2026-05-17"))
    row = {
        "date": "2026-05-17",
        "group": "model",
        "name": "A",
        "metric": "spend",
        "modality": "all",
        "share_percent": 59,
    }
    raw = json.dumps({"dataset": "models", "rows": [row]}).encode()
    assert [n.code for n in vercel.parse(received(request, raw)).notes] == ["shares", "share-sum"]
    for wrong in (100.5, -1):
        bad = json.dumps({"dataset": "models", "rows": [{**row, "share_percent": wrong}]}).encode()
        with pytest.raises(SourceError, match=r"rows\[0\].share_percent is .*, not a percentage"):
            vercel.parse(received(request, bad))


def test_wikimedia_keeps_people_and_bots_apart() -> None:
    answers = ask(wikimedia, query("Claude (AI)", since="2026-09-01", until="2026-09-30"))
    assert [a.url.split("/")[-5] for a in answers] == ["user", "spider", "automated"]
    assert all("/Claude_%28AI%29/daily/2026090100/2026093000" in a.url for a in answers)
    found = read(wikimedia, answers)
    assert set(Panel.of(found).tables) == {"views_user", "views_spider"}
    (note,) = [n for n in found.notes if n.code == "absent"]
    assert "reports no automated views of Claude_(AI)" in note.text


def test_wikimedia_titles_with_a_slash_stay_one_step() -> None:
    (request, *_) = wikimedia.requests(query("AC/DC ü"))
    assert request.path.split("/")[6] == "AC%2FDC_%C3%BC"


def test_an_unknown_page_gives_no_rows_and_says_why() -> None:
    found = read(wikimedia, ask(wikimedia, query("No Such Page")))
    assert len(found.frame) == 0
    assert len(found.notes) == 3
    assert "an unknown title (redirects are not followed)" in found.notes[0].text


def test_pypistats_normalises_names_and_refuses_nonsense() -> None:
    (request,) = pypistats.requests(query("Zope.Interface__x"))
    assert request.path == "packages/zope-interface-x/overall"
    with pytest.raises(UsageError, match="is not the name of a Python package"):
        pypistats.requests(query("a/../b"))
    with pytest.raises(SourceError, match="status 404"):
        ask(pypistats, query("no-such-package"))


def test_huggingface_follows_its_link_header_as_far_as_asked() -> None:
    answers = ask(huggingface, query(author="o", limit="2000"))
    assert [parse_qs(urlsplit(a.url).query).get("cursor") for a in answers] == [None, ["2"]]
    (request,) = huggingface.requests(query(author="o", limit="2000"))
    link = '<https://evil.example/api/models?cursor=1>; rel="next"'
    with pytest.raises(SourceError, match=r"points to the host 'evil\.example'"):
        huggingface.follow(received(request, b"[]", link=link))


def test_huggingface_dates_a_snapshot_by_its_retrieval() -> None:
    (request,) = huggingface.requests(query("o/m"))
    raw = b'{"_id": "1", "id": "o/m", "downloads": 3}'
    for back in (0, 1):
        found = huggingface.parse(received(request, raw, at=NOW - back * 86_400))
        assert found.frame["date"].dt.date.tolist() == [date(2026, 10, 8) - timedelta(days=back)]


def _stories(total: dict[str, int]) -> httpx.MockTransport:
    """A search index with so many stories a day, of which one answer holds ten."""

    def handle(request: httpx.Request) -> httpx.Response:
        low, high = (int(p.split("=")[-1].split("<")[-1]) for p in request.url.params["numericFilters"].split(","))
        stamps = []
        for day, n in total.items():
            at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
            stamps += [at + i for i in range(n) if low <= at + i < high]
        hits = [{"objectID": str(s), "title": "t", "points": 1, "num_comments": 0, "created_at_i": s} for s in stamps]
        return httpx.Response(200, json={"hits": hits[:10], "nbHits": len(hits)})

    return httpx.MockTransport(handle)


def test_hackernews_cuts_a_slice_until_it_fits() -> None:
    total = {"2026-09-01": 8, "2026-09-02": 9, "2026-09-20": 4}
    answers = ask(hackernews, query("x", since="2026-09-01", until="2026-09-28"), _stories(total))
    frame = read(hackernews, answers).frame
    stories = frame[frame["metric"] == "hn_stories"].set_index("date")["value"]
    assert stories.index.is_unique
    assert len(stories) == 28
    assert stories[stories > 0].to_dict() == {datetime.fromisoformat(day): n for day, n in total.items()}


def test_hackernews_says_when_one_day_is_too_much() -> None:
    found = read(
        hackernews, ask(hackernews, query("x", since="2026-09-01", until="2026-09-02"), _stories({"2026-09-01": 30}))
    )
    assert "list-cut" in {n.code for n in found.notes}


def test_hackernews_quotes_its_query() -> None:
    (request, *_) = hackernews.requests(query('say "hi"', since="2026-10-01"))
    assert dict(request.params)["query"] == '"say  hi "'
    assert dict(request.params)["typoTolerance"] == "false"


def test_month_only_dates_are_left_out_of_the_events() -> None:
    found = read_events(price_events, ask(price_events, query()))
    assert [e.entity for e in found.events] == ["zai/glm"]
    assert [(n.code, n.count) for n in found.notes] == [("month-only", 1)]


def test_a_ledger_of_prices_tells_free_from_paid() -> None:
    raw = (
        b"date,entity,event,detail,value,as_of\n"
        b"2026-03-01,a/b,added,,,x\n"
        b"2026-03-01,a/b,price,price_usd_per_m_input,2.0,x\n"
        b"2026-03-05,a/b,price,price_usd_per_m_input,0.0,x\n"
        b"2026-03-09,a/b,price,price_usd_per_m_input,3.5,x\n"
        b"2026-03-09,a/b,price,price_usd_per_m_input,3.5,x\n"
        b"2026-03-10,a/b,price,price_usd_per_m_input,4,x\n"
        b"2026-03-11,a/b,renamed,a/c,,x\n"
        b"2026-03-12,a/b,removed,,,x\n"
        b"2026-03-12,a/b,eaten,,,x\n"
    )
    taken = price_events.from_file(raw, "ledger.csv", datetime(2026, 4, 1, tzinfo=UTC))
    found = price_events.events(taken)
    assert [(e.date.day, e.kind.value) for e in found.events] == [
        (1, "launch"), (5, "free_start"), (9, "free_end"), (10, "price"), (11, "rename"), (12, "news")
    ]  # fmt: skip
    assert {n.code for n in found.notes} == {"edit-dates", "unknown-event"}
    assert price_events.parse(taken).frame["value"].tolist() == [2.0, 0.0, 3.5, 3.5, 4.0]


def test_ranks_keep_gaps() -> None:
    answers = ask(cloudflare_radar, query(since="2026-08-01", until="2026-08-02"))
    frame = read(cloudflare_radar, answers).frame
    assert frame[["entity", "value"]].to_numpy().tolist() == [["ChatGPT / OpenAI", 1.0]] * 2 + [["Windsurf", 7.0]]
    assert len(cloudflare_radar.requests(query(since="2025-02-01", until="2026-10-01"))) == 2


def test_stars_of_a_day_that_runs_over_two_pages_are_reported_once_and_whole() -> None:
    answers = ask(github, query("o/r"))
    assert [urlsplit(a.url).query for a in answers] == [f"per_page=100&page={i}" for i in (1, 2, 3)]
    found = read(github, answers)
    assert found.frame["value"].tolist() == [1, 2, 2, 1]
    assert found.frame["date"].is_unique
    assert [(n.code, n.count) for n in found.notes] == [("survivors", 3)]
    alone = [reread(github, a).frame for a in answers]
    assert [f["value"].tolist() for f in alone] == [[1], [2], [2, 1]], "each page stands for itself in the archive"


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 7))
@settings(max_examples=40)
def test_pages_never_change_the_counts(gaps: list[int], size: int) -> None:
    stamps = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=sum(gaps[: i + 1])) for i in range(len(gaps))]
    pages = [stamps[i : i + size] for i in range(0, len(stamps), size)]

    def handle(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        more = {"link": f'<https://api.github.com/x?page={page + 1}>; rel="next"'} if page < len(pages) else {}
        stars = [{"starred_at": s.isoformat()} for s in pages[page - 1]]
        return httpx.Response(200, json=stars, headers=more)

    frame = read(github, ask(github, query("o/r"), httpx.MockTransport(handle))).frame
    found = dict(zip(frame["date"].dt.date, frame["value"], strict=True))
    assert len(found) == len(frame) == (stamps[-1].date() - stamps[0].date()).days + 1
    for day, n in found.items():
        assert n == sum(s.date() == day for s in stamps)


def test_stars_stop_at_the_end_of_the_window_and_at_the_last_page() -> None:
    assert len(ask(github, query("o/r", until="2026-08-01"))) == 1
    cut = ask(github, query("o/r", pages="2"))
    assert len(cut) == 2
    assert {n.code for n in read(github, cut).notes} == {"survivors", "stars-cut"}


@pytest.mark.parametrize("subject", ["o", "o/r/x", "../r", "o/..", "o/r?x", "ö/r"])
def test_what_is_no_repository_is_refused(subject: str) -> None:
    with pytest.raises(UsageError, match="is not a repository"):
        github.requests(query(subject))


def test_ratings_keep_their_interval_and_their_gaps() -> None:
    frame = read(lmarena, ask(lmarena, query())).frame.sort_values("date")
    ratings = frame[frame["metric"] == "rating"]
    assert ratings["low"].isna().tolist() == [True, False]
    assert len(frame[frame["metric"] == "votes"]) == 1
    assert set(frame["dimension"]) == {"overall"}
    (request,) = lmarena.requests(query())
    rows = [{"row_idx": 0, "row": {}, "truncated_cells": ["rating"]}]
    with pytest.raises(SourceError, match="cut off cells"):
        lmarena.parse(received(request, json.dumps({"rows": rows, "partial": False}).encode()))


def test_windows_default_and_clamp() -> None:
    spec = vercel.SPEC
    assert window(query(), spec, days=7) == (date(2026, 10, 1), date(2026, 10, 7))
    assert window(query(until="2027-01-01", since="2026-10-01"), spec, days=7)[1] == date(2026, 10, 8)
    assert window(query(since="2020-01-01"), spec, days=7, floor=date(2025, 10, 1))[0] == date(2025, 10, 1)
    with pytest.raises(UsageError, match="publishes nothing before 2025-10-01"):
        window(query(since="2020-01-01", until="2020-02-01"), spec, days=7, floor=date(2025, 10, 1))
    with pytest.raises(UsageError, match="holds no day"):
        window(query(since="2027-01-01"), spec, days=7)


def test_the_end_of_every_month() -> None:
    from auditor.observations import Frequency

    ends = [period_end(date(2026, m, 1), Frequency.MONTH).date() for m in range(1, 13)]
    assert ends == [*(date(2026, m, 1) for m in range(2, 13)), date(2027, 1, 1)]


def test_a_source_that_pages_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.sources import fetch

    monkeypatch.setattr(fetch, "MOST_ANSWERS", 7)
    endless = httpx.MockTransport(
        lambda r: httpx.Response(200, json={"rows": [{}], "num_rows_total": 10**9, "partial": False})
    )
    with pytest.raises(SourceError, match="asks for more than 7 answers"):
        ask(lmarena, query(), endless)
