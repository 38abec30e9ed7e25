"""The shape of a source description; imported only when one is read, because pydantic is slow to load."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class KeyModel(BaseModel):
    """Where the user's key comes from and how it is sent."""

    model_config = ConfigDict(extra="forbid")
    variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")
    header: str = Field("authorization", pattern=r"^[A-Za-z0-9-]{1,64}$")
    form: str = Field("Bearer {key}", max_length=100)
    query: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,64}$")


class FieldsModel(BaseModel):
    """Which field of a row is what."""

    model_config = ConfigDict(extra="forbid")
    date: str = Field(min_length=1)
    entity: str = Field(min_length=1)
    values: dict[str, str] = Field(min_length=1)


class Description(BaseModel):
    """A source described by the user."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")
    title: str = Field("", max_length=120)
    url: str = Field(min_length=10, max_length=2000)
    hosts: list[str] = []
    format: Literal["json", "csv"] = "json"
    rows: str = "[*]"
    fields: FieldsModel
    units: dict[str, str] = {}
    date_format: str = "iso"
    frequency: Literal["day", "week", "month"] = "day"
    citation: str = Field(min_length=3, max_length=500)
    licence: str = Field(min_length=2, max_length=200)
    docs: str = ""
    next: str = ""
    key: KeyModel | None = None
    days_per_request: int = Field(366, ge=1, le=100_000)
    default_days: int = Field(90, ge=1, le=100_000)
    seconds_between: float = Field(1.0, ge=0.1, le=3600)
    largest_bytes: int = Field(64_000_000, ge=1000, le=1_000_000_000)

    @field_validator("url")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if not parts.hostname or (parts.scheme != "https" and not local):
            raise ValueError("the address must begin with https:// (http:// for 127.0.0.1 only)")
        return value

    @field_validator("rows", "next")
    @classmethod
    def _path(cls, value: str) -> str:
        if value and not re.fullmatch(r"\$?\.?([^.\[\]]+|\[\*\]|\[\d+\]|\.)*", value):
            raise ValueError("not a path such as data.items[*]")
        return value

    @field_validator("date_format")
    @classmethod
    def _form(cls, value: str) -> str:
        if value not in {"iso", "epoch", "epoch_ms"} and not {"%d", "%m"} <= set(re.findall("%[a-zA-Z]", value)):
            raise ValueError("must be iso, epoch, epoch_ms, or a form with day and month such as %d.%m.%Y")
        return value

    @model_validator(mode="before")
    @classmethod
    def _text_paths(cls, data: Any) -> Any:
        """Accept ``values: count`` for ``values: {value: count}``."""
        if isinstance(data, dict) and isinstance(data.get("fields"), dict):
            values = data["fields"].get("values")
            if isinstance(values, str):
                return {**data, "fields": {**data["fields"], "values": {"value": values}}}
        return data
