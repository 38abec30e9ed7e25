"""What a metric's name says about it, so that a rule can ask for "requests" whatever a publisher calls them."""

import re
from dataclasses import dataclass

from auditor.observations import Frequency

#: Role and the pattern (on the folded name) that gives it; the first match counts.
_ROLES: tuple[tuple[str, str], ...] = (
    ("announced", r"announced|claimed|quoted"),
    ("price_output", r"(output|completion).*price|price.*(output|completion)"),
    ("price_cached", r"cache.*price|price.*cache"),
    ("price_input", r"price"),
    ("rank", r"(^|_)(rank|position)(_|$)"),
    ("change", r"(^|_)(change|growth|delta|wow|mom|yoy)(_|$)"),
    ("share", r"(^|_)(share|percent|pct)(_|$)"),
    ("score", r"(^|_)(score|elo|rating)(_|$)"),
    ("requests", r"(^|_)(requests?|calls|queries)(_|$)"),
    ("reasoning", r"reasoning"),
    ("cached", r"cache"),
    ("input", r"(^|_)(prompt|input)(_|$)"),
    ("output", r"(^|_)(completion|output)(_|$)"),
    ("tokens", r"token"),
    ("downloads", r"download|install|(^|_)pulls?(_|$)"),
    ("stars", r"(^|_)stars?(_|$)"),
    ("views", r"view|visit|(^|_)hits(_|$)"),
    ("votes", r"(^|_)votes?(_|$)"),
    ("mentions", r"mention|tweet|search"),
)

#: Roles that count use somewhere else than in the metric in question, and may bear witness for or against it.
PROXIES = frozenset({"downloads", "stars", "views", "votes", "mentions", "score"})

NAMES = (*(name for name, _ in _ROLES), "app_tokens", "app_requests", "app_other", "other")


#: Words of a metric's name that say over what it is added up, and not what is counted.
_SPACING = re.compile(r"(?:^|_)(?:per|hourly|hour|daily|day|weekly|week|monthly|month|total)(?=_|$)")


def kind(metric: str) -> str:
    """Return what a metric counts, whatever period it is added up over.

    >>> kind("weekly_total_tokens") == kind("total_tokens"), kind("tokens_week_to_date")
    (True, 'tokens_week_to_date')
    """
    folded = re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_")
    return folded if "to_date" in folded else _SPACING.sub("", folded).strip("_") or folded


@dataclass(frozen=True)
class Meaning:
    """Role of a metric and the period it sums over ('' is the panel's own)."""

    role: str
    period: str = ""


def meaning(metric: str) -> Meaning:
    """Read a metric's name.

    >>> meaning("app_tokens_week"), meaning("prompt_tokens")
    (Meaning(role='app_tokens', period='week'), Meaning(role='input', period=''))
    """
    folded = re.sub(r"[^a-z0-9]+", "_", metric.lower())
    role = next((name for name, pattern in _ROLES if re.search(pattern, folded)), "other")
    if folded.startswith("app_"):
        role = f"app_{role}" if f"app_{role}" in NAMES else "app_other"
    period = re.search(r"(?:^|_)(week|month)(?:ly)?(?:_|$)", folded)
    return Meaning(role, period.group(1) if period and "to_date" not in folded else "")


def period_of(metric: str, spacing: Frequency, own: Frequency) -> str:
    """Period a metric sums over, as views state it: '' for the spacing of the metric in question.

    Parameters
    ----------
    metric : str
    spacing : Frequency
        Of the figures of this metric.
    own : Frequency
        Of the metric in question.
    """
    named = meaning(metric).period
    if spacing is own:
        return "" if named == own.value else named
    return named or spacing.value
