"""One audit, rendered: HTML, JSON, Markdown, CSV, and what a notebook shows. Computes no finding."""

from auditor.report.document import as_json
from auditor.report.files import FORMATS, write
from auditor.report.html import as_html
from auditor.report.markdown import as_markdown
from auditor.report.notebook import summary
from auditor.report.tables import csvs

__all__ = ["FORMATS", "as_html", "as_json", "as_markdown", "csvs", "summary", "write"]
