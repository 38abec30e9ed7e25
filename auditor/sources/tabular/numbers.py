"""One cell of text -> one number with the interval its rounding allows, or a refusal.

A figure that was abbreviated (``18.2T``) is known only to half a unit of its last digit, so it comes back as 18.15 to
18.25 trillion. Nothing is guessed: an unknown suffix, a bound (``>1T``) or badly grouped digits are refused.
"""

import re
from dataclasses import dataclass

from auditor.errors import InputError

#: Power of ten by (folded) suffix. ``billion`` and ``trillion`` differ by language: see :data:`LONG_SCALE`.
SCALES: dict[str, int] = {
    **dict.fromkeys(("k", "tsd", "thousand", "thousands", "tausend", "тыс"), 3),
    **dict.fromkeys(("m", "mn", "mln", "mio", "million", "millions", "millionen", "млн"), 6),
    **dict.fromkeys(("b", "bn", "billion", "billions", "mrd", "mrds", "md", "mds", "milliarde", "milliarden"), 9),
    **dict.fromkeys(("milliard", "milliards", "млрд"), 9),
    **dict.fromkeys(("t", "tn", "trillion", "trillions", "bio", "billionen", "трлн"), 12),
    "lakh": 5,
    "crore": 7,
}

#: Words that mean 10^9 and 10^12 in English but 10^12 and 10^18 where the decimal comma is used.
LONG_SCALE = frozenset({"billion", "billions", "trillion", "trillions"})

#: Power of ten by East Asian suffix; a lone 兆 is 10^6 or 10^12 by country and therefore refused.
EAST_ASIAN: dict[str, int] = {
    **dict.fromkeys(("千",), 3),
    **dict.fromkeys(("万", "萬", "만"), 4),
    **dict.fromkeys(("百万", "百萬"), 6),
    **dict.fromkeys(("千万", "千萬"), 7),
    **dict.fromkeys(("亿", "億", "억"), 8),
    **dict.fromkeys(("十亿", "十億"), 9),
    **dict.fromkeys(("百亿", "百億"), 10),
    **dict.fromkeys(("千亿", "千億"), 11),
    **dict.fromkeys(("万亿", "萬億", "조"), 12),
}

#: Unit words that may follow a number, with the unit they name.
UNITS: dict[str, str] = {
    **dict.fromkeys(
        (
            "token",
            "tokens",
            "tok",
            "toks",
            "词元",
            "令牌",
            "令牌数",
            "词元数",
            "token数",
            "tokenanzahl",
            "トークン",
            "토큰",
        ),
        "tokens",
    ),
    **dict.fromkeys(("request", "requests", "call", "calls", "次", "anfragen"), "requests"),
    **dict.fromkeys(("download", "downloads", "install", "installs", "pull", "pulls", "下载"), "downloads"),
    **dict.fromkeys(("view", "views", "visit", "visits", "pageviews", "abrufe", "aufrufe"), "views"),
    **dict.fromkeys(("user", "users", "star", "stars", "vote", "votes", "context"), ""),
}

#: Cells (folded) that mean "nothing was published". Never zero.
MISSING = frozenset(
    {
        *("", "-", "--", "---", "\u2012", "\u2013", "\u2014", "\u2212", ".", "..", "...", "\u2026", "?", "*", "/"),
        *("n/a", "na", "n.a.", "n.a", "#n/a", "#na", "nan", "null", "none", "nil", "nd", "n.d.", "<na>", "nat", "\\n"),
        *("k.a.", "k. a.", "n.v.", "missing", "unknown", "not available", "(blank)", "无", "暂无", "缺失"),
    }
)

_SPACES = " \u00a0\u2007\u2009\u200a\u202f"
_MARKS = "'’`´_"  # noqa: RUF001 - Swiss grouping as typed
_SHAPE = re.compile(
    r"(?P<lead>~|≈|≃|<=?|>=?|≤|≥|\+|(?:ca\.?|circa|about|approx\.?|around|etwa|rund|约|約)(?=[\s\d]))?\s*"
    rf"(?P<sign>[-−–])?\s*(?P<body>[.,]?[0-9](?:[0-9.,{_SPACES}{_MARKS}]*[0-9])?)(?:[eE](?P<power>[+-]?[0-9]{{1,3}}))?\s*(?P<tail>.*)",  # noqa: RUF001 - dashes as people type them
    re.DOTALL,
)
_GROUPED = re.compile(rf"[0-9]{{1,3}}(?:(?P<mark>[.,{_SPACES}{_MARKS}])[0-9]{{3}})(?:(?P=mark)[0-9]{{3}})*")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
_LIKE = re.compile(f"[{_SPACES}{_MARKS}]")
_EAST = re.compile(r"[百千十万萬亿億兆만억조]+")


