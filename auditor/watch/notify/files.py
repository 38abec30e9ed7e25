"""JSON lines, a Markdown file and an Atom feed: written whole from the state, so that nothing is lost or told twice."""

import json
from collections.abc import Iterable
from xml.sax.saxutils import escape

from auditor.watch.config import Config, NotifyPart
from auditor.watch.found import Found
from auditor.watch.notify.words import headline, link, paragraphs, record

FEED_MOST = 100
"""Entries of a feed; older ones are on the site."""

DEFAULT_PATHS = {"jsonl": "findings.jsonl", "markdown": "findings.md", "atom": "feed.xml"}


def render(part: NotifyPart, found: Iterable[Found], config: Config, day: str) -> str:
    """Return the content of a file notifier for the findings that it is to tell, oldest first."""
    chosen = [f for f in found if f.kind in part.on and not f.old and not f.suppressed]
    if part.kind == "jsonl":
        return "".join(json.dumps(record(f, config), ensure_ascii=False, sort_keys=True) + "\n" for f in chosen)
    return atom(chosen, config, day) if part.kind == "atom" else markdown(chosen, config)


def markdown(found: list[Found], config: Config) -> str:
    """Return a section for each finding, newest first."""
    lines = [f"# {_plain(config.site.title)}", ""]
    for item in reversed(found):
        lines += [f"## {_plain(headline(item))}", ""]
        for paragraph in paragraphs(item, config):
            lines += [_plain(paragraph), ""]
        lines += [f"`{item.id}`, {item.status}", ""]
    if not found:
        lines += ["Nothing to tell.", ""]
    return "\n".join(lines)


def atom(found: list[Found], config: Config, day: str) -> str:
    """Return an Atom feed (RFC 4287), newest first."""
    base = config.site.url
    name = escape(config.watch.name)
    updated = max((f.raised for f in found), default=day)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{_xml(config.site.title)}</title>",
        f"<id>{_xml(base or f'urn:audit:watch:{config.watch.name}'.replace(' ', '-'))}</id>",
        f"<updated>{updated}T00:00:00Z</updated>",
        f"<author><name>{name}</name></author>",
    ]
    if base:
        lines.append(f'<link href="{_xml(base)}" rel="alternate" type="text/html"/>')
        lines.append(f'<link href="{_xml(base)}feed.xml" rel="self"/>')
    for item in list(reversed(found))[:FEED_MOST]:
        text = "\n\n".join(paragraphs(item, config))
        lines += [
            "<entry>",
            f"<title>{_xml(headline(item))}</title>",
            f"<id>urn:audit:finding:{item.id}</id>",
            f"<updated>{item.raised}T00:00:00Z</updated>",
            f'<category term="{item.kind}"/>',
            f'<content type="text">{_xml(text)}</content>',
        ]
        if item.report or base:
            lines.append(f'<link href="{_xml(link(item, config))}" rel="alternate" type="text/html"/>')
        lines.append("</entry>")
    return "\n".join([*lines, "</feed>", ""])


def _xml(text: str) -> str:
    """Escape for XML; characters that XML cannot hold are replaced."""
    kept = "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )
    return escape(kept, {'"': "&quot;"})


def _plain(text: str) -> str:
    """Text that Markdown and HTML take as text, on one line."""
    one = " ".join(text.split())
    for sign in "\\`*_[]<>#|":
        one = one.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return one
