"""What keeps hostile input harmless in each form of the report.

Names, notes and citations come from files that anyone may have written. HTML escaping is jinja2's work; this module takes
out what escaping does not cover: control characters, bidirectional overrides that make text read as something else, halves of
surrogate pairs that cannot be written as UTF-8, Markdown markup, and spreadsheet formulas.
"""

import re
from typing import Any
from urllib.parse import urlsplit

#: Control characters besides tab and newline, bidirectional overrides and isolates, lone surrogates, non-characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$!+=-]|(?<=\d)[.)])")

#: First characters that make a spreadsheet take a text cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def clean(text: str) -> str:
    """Replace characters that cannot be seen or that reorder what is seen.

    >>> clean("a" + chr(0x202E) + "b" + chr(0)) == "a" + chr(0xFFFD) + "b" + chr(0xFFFD)
    True
    """
    return _UNSEEN.sub("\ufffd", text)


def markdown(text: str) -> str:
    r"""Escape text for Markdown, on one line.

    >>> markdown("[a](b) <i>*x*</i>")
    '\\[a\\](b) &lt;i&gt;\\*x\\*&lt;/i&gt;'
    """
    line = " ".join(clean(text).split())
    line = line.replace("&", "&amp;")
    return _MARKUP.sub(r"\\\1", line).replace("\\<", "&lt;").replace("\\>", "&gt;")


def cell(value: Any) -> str:
    """Write one CSV cell: numbers as they are, text so that no spreadsheet takes it for a formula.

    >>> cell("=1+1"), cell(-0.5), cell(None), cell("-5")
    ("'=1+1", '-0.5', '', "'-5")
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if value != value else format(value, ".12g")  # noqa: PLR0124 - NaN is the only value unlike itself
    if isinstance(value, int):
        return str(value)
    text = clean(str(value))
    # A leading space or quote is skipped by some programs before they look for a formula.
    return f"'{text}" if text.lstrip(" '\"").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def address(text: str) -> str:
    """Return a web address that may become a link, or '' where the text is anything else.

    >>> address("https://example.org/a b"), address("javascript:alert(1)"), address("https://example.org/a")
    ('', '', 'https://example.org/a')
    """
    if not text or clean(text) != text or re.search(r"[\s<>\"'`\\]", text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""


def file_stem(text: str) -> str:
    """Return a name that is safe as part of a file name on every system.

    >>> file_stem("../AUD 101")
    'AUD-101'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60] or "x"
