"""How numbers and dates are written in sentences: ``{value:quantity}``, ``{day:date}``, ``{share:percent}``."""

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any


def plain(value: Any) -> str:
    """Write a value for which a template names no format."""
    if isinstance(value, datetime | date):
        return day(value, "en")
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def quantity(value: float, language: str) -> str:  # noqa: ARG001 - every format takes the language
    """Write a large number so that figures of one case stay comparable: billions up to ten thousand of them.

    >>> quantity(1_571_845_524_069, "en"), quantity(0.4, "en"), quantity(29_167_212_927, "en")
    ('1,571.8 billion', '0.4', '29.2 billion')
    """
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= 1e13:
        return f"{value / 1e12:,.2f} trillion"
    if size >= 1e9:
        return f"{value / 1e9:,.1f} billion"
    if size >= 1e6:
        return f"{value / 1e6:,.2f} million"
    if size >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.3g}"


def percent(value: float, language: str) -> str:  # noqa: ARG001 - as above
    """Write a share as a percentage: one decimal, more where it is tiny.

    >>> percent(0.4329, "en"), percent(0.00052, "en"), percent(2.5, "en")
    ('43.3 %', '0.052 %', '250 %')
    """
    if not math.isfinite(value):
        return "unknown"
    hundred = 100 * value
    return (
        f"{hundred:,.0f} %"
        if abs(hundred) >= 100
        else f"{hundred:.1f} %"
        if abs(hundred) >= 0.1
        else f"{hundred:.2g} %"
    )


def ratio(value: float, language: str) -> str:  # noqa: ARG001 - as above
    """Write a ratio to be followed by "times": one decimal below 100."""
    return "unknown" if not math.isfinite(value) else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def two(value: float, language: str) -> str:  # noqa: ARG001 - as above
    """Write a number with two decimals."""
    return "unknown" if not math.isfinite(value) else f"{value:.2f}"


def day(value: Any, language: str) -> str:  # noqa: ARG001 - as above
    """Write a date, with the hour where there is one."""
    if isinstance(value, datetime) and (value.hour or value.minute):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:%Y-%m-%d}"


def count(value: float, language: str) -> str:  # noqa: ARG001 - as above
    """Write a whole number."""
    return f"{round(value):,}"


def about(value: float, language: str) -> str:  # noqa: ARG001 - as above
    """Write a number to be preceded by "about": two significant digits.

    >>> about(39.8, "en"), about(1000.0, "en"), about(126.4, "en")
    ('40', '1,000', '130')
    """
    if not math.isfinite(value):
        return "unknown"
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
