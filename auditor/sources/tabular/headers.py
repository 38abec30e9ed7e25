"""What a column heading says: the role of the column, the scale and unit it states, and how weeks are labelled.

Headings are compared after folding: case, spaces, hyphens and camelCase do not count.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from auditor.errors import InputError
from auditor.sources.tabular.numbers import UNITS, power_of


class Role(StrEnum):
    """What a column is for."""

    DATE = "date"
    ENTITY = "entity"
    VALUE = "value"
    METRIC = "metric"
    UNIT = "unit"
    AS_OF = "as_of"
    STATUS = "status"
    BOUND = "below"
    LOW = "low"
    HIGH = "high"
    DIMENSION = "dimension"
    ESTIMATE = "estimate"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Weeks(StrEnum):
    """What the label of a week names."""

    START = "start"
    END = "end"
    UNSTATED = "unstated"


#: Folded headings of date columns, the surest first.
DATES = (
    *(
        "date",
        "day",
        "week_start",
        "week_starting",
        "week_begin",
        "week_beginning",
        "week_of",
        "week_ending",
        "week_end",
    ),
    *("iso_week", "week", "month", "month_start", "year_month", "yearmonth", "hour", "period", "period_start"),
    *("date_utc", "utc_date", "utc_day", "day_utc", "datetime", "timestamp", "time", "ts", "ds", "dt", "snapshot_at"),
    *("yyyymmdd_hhmmss", "yyyymmdd", "observed_at", "hour_utc", "label", "x", "d"),
    *(
        "datum",
        "tag",
        "woche",
        "kw",
        "kalenderwoche",
        "monat",
        "stunde",
        "zeitraum",
        "wochenbeginn",
        "woche_ab",
        "woche_bis",
    ),
    *("fecha", "dia", "día", "semana", "mes", "hora", "data", "jour", "semaine", "mois", "heure", "giorno", "mese"),
    *("дата", "день", "неделя", "месяц", "日期", "日", "天", "时间", "月份", "月", "周", "星期", "日付", "날짜"),
)

#: Folded headings of entity columns, the surest first.
ENTITIES = (
    *("entity", "model_permaslug", "permaslug", "canonical_slug", "model_id", "model", "model_slug", "model_name"),
    *(
        "package",
        "package_name",
        "repo",
        "repository",
        "repo_name",
        "full_name",
        "project",
        "series_id",
        "series",
        "slug",
    ),
    *(
        "app",
        "app_name",
        "app_slug",
        "name",
        "id",
        "author",
        "provider",
        "provider_name",
        "product",
        "image",
        "article",
    ),
    *("page", "crate", "module", "library", "dataset", "org", "organization", "item", "key", "title", "m"),
    *("modell", "paket", "projekt", "produkt", "anbieter", "modelo", "paquete", "nombre", "modèle", "paquet", "nom"),
    *("модель", "пакет", "название", "模型", "模型名称", "名称", "型号", "包", "项目", "モデル", "모델"),
)

#: Folded headings that name a count by themselves, the surest first.
VALUES = (
    *(
        "value",
        "total_tokens",
        "tokens",
        "token_count",
        "tokens_total",
        "downloads",
        "views",
        "requests",
        "total_requests",
    ),
    *(
        "count",
        "counts",
        "total_downloads",
        "total_views",
        "pageviews",
        "page_views",
        "installs",
        "pulls",
        "pull_count",
    ),
    *(
        "stars",
        "star_count",
        "visits",
        "calls",
        "clicks",
        "hits",
        "queries",
        "users",
        "votes",
        "plays",
        "usage",
        "volume",
    ),
    *("amount", "quantity", "qty", "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"),
    *("reasoning_tokens", "cached_tokens", "token", "total", "y", "t", "n"),
    *(
        "wert",
        "anzahl",
        "menge",
        "tokenanzahl",
        "aufrufe",
        "abrufe",
        "nutzung",
        "summe",
        "valor",
        "cantidad",
        "descargas",
    ),
    *("valeur", "nombre_de_tokens", "téléchargements", "значение", "токены", "токенов", "количество"),
    *(
        "令牌",
        "令牌数",
        "词元",
        "词元数",
        "token数",
        "用量",
        "使用量",
        "数量",
        "数值",
        "下载量",
        "总量",
        "トークン数",
        "토큰",
    ),
)

_OTHERS: dict[str, Role] = {
    **dict.fromkeys(("metric", "measure", "variable", "indicator", "metrik", "kennzahl", "指标"), Role.METRIC),
    **dict.fromkeys(("unit", "units", "einheit", "unidad", "unité", "单位"), Role.UNIT),
    **dict.fromkeys(
        ("as_of", "asof", "retrieved_at", "fetched_at", "scraped_at", "captured_at", "published_at"), Role.AS_OF
    ),
    **dict.fromkeys(("retrieved", "accessed_at", "vintage", "stand", "snapshot_date", "updated_at"), Role.AS_OF),
    **dict.fromkeys(
        ("status", "cell_status", "quality", "is_partial", "partial", "is_complete", "complete"), Role.STATUS
    ),
    **dict.fromkeys(("is_estimate", "estimate", "estimated", "is_estimated", "geschätzt", "估计"), Role.ESTIMATE),
    **dict.fromkeys(("below", "cutoff", "cut_off", "upper_bound", "less_than", "at_most", "below_cutoff"), Role.BOUND),
    **dict.fromkeys(("low", "value_low", "lower_bound"), Role.LOW),
    **dict.fromkeys(("high", "value_high"), Role.HIGH),
    **dict.fromkeys(
        ("dimension", "variant", "group", "modality", "category", "country", "region", "version"), Role.DIMENSION
    ),
    **dict.fromkeys(
        ("app", "app_name", "app_slug", "provider", "provider_name", "platform", "channel"), Role.DIMENSION
    ),
    **dict.fromkeys(("rank", "rang", "position", "pos", "#", "no", "nr", "index", "排名", "platz"), Role.IGNORED),
    **dict.fromkeys(("share", "anteil", "pct", "percent", "change", "wow", "growth", "delta", "trend"), Role.IGNORED),
    **dict.fromkeys(
        ("note", "notes", "comment", "comments", "bemerkung", "source", "quelle", "url", "link", "备注"), Role.IGNORED
    ),
    **dict.fromkeys(("app_id", "snapshot", "sha256", "weekday", "wochentag", "year", "jahr", "年"), Role.IGNORED),
}

_SHARE = re.compile(
    r"(?:^|_)(?:share|pct|percent|percentage|prozent|anteil|ratio|wow|mom|yoy|growth|change|avg|average|rank)(?:_|$)"
)
_COUNT = re.compile(
    r"(?:^|_)(?:tokens|requests|downloads|views|pageviews|installs|pulls|stars|visits|calls|clicks|votes|users|hits|count|counts)"
    r"(?:_(?:total|sum|count|day|daily|week|weekly|month|monthly|to_date|cumulative))*$"
)
_RANKS = frozenset({"rank", "rang", "position", "pos", "#", "排名", "platz"})
_CHANGE = re.compile(r"(?:^|_)(?:change|growth|delta|wow|mom|yoy|diff|difference|trend)(?:_|$)")
#: What a heading in front of ``_tokens`` says about the kind of token rather than about whose tokens they are.
QUALIFIERS = frozenset(
    {
        *(
            "total",
            "prompt",
            "completion",
            "input",
            "output",
            "reasoning",
            "cached",
            "cache",
            "native",
            "sum",
            "all",
            "daily",
        ),
        *(
            "weekly",
            "monthly",
            "average",
            "mean",
            "median",
            "new",
            "cumulative",
            "pull",
            "star",
            "download",
            "token",
            "request",
        ),
    }
)
#: Headings of figures that run on from period to period until they are reset.
CUMULATIVE = re.compile(r"to_date|cumulative|kumul|running_total|all_time|累计|(?:^|_)(?:ytd|mtd|wtd)(?:_|$)")

_BRACKET = re.compile(r"\s*[(\[（【](?P<inside>[^()\[\]]+)[)\]）】]\s*$")  # noqa: RUF001 - full-width brackets as typed
_IN = re.compile(r"\s+(?:in|en|em)\s+(?P<inside>[^\W\d_]+\.?(?:\s+[^\W\d_]+)?)\s*$", re.IGNORECASE)
_WORD = re.compile(r"_(?P<inside>billions?|bn|mrd|millions?|mn|mio|trillions?|thousands?|tsd)$")
_LEADING = ("in ", "en ", "x ")


@dataclass(frozen=True, slots=True)
class Heading:
    """A column heading, read.

    Attributes
    ----------
    raw : str
        As written, without surrounding space.
    name : str
        Without the scale or unit in brackets; what an entity is called.
    key : str
        ``name`` folded for comparison.
    power : int or None
        Power of ten the heading states for the column; None where it states none.
    unit : str
        Unit the heading states, or that its words imply; ``share`` for percentages.
    """

    raw: str
    name: str
    key: str
    power: int | None = None
    unit: str = ""

    @property
    def is_share(self) -> bool:
        """Whether the column holds shares, changes or ranks rather than figures."""
        return self.unit == "share" or _OTHERS.get(self.key) is Role.IGNORED or bool(_SHARE.search(self.key))

    @property
    def is_count(self) -> bool:
        """Whether the heading names a count (``total_tokens``) rather than an entity."""
        return self.key in VALUES or (bool(_COUNT.search(self.key)) and not self.is_share)

    @property
    def is_general(self) -> bool:
        """Whether the heading leaves open what is counted (``value``), so that the caller may name it."""
        return self.key in {"count", "counts"} or not (self.is_share or _COUNT.search(self.key))

    @property
    def qualifier(self) -> str:
        """What stands in front of the counted thing: ``prompt`` of ``prompt_tokens``."""
        found = _COUNT.search(self.key)
        return self.key[: found.start()] if found else ""

    @property
    def companion(self) -> str:
        """``rank`` or ``share`` where the column prints the place or the share of the figure beside it; else ''."""
        if self.is_change or re.search(r"(?:^|_)(?:avg|average|ratio|previous|last|prev)(?:_|$)", self.key):
            return ""
        if self.key in _RANKS:
            return "rank"
        named = re.search(r"(?:^|_)(?:share|anteil)(?:_|$)", self.key) or self.key in {
            "pct",
            "percent",
            "percentage",
            "prozent",
            "%",
        }
        return "share" if named else ""

    @property
    def is_change(self) -> bool:
        """Whether the heading names a change from one period to the next, which may be negative."""
        return bool(_CHANGE.search(self.key))

    @property
    def is_cumulative(self) -> bool:
        """Whether the heading says that figures run on."""
        return bool(CUMULATIVE.search(self.key))

    @property
    def weeks(self) -> Weeks:
        """What a week's label under this heading names."""
        if re.search(r"week_?end|woche_bis|ending", self.key):
            return Weeks.END
        if re.search(r"week_?(?:start|begin|of)|wochenbeginn|woche_ab|period_start", self.key):
            return Weeks.START
        return Weeks.UNSTATED

    def role(self) -> Role:
        """Return what the heading alone says about the column."""
        if self.key in DATES:
            return Role.DATE
        if self.key in _OTHERS and _OTHERS[self.key] is not Role.DIMENSION:
            return _OTHERS[self.key]
        if self.is_share:
            return Role.IGNORED
        if self.key in ENTITIES:
            return Role.ENTITY
        if self.key in _OTHERS:
            return _OTHERS[self.key]
        return Role.VALUE if self.is_count else Role.UNKNOWN

    @property
    def is_dimension(self) -> bool:
        """Whether the column can split the figures of one entity into parts."""
        return _OTHERS.get(self.key) is Role.DIMENSION


