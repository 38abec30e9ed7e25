"""Reads a TOML file and where each key of it stands, so that every mistake is told with its line."""

import re
import tomllib
from pathlib import Path

from auditor.errors import UsageError, Where
from auditor.yamlfile import Document, Path_

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^(\s*)([A-Za-z0-9_.\-\"']+)\s*=")


def load(path: Path) -> Document:
    """Read a TOML file.

    Raises
    ------
    UsageError
        When it cannot be read, or is not TOML, with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), hint="`audit watch init` writes one to start from"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"is not UTF-8 text ({error.reason})", where=str(path), hint="save it as UTF-8") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Read TOML from text; see :func:`load`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = Where(file, int(found[1]), int(found[2])) if found else Where(file, len(text.splitlines()))
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise UsageError(
            f"is not valid TOML: {message[:1].lower()}{message[1:]}",
            where=where,
            hint='text stands in double quotes, dates as 2026-05-12, lists as ["a", "b"]',
        ) from None
    return Document(file, data, _places(text))


def _places(text: str) -> dict[Path_, tuple[int, int]]:
    """Line and column of every table and key; inside multi-line values nothing is looked for that the parser would not have."""
    places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
    counts: dict[Path_, int] = {}
    at: Path_ = ()
    for number, line in enumerate(text.splitlines(), start=1):
        table = _TABLE.match(line)
        if table:
            at = tuple(_plain(part) for part in table[2].split("."))
            if table[1] == "[[":
                counts[at] = counts.get(at, -1) + 1
                places.setdefault(at, (number, 1))
                at = (*at, counts[at])
            places.setdefault(at, (number, line.index("[") + 1))
            continue
        key = _KEY.match(line)
        if key:
            path = (*at, *(_plain(part) for part in key[2].split(".")))
            places.setdefault(path, (number, len(key[1]) + 1))
    return places


def _plain(key: str) -> str:
    return key.strip().strip("\"'")
