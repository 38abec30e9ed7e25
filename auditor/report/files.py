"""Writes a report to a folder; a reader of the folder never meets a half-written file."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.report.document import as_json, dumps
from auditor.report.html import as_html
from auditor.report.markdown import as_markdown
from auditor.report.tables import csvs

if TYPE_CHECKING:
    from auditor.walk import Audit

FORMATS = ("html", "json", "md", "csv")

_OURS = re.compile(r"(series|verdict|claims|events|(chart|finding)-[A-Za-z0-9-]+)\.csv")


def write(
    audit: "Audit",
    out: Path,
    formats: Sequence[str] = FORMATS,
    *,
    language: str = "en",
    command: str = "",
    generated: str | None = None,
) -> list[Path]:
    """Write ``index.html``, ``audit.json``, ``report.md`` and ``data/*.csv``, as far as asked for.

    All is rendered before the first byte is written; each file is written beside its place and then moved there.
    Tables that an earlier report left in ``data/`` and that this one does not have are removed; nothing else is.

    Parameters
    ----------
    audit : Audit
    out : Path
        The folder; made where it is missing.
    formats : sequence of {'html', 'json', 'md', 'csv'}
    language, command, generated
        As for :func:`auditor.report.as_html`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        When a format is unknown, or the folder cannot be written.
    """
    unknown = [f for f in formats if f not in FORMATS]
    if unknown or not formats:
        raise UsageError(
            f"the report has no format {', '.join(unknown) or '(none)'}", hint=f"choose of {', '.join(FORMATS)}"
        )
    texts: dict[str, str] = {}
    if "html" in formats:
        texts["index.html"] = as_html(audit, language=language, command=command, generated=generated)
    if "json" in formats:
        texts["audit.json"] = dumps(as_json(audit, language=language, command=command, generated=generated))
    if "md" in formats:
        texts["report.md"] = as_markdown(audit, language=language, command=command, generated=generated)
    if "csv" in formats:
        texts |= {f"data/{name}": text for name, text in csvs(audit, language=language).items()}
    try:
        _put(out, texts)
        if "csv" in formats:
            for stale in (out / "data").iterdir():
                if _OURS.fullmatch(stale.name) and f"data/{stale.name}" not in texts:
                    stale.unlink()
    except OSError as error:
        raise UsageError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(out),
            hint="choose another folder with --out",
        ) from error
    return [out / name for name in texts]


def _put(out: Path, texts: dict[str, str]) -> None:
    """Write all files beside their places, then move each into its place."""
    ready: list[tuple[Path, Path]] = []
    try:
        for name, text in texts.items():
            place = out / name
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_name(f".{place.name}.{os.getpid()}.part")
            ready.append((temporary, place))
            with temporary.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
        for temporary, place in ready:
            temporary.replace(place)
    finally:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)
