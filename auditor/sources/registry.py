"""The sources, in the order in which they are listed. One line here earns a source the whole contract suite."""

from auditor.errors import UsageError
from auditor.panel import nearest
from auditor.sources import (
    artificial_analysis,
    cloudflare_radar,
    github,
    hackernews,
    huggingface,
    lmarena,
    openrouter,
    price_events,
    pypistats,
    vercel,
    wikimedia,
)
from auditor.sources.base import Source

SOURCES: tuple[Source, ...] = (
    openrouter,
    vercel,
    wikimedia,
    pypistats,
    huggingface,
    hackernews,
    price_events,
    cloudflare_radar,
    github,
    lmarena,
    artificial_analysis,
)

BY_NAME = {source.SPEC.name: source for source in SOURCES}


def find(name: str) -> Source:
    """Return a source by its name.

    Raises
    ------
    UsageError
        When there is none.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    raise UsageError(
        f"there is no source {name!r}",
        hint=f"{nearest(name, tuple(BY_NAME))}; a source of your own is a YAML file, see `audit sources list`",
    )


def key_variables() -> tuple[str, ...]:
    """Return the environment variables that hold keys, for the command line to read."""
    return tuple(dict.fromkeys(source.SPEC.key.variable for source in SOURCES if source.SPEC.key))
