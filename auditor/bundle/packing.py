"""Makes a bundle: lays out its members in a folder, runs the audit there, and packs the folder."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.bundle import crate, manifest, safezip
from auditor.bundle.recipe import ARCHIVE, ARCHIVED, CASE, INPUTS, REPORT, RULES, SUPPRESS, Recipe, follow
from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    from auditor.case import Case
    from auditor.walk import Audit


@dataclass(frozen=True, eq=False)
class Packed:
    """A bundle that was made.

    Attributes
    ----------
    sha256 : str
        Of the bundle's file. Published beside the bundle, it proves later that nobody exchanged it.
    """

    path: Path
    audit: "Audit"
    sha256: str
    members: int
    size: int


def pack(
    out: Path,
    *,
    inputs: Sequence[str | Path],
    case: "Case",
    reading: Mapping[str, Any] | None = None,
    rules: Sequence[Path] = (),
    suppress: Path | None = None,
    today: date | None = None,
    archive: Path | None = None,
    as_known_on: str | None = None,
    since: date | None = None,
    until: date | None = None,
    generated: str | None = None,
) -> Packed:
    """Run an audit and write question, data, answer and proof into one file.

    The audit runs on the copies that go into the bundle, in the layout that the check will unpack. The same input gives the
    same bytes. Nothing is left where the bundle cannot be finished.

    Parameters
    ----------
    out : Path
        The bundle to write; an existing file is replaced when the new one is whole.
    inputs : sequence of str or Path
        Files, or ``archive:SOURCE``.
    case : Case
    reading : mapping, optional
        What is stated about the files, as for :func:`auditor.session.read`.
    rules, suppress, today
        As for :func:`auditor.session.run`.
    archive, as_known_on, since, until
        For inputs of the archive.

    Raises
    ------
    AuditError
        What the audit raises; UsageError where an input cannot go into a bundle.
    """
    if not inputs:
        raise UsageError("no input was named", hint="name a file, or list `inputs:` in the case file")
    with tempfile.TemporaryDirectory(prefix="audit-bundle-") as made:
        folder = Path(made)
        names = _copy_inputs(folder, inputs)
        archived = [name for name in names if name.startswith(ARCHIVED)]
        if archived:
            _copy_archive(folder / ARCHIVE, archive, archived)
        recipe = Recipe(
            inputs=tuple(names),
            reading=dict(reading or {}),
            as_known_on=as_known_on or "",
            since=since.isoformat() if since else "",
            until=until.isoformat() if until else "",
            rules=tuple(_copy_rules(folder, rules)),
            suppress=suppress is not None,
            today=today.isoformat() if today and suppress is not None else "",
        )
        if suppress is not None:
            _copy(suppress, folder / SUPPRESS)
        asked = replace(case, inputs=tuple(names))
        from auditor.casefile import dumps

        (folder / CASE).write_text(dumps(asked), encoding="utf-8")
        audit = follow(recipe, folder)
        command = "audit bundle verify FILE"
        from auditor import report

        report.write(audit, folder / REPORT, command=command, generated=generated)
        _describe(folder, audit)
        members = _members(folder)
        content = manifest.Manifest(recipe, command, manifest.software(), manifest.hashed(folder, members))
        (folder / manifest.NAME).write_bytes(content.dumps())
        _put(out, folder, [manifest.NAME, *members])
    digest, size = manifest.hashed(out.parent, [out.name])[out.name]
    return Packed(out, audit, digest, len(members) + 1, size)


def _copy_inputs(folder: Path, inputs: Sequence[str | Path]) -> list[str]:
    """Copy files and their source cards; each input gets a folder of its own, so that equal names do not meet."""
    from auditor.sources.tabular.card import card_paths

    names = []
    for number, item in enumerate(inputs, 1):
        if str(item).startswith(ARCHIVED):
            names.append(str(item))
            continue
        path = Path(item)
        if str(item) == "-":
            raise UsageError("standard input cannot go into a bundle", hint="save it to a file and name that")
        if not path.is_file():
            raise InputError(
                "is not a file",
                where=str(path),
                hint="a source is fetched first (audit fetch SOURCE) and then named archive:SOURCE",
            )
        name = f"{INPUTS}/{number}/{_safe(path.name)}"
        _copy(path, folder / name)
        card = next((candidate for candidate in card_paths(path) if candidate.is_file()), None)
        if card is not None:
            _copy(card, folder / f"{name}.source.yaml")
        names.append(name)
    return names


def _copy_archive(place: Path, archive: Path | None, names: Sequence[str]) -> None:
    """Copy the ledger, whole so that its chain can be checked, and the answers of the sources in question."""
    from auditor import live
    from auditor.archive import Archive

    if archive is None:
        raise UsageError(f"{names[0]} needs the folder of an archive", hint="use --archive DIR")
    held = Archive(archive, create=False)
    wanted = {live.source_of(name.removeprefix(ARCHIVED)).SPEC.name for name in names}
    for record in (held.marker, held.ledger.record):
        _copy(record, place / record.name)
    for digest in sorted({entry.sha256 for entry in held.entries() if entry.source in wanted and entry.sha256}):
        stored = held.objects.path(digest)
        if stored.is_file():
            _copy(stored, place / stored.relative_to(held.folder))


def _copy_rules(folder: Path, rules: Sequence[Path]) -> list[str]:
    names = []
    for number, source in enumerate(rules, 1):
        name = f"{RULES}/{number}"
        for path in sorted([*source.glob("*.yaml"), *source.glob("*.yml")]) if source.is_dir() else [source]:
            _copy(path, folder / name / _safe(path.name))
        names.append(name if source.is_dir() else f"{name}/{_safe(source.name)}")
    return names


def _describe(folder: Path, audit: "Audit") -> None:
    from auditor.report.render import View
    from auditor.report.words import Words

    view = View(audit, Words(), draw=False)
    members = _members(folder)
    about = crate.describe(audit, view.title, view.words.say(audit.verdict.words), manifest.hashed(folder, members))
    (folder / manifest.CRATE).write_bytes(about)


def _members(folder: Path) -> list[str]:
    """List the members: without the archive's index and cache, which are rebuilt."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not _derived(path.relative_to(folder))
    )


def _derived(path: Path) -> bool:
    return path.parts[0] == ARCHIVE and (path.name.startswith("ledger.sqlite") or "cache" in path.parts)


def _safe(name: str) -> str:
    """Return a file name that every system can write; what is replaced is visible as ``-``."""
    kept = "".join(c if c.isalnum() or c in "._- ()+" else "-" for c in name).strip(" .") or "file"
    return kept[-120:]


def _copy(source: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", where=str(source), hint="check the path"
        ) from None


def _put(out: Path, folder: Path, names: list[str]) -> None:
    """Write the zip beside its place and move it there."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        safezip.write(temporary, folder, names)
        temporary.replace(out)
    except OSError as error:
        raise UsageError(
            f"the bundle cannot be written: {error.strerror or error}", where=str(out), hint="choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
