"""Answers in the shapes that the publishers document, with invented values: used in process and by the local server."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

TODAY = date(2026, 10, 8)
KEY = "canary-0f9a8b7c6d5e4f3a"
KEYED = {
    "OPENROUTER_API_KEY": KEY,
    "CLOUDFLARE_API_TOKEN": KEY,
    "ARTIFICIAL_ANALYSIS_API_KEY": KEY,
    "GITHUB_TOKEN": KEY,
    "HF_TOKEN": KEY,
    "DESCRIBED_KEY": KEY,
}

Answer = tuple[int, dict[str, str], bytes]
AS_OF = "2026-10-08T01:46:15.433Z"


def as_json(body: Any, status: int = 200, **headers: str) -> Answer:
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"content-type": "application/json", **kept}, json.dumps(body).encode()


def tokens(day: date, rank: int) -> int:
    """A model's tokens: the level falls with rank, the week has a dip, and no two days are equal."""
    dip = 0.8 if day.weekday() >= 5 else 1.0
    return int(4e12 / (rank + 1) * dip) + day.toordinal() * 7 + rank


def ranked(day: date) -> list[tuple[str, int]]:
    rows = [(f"maker{i % 7}/model-{i:02d}-20260101", tokens(day, i)) for i in range(50)]
    return [*rows, ("other", 900_000_000_000 + day.toordinal())]


def export_csv(snapshot: date) -> bytes:
    lines = ["date,model_permaslug,rank,total_tokens,share_of_daily_tokens"]
    for back in range(30, 0, -1):
        day = snapshot - timedelta(days=back)
        rows = ranked(day)
        total = sum(n for _, n in rows)
        for i, (name, n) in enumerate(rows):
            rank = "" if name == "other" else i + 1
            lines.append(f"{day},{name},{rank},{n},{n / total!r}")
    return ("\r\n".join(lines) + "\r\n").encode()


def manifest(snapshot: date) -> dict[str, Any]:
    raw = export_csv(snapshot)
    base = "https://openrouter.ai/api/v1/datasets/exports/rankings-daily"
    return {
        "dataset": "rankings-daily",
        "schema_version": "v1",
        "snapshot_date": str(snapshot),
        "retrieved_at": f"{snapshot}T01:46:15.433Z",
        "row_count": 1530,
        "attribution": "Source: OpenRouter (openrouter.ai), licensed under CC BY 4.0: reuse with attribution.",
        "files": {
            "csv": {
                "url": f"{base}/{snapshot}.csv",
                "encoding_format": "text/csv",
                "bytes": len(raw),
                "sha256": sha256(raw).hexdigest(),
            }
        },
    }


