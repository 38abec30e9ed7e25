"""The page: one file, no script, no outside address, the same bytes on the same input."""

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from auditor.report.render import View, environment
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.walk import Audit


def as_html(audit: "Audit", *, language: str = "en", command: str = "", generated: str | None = None) -> str:
    """Render an audit as one self-contained HTML page.

    Parameters
    ----------
    audit : Audit
    language : str
        A language of the catalogue.
    command : str
        The command that repeats the audit, printed as given.
    generated : str, optional
        A date to print; the page has none otherwise, so that the same input gives the same bytes.
    """
    return render(View(audit, Words(language), command, generated))


def render(view: View) -> str:
    """Render a prepared audit as one page."""
    from markupsafe import Markup

    css = (resources.files("auditor.report") / "templates" / "style.css").read_text(encoding="utf-8")
    # Only this sheet may style the page: markup that slipped through escaping could not even change a colour.
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    template = environment(view.words.language, "html").get_template("index.html.j2")
    return template.render(view=view, audit=view.audit, css=Markup(css), digest=digest)  # noqa: S704 - our own style sheet
