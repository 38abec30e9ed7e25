"""YAML files that people write by hand: read with line numbers, checked against a model, all errors at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml

from auditor.errors import AuditError, ErrorList, UsageError, Where

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")
Path_ = tuple[str | int, ...]

#: Larger files are refused: a case or rule is a page of text, and aliases could blow a small file up.
MOST_BYTES = 1_000_000

#: The loader in C where PyYAML was built with it: ten times quicker, with the same marks.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?\d[\d_]*")
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "yes": True, "no": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Document:
    """The content of a YAML file and where each part of it stands (line and column from 1)."""

    file: str
    data: Any
    places: Mapping[Path_, tuple[int, int]]

    def where(self, path: Path_) -> Where:
        """Place of a part, or of the nearest part around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                line, column = self.places[path[:length]]
                return Where(self.file, line, column, ".".join(str(p) for p in path))
        return Where(self.file, field=".".join(str(p) for p in path))


def load(path: Path) -> Document:
    """Read a YAML file.

    Dates stay text, numbers become numbers, duplicate keys and aliases are refused.

    Raises
    ------
    UsageError
        When the file cannot be read or is not YAML.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), hint="check the path") from None
    if len(raw) > MOST_BYTES:
        raise UsageError(f"has {len(raw):,} bytes; at most {MOST_BYTES:,} are read", where=str(path))
    return parse(raw.decode("utf-8-sig", errors="replace"), str(path))


def parse(text: str, file: str) -> Document:
    """Read YAML from text; see :func:`load`."""
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent):
                mark = event.start_mark
                line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
                raise UsageError(
                    "uses an alias (*name), which is not read here",
                    where=Where(file, line, column),
                    hint="write the value out",
                )
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
        raise UsageError(
            f"is not valid YAML: {error.problem or error.context}",
            where=where,
            hint="check indentation, and quote text that holds a colon",
        ) from None
    except yaml.YAMLError as error:
        raise UsageError(f"is not valid YAML: {error}", where=file) from None
    places: dict[Path_, tuple[int, int]] = {}
    return Document(file, _value(node, (), places, file), places)


def validate(document: Document, model: type[Model]) -> Model:
    """Check a document against a pydantic model.

    Raises
    ------
    ErrorList
        With one error per defect: file, line, column, field, and a hint.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found: list[AuditError] = []
        for item in error.errors(include_url=False):
            path = tuple(item["loc"])
            hint = ""
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                message = f"unknown key {str(path[-1])!r}"
                known = sorted(_keys(_part(model, path[:-1])))
                close = get_close_matches(str(path[-1]), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "known keys: " + ", ".join(known)
            elif item["type"] == "missing":
                message = f"{str(path[-1])!r} is missing"
            elif isinstance(item["input"], str | int | float):
                message += f" (found {item['input']!r})"
            found.append(UsageError(message, where=document.where(path), hint=hint))
        raise ErrorList(found) from None


def _part(model: type["BaseModel"], path: Path_) -> type["BaseModel"]:
    """Find the model of the part of a file that a path leads to; the innermost one known."""
    for step in path:
        field = model.model_fields.get(str(step))
        model = (_inside(field.annotation) if field is not None else None) or model
    return model


def _inside(annotation: Any) -> type["BaseModel"] | None:
    """Find the model that a field's annotation holds, alone or in a list."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inside(part)) is not None), None)


def _keys(model: type["BaseModel"]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name


def _value(node: yaml.Node | None, path: Path_, places: dict[Path_, tuple[int, int]], file: str) -> Any:
    if node is None:
        return None
    places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            mark = key_node.start_mark
            if key in result:
                raise UsageError(
                    f"the key {key!r} stands twice",
                    where=Where(file, mark.line + 1, mark.column + 1),
                    hint="keep one of the two",
                )
            places[(*path, key)] = (mark.line + 1, mark.column + 1)
            result[key] = _value(value_node, (*path, key), places, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, i), places, file) for i, child in enumerate(node.value)]
    text = str(node.value)
    if getattr(node, "style", None):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    return float(text.replace("_", "")) if _FLOAT.fullmatch(text) else text
