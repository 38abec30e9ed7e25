"""Checks a bundle: hashes, then the audit itself, run again from the bundled data."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from auditor.bundle import manifest, safezip
from auditor.bundle.manifest import Manifest
from auditor.bundle.recipe import REPORT, follow
from auditor.errors import AuditError, InputError

#: The report's page and text depend on wording and drawing; the findings are what must not change.
_PRESENTATION = (f"{REPORT}/index.html", f"{REPORT}/report.md")


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes
    ----------
    sha256 : str
        Of the bundle's file, to compare with the published one.
    members : int
        Members whose hash is right (all of them; otherwise the bundle is refused).
    difference : str
        The first place where the repeated audit differs from the bundled one; '' where there is none.
    notes : tuple of str
        Differences that need not matter: versions of the software, wording or drawing of the page.
    verdict : str
    """

    sha256: str
    members: int
    difference: str
    notes: tuple[str, ...]
    verdict: str

    @property
    def ok(self) -> bool:
        """Whether the same findings came out."""
        return not self.difference


def check(path: Path, *, sha256: str = "") -> Checked:
    """Re-hash a bundle, derive everything again from its data, and compare.

    Parameters
    ----------
    path : Path
    sha256 : str, optional
        The hash that was published with the bundle. Without it a bundle that was made anew from other data, and is
        consistent in itself, cannot be told from the original one.

    Raises
    ------
    InputError
        When the bundle is refused: no zip, unsafe, incomplete, altered, or of a newer form.
    """
    digest = _whole(path, sha256)
    with tempfile.TemporaryDirectory(prefix="audit-bundle-") as made:
        folder = Path(made)
        with safezip.opened(path) as members:
            if manifest.NAME not in members.entries:
                raise InputError(f"holds no {manifest.NAME}: it is not a bundle of audit", where=path.name)
            content = manifest.loads(members.read(manifest.NAME), file=path.name)
            _complete(members, content)
            members.unpack(folder)
        _hashes(folder, content, path.name)
        return _repeat(folder, content, digest, path.name)


def _whole(path: Path, wanted: str) -> str:
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(path), hint="check the path") from None
    if wanted and found != wanted.strip().lower():
        raise InputError(
            f"has SHA-256 {found}, and {wanted.strip()[:80]} was asked for",
            where=path.name,
            hint="this is not the bundle that was published under that hash",
        )
    return found


def _complete(members: safezip.Members, content: Manifest) -> None:
    """Compare the table of contents with the manifest."""
    present = set(members.entries) - {manifest.NAME}
    missing, foreign = sorted(set(content.files) - present), sorted(present - set(content.files))
    if missing:
        raise InputError(f"{missing[0]} is missing ({len(missing)} in all)", where=members.file)
    if foreign:
        raise InputError(f"{foreign[0]} is not listed in {manifest.NAME} ({len(foreign)} in all)", where=members.file)
    for name, (_, size) in sorted(content.files.items()):
        if members.entries[name].file_size != size:
            raise InputError(
                f"{name} has {members.entries[name].file_size:,} bytes; {manifest.NAME} says {size:,}",
                where=members.file,
            )


def _hashes(folder: Path, content: Manifest, file: str) -> None:
    for name, (found, _) in manifest.hashed(folder, sorted(content.files)).items():
        if found != content.files[name][0]:
            raise InputError(
                f"{name} was altered: its SHA-256 is {found}, and {manifest.NAME} says {content.files[name][0]}",
                where=file,
                hint="fetch the bundle again",
            )


def _repeat(folder: Path, content: Manifest, digest: str, file: str) -> Checked:
    from auditor import report
    from auditor.report.document import plain

    bundled = _document(folder, file)
    notes = _versions(content)
    try:
        audit = follow(content.recipe, folder)
    except AuditError as error:
        verdict = str(bundled.get("verdict", {}).get("hypothesis", ""))
        said = f"the audit cannot be repeated from the bundled data: {error}"
        return Checked(digest, len(content.files), said, tuple(notes), verdict)
    generated = bundled.get("generated")
    again = folder / "again"
    report.write(audit, again, command=content.command, generated=generated if isinstance(generated, str) else None)
    difference = _first(bundled, plain(_document(folder, file, "again")))
    if not difference:
        difference = _tables(folder)
    for name in _PRESENTATION:
        if (folder / name).exists() and (folder / name).read_bytes() != (again / Path(name).name).read_bytes():
            notes.append(f"{name}: the page reads differently than the one written here from the same findings")
    return Checked(digest, len(content.files), difference, tuple(notes), audit.verdict.hypothesis)


def _document(folder: Path, file: str, part: str = REPORT) -> dict[str, Any]:
    try:
        document = json.loads((folder / part / "audit.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InputError(f"{part}/audit.json is not the report of an audit", where=file)
    return document


def _tables(folder: Path) -> str:
    """Name the first table that differs."""
    bundled, again = folder / REPORT / "data", folder / "again" / "data"
    names = sorted({p.name for d in (bundled, again) if d.is_dir() for p in d.iterdir()})
    for name in names:
        if not (bundled / name).is_file():
            return f"{REPORT}/data/{name}: the repeated audit writes it, the bundle lacks it"
        if not (again / name).is_file():
            return f"{REPORT}/data/{name}: the bundle holds it, the repeated audit does not write it"
        left, right = ((d / name).read_text(encoding="utf-8").splitlines() for d in (bundled, again))
        for line, (old, new) in enumerate(zip_longest(left, right, fillvalue="(nothing)"), 1):
            if old != new:
                return f"{REPORT}/data/{name}:{line}: bundled {old[:120]!r}, repeated {new[:120]!r}"
    return ""


def _versions(content: Manifest) -> list[str]:
    here = manifest.software()
    return [
        f"made with {name} {version}, checked with {here.get(name, 'none')}"
        for name, version in sorted(content.software.items())
        if here.get(name) != version
    ]


def _first(old: Any, new: Any, path: str = "") -> str:
    """Return the first difference of two JSON values with its place and both values; '' where there is none."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            place = f"{path}.{key}" if path else str(key)
            if key not in old or key not in new:
                return f"{place}: only in the {'repeated' if key not in old else 'bundled'} audit"
            found = _first(old[key], new[key], place)
            if found:
                return found
        return ""
    if isinstance(old, list) and isinstance(new, list):
        for i, (a, b) in enumerate(zip(old, new, strict=False)):
            found = _first(a, b, f"{path}[{i}]")
            if found:
                return found
        return "" if len(old) == len(new) else f"{path}: bundled {len(old)} entries, repeated {len(new)}"
    same = old == new and isinstance(old, bool) == isinstance(new, bool)
    return "" if same else f"{path}: bundled {json.dumps(old)[:160]}, repeated {json.dumps(new)[:160]}"