def openrouter(path: str, params: Mapping[str, str]) -> Answer:
    if path.startswith("datasets/exports/rankings-daily/"):
        name = path.rpartition("/")[2]
        stem = name.partition(".")[0]
        snapshot = TODAY if stem == "latest" else date.fromisoformat(stem)
        if not date(2026, 9, 19) <= snapshot <= TODAY:
            return as_json({"error": {"message": "Export not found", "code": 404}}, 404)
        if name.endswith(".manifest.json"):
            return as_json(manifest(snapshot), etag=f'"{snapshot}"', cache_control="public, max-age=300")
        return 200, {"content-type": "text/csv; charset=utf-8"}, export_csv(snapshot)
    meta = {
        "as_of": AS_OF,
        "version": "v1",
        "start_date": params.get("start_date", ""),
        "end_date": params.get("end_date", ""),
    }
    if path == "datasets/rankings-daily":
        start, end = date.fromisoformat(params["start_date"]), date.fromisoformat(params["end_date"])
        step = 7 if params.get("period") == "week" else 1
        day = start - timedelta(days=start.weekday()) if step == 7 else start
        data = []
        while day <= end:
            data += [{"date": str(day), "model_permaslug": m, "total_tokens": str(n)} for m, n in ranked(day)[-4:]]
            day += timedelta(days=step)
        return as_json({"data": data, "meta": meta})
    if path == "datasets/app-rankings":
        apps = [
            {
                "rank": i + 1,
                "app_id": 100 + i,
                "app_name": n,
                "total_tokens": str(10**12 - i),
                "total_requests": 500 - i,
            }
            for i, n in enumerate(("Cline", "Editor", "Editor"))
        ]
        return as_json({"data": apps, "meta": meta})
    if path == "datasets/session-cost":
        row = {
            "app_slug": "cline",
            "app_name": "Cline",
            "turn_range": "1-turn",
            "model_permaslug": "a/b",
            "median_session_cost_usd": 1.74,
        }
        return as_json({"data": [row], "meta": {**meta, "window_days": 30, "window_end_date": "2026-10-07"}})
    if path == "classifications/task":
        task = {
            "tag": "code:impl",
            "usage_share": 0.2,
            "token_share": 0.3,
            "models": [{"id": "a/b", "tag_usage_share": 0.5, "tag_token_share": 0.6}],
        }
        return as_json({"data": {"as_of": "2026-10-07", "window_days": 7, "classifications": [task]}})
    if path == "models":
        price = {"prompt": "0.0000014", "completion": "0.0000044"}
        first = {"id": "a/b", "canonical_slug": "a/b-20260101", "name": "B", "created": 1_787_086_655, "pricing": price}
        free = {**first, "id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}}
        router = {**first, "id": "r/auto", "canonical_slug": "r/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
        alias = {**first, "id": "~a/b-latest", "alias_target": {"name": "B", "slug": "a/b"}}
        if params.get("offset") == "2":
            return as_json({"data": [router, alias], "total_count": 4, "links": {"next": None}})
        link = "/api/v1/models?output_modalities=all&limit=2&offset=2"
        return as_json({"data": [first, free], "total_count": 4, "links": {"next": link}})
    if path.endswith("/endpoints"):
        endpoint = {
            "tag": "maker/fp8",
            "pricing": {"prompt": "0.0000003", "completion": "0.0000011"},
            "status": 0,
            "uptime_last_30m": None,
            "uptime_last_1d": 99.7,
        }
        return as_json(
            {"data": {"id": path.removeprefix("models/").removesuffix("/endpoints"), "endpoints": [endpoint]}}
        )
    return as_json({"error": {"code": 404, "message": "Resource not found"}}, 404)


def vercel(path: str, params: Mapping[str, str]) -> Answer:
    day = date.fromisoformat(params["from"])
    rows = []
    while day <= date.fromisoformat(params["to"]):
        for name, share in (("Gemini 3 Flash", 18.1487), ("Other", 81.8513)):
            rows.append(
                {
                    "date": str(day),
                    "group": "model",
                    "name": name,
                    "metric": "requests",
                    "modality": params["modality"],
                    "share_percent": share,
                }
            )
        day += timedelta(days=1)
    if params["format"] == "csv":
        lines = ["date,group,name,metric,modality,share_percent", *(",".join(map(str, r.values())) for r in rows)]
        return 200, {"content-type": "text/csv"}, "\n".join(lines).encode()
    return as_json({"dataset": params["dataset"], "modality": "all", "license": "CC-BY-4.0", "rows": rows})


def wikimedia(path: str, params: Mapping[str, str]) -> Answer:
    project, access, agent, article, granularity, start, _ = path.split("/")[-7:]
    if article == "No_Such_Page" or agent == "automated":
        return 404, {"content-type": "application/problem+json"}, b'{"title": "Not Found", "status": 404}'
    first = date(int(start[:4]), int(start[4:6]), int(start[6:8]))
    items = [
        {
            "project": project,
            "article": article,
            "granularity": granularity,
            "timestamp": f"{first + timedelta(days=i):%Y%m%d}00",
            "access": access,
            "agent": agent,
            "views": 60_000 + i,
        }
        for i in (0, 1, 3)
    ]
    return as_json({"items": items})


def pypistats(path: str, params: Mapping[str, str]) -> Answer:
    _, package, table = path.split("/")
    if package == "no-such-package":
        return 404, {"content-type": "text/html"}, b"<h1>404</h1>"
    if table == "recent":
        data: Any = {"last_day": 9, "last_week": 60, "last_month": 250}
    else:
        names: tuple[str, ...] = ("without_mirrors", "with_mirrors") if table == "overall" else ("3.12", "null")
        names = names[:1] if params.get("mirrors") == "false" else names
        days = [TODAY - timedelta(days=i) for i in (3, 1, 2)]
        data = [{"category": n, "date": str(d), "downloads": 100 + d.day} for d in days for n in names]
    return as_json({"data": data, "package": package, "type": f"{table}_downloads"})


def huggingface(path: str, params: Mapping[str, str]) -> Answer:
    if path == "models":
        at = int(params.get("cursor", "0"))
        found = [{"_id": f"a{at + i}", "id": f"o/m{at + i}", "downloads": 9 - i, "likes": 1} for i in range(2)]
        link = f'<https://huggingface.co/api/models?limit=1000&cursor={at + 2}>; rel="next"'
        return as_json(found, link=link)
    name = path.removeprefix("models/")
    if name == "no/such":
        return as_json({"error": "Repository not found"}, 404, x_error_code="RepoNotFound")
    return as_json({"_id": "6894", "id": name, "downloads": 42, "downloadsAllTime": 51, "likes": 4, "gated": False})


def hackernews(path: str, params: Mapping[str, str]) -> Answer:
    low, high = (int(part.split("=")[-1].split("<")[-1]) for part in params["numericFilters"].split(","))
    hits = [
        {
            "objectID": str(at),
            "title": "A launch",
            "url": None,
            "points": 150 if n else 3,
            "num_comments": 8,
            "created_at_i": at,
        }
        for n, at in enumerate((low + 3600, high - 3600))
    ]
    return as_json({"hits": hits, "nbHits": len(hits), "page": 0, "nbPages": 1})


def price_events(path: str, params: Mapping[str, str]) -> Answer:
    models = {
        "glm": {"id": "glm", "name": "GLM", "release_date": "2026-08-16", "cost": {"input": 1.4, "output": 4.4}},
        "old": {"id": "old", "name": "Old", "release_date": "2025-03"},
    }
    return as_json({"zai": {"id": "zai", "name": "Z AI", "models": models}})


def cloudflare_radar(path: str, params: Mapping[str, str]) -> Answer:
    meta = {"lastUpdated": "2026-10-08T04:00:00Z", "normalization": "RAW_VALUES", "confidenceInfo": {"annotations": []}}
    if path.endswith("/top"):
        result: dict[str, Any] = {"meta": meta, "top_0": [{"rank": 1, "service": "ChatGPT / OpenAI"}]}
    else:
        start = date.fromisoformat(params["dateStart"][:10])
        stamps = [f"{start + timedelta(days=i)}T00:00:00Z" for i in range(2)]
        result = {
            "meta": meta,
            "serie_0": {"timestamps": stamps, "ChatGPT / OpenAI": ["1", "1"], "Windsurf": [7, None]},
        }
    return as_json({"success": True, "errors": [], "result": result})


def github(path: str, params: Mapping[str, str]) -> Answer:
    if path.endswith("/releases"):
        one = {"tag_name": "v1.2.0", "draft": False, "published_at": "2026-08-01T12:00:00Z"}
        return as_json([one, {**one, "draft": True, "published_at": None}])
    page = int(params["page"])
    stamps = [f"2026-08-0{page}T23:00:00Z", f"2026-08-0{page + 1}T01:00:00Z"]
    link = f'<https://api.github.com/repositories/1/stargazers?page={page + 1}>; rel="next"' if page < 3 else ""
    return as_json([{"starred_at": s, "user": {"login": "someone"}} for s in stamps], link=link)


def lmarena(path: str, params: Mapping[str, str]) -> Answer:
    row = {
        "model_name": "gpt-4-0314",
        "rating": 1190.5,
        "rating_lower": 1176.6,
        "rating_upper": 1204.9,
        "vote_count": 16237.0,
        "rank": 1.0,
        "category": "overall",
        "leaderboard_publish_date": "2024-01-09",
    }
    early = {
        **row,
        "rating_lower": None,
        "rating_upper": None,
        "vote_count": None,
        "leaderboard_publish_date": "2023-12-06",
    }
    other = {**row, "category": "coding"}
    rows = [{"row_idx": i, "row": r, "truncated_cells": []} for i, r in enumerate((row, early, other))]
    offset = int(params["offset"])
    return as_json({"features": [], "rows": rows[offset : offset + 2], "num_rows_total": 3, "partial": False})


def artificial_analysis(path: str, params: Mapping[str, str]) -> Answer:
    page = int(params["page"])
    model = {
        "slug": f"glm-{page}",
        "evaluations": {"artificial_analysis_intelligence_index": 59.5, "artificial_analysis_coding_index": None},
        "pricing": {"price_1m_input_tokens": 1.4, "price_1m_output_tokens": 4.4},
        "performance": {"median_output_tokens_per_second": 61.0},
    }
    pages = {"page": page, "total_pages": 2, "has_more": page < 2, "page_size": 200}
    return as_json({"data": [model], "pagination": pages, "intelligence_index_version": "4.1"})


def described(path: str, params: Mapping[str, str]) -> Answer:
    if path.endswith(".csv"):
        return 200, {"content-type": "text/csv"}, b"Tag,Menge\r\n07.10.2026,5\r\n08.10.2026,\r\n"
    at = int(params.get("page", "1"))
    rows = [{"day": f"2026-10-0{at}", "model": "a/x", "n": {"tokens": str(at * 10)}}]
    link = f"{path}?page={at + 1}" if at < 3 else None
    return as_json({"data": {"items": rows}, "links": {"next": f"/described/{link}" if link else None}})


SOURCES = {
    "openrouter": openrouter,
    "vercel": vercel,
    "wikimedia": wikimedia,
    "pypistats": pypistats,
    "huggingface": huggingface,
    "hackernews": hackernews,
    "price-events": price_events,
    "cloudflare-radar": cloudflare_radar,
    "github": github,
    "lmarena": lmarena,
    "artificial-analysis": artificial_analysis,
    "described": described,
}

_NEEDS_KEY = {
    "cloudflare-radar": "authorization",
    "artificial-analysis": "x-api-key",
}


def respond(source: str, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """Answer as the publisher of a source would, its check of keys included."""
    header = _NEEDS_KEY.get(source)
    if source == "openrouter" and path.startswith(("datasets/", "classifications/")) and "exports" not in path:
        header = "authorization"
    if header and headers.get(header, "").removeprefix("Bearer ") != KEY:
        return as_json({"error": {"code": 401, "message": "Missing Authentication header"}}, 401)
    status, head, body = SOURCES[source](path, params)
    if head.get("etag") and headers.get("if-none-match") == head["etag"]:
        return 304, {"etag": head["etag"]}, b""
    return status, head, body
