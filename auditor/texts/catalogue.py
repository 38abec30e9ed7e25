"""The catalogue: reads ``texts/<language>/*.yaml`` and writes messages out.

A file holds what is said about one thing (a detector, the verdict, the report). Its keys are the file's stem followed by
the path inside it: ``messages: {high: ...}`` of ``AUD121.yaml`` is ``AUD121.high``; other top-level keys are reached by
their name, ``AUD121.title``.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from auditor.texts.formats import FORMATS, plain
from auditor.texts.message import LITERAL, Message

LANGUAGES = ("en",)


class _Writer(string.Formatter):
    """``str.format`` with the named number formats of one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "?"
        if format_spec in FORMATS:
            return FORMATS[format_spec](value, self.language)
        return plain(value) if not format_spec else format(value, format_spec)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All texts of one language."""

    language: str
    texts: Mapping[str, Any]

    def write(self, message: Message) -> str:
        """Return the sentence of a message.

        Raises
        ------
        KeyError
            When the catalogue lacks the key, or the message lacks a value: a defect of the program, not of the input.
        """
        template = message.values["template"] if message.key == LITERAL else self.texts[message.key]
        if not isinstance(template, str):
            raise KeyError(message.key)
        return _Writer(self.language).vformat(template.strip(), (), message.values)

    def text(self, key: str, **values: Any) -> str:
        """Return the text of a key."""
        return self.write(Message.of(key, **values))

    def entries(self, key: str) -> Sequence[str]:
        """Return a list of texts (assumptions, alternatives, references); empty where the catalogue has none."""
        found = self.texts.get(key, ())
        return [str(entry).strip() for entry in found] if isinstance(found, list) else []

    def has(self, key: str) -> bool:
        """Whether the catalogue holds a key."""
        return key in self.texts


@cache
def catalogue(language: str = "en") -> Catalogue:
    """Load the texts of a language."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts: dict[str, Any] = {}
    folder = resources.files("auditor.texts") / language
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            _flatten(file.name.removesuffix(".yaml"), yaml.load(file.read_bytes(), Loader=loader), texts)  # noqa: S506 - a safe loader, in C
    return Catalogue(language=language, texts=texts)


def _flatten(prefix: str, node: Any, into: dict[str, Any]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            _flatten(prefix if key == "messages" else f"{prefix}.{key}", value, into)
    else:
        into[prefix] = node
