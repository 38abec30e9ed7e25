"""How a bundle's audit is run; the same function runs it when the bundle is made and when it is checked."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.observations import Observations
    from auditor.walk import Audit

CASE, INPUTS, ARCHIVE, RULES, SUPPRESS, REPORT = "case.yaml", "inputs", "archive", "rules", "suppress.yaml", "report"

#: Prefix of an input that is read from the archive.
ARCHIVED = "archive:"


@dataclass(frozen=True)
class Recipe:
    """What an audit was made from, in terms of the members of its bundle.

    Attributes
    ----------
    inputs : tuple of str
        Members below ``inputs/``, or ``archive:SOURCE``.
    reading : mapping
        What was stated about the files (``--read``), and how absent cells are taken.
    as_known_on, since, until : str
        Which figures of the archive; '' means all.
    rules : tuple of str
        Folders of rules of the user's own, below ``rules/``.
    suppress : bool
        Whether there is a file of suppressions.
    today : str
        The day by which suppressions expire; '' without suppressions, for then no day matters.
    """

    inputs: tuple[str, ...]
    reading: Mapping[str, Any] = field(default_factory=dict)
    as_known_on: str = ""
    since: str = ""
    until: str = ""
    rules: tuple[str, ...] = ()
    suppress: bool = False
    today: str = ""

    def plain(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def of(cls, values: Mapping[str, Any], *, members: Collection[str], where: str) -> "Recipe":
        """Read the recipe of a bundle; it may name nothing but the bundle's own members.

        Raises
        ------
        UsageError
            When it is not one.
        """

        def refuse(why: str) -> UsageError:
            return UsageError(
                f"the recipe cannot be followed: {why}",
                where=where,
                hint="use the release of audit that wrote the bundle, or a later one",
            )

        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise refuse(f"{unknown[0]!r} is unknown")
        lists = {name: values.get(name, []) for name in ("inputs", "rules")}
        texts = {name: values.get(name, "") for name in ("as_known_on", "since", "until", "today")}
        reading, suppress = values.get("reading", {}), values.get("suppress", False)
        wrong = [n for n, v in lists.items() if not (isinstance(v, list) and all(isinstance(t, str) for t in v))]
        wrong += [n for n, v in texts.items() if not isinstance(v, str)]
        wrong += [] if isinstance(reading, dict) else ["reading"]
        wrong += [] if isinstance(suppress, bool) else ["suppress"]
        if wrong:
            raise refuse(f"{wrong[0]!r} is of the wrong kind")
        strange = sorted(set(reading) - _stated())
        if strange:
            raise refuse(f"nothing called {strange[0]!r} can be stated about a file")
        for name in (*lists["inputs"], *lists["rules"]):
            held = name in members or any(m.startswith(f"{name}/") for m in members)
            if not held and not re.fullmatch(rf"{ARCHIVED}[a-z0-9_-]+", name):
                raise refuse(f"{name[:80]!r} is not in the bundle")
        if not lists["inputs"] or (suppress and SUPPRESS not in members) or CASE not in members:
            raise refuse("the question, an input or the suppressions are missing")
        return cls(
            inputs=tuple(lists["inputs"]),
            rules=tuple(lists["rules"]),
            reading=dict(reading),
            suppress=suppress,
            **texts,
        )


def _stated() -> set[str]:
    """Return what may be stated about a file; anything else in a recipe would reach into the program."""
    from inspect import signature

    from auditor.sources.files import read

    return {"absent", *signature(read).parameters} - {"source", "name"}


def follow(recipe: Recipe, folder: Path) -> "Audit":
    """Run a bundle's audit on its unpacked members. No network is used.

    Raises
    ------
    AuditError
        What :func:`auditor.session.run` raises.
    """
    from auditor import session
    from auditor.casefile import read

    def recall(name: str) -> "Observations":
        return _archived(recipe, name, folder / ARCHIVE)

    return session.run(
        *(item if item.startswith(ARCHIVED) else folder / item for item in recipe.inputs),
        case=read(folder / CASE),
        rules=[folder / name for name in recipe.rules],
        suppress=folder / SUPPRESS if recipe.suppress else None,
        today=date.fromisoformat(recipe.today) if recipe.today else None,
        fetch=recall,
        **recipe.reading,
    )


def _archived(recipe: Recipe, name: str, folder: Path) -> "Observations":
    from auditor import live
    from auditor.archive import Archive

    return live.archived(
        live.source_of(name.removeprefix(ARCHIVED)),
        Archive(folder, create=False),
        as_known_on=recipe.as_known_on or None,
        since=date.fromisoformat(recipe.since) if recipe.since else None,
        until=date.fromisoformat(recipe.until) if recipe.until else None,
    )
