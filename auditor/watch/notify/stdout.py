"""Standard output: what a log or a cron mail shows."""

from auditor.watch.found import Found
from auditor.watch.notify.words import headline, verdict


def text(found: Found) -> str:
    """Return a finding for a terminal."""
    lines = [headline(found), found.text, verdict(found), f"report: {found.report}" if found.report else ""]
    return "\n  ".join(line for line in lines if line)
