"""The report as Markdown, for a pull request or a content system."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.report.render import View, environment
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.report.history import Past
    from auditor.walk import Audit


def as_markdown(
    audit: "Audit",
    *,
    language: str = "en",
    command: str = "",
    generated: str | None = None,
    history: "Sequence[Past]" = (),
) -> str:
    """Render an audit as Markdown (CommonMark with tables); all text from the input is escaped."""
    view = View(audit, Words(language), command, generated, draw=False, history=tuple(history))
    text = environment(language, "markdown").get_template("report.md.j2").render(view=view, audit=audit)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip() + "\n"
