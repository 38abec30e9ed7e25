"""The card beside a file: who published its figures, under which licence, and whether they are simulated."""

from pathlib import Path
from typing import Any

from auditor.errors import InputError, Where
from auditor.observations import Source

_FIELDS = ("name", "citation", "licence", "url", "as_of")


def card_paths(path: Path) -> list[Path]:
    """Return the places where the card of a file may lie, the most specific first."""
    stem = path.name.removesuffix(".gz")
    stem = stem.rsplit(".", 1)[0] if "." in stem.strip(".") else stem
    names = [f"{path.name}.source.yaml", f"{stem}.source.yaml", "source.yaml", "card.yaml"]
    return [path.with_name(name) for name in dict.fromkeys(names)]


def read_card(path: Path) -> Source | None:
    """Read the card of a file; None where there is none.

    Raises
    ------
    InputError
        When the card is not readable YAML, or a field is of the wrong kind.
    """
    import yaml

    found = next((candidate for candidate in card_paths(path) if candidate.is_file()), None)
    if found is None:
        return None
    try:
        content = yaml.safe_load(found.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        where = Where(found.name, mark.line + 1, mark.column + 1) if mark is not None else Where(found.name)
        problem = getattr(error, "problem", None) or type(error).__name__
        raise InputError(
            f"the source card cannot be read: {problem}", where=where, hint="see 'name: ...' per line"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "the source card holds no fields",
            where=Where(found.name),
            hint=f"fields are {', '.join(_FIELDS)}, simulated",
        )
    card: dict[str, Any] = {name: _text(content.get(name)) for name in _FIELDS}
    card["licence"] = card["licence"] or _text(content.get("license"))
    simulated = content.get("simulated", False)
    if not isinstance(simulated, bool):
        raise InputError(
            f"simulated: {simulated!r} is neither true nor false",
            where=Where(found.name, field="simulated"),
            hint="write true or false",
        )
    return Source(**card, simulated=simulated)


def _text(value: object) -> str:
    if value is None:
        return ""
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if isoformat is not None else str(value).strip()
