"""A message: the key of a sentence in the catalogue and the values that go into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: Key of a message that carries its own template.
LITERAL = "literal"

#: Values of such a message that say where a translation of its template may be found: key and number in a list.
SOURCE, ENTRY = "text_key", "text_entry"


@dataclass(frozen=True)
class Message:
    """A sentence to be written later, in the reader's language.

    Parameters
    ----------
    key : str
        ``RULE.name`` in the catalogue, for example ``AUD121.high``.
    values : mapping of str to plain value
        Numbers, dates and names that the sentence's template uses.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __hash__(self) -> int:
        return hash((self.key, tuple(sorted((k, str(v)) for k, v in self.values.items()))))

    @classmethod
    def of(cls, key: str, **values: Any) -> "Message":
        """Build a message from keyword values."""
        return cls(key, MappingProxyType(values))

    @classmethod
    def literal(cls, template: str, **values: Any) -> "Message":
        """Build a message whose template is not in the catalogue (a rule file's own words)."""
        return cls(LITERAL, MappingProxyType({"template": template, **values}))
