"""The catalogue: reads ``texts/<language>/*.yaml`` and writes messages out.

A file holds what is said about one thing (a detector, the verdict, the report). Its keys are the file's stem followed by
the path inside it: ``messages: {high: ...}`` of ``AUD121.yaml`` is ``AUD121.high``; other top-level keys are reached by
their name, ``AUD121.title``.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from auditor.texts.formats import FORMATS, plain
from auditor.texts.message import ENTRY, LITERAL, SOURCE, Message

#: Languages in which a report can be written, by their BCP 47 primary tag. What a translation lacks is said in English.
LANGUAGES = ("en", "zh")


class _Writer(string.Formatter):
    """``str.format`` with the named number formats of one language.

    A format that names a group of the catalogue writes the text of that group: ``{family:verdict.families}``.
    """

    def __init__(self, language: str, texts: Mapping[str, Any]) -> None:
        self.language = language
        self.texts = texts

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "?"
        if format_spec in FORMATS:
            return FORMATS[format_spec](value, self.language)
        if isinstance(value, str) and f"{format_spec}.{value}" in self.texts:
            return str(self.texts[f"{format_spec}.{value}"])
        if isinstance(value, str) and "." in format_spec:
            return value
        return plain(value, self.language) if not format_spec else format(value, format_spec)


#: A count and the plural noun it belongs to, with up to two words in between.
_COUNTED = re.compile(r"\{(\w+):count\}((?: (?!(?:and|at|in|of|or|over|the|to|with)\b)[a-z-]+){0,2}? )([a-z]+s)\b")

#: Words that end in s and are no plural of a noun.
_NO_PLURAL = frozenset({"series", "is", "was", "as", "this", "its", "has", "others", "less", "describes"})


#: Plurals that add es.
_LONG_PLURAL = ("ches", "shes", "sses", "xes")


def singular(template: str, values: Mapping[str, Any]) -> str:
    """Put the noun of a count of one into the singular (English).

    >>> singular("{n:count} full weekends with weekdays", {"n": 1})
    '{n:count} full weekend with weekdays'
    """

    def one(match: re.Match[str]) -> str:
        word = match[3]
        if values.get(match[1]) != 1 or word in _NO_PLURAL:
            return match[0]
        alone = word[:-3] + "y" if word.endswith("ies") else word[:-2] if word.endswith(_LONG_PLURAL) else word[:-1]
        return f"{{{match[1]}:count}}{match[2]}{alone}"

    return _COUNTED.sub(one, template)


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
        template = self._translated(message) if message.key == LITERAL else self.texts[message.key]
        if not isinstance(template, str):
            raise KeyError(message.key)
        if self.language == "en":
            template = singular(template, message.values)
        return _Writer(self.language, self.texts).vformat(template.strip(), (), message.values)

    def _translated(self, message: Message) -> Any:
        """Return the template that a message carries, or its translation where the catalogue has one."""
        place, number = str(message.values.get(SOURCE, "")), message.values.get(ENTRY)
        found = self.texts.get(place)
        if isinstance(number, int) and isinstance(found, list):
            found = found[number] if number < len(found) else None
        return found if isinstance(found, str) else message.values["template"]

    def text(self, key: str, **values: Any) -> str:
        """Return the text of a key."""
        return self.write(Message.of(key, **values))

    def entries(self, key: str) -> Sequence[str]:
        """Return a list of texts (assumptions, alternatives, references); empty where the catalogue has none."""
        found = self.texts.get(key, ())
        return [str(entry).strip() for entry in found] if isinstance(found, list) else []

    def has(self, key: str) -> bool:
        """Whether the catalogue can write a message of this key."""
        return key == LITERAL or key in self.texts


@cache
def catalogue(language: str = "en") -> Catalogue:
    """Load the texts of a language, over the English ones."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts: dict[str, Any] = {} if language == "en" else dict(catalogue("en").texts)
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
