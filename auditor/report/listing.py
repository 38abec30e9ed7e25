"""An index of many audits: one static page, sorted by a click without any script."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from auditor.errors import UsageError
from auditor.report.clean import clean

#: How deep below the folder reports are looked for.
DEPTH = 3

#: Reports in one index at most; the newest are kept.
MOST = 2_000
_ORDER = ("inflated", "data_error", "concentrated", "incentivised", "organic", "insufficient")


@dataclass(frozen=True)
class Listed:
    """One audit in the index.

    Attributes
    ----------
    place : str
        Address of its page, relative to the index.
    claims : mapping-like tuple of (str, int)
        How many claims were supported, contradicted, uncheckable.
    """

    place: str
    title: str
    subject: str
    start: str
    end: str
    hypothesis: str
    strength: str
    log10_lr: float
    claims: tuple[tuple[str, int], ...]
    findings: int
    simulated: bool


def listed(document: dict[str, Any], place: str) -> Listed:
    """Read what the index shows of an audit's JSON.

    Raises
    ------
    KeyError, TypeError, ValueError
        When it is not the JSON of an audit.
    """
    case, verdict = document["case"], document["verdict"]
    statuses = [str(c["status"]) for c in document["claims"]]
    counts = tuple((s, statuses.count(s)) for s in ("supported", "contradicted", "uncheckable") if s in statuses)
    return Listed(
        place=place,
        title=str(case["title"] or case["subject"]["name"]),
        subject=str(case["subject"]["name"]),
        start=str(case["window"]["start"]),
        end=str(case["window"]["end"]),
        hypothesis=str(verdict["hypothesis"]),
        strength=str(verdict["strength"]),
        log10_lr=float(verdict["against_best_rival"][verdict["leading"]]),
        claims=counts,
        findings=len(document["findings"]),
        simulated=bool(document["simulated"]),
    )


def find(folder: Path) -> tuple[list[Listed], list[str]]:
    """Return the audits below a folder, the newest first, and what was passed over with its reason."""
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), hint="name the folder that holds the reports")
    found, passed = [], []
    for path in sorted(folder.rglob("audit.json")):
        relative = path.relative_to(folder)
        if len(relative.parts) > DEPTH + 1 or any(part.startswith(".") for part in relative.parts):
            continue
        page = path.with_name("index.html")
        place = PurePosixPath(*relative.parts[:-1], "index.html" if page.is_file() else "audit.json")
        try:
            found.append(listed(json.loads(path.read_bytes()), str(place)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            passed.append(f"{relative.as_posix()}: not the JSON of an audit ({type(error).__name__})")
    found.sort(key=lambda e: (e.end, e.start, e.place), reverse=True)
    return found[:MOST], passed


def as_index(entries: Sequence[Listed], *, language: str = "en") -> str:
    """Render the index: newest first, and by subject, answer or weight at a click.

    The order is chosen by radio buttons and a style sheet that names the place of each row in each order, so that the page needs
    no script; a reader without style sheets sees the newest first.
    """
    from urllib.parse import quote

    from markupsafe import Markup

    from auditor.report.html import digest, template_text
    from auditor.report.render import environment

    css = template_text("style.css") + template_text("listing.css") + _orders(entries)
    template = environment(language, "html").get_template("listing.html.j2")
    return template.render(
        entries=entries,
        orders=("newest", *_KEYS),
        link=lambda place: quote(clean(place)),
        css=Markup(css),  # noqa: S704 - our own style sheet and numbers
        digest=digest(css),
    )


_KEYS: dict[str, Callable[[Listed], Any]] = {
    "subject": lambda e: (e.subject.casefold(), e.place),
    "answer": lambda e: (_ORDER.index(e.hypothesis) if e.hypothesis in _ORDER else len(_ORDER), -e.log10_lr, e.place),
    "weight": lambda e: (-e.log10_lr, e.place),
}


def _orders(entries: Sequence[Listed]) -> str:
    rules = []
    for name, key in _KEYS.items():
        for place, i in enumerate(sorted(range(len(entries)), key=lambda i: key(entries[i]))):
            rules.append(f"#by-{name}:checked~.rows .r{i}{{order:{place}}}")
    return "\n".join(rules)


def write_index(folder: Path, *, language: str = "en") -> tuple[Path, int, list[str]]:
    """Write ``index.html`` over the audits below a folder.

    Returns
    -------
    (Path, int, list of str)
        The page, how many audits it lists, and what was passed over.
    """
    entries, passed = find(folder)
    place = folder / "index.html"
    if place.is_file() and (folder / "audit.json").is_file():
        raise UsageError(
            "this folder holds a report of its own, whose page would be overwritten",
            where=str(folder),
            hint="name the folder above it",
        )
    from auditor.report.files import put

    put(folder, {"index.html": as_index(entries, language=language)})
    return place, len(entries), passed
