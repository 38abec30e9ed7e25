"""How numbers and dates are written in sentences: ``{value:quantity}``, ``{day:date}``, ``{share:percent}``."""

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

#: Word for a value that is not known.
UNKNOWN = {"en": "unknown", "zh": "未知"}

#: From which size on a unit of large numbers is used, its divisor, digits (decimals in English, all of them in Chinese) and name.
_UNITS: dict[str, tuple[tuple[float, float, int, str], ...]] = {
    "en": ((1e13, 1e12, 2, " trillion"), (1e9, 1e9, 1, " billion"), (1e6, 1e6, 2, " million")),
    "zh": ((1e12, 1e12, 4, " 万亿"), (1e8, 1e8, 4, " 亿"), (1e4, 1e4, 4, " 万")),
}


def plain(value: Any, language: str = "en") -> str:
    """Write a value for which a template names no format."""
    if isinstance(value, datetime | date):
        return day(value, language)
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def quantity(value: float, language: str) -> str:
    """Write a large number so that figures of one case stay comparable: billions up to ten thousand of them.

    >>> quantity(1_571_845_524_069, "en"), quantity(0.4, "en"), quantity(29_167_212_927, "en")
    ('1,571.8 billion', '0.4', '29.2 billion')
    >>> quantity(1_571_845_524_069, "zh"), quantity(29_167_212_927, "zh"), quantity(12_345, "zh")
    ('1.572 万亿', '291.7 亿', '1.234 万')
    """
    if not math.isfinite(value):
        return UNKNOWN[language]
    size = abs(value)
    for start, divisor, digits, name in _UNITS[language]:
        if size >= start:
            shown = digits if language == "en" else max(0, digits - len(f"{size / divisor:.0f}"))
            return f"{value / divisor:,.{shown}f}{name}"
    if size >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.3g}"


def percent(value: float, language: str) -> str:
    """Write a share as a percentage: one decimal, more where it is tiny.

    >>> percent(0.4329, "en"), percent(0.00052, "en"), percent(2.5, "en")
    ('43.3 %', '0.052 %', '250 %')
    >>> percent(0.4329, "zh")
    '43.3%'
    """
    if not math.isfinite(value):
        return UNKNOWN[language]
    hundred = 100 * value
    sign = "%" if language == "zh" else " %"
    if abs(hundred) >= 100:
        return f"{hundred:,.0f}{sign}"
    return f"{hundred:.1f}{sign}" if abs(hundred) >= 0.1 else f"{hundred:.2g}{sign}"


def ratio(value: float, language: str) -> str:
    """Write a ratio to be followed by "times": one decimal below 100."""
    return UNKNOWN[language] if not math.isfinite(value) else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def two(value: float, language: str) -> str:
    """Write a number with two decimals."""
    return UNKNOWN[language] if not math.isfinite(value) else f"{value:.2f}"


def day(value: Any, language: str) -> str:
    """Write a date, with the hour where there is one.

    >>> day(date(2026, 4, 4), "en"), day(date(2026, 4, 4), "zh")
    ('2026-04-04', '2026年4月4日')
    """
    hour = f" {value:%H:%M}" if isinstance(value, datetime) and (value.hour or value.minute) else ""
    if language == "zh":
        return f"{value.year}年{value.month}月{value.day}日{hour}"
    return f"{value:%Y-%m-%d}{hour}"


def count(value: float, language: str) -> str:  # noqa: ARG001 - every format takes the language
    """Write a whole number."""
    return f"{round(value):,}"


def about(value: float, language: str) -> str:
    """Write a number to be preceded by "about": two significant digits.

    >>> about(39.8, "en"), about(1000.0, "en"), about(126.4, "en")
    ('40', '1,000', '130')
    """
    if not math.isfinite(value):
        return UNKNOWN[language]
    return f"{float(f'{value:.2g}'):,.10g}"


FORMATS: dict[str, Callable[[Any, str], str]] = {
    "quantity": quantity,
    "percent": percent,
    "ratio": ratio,
    "two": two,
    "date": day,
    "count": count,
    "about": about,
}
