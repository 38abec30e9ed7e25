"""The form of a rule file: what may stand in it, checked all at once."""

import math
import string
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditError, ErrorList
from auditor.findings import Confidence, Family, Hypothesis, Severity
from auditor.rulebook.model import MOST_WEIGHT, Requires, RuleError, RuleFile, Test, Weights
from auditor.rulebook.roles import NAMES
from auditor.verdict.weigh import Band
from auditor.yamlfile import Document, validate

if TYPE_CHECKING:
    from pydantic import BaseModel


@cache
def rule_model() -> "type[BaseModel]":
    """Build the pydantic model of a rule file; pydantic is imported only when a rule is read."""
    from typing import Annotated, Literal

    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

    from auditor.case import EventKind

    strict = ConfigDict(extra="forbid")

    def said(value: str) -> str:
        if not value.strip():
            raise ValueError("is empty")
        return value.strip()

    def known_role(value: str) -> str:
        if value not in NAMES:
            raise ValueError(f"is not a role; roles are {', '.join(NAMES)}")
        return value

    Text = Annotated[str, AfterValidator(said)]  # noqa: N806 - a type
    Role = Annotated[str, AfterValidator(known_role)]  # noqa: N806 - a type
    Spacing = Literal["hour", "day", "week", "month"]  # noqa: N806 - a type

    class RequiresModel(BaseModel):
        model_config = strict
        frequency: list[Spacing] = []
        days: int = Field(1, ge=1)
        entities: int = Field(1, ge=1)
        sources: int = Field(1, ge=1)
        viewpoints: int = Field(1, ge=1)
        metric_roles: list[Role] = []
        roles: list[Role] = []
        any_role: list[Role] = []
        of_subject: bool = False
        periods: list[Literal["week", "month"]] = []
        remainder: bool = False
        total: bool = False
        as_of: bool = False
        vintages: bool = False
        claims: bool = False
        events: list[EventKind] = []
        calendar: bool = False

    class BandModel(BaseModel):
        model_config = strict
        low: float = -math.inf
        high: float = math.inf
        log10_lr: dict[Hypothesis, float] = Field(min_length=1)

        @field_validator("log10_lr")
        @classmethod
        def _against_organic(cls, value: dict[Hypothesis, float]) -> dict[Hypothesis, float]:
            if Hypothesis.ORGANIC in value:
                raise ValueError("weights are against organic, which therefore has none of its own")
            return value

    class HypothesesModel(BaseModel):
        model_config = strict
        basis: Literal["provisional", "measured"]
        why: Text
        measure: str = ""
        unit: str = ""
        bands: list[BandModel] = []

    class EventModel(BaseModel):
        model_config = strict
        date: str
        kind: EventKind
        entity: str = ""
        note: str = ""

    class ClaimModel(BaseModel):
        model_config = strict
        text: str = "a claim"
        kind: str = "value"
        value: float
        date: str = ""

    class RowModel(BaseModel):
        model_config = strict
        date: str
        entity: str
        value: float | None
        metric: str = ""
        low: float | None = None
        high: float | None = None
        status: Literal["missing", "observed", "revised", "censored", "partial"] = "observed"
        unit: str = ""
        as_of: str = ""
        source: str = "test"
        dimension: str = ""
        frequency: Spacing | Literal[""] = ""

    class TestModel(BaseModel):
        model_config = strict
        name: Text
        kind: Literal["hit", "clean", "edge"]
        metric: str = "downloads"
        start: str = "2026-01-05"
        frequency: Spacing = "day"
        unit: str = ""
        series: dict[str, list[float | str | None] | str] = {}
        rows: list[RowModel] = []
        subject: list[str] | str = []
        window: str = ""
        events: list[EventModel] = []
        claims: list[ClaimModel] = []
        hits: list[dict[str, Any]] = []
        not_applicable: bool = False

    class RuleModel(BaseModel):
        model_config = strict
        id: str = Field(pattern=r"^AUD\d{3}$")
        name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
        version: str = "1"
        title: Text
        group: Literal["accounting", "units", "vintage", "cross-source", "context"]
        status: Literal["stable", "experimental"]
        level: Severity
        confidence: Confidence = Confidence.MEDIUM
        family: Family
        description: Text
        rationale: Text
        references: list[Text] = Field(min_length=1)
        falsepositives: list[Text] = Field(min_length=1)
        requires: RequiresModel
        sql: Text
        message: Text
        hypotheses: HypothesesModel
        tests: list[TestModel] = Field(min_length=3)

        @field_validator("version", mode="before")
        @classmethod
        def _as_text(cls, value: Any) -> Any:
            return str(value) if isinstance(value, int) else value

        @field_validator("id")
        @classmethod
        def _in_range(cls, value: str) -> str:
            if not 200 <= int(value[3:]) <= 499:
                raise ValueError("ids of rules run from AUD200 to AUD499")
            return value

    return RuleModel


