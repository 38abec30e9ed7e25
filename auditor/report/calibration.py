"""The page about how often the tool is wrong, from the figures that ``audit calibrate`` writes (``calibration.json``)."""

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

from auditor.findings import Rows
from auditor.report.calibration_view import CalibrationView
from auditor.report.clean import cell


def as_calibration_page(document: Mapping[str, Any], *, language: str = "en") -> str:
    """Render the figures of a calibration as one self-contained HTML page.

    Parameters
    ----------
    document : mapping
        As ``calibration.json`` holds it. A part that is missing or null is shown as not measured.
    language : str
        A language of the catalogue.
    """
    from markupsafe import Markup

    from auditor.report.html import digest, template_text
    from auditor.report.render import environment

    view = CalibrationView(document, language)
    css = template_text("style.css") + template_text("calibration.css")
    return (
        environment(language, "html")
        .get_template("calibration.html.j2")
        .render(view=view, c=view.t, css=Markup(css), digest=digest(css))  # noqa: S704 - our own style sheet
    )


def calibration_tables(document: Mapping[str, Any], *, language: str = "en") -> dict[str, str]:
    """Return the figures of the page's charts and tables as CSV: file name to text, safe to open in a spreadsheet."""
    return {name: _text(rows) for name, rows in sorted(CalibrationView(document, language).files.items())}


def calibration_files(document: Mapping[str, Any], *, language: str = "en") -> dict[str, str]:
    """Return the page and its tables by their place in the folder: ``index.html`` and ``data/*.csv``."""
    tables = calibration_tables(document, language=language)
    page = as_calibration_page(document, language=language)
    return {"index.html": page} | {f"data/{name}": text for name, text in tables.items()}


def _text(rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in (rows.columns, *rows.rows):
        writer.writerow([cell(None if isinstance(v, float) and not math.isfinite(v) else v) for v in row])
    return out.getvalue()