@dataclass(frozen=True, slots=True)
class Number:
    """A published figure.

    Attributes
    ----------
    value : int or float
        Exact as written; whole numbers are ``int`` of any size.
    low, high : float
        The values that round to what was written; equal to ``value`` where it was written in full, down to the unit.
    unit : str
        Unit named in the cell, such as ``tokens`` or ``share`` (for ``%``); '' where none was.
    approximate : bool
        The writer put ``~`` or "about" before it.
    bound : bool
        ``<5``: the figure is only known to be below ``value``.
    """

    value: int | float
    low: float
    high: float
    unit: str = ""
    approximate: bool = False
    bound: bool = False

    @property
    def rounded(self) -> bool:
        """Whether the figure was abbreviated."""
        return self.low < self.high


def is_missing(text: str) -> bool:
    """Whether a cell says that nothing was published."""
    return text.strip().casefold() in MISSING


def power_of(word: str, decimal: str = ".") -> int | None:
    """Return the power of ten that a word stands for, None where it stands for none.

    Raises
    ------
    InputError
        For words whose meaning depends on the country.
    """
    folded = word.strip().casefold().rstrip(".")
    if folded in LONG_SCALE and decimal == ",":
        raise InputError(
            f"{word.strip()!r} beside a decimal comma can mean 10^9 or 10^12 (10^12 or 10^18)",
            hint="write Mrd. or Bio. (German), B or T (English), or digits",
        )
    if folded == "兆":
        raise InputError("兆 means 10^6 or 10^12 by country", hint="write 万亿, M, T, or digits")
    return EAST_ASIAN.get(folded, SCALES.get(folded))


def read_tail(tail: str, decimal: str = ".") -> tuple[int, bool, str]:
    """Read what follows the digits: a scale, a unit, or both.

    Returns
    -------
    power : int
        Power of ten of the scale.
    scaled : bool
        Whether a scale was named.
    unit : str
        The unit named; '' where none was.

    Raises
    ------
    InputError
        For anything that is not known for certain.
    """
    rest = tail.strip()
    if not rest:
        return 0, False, ""
    if rest in {"%", "٪", "％"}:  # noqa: RUF001 - full-width percent as typed
        return -2, True, "share"
    east = _EAST.match(rest)
    first, _, remainder = (east.group(), "", rest[east.end() :]) if east else rest.partition(" ")
    remainder = remainder.strip()
    power = power_of(first, decimal)
    if power is None:
        remainder = rest
    if remainder.casefold().startswith("of "):
        remainder = remainder[3:]
    folded = remainder.casefold().rstrip(".")
    if folded and folded not in UNITS:
        raise InputError(
            f"{tail.strip()!r} after the digits is not a known scale or unit",
            hint="use k, M, B, T (or Mio., Mrd., Bio., 万, 亿, 万亿), with or without 'tokens', or write the number in full",
        )
    return power or 0, power is not None, UNITS.get(folded, "")


def marks(text: str) -> frozenset[str]:
    """Return the decimal marks ('.' or ',') under which a cell can be read; empty where it is no number.

    >>> sorted(marks("1.234")), sorted(marks("1.234.567")), sorted(marks("12.5k"))
    ([',', '.'], [','], ['.'])
    """
    shape = _SHAPE.fullmatch(text.strip())
    if shape is None:
        return frozenset()
    body = shape["body"]
    points, commas = body.count("."), body.count(",")
    if not points and not commas:
        return frozenset(".,")
    if points and commas:
        return frozenset("." if body.rfind(".") > body.rfind(",") else ",")
    mark, other = (".", ",") if points else (",", ".")
    if points + commas > 1:
        return frozenset(other)
    whole, fraction = body.split(mark)
    if shape["power"] is None and len(fraction) == 3 and _could_group(whole):
        return frozenset(".,")
    return frozenset(mark)


