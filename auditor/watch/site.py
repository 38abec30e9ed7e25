"""The static site: an index, and a page per entity with the history of its findings. No outside address, everything escaped."""

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditor.archive.durable import explain, write_durably
from auditor.watch.config import Config
from auditor.watch.cycles import Detector, allotment
from auditor.watch.found import ALARM, EVENT, RECORD, Found
from auditor.watch.level import PAST_LEAST
from auditor.watch.notify.files import DEFAULT_PATHS, render
from auditor.watch.notify.words import NEVER, verdict
from auditor.watch.outbox import FILES
from auditor.watch.state import State, slug

if TYPE_CHECKING:
    from datetime import date

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--dim:#5d5d5d;--line:#d9d9d9;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--dim:#a5a5a5;--line:#3a3a3a;--paper:#161616}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--dim);font-size:.875rem}td{overflow-wrap:anywhere}td.day,td.state{white-space:nowrap;overflow-wrap:normal}
table.found td.who{width:28%}small{color:var(--dim);font-size:.875rem}a{color:inherit}td.state b{font-weight:600}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
nav a,td a{display:inline-block;min-height:24px}
details>summary{cursor:pointer;min-height:24px;padding:.25rem 0}
@media(max-width:40rem){thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
table,tbody,tr,td{display:block;width:auto}table.found td.who{width:auto}tr{border-bottom:1px solid var(--line);padding:.6rem 0}
td{border:0;padding:.1rem 0}td[data-name]::before{content:attr(data-name) ": ";color:var(--dim)}td.state{white-space:normal}}
"""

FOLDED = 20
"""Rows from which a list is folded."""

MOST_ROWS = 300
"""Findings on the index; all of an entity are on its page."""


def show(state: State, today: "date", config: Config, reports: Path) -> None:
    """Write the site and the file notifiers; pages that did not change are left alone, pages without findings are removed.

    Raises
    ------
    ArchiveError
        When the disk refuses.
    """
    day = today.isoformat()
    files: dict[str, str] = {}
    if config.site.build:
        files["index.html"] = index(state, config)
        files |= {f"entities/{_page(k)}": entity(k, found, config) for k, found in _by_entity(state).items()}
    for part in config.notify:
        if part.kind in FILES:
            files[part.path or DEFAULT_PATHS[part.kind]] = render(part, state.found.values(), config, day)
    try:
        for name, text in files.items():
            data = text.encode("utf-8", "replace")
            path = reports / name
            if not path.is_file() or path.read_bytes() != data:
                write_durably(path, data)
        for path in sorted((reports / "entities").glob("*.html")) if config.site.build else []:
            if f"entities/{path.name}" not in files:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, reports) from error


def index(state: State, config: Config) -> str:
    """Return the first page: what is open, what was told, how the monitors stand."""
    found = [f for f in reversed(state.found.values()) if not f.old]
    open_ = [f for f in found if f.status == "open"]
    budget = config.budget
    parts = [
        (
            f"<p>Last run: {escape(state.last_run or 'none')}. Budget: at most {budget.false_alarms_per_year} false alarms a year over "
            f"all entities, to be kept in {budget.confidence:.0%} of the years. {escape(NEVER)}</p>"
        ),
        _files(config),
        "<h2>Open now</h2>",
        _table(open_, config, named=False) if open_ else "<p>Nothing.</p>",
    ]
    for title, kind in (("Alarms", ALARM), ("Faults of the record", RECORD), ("Events", EVENT)):
        chosen = [f for f in found if f.kind == kind]
        shown = chosen[:MOST_ROWS]
        more = f"<p>The newest {MOST_ROWS} of {len(chosen)}.</p>" if len(chosen) > MOST_ROWS else ""
        table = more + _table(shown, config) if shown else "<p>None so far.</p>"
        if len(shown) > FOLDED:
            table = f"<details><summary>{len(chosen)} on record, the newest of {escape(shown[0].day)}</summary>{table}</details>"
        parts.append(f"<h2>{title}</h2>{table}")
    parts += ["<h2>Monitors</h2>", _monitors(state, config)]
    return _html(config.site.title, "".join(parts), "", _feed(config))


def _files(config: Config) -> str:
    """Links to the files that are written beside the site."""
    names = {"atom": "Atom feed", "jsonl": "JSON lines", "markdown": "Markdown"}
    links = "".join(
        f"<li><a href='{escape(quote(p.path or DEFAULT_PATHS[p.kind]), quote=True)}'>{names[p.kind]}</a>"
        for p in config.notify
        if p.kind in FILES
    )
    return f"<nav aria-label='The same as files'><ul>{links}</ul></nav>" if links else ""


def _feed(config: Config) -> str:
    """Path of the feed; '' where none is written."""
    return next((p.path or DEFAULT_PATHS["atom"] for p in config.notify if p.kind == "atom"), "")


def entity(key: tuple[str, str], found: list[Found], config: Config) -> str:
    """Return the page of one entity: the history of its findings and verdicts."""
    body = f"<nav><ul><li><a href='../index.html'>All findings</a></ul></nav>{_table(list(reversed(found)), config, '../')}"
    return _html(f"{key[1]} ({key[0]})", body, "../", _feed(config))


def _monitors(state: State, config: Config) -> str:
    rows = []
    for key, monitor in state.monitors.items():
        rows.append(
            f"<tr><td data-name='Source'>{escape(key)}<td data-name='Judged up to'>{escape(monitor.last_day)}"
            f"<td data-name='Entities seen'>{len(monitor.entities)}<td data-name='Rises on record'>{monitor.detector.ended}"
            f"<td data-name='Readiness'>{readiness(monitor.detector, config)}"
        )
    head = ("Source", "Judged up to", "Entities seen", "Rises on record", "Readiness")
    return f"<table>{_head(head)}<tbody>{''.join(rows)}</table>" if rows else "<p>None yet.</p>"


def _head(names: tuple[str, ...]) -> str:
    return "<thead><tr>" + "".join(f"<th scope='col'>{name}" for name in names) + "</thead>"


def readiness(detector: Detector, config: Config) -> str:
    """Say whether the reference is large enough for an alarm to be possible at all."""
    if len(detector.begun) < PAST_LEAST:
        return "learning the past of its entities"
    needed = math.ceil(1 / allotment(detector, config.allowed())) - 1
    return "ready" if len(detector.pool) >= needed else f"learning: {len(detector.pool)} of {needed} rises"


def _table(found: list[Found], config: Config, up: str = "", *, named: bool = True) -> str:
    rows = []
    for f in found:
        name = f.entity or f.source
        where = f"{up}entities/{_page((f.source, f.entity))}" if f.entity and config.site.build else ""
        label = f"<a href='{escape(where, quote=True)}'>{escape(name)}</a>" if where else escape(name)
        more = f"<br><a href='{escape(up + f.report, quote=True)}/index.html'>Report</a>" if f.report else ""
        said = f"<br><small>{escape(verdict(f))}</small>" if f.verdict else ""
        status = "<b>open</b>" if f.status == "open" else escape(f.status)
        status += escape(f": {f.suppressed}" if f.suppressed else f" {f.resolved}" if f.resolved else "")
        identity = f" id='{f.id}'" if named else ""
        rows.append(
            f"<tr{identity}><td class='day'>{escape(f.day)}<td class='who'>{label}<br><small>{escape(f.title.split(':')[0])}</small>"
            f"<td>{escape(f.text)}{said}{more}<td class='state'>{status}"
        )
    return f"<table class='found'>{_head(('Day', 'What', 'Finding', 'Status'))}<tbody>{''.join(rows)}</table>"


def _by_entity(state: State) -> dict[tuple[str, str], list[Found]]:
    pages: dict[tuple[str, str], list[Found]] = {}
    for found in state.found.values():
        if found.entity and not found.old:
            pages.setdefault((found.source, found.entity), []).append(found)
    return pages


def _page(key: tuple[str, str]) -> str:
    return f"{slug(key[0])}-{slug(key[1])}.html"


def _html(title: str, body: str, up: str, feed: str) -> str:
    link = (
        f"<link rel='alternate' type='application/atom+xml' href='{escape(up + quote(feed), quote=True)}'>"
        if feed
        else ""
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>{link}</head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )
