"""Writes a report to a folder; a reader of the folder never meets a half-written file."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError
from auditor.report.card import as_card
from auditor.report.document import as_json, dumps
from auditor.report.history import earlier
from auditor.report.html import render
from auditor.report.markdown import as_markdown
from auditor.report.pdf import as_pdf
from auditor.report.render import View
from auditor.report.tables import csvs
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.walk import Audit

#: Forms that a report can take, and those that it takes unless others are asked for.
FORMATS = ("html", "json", "md", "csv", "card", "pdf")
USUAL = ("html", "json", "md", "csv")

_OURS = re.compile(r"(series|verdict|claims|events|(chart|finding)-[A-Za-z0-9-]+)\.csv")


def write(
    audit: "Audit",
    out: Path,
    formats: Sequence[str] = USUAL,
    *,
    language: str = "en",
    command: str = "",
    generated: str | None = None,
    interactive: bool = False,
) -> list[Path]:
    """Write ``index.html``, ``audit.json``, ``report.md``, ``data/*.csv``, ``card.png`` and ``report.pdf``, as far as asked for.

    Where the folder holds an earlier audit of the same question that differs, the new report lists it as history. All is rendered before the first byte is written; each file is written beside its place and then moved there.
    Tables that an earlier report left in ``data/`` and that this one does not have are removed; nothing else is.

    Parameters
    ----------
    audit : Audit
    out : Path
        The folder; made where it is missing.
    formats : sequence of {'html', 'json', 'md', 'csv', 'card', 'pdf'}
    language, command, generated, interactive
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
    said: dict[str, Any] = {"language": language, "command": command, "generated": generated}
    document = as_json(audit, **said)
    past = earlier(out, document)
    document["history"] = [entry.plain() for entry in past]
    texts: dict[str, str | bytes] = {}
    view = View(audit, Words(language), command, generated, history=past)
    if "html" in formats:
        texts["index.html"] = render(view, interactive=interactive)
    if "json" in formats:
        texts["audit.json"] = dumps(document)
    if "md" in formats:
        texts["report.md"] = as_markdown(audit, history=past, **said)
    if "csv" in formats:
        texts |= {f"data/{name}": text for name, text in csvs(audit, language=language, view=view).items()}
    if "card" in formats:
        texts["card.png"] = as_card(audit, language=language)
    if "pdf" in formats:
        texts["report.pdf"] = as_pdf(render(view))
    try:
        put(out, texts)
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


def put(out: Path, texts: Mapping[str, str | bytes]) -> None:
    """Write all files beside their places, then move each into its place."""
    ready: list[tuple[Path, Path]] = []
    try:
        for name, text in texts.items():
            place = out / name
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_name(f".{place.name}.{os.getpid()}.part")
            ready.append((temporary, place))
            with temporary.open("wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
        for temporary, place in ready:
            temporary.replace(place)
    finally:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)
