"""What a notification says; the same in every channel."""

from typing import Any

from auditor.watch.config import Config
from auditor.watch.found import Found

NEVER = "A published total cannot show who caused it or why. Please read the report before you write."


def headline(found: Found) -> str:
    """One line."""
    return f"[{found.kind}] {found.title} ({found.day})"


def verdict(found: Found) -> str:
    """Say what `audit` made of an alarm; '' where there is none."""
    if not found.verdict:
        return ""
    if "error" in found.verdict:
        return f"It could not be audited: {found.verdict['error']}"
    return str(found.verdict["words"])


def paragraphs(found: Found, config: Config) -> list[str]:
    """Return the text, one paragraph each."""
    parts = [found.text, verdict(found)]
    if found.report:
        parts.append(f"Report: {link(found, config)}")
    if found.kind == "alarm":
        parts.append(NEVER)
    return [p for p in parts if p]


def link(found: Found, config: Config) -> str:
    """Address of the report: public where the site has one, else relative to the reports folder."""
    return f"{config.site.url}{found.report}/index.html" if found.report else config.site.url


def record(found: Found, config: Config) -> dict[str, Any]:
    """Return the finding as plain values; ``id`` is the same for every delivery of it."""
    return {
        "id": found.id,
        "kind": found.kind,
        "rule": found.rule,
        "title": found.title,
        "watch": config.watch.name,
        "source": found.source,
        "entity": found.entity,
        "opened": found.opened,
        "day": found.day,
        "raised": found.raised,
        "status": found.status,
        "text": found.text,
        "figures": found.figures,
        "verdict": found.verdict,
        "report": link(found, config) if found.report else "",
    }