def fold(text: str) -> str:
    """Fold a heading for comparison.

    >>> fold("weekEnding"), fold(" Model-ID "), fold("YYYYmmdd HHMMSS")
    ('week_ending', 'model_id', 'yyyymmdd_hhmmss')
    """
    bare = text.strip().strip("\ufeff").strip()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", bare) if not re.fullmatch(r"YYYY.*", bare) else bare
    return re.sub(r"[\s\-./:]+", "_", spaced).strip("_").casefold()


def read_heading(text: str) -> Heading:
    """Read a column heading.

    Raises
    ------
    InputError
        When the heading states a scale whose meaning depends on the country.
    """
    raw = text.strip().strip("\ufeff").strip()
    for pattern in (_BRACKET, _IN):
        found = pattern.search(raw)
        stated = _scale(found["inside"]) if found else None
        if found is not None and stated is not None:
            name = raw[: found.start()].strip() or raw
            return Heading(raw, name, fold(name), power=stated[0], unit=stated[1] or _implied(fold(name)))
    key = fold(raw)
    if re.search(r"(?:^|_)(?:pct|percent|percentage|prozent)(?:_|$)|%", key):
        return Heading(raw, raw, key, power=-2, unit="share")
    found = _WORD.search(key)
    stated = _scale(found["inside"]) if found else None
    if found is not None and stated is not None:
        name = key[: found.start()]
        return Heading(raw, name, name, power=stated[0], unit=_implied(name))
    return Heading(raw, raw, key, unit=_implied(key))


def _implied(key: str) -> str:
    found = _COUNT.search(key)
    word = re.sub(r"^_", "", found.group()).split("_")[0] if found else key
    return UNITS.get(word, "")


def _scale(inside: str) -> tuple[int | None, str] | None:
    """Return power and unit that the bracket of a heading states, None where it states neither."""
    words = inside.strip()
    for lead in _LEADING:
        words = words[len(lead) :] if words.casefold().startswith(lead) else words
    if words in {"%", "％"} or words.casefold() in {"percent", "prozent", "pct"}:  # noqa: RUF001 - full-width as typed
        return -2, "share"
    if words.casefold() in {"utc", "gmt"}:
        return None, ""
    first, _, rest = words.partition(" ")
    rest = rest[3:] if rest.casefold().startswith("of ") else rest
    power = _power(first)
    if power is None:
        return (None, UNITS[words.casefold()]) if words.casefold() in UNITS else None
    if rest and rest.casefold() not in UNITS:
        return None
    return power, UNITS.get(rest.casefold(), "")


def _power(word: str) -> int | None:
    try:
        return power_of(word)
    except InputError:
        return None
