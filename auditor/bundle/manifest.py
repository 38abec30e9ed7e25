"""``bundle.json``: what a bundle holds and how it was made."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.bundle.recipe import Recipe
from auditor.errors import InputError

NAME, CRATE = "bundle.json", "ro-crate-metadata.json"
KIND = "audit-bundle"

#: The form of ``bundle.json``; a bundle with a larger first number is refused.
VERSION = "1.0"
_MOST_BYTES = 16 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")

#: What the numbers of an audit depend on.
PACKAGES = ("numpy", "scipy", "pandas", "statsmodels", "scikit-learn", "ruptures", "duckdb", "vl-convert-python")


@dataclass(frozen=True)
class Manifest:
    """The content of ``bundle.json``.

    Attributes
    ----------
    files : mapping of str to (str, int)
        SHA-256 and size of every member but ``bundle.json`` itself.
    software : mapping of str to str
        Versions of this package, of Python and of what the numbers depend on.
    """

    recipe: Recipe
    command: str
    software: Mapping[str, str]
    files: Mapping[str, tuple[str, int]]

    def dumps(self) -> bytes:
        """Write it; the same content gives the same bytes."""
        document = {
            "kind": KIND,
            "version": VERSION,
            "command": self.command,
            "recipe": self.recipe.plain(),
            "software": dict(self.software),
            "files": {name: {"sha256": sha256, "bytes": size} for name, (sha256, size) in self.files.items()},
        }
        return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def hashed(folder: Path, names: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return SHA-256 and size of members of a folder."""
    found = {}
    for name in names:
        with (folder / name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found[name] = (digest, (folder / name).stat().st_size)
    return found


def software() -> dict[str, str]:
    """Return the versions of all that the numbers depend on."""
    import platform
    from importlib.metadata import version

    import auditor

    versions = {"usage-auditor": auditor.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in PACKAGES}
    return versions


def loads(raw: bytes, *, file: str) -> Manifest:
    """Read ``bundle.json``.

    Raises
    ------
    InputError
        When it is damaged, or of a newer form.
    """
    if len(raw) > _MOST_BYTES:
        raise InputError(f"{NAME} has {len(raw):,} bytes; at most {_MOST_BYTES:,} are read", where=file)
    try:
        document = json.loads(raw)
        kind, version = document["kind"], str(document["version"])
        major = int(version.split(".", maxsplit=1)[0])
    except (ValueError, KeyError, TypeError, RecursionError, IndexError):
        raise InputError(f"{NAME} is damaged: it does not say what it is", where=file) from None
    if kind != KIND:
        raise InputError(f"{NAME} says that this is {str(kind)[:40]!r}, not an audit bundle", where=file)
    if major > int(VERSION.split(".", maxsplit=1)[0]):
        raise InputError(
            f"the bundle has form {version[:20]}; this release reads {VERSION}",
            where=file,
            hint="use the release of audit that wrote it, or a later one",
        )
    try:
        files = {
            str(name): (_digest(entry["sha256"]), int(entry["bytes"])) for name, entry in document["files"].items()
        }
        versions = {str(name): str(found) for name, found in document["software"].items()}
        recipe: dict[str, Any] = dict(document["recipe"])
        command = str(document["command"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{NAME} is damaged: a part is missing or of the wrong kind", where=file) from None
    read = Recipe.of(recipe, members=files.keys(), where=f"{file}:{NAME}")
    return Manifest(read, command, versions, files)


def _digest(text: Any) -> str:
    if not isinstance(text, str) or not _SHA256.fullmatch(text):
        raise ValueError(text)
    return text
