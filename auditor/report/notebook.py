"""What an audit shows of itself in a notebook: the question, the answer, the scale, the claims."""

from typing import TYPE_CHECKING

from auditor.report.render import View, environment
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.walk import Audit


def summary(audit: "Audit", *, language: str = "en") -> str:
    """Return a small HTML fragment, without script and without styles that reach beyond it."""
    view = View(audit, Words(language), draw=False)
    return environment(language, "html").get_template("notebook.html.j2").render(view=view, audit=audit)
