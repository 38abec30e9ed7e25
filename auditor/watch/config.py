"""``audit.toml``: what is watched, how many false alarms a year may bring, and who is told. Checked before anything runs."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auditor.case import EventKind
from auditor.watch import tomlfile
from auditor.watch.budget import Budget
from auditor.yamlfile import validate

Told = Literal["alarm", "record", "event"]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Watching(_Part):
    """Where things lie, and how patient the watch is."""

    name: str = Field(default="watch", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$", description="Name of the watch.")
    archive: str = Field(default="audit-archive", description="Folder of the archive, relative to this file.")
    state: str = Field(default="watch-state", description="Folder of the state, relative to this file.")
    reports: str = Field(default="reports", description="Folder of reports and site, relative to this file.")
    settled_days: int = Field(default=3, ge=3, le=60, description="Days younger than this are never judged.")
    stale_days: int = Field(
        default=3, ge=1, le=60, description="Days beyond the usual lag without a new day before that is told."
    )


class BudgetPart(_Part):
    """The false-alarm budget."""

    false_alarms_per_year: int = Field(
        default=6, ge=1, le=10_000, description="Most false alarms a year, over all entities."
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="Share of years in which that number is kept.")


class SourcePart(_Part):
    """One leaderboard, or some subjects of it."""

    name: str = Field(min_length=1, description="A name of `audit sources list`, or the path of a YAML description.")
    metric: str = Field(default="", description="Which metric; empty where there is only one.")
    subjects: tuple[str, ...] = Field(
        default=(), description="Patterns such as 'qwen/*'; empty watches the whole leaderboard."
    )
    ask: tuple[str, ...] = Field(
        default=(), description="Subjects to ask the source for, where it cannot be asked for all."
    )
    days: int = Field(default=30, ge=1, le=400, description="Days before today to ask for in each run.")
    options: dict[str, str] = Field(default_factory=dict, description="Settings of the source.")
    fetch: bool = Field(default=True, description="false: only read what the archive holds.")


class EventPart(_Part):
    """Something known that explains a change of level: no alarm while it lasts and settles."""

    date: dt.date
    until: dt.date | None = None
    entity: str = Field(min_length=1)
    kind: EventKind = EventKind.PROMOTION
    source: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> "EventPart":
        if self.until is not None and self.until < self.date:
            raise ValueError("`until` lies before `date`")
        return self


class CasePart(_Part):
    """The question that is asked of `audit` when an alarm is raised."""

    title: str = Field(
        default="Rise of {entity} from {opened}", description="May hold {entity}, {source}, {opened}, {day}."
    )
    rules: bool = Field(default=True, description="Whether the rulebook runs too.")
    formats: tuple[Literal["html", "json", "md", "csv"], ...] = ("html", "json", "md", "csv")
    donors: tuple[str, ...] = ()

    @field_validator("title")
    @classmethod
    def _fillable(cls, value: str) -> str:
        try:
            value.format(entity="", source="", opened="", day="")
        except (KeyError, IndexError, ValueError):
            raise ValueError("may hold {entity}, {source}, {opened} and {day} only") from None
        return value


class SuppressPart(_Part):
    """A finding that somebody has looked at; shown and counted, but told to nobody."""

    entity: str = Field(min_length=1, description="The entity, or a pattern.")
    rule: str = Field(default="*", description="Such as 'alarm' or 'restated'; '*' is any.")
    reason: str = Field(min_length=10)
    expires: dt.date


class NotifyPart(_Part):
    """Who is told, and how."""

    kind: Literal["stdout", "jsonl", "markdown", "atom", "webhook", "smtp"]
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", description="Default: the kind. Names must differ.")
    on: tuple[Told, ...] = Field(default=("alarm", "record"), min_length=1)
    path: str = Field(default="", description="File, relative to the reports folder.")
    shape: Literal["json", "slack", "discord"] = "json"
    url_env: Variable | None = Field(default=None, description="Environment variable that holds the webhook's address.")
    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = ""
    to: tuple[str, ...] = ()
    user_env: Variable | None = None
    password_env: Variable | None = None
    tries: int = Field(default=3, ge=1, le=10, description="Tries per run; what fails is tried again in the next run.")

    @model_validator(mode="after")
    def _complete(self) -> "NotifyPart":
        wanted: dict[str, tuple[str, ...]] = {"webhook": ("url_env",), "smtp": ("host", "sender", "to")}
        for name in wanted.get(self.kind, ()):
            if not getattr(self, name):
                raise ValueError(f"a notifier of kind {self.kind!r} needs `{name}`")
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("`user_env` and `password_env` are given together or not at all")
        place = Path(self.path)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError("`path` stays inside the reports folder")
        return self

    @property
    def id(self) -> str:
        """What the outbox calls it."""
        return self.name or self.kind


class RetentionPart(_Part):
    """How long things are kept; the archive is never touched."""

    reports_days: int = Field(
        default=0, ge=0, description="Report folders of findings resolved longer ago are removed; 0: never."
    )
    findings_days: int = Field(
        default=0, ge=0, description="Resolved findings leave the state after so many days; 0: never."
    )

    @model_validator(mode="after")
    def _reports_first(self) -> "RetentionPart":
        if 0 < self.findings_days < self.reports_days:
            raise ValueError(
                "`findings_days` is below `reports_days`: nothing would be left to say which report is old"
            )
        return self


class SitePart(_Part):
    """The static site below the reports folder."""

    title: str = "Scheduled checks"
    url: str = Field(
        default="", pattern=r"^(https?://[^\s<>\"]+/)?$", description="Its public address, ending in /, for the feed."
    )
    build: bool = True


class Config(_Part):
    """The whole file."""

    watch: Watching = Watching()
    budget: BudgetPart = BudgetPart()
    source: tuple[SourcePart, ...] = Field(min_length=1)
    event: tuple[EventPart, ...] = ()
    case: CasePart = CasePart()
    suppress: tuple[SuppressPart, ...] = ()
    notify: tuple[NotifyPart, ...] = (NotifyPart(kind="stdout"),)
    retention: RetentionPart = RetentionPart()
    site: SitePart = SitePart()

    @model_validator(mode="after")
    def _distinct(self) -> "Config":
        for what, names in (
            ("notifiers", [n.id for n in self.notify]),
            ("sources", [f"{s.name} {s.metric}".strip() for s in self.source]),
        ):
            double = sorted({n for n in names if names.count(n) > 1})
            if double:
                raise ValueError(f"two {what} are called {double[0]!r}")
        return self

    def allowed(self) -> Budget:
        """Return the part of the budget that each source's monitor may spend."""
        return Budget(self.budget.false_alarms_per_year, self.budget.confidence, 1.0 / len(self.source))


def read(path: Path) -> Config:
    """Read and check a configuration.

    Raises
    ------
    UsageError, ErrorList
        One error per defect, with file, line, column and a hint.
    """
    document = tomlfile.load(path)
    return validate(document, Config)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors."""
    found = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "audit.toml"}
