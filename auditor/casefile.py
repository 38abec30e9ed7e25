"""Reads and writes case files: the question in YAML, with every mistake named by line."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from auditor.case import Case, Claim, Event, EventKind
from auditor.errors import AuditError, ErrorList, UsageError
from auditor.findings import Hypothesis, Window
from auditor.yamlfile import Document, load, validate

if TYPE_CHECKING:
    from pydantic import BaseModel


def _model() -> "type[BaseModel]":
    """Build the model of the file; pydantic is imported only when a case file is read."""
    from pydantic import BaseModel, ConfigDict, Field, field_validator

    class CheckModel(BaseModel):
        model_config = ConfigDict(extra="allow")
        kind: str

    class ClaimModel(BaseModel):
        model_config = ConfigDict(extra="forbid")
        text: str = Field(min_length=1, max_length=1000)
        check: CheckModel

    class EventModel(BaseModel):
        model_config = ConfigDict(extra="forbid")
        date: str
        kind: EventKind
        source: str = ""
        note: str = ""
        entity: str = ""

        @field_validator("date", mode="before")
        @classmethod
        def _readable(cls, value: Any) -> str:
            when(str(value))
            return str(value)

    class CaseModel(BaseModel):
        model_config = ConfigDict(extra="forbid")
        title: str = Field("", max_length=300)
        name: str = ""
        subject: list[str] = Field(min_length=1)
        metric: str = ""
        window: str | None = None
        date: str | None = None
        inputs: list[str] = []
        donors: list[str] = []
        claims: list[ClaimModel] = []
        events: list[EventModel] = []
        reply: str = ""
        priors: dict[str, float] = {}

        @field_validator("subject", mode="before")
        @classmethod
        def _one_or_several(cls, value: Any) -> Any:
            return [value] if isinstance(value, str) else value

        @field_validator("window", mode="before")
        @classmethod
        def _closed(cls, value: Any) -> Any:
            if value is not None:
                window(str(value))
            return value

        @field_validator("date", mode="before")
        @classmethod
        def _day(cls, value: Any) -> Any:
            if value is not None:
                when(str(value))
            return value

    return CaseModel


def when(text: str) -> datetime:
    """Read a date or a date and hour (``2026-05-12``, ``2026-05-12T14:00``), as UTC.

    Raises
    ------
    ValueError
        When it is neither.
    """
    try:
        found = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise ValueError(f"{text!r} is not a date: write it as 2026-05-12 or 2026-05-12T14:00") from None
    if found.tzinfo is not None:
        raise ValueError(f"{text!r} has a UTC offset: write the UTC time without one")
    return found


def window(text: str) -> Window:
    """Read a window ``A:B``, both ends included; one date alone is a window of one period.

    Raises
    ------
    ValueError
        When it is not two dates, or the second lies before the first.
    """
    # The colon that parts two dates is the one followed by a year; those inside a time are not.
    middle = next((i for i, c in enumerate(text) if c == ":" and re.match(r"\s*\d{4}-", text[i + 1 :])), None)
    halves = [text] if middle is None else [text[:middle], text[middle + 1 :]]
    start = when(halves[0].strip())
    end = when(halves[-1].strip())
    if end < start:
        raise ValueError(f"the window {text!r} ends before it starts")
    return Window(start, end)


def read(path: Path) -> Case:
    """Read a case file.

    Raises
    ------
    UsageError, ErrorList
        With file, line, column and a hint for each mistake.
    """
    document = load(path)
    if not isinstance(document.data, dict):
        raise UsageError("is not a case: it holds no `subject:`", where=str(path), hint="see `audit run --help`")
    return _case(document, validate(document, _model()))


def _case(document: Document, model: Any) -> Case:
    from auditor.claims.registry import CHECKS
    from auditor.panel import nearest
    from auditor.verdict.priors import parse

    errors: list[AuditError] = []
    priors: Mapping[Hypothesis, float] = MappingProxyType({})
    claims = []
    for i, claim in enumerate(model.claims):
        settings = dict(claim.check.model_extra or {})
        kind = claim.check.kind
        if kind not in CHECKS:
            errors.append(
                UsageError(
                    f"unknown kind of check {kind!r}",
                    where=document.where(("claims", i, "check", "kind")),
                    hint=nearest(kind, list(CHECKS)) + f" (known: {', '.join(CHECKS)})",
                )
            )
            continue
        module = CHECKS[kind]
        errors += [
            UsageError(
                f"the check {kind!r} takes no {name!r}",
                where=document.where(("claims", i, "check", name)),
                hint="it takes " + ", ".join(sorted(module.REQUIRED | module.OPTIONAL)),
            )
            for name in settings
            if name not in module.REQUIRED | module.OPTIONAL
        ]
        errors += [
            UsageError(f"the check {kind!r} needs {name!r}", where=document.where(("claims", i, "check")))
            for name in sorted(module.REQUIRED - set(settings))
        ]
        claims.append(Claim(text=claim.text, kind=kind, params=tuple(sorted(settings.items()))))
    if model.priors:
        try:
            priors = parse(model.priors)
        except UsageError as error:
            errors.append(UsageError(error.what, where=document.where(("priors",)), hint=error.hint))
    if errors:
        raise ErrorList(errors)
    return Case(
        subject=tuple(model.subject),
        window=window(model.window) if model.window else None,
        date=when(model.date) if model.date else None,
        metric=model.metric,
        title=model.title,
        name=model.name,
        claims=tuple(claims),
        events=tuple(
            Event(date=when(e.date), kind=e.kind, source=e.source, note=e.note, entity=e.entity) for e in model.events
        ),
        donors=tuple(model.donors),
        reply=model.reply,
        inputs=tuple(model.inputs),
        priors=priors,
    )


def dumps(case: Case) -> str:
    """Write a case as a case file that :func:`read` takes back unchanged."""
    import yaml

    document: dict[str, Any] = {"title": case.title, "name": case.name, "subject": list(case.subject)}
    document |= {"metric": case.metric, "inputs": list(case.inputs), "donors": list(case.donors), "reply": case.reply}
    if case.window is not None:
        document["window"] = f"{_moment(case.window.start)}:{_moment(case.window.end)}"
    if case.date is not None:
        document["date"] = _moment(case.date)
    document["claims"] = [{"text": c.text, "check": {"kind": c.kind, **dict(c.params)}} for c in case.claims]
    document["events"] = [
        {"date": _moment(e.date), "kind": e.kind.value, "source": e.source, "note": e.note, "entity": e.entity}
        for e in case.events
    ]
    document["priors"] = {h.value: p for h, p in case.priors.items()}
    kept = {name: value for name, value in document.items() if value not in ("", [], None, {})}

    class Quoting(yaml.SafeDumper):
        """Quotes every text that does not plainly read as one: other YAML readers see numbers and dates in many."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if re.fullmatch(r"[A-Za-z][\w ./()-]*", value) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Quoting.add_representer(str, text)
    return yaml.dump(kept, Dumper=Quoting, allow_unicode=True, sort_keys=False, width=110)


def _moment(value: datetime) -> str:
    """Write a date, with the hour where it has one."""
    return value.isoformat().removesuffix("T00:00:00")