def rule_of(document: Document) -> RuleFile:
    """Turn a read YAML document into a rule.

    Raises
    ------
    ErrorList, RuleError
        One error per defect, with file, line, column and a hint.
    """
    if not isinstance(document.data, dict):
        raise RuleError("is not a rule: it holds no `id:`", where=document.file, hint="see docs/writing-rules.md")
    model: Any = validate(document, rule_model())
    plain = model.model_dump(mode="python")
    requires: dict[str, Any] = {
        k: tuple(str(i) for i in v) if isinstance(v, list) else v for k, v in plain["requires"].items()
    }
    weights = plain["hypotheses"]
    bands = tuple(
        Band(b["low"], b["high"], "", MappingProxyType({h: float(v) for h, v in b["log10_lr"].items()}))
        for b in weights["bands"]
    )
    rule = RuleFile(
        **{k: plain[k] for k in ("id", "name", "version", "title", "group", "status", "level", "confidence", "family")},
        description=_joined(plain["description"]),
        rationale=_joined(plain["rationale"]),
        references=tuple(_joined(r) for r in plain["references"]),
        falsepositives=tuple(_joined(f) for f in plain["falsepositives"]),
        requires=Requires(**requires),
        sql=plain["sql"].rstrip("\n"),
        message=_joined(plain["message"]),
        weights=Weights(weights["basis"], _joined(weights["why"]), weights["measure"], weights["unit"], bands),
        tests=tuple(_test(t, i) for i, t in enumerate(plain["tests"])),
        document=document,
    )
    errors = _meaning(rule)
    if errors:
        raise ErrorList(errors)
    return rule


def _joined(text: str) -> str:
    return " ".join(text.split())


def _test(plain: dict[str, Any], number: int) -> Test:
    subject = plain["subject"]
    series = {k: tuple(v.split() if isinstance(v, str) else v) for k, v in plain["series"].items()}
    frozen: dict[str, Any] = {k: tuple(plain[k]) for k in ("rows", "events", "claims", "hits")}
    scalars: dict[str, Any] = {
        k: plain[k] for k in ("name", "kind", "metric", "start", "frequency", "unit", "window", "not_applicable")
    }
    return Test(
        **scalars,
        **frozen,
        series=MappingProxyType(series),
        subject=(subject,) if isinstance(subject, str) else tuple(subject),
        path=("tests", number),
    )


def _meaning(rule: RuleFile) -> list[AuditError]:
    """Find defects that no single field shows."""
    errors: list[AuditError] = []
    kinds = {t.kind for t in rule.tests}
    errors += [
        rule.error(f"the tests hold no {kind} case", "tests", hint="give one test each of kind hit, clean and edge")
        for kind in ("hit", "clean", "edge")
        if kind not in kinds
    ]
    for test in rule.tests:
        if (test.kind == "hit") != bool(test.hits) and test.kind != "edge":
            what = "is of kind hit but expects none" if test.kind == "hit" else "is of kind clean but expects hits"
            errors.append(rule.error(f"the test {test.name!r} {what}", *test.path, "hits"))
        if test.not_applicable and test.hits:
            errors.append(rule.error(f"the test {test.name!r} expects hits and not_applicable", *test.path))
        if not test.series and not test.rows:
            errors.append(rule.error(f"the test {test.name!r} has neither series nor rows", *test.path))
    try:
        list(string.Formatter().parse(rule.message))
    except ValueError as error:
        errors.append(rule.error(f"the message is no template: {error}", "message", hint="write braces as {{ and }}"))
    most = MOST_WEIGHT[rule.weights.basis]
    for i, band in enumerate(rule.weights.bands):
        if max((abs(v) for v in band.log10_lr.values()), default=0.0) > most:
            hint = f"{rule.weights.basis} weights reach at most {most:g}"
            errors.append(rule.error("a weight is above what one rule may carry", "hypotheses", "bands", i, hint=hint))
    if len(rule.weights.bands) > 1 and not rule.weights.measure:
        errors.append(
            rule.error("several bands need a column to be cut on", "hypotheses", hint="add `measure: COLUMN`")
        )
    return errors
