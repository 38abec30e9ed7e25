"""The page: one file, no outside address, no script unless asked for, the same bytes on the same input."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from auditor.report.clean import clean
from auditor.report.render import View, environment
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.report.history import Past
    from auditor.walk import Audit


def as_html(
    audit: "Audit",
    *,
    language: str = "en",
    command: str = "",
    generated: str | None = None,
    history: "Sequence[Past]" = (),
    interactive: bool = False,
) -> str:
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
    history : sequence of Past
        Earlier audits of the same question.
    interactive : bool
        Adds a script to the page that shows the figures under the pointer and enlarges a stretch of the first chart. Without
        it, and in a reader that runs no scripts, the page is complete.
    """
    return render(View(audit, Words(language), command, generated, history=tuple(history)), interactive=interactive)


def render(view: View, *, interactive: bool = False) -> str:
    """Render a prepared audit as one page."""
    from markupsafe import Markup

    # Only these may style the page and run in it: markup that slipped through escaping could not even change a colour.
    css = template_text("style.css")
    script = template_text("interactive.js") if interactive else ""
    template = environment(view.words.language, "html").get_template("index.html.j2")
    return template.render(
        view=view,
        audit=view.audit,
        css=Markup(css),  # noqa: S704 - our own style sheet
        digest=digest(css),
        script=Markup(script),  # noqa: S704 - our own script
        script_digest=digest(script),
        figures=Markup(embedded(view)) if interactive else "",  # noqa: S704 - JSON in which < is escaped
    )


def template_text(name: str) -> str:
    """Return a file that every page carries inside it."""
    return (resources.files("auditor.report") / "templates" / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """Return the hash by which the page's policy allows a style sheet or script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embedded(view: View) -> str:
    """Return the figures of the first chart as JSON that cannot end the element it stands in."""
    story = view.story
    if story is None:
        return "null"
    words = view.words
    series: dict[str, dict[str, Any]] = {}
    for day, name, role, value, *_ in story.rows.rows:
        line = series.setdefault(f"{role} {name}", {"name": clean(str(name)), "role": role, "points": []})
        if role == "total":
            line["name"] = words.t("story.total")
        line["points"].append([str(day), value])
    plots = [
        {
            "scale": plot.classes.split()[0],
            "size": plot.classes.split()[1],
            "left": plot.spec["padding"]["left"],
            "top": plot.spec["padding"]["top"],
            "width": plot.spec["width"],
            "height": plot.spec["height"],
            "label": 20 if "wide" in plot.classes else 13,
        }
        for plot in story.plots
    ]
    document = {
        "plots": plots,
        "series": list(series.values()),
        "texts": {k: words.t(f"interactive.{k}") for k in ("hint", "reset", "zoomed")},
        "locale": words.t("locale"),
    }
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