def _could_group(whole: str) -> bool:
    return whole.isdigit() and 1 <= len(whole) <= 3 and not whole.startswith("0")


def _digits(whole: str, text: str) -> str:
    """Take the group marks out of the integer part."""
    if whole.isdigit() or not whole:
        return whole
    if not (_GROUPED.fullmatch(whole) or _INDIAN.fullmatch(whole)):
        raise InputError(
            f"the digits of {text.strip()!r} are not grouped in threes",
            hint="state decimal='.' or decimal=',', or write the number without group marks",
        )
    return "".join(c for c in whole if c.isdigit())


def parse_number(text: str, *, decimal: str = ".", power: int | None = None, signed: bool = False) -> Number | None:
    """Read one figure.

    Parameters
    ----------
    text : str
        The cell.
    decimal : {'.', ','}
        The decimal mark of the column the cell stands in (a single cell such as ``1.234`` cannot tell).
    power : int, optional
        Power of ten that the header states for the whole column (``(Mrd.)`` is 9).
    signed : bool
        The figure is a change, which may be negative; it is then taken as written, -1 included.

    Returns
    -------
    Number or None
        None where the cell says that nothing was published, and for the price sentinel -1.

    Raises
    ------
    InputError
        When the text is not one number, is negative, is only a lower bound, or has an unknown suffix.
    """
    folded = text.strip()
    if folded.casefold() in MISSING:
        return None
    shape = _SHAPE.fullmatch(folded)
    if shape is None:
        raise InputError(f"{folded[:60]!r} is not a number", hint="leave the cell blank where nothing was published")
    lead = shape["lead"] or ""
    if lead[:1] in {">", "≥"} or folded.endswith("+"):
        raise InputError(
            f"{folded!r} is only a lower bound, not a figure", hint="leave the cell blank, or put the figure itself"
        )
    body, tail = _LIKE.sub(lambda m: " " if m.group() in _SPACES else "'", shape["body"]), shape["tail"]
    whole, _, fraction = body.partition(decimal)
    if fraction and not fraction.isdigit():
        raise InputError(
            f"{folded!r} cannot be read with {decimal!r} as decimal mark",
            hint="state decimal='.' or decimal=',' for the file",
        )
    digits = _digits(whole, folded)
    tail_power, scaled, unit = read_tail(tail, decimal)
    if scaled and power and unit != "share":
        raise InputError(
            f"{folded!r} names a scale and so does the header of its column", hint="keep the scale in one of them"
        )
    # A percent sign under a heading that says percent states it twice, not a percent of a percent.
    tail_power = 0 if unit == "share" and power == -2 else tail_power
    exponent = int(shape["power"] or 0) + tail_power + (power or 0) - len(fraction)
    if abs(exponent) > 60:
        raise InputError(f"{folded!r} is out of range", hint="check the cell")
    mantissa = int(digits + fraction)
    negative = bool(shape["sign"]) and bool(mantissa)
    if negative and not signed:
        if exponent <= 0 and mantissa == 10**-exponent:
            return None
        raise InputError(
            f"{folded!r} is negative: a usage figure cannot be",
            hint="check the cell, or leave it blank; or read another metric of the file (metric=NAME)",
        )
    value = mantissa * 10**exponent if exponent >= 0 else _fraction(mantissa, exponent)
    rounded = (scaled or power is not None or shape["power"] is not None) and (exponent > 0 or unit == "share")
    low, high = float(value), float(value)
    if rounded:
        low = float(f"{max(0, mantissa * 10 - 5)}e{exponent - 1}")
        high = float(f"{mantissa * 10 + 5}e{exponent - 1}")
    if negative:
        value, low, high = -value, -high, -low
    return Number(
        value=value,
        low=low,
        high=high,
        unit=unit,
        approximate=lead != "" and lead[0] not in "<≤+",
        bound=lead[:1] in {"<", "≤"},
    )


def _fraction(mantissa: int, exponent: int) -> int | float:
    quotient, remainder = divmod(mantissa, 10**-exponent)
    return quotient if not remainder else float(f"{mantissa}e{exponent}")
