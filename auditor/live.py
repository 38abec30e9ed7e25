"""Live and archived inputs: asks a source, keeps every answer before reading it, and reads the archive back.

Only the command line and a notebook call this; the clock, the keys and the network come from them.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditor
from auditor.errors import InputError, UsageError
from auditor.observations import Frequency, Observations
from auditor.observations import Source as Card
from auditor.sources import fetch as fetching
from auditor.sources.base import Query, Received, Source
from auditor.sources.registry import find

if TYPE_CHECKING:
    import pandas as pd

    from auditor.archive import Archive, Entry
    from auditor.case import Event
    from auditor.sources.http.client import Client

#: Prefix of an input that is read from the archive.
ARCHIVED = "archive:"


@dataclass(frozen=True, eq=False)
class Gathered:
    """What one fetch brought: figures, dated events, and the archive's entries."""

    observations: Observations
    events: "tuple[Event, ...]"
    entries: "tuple[Entry, ...]" = field(default=())
    answers: int = 0


def source_of(name: str) -> Source:
    """Return a source by its name, or from the path of a YAML description.

    Raises
    ------
    UsageError
        When there is no such source, or the description cannot be obeyed.
    """
    if name.endswith((".yaml", ".yml")):
        from auditor.sources.described import load_source

        return load_source(Path(name))
    return find(name)


class Shelf:
    """The archive of a folder, made when the first answer is to be kept: a refused question leaves no empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._archive: Archive | None = None

    def opened(self) -> "Archive | None":
        """Return the archive if there is one."""
        return self.made() if self._archive is not None or (self.folder / "archive.json").exists() else None

    def made(self) -> "Archive":
        """Return the archive; make it if there is none."""
        if self._archive is None:
            from auditor.archive import Archive

            self._archive = Archive(self.folder)
        return self._archive


def gather(source: Source, query: Query, client: "Client", shelf: Shelf | None = None) -> Gathered:
    """Ask a source; each answer is kept before the next is asked for, and read only after it was kept.

    Raises
    ------
    UsageError, SourceError, ArchiveError
    """
    entries: list[Entry] = []

    def keep(received: Received) -> None:
        if shelf is not None:
            entries.append(_kept(shelf.made(), source, received, client.secrets))

    async def ask() -> list[Received]:
        async with client:
            return await fetching.collect(source, query, client, keep)

    answers = asyncio.run(ask())
    return Gathered(
        observations=fetching.read(source, answers),
        events=fetching.read_events(source, answers).events,
        entries=tuple(entries),
        answers=len(answers),
    )


def recall(shelf: Shelf, secrets: tuple[str, ...] = ()) -> Any:
    """Return what the client needs for conditional requests: the newest kept answer of an address."""
    from auditor.sources.http.policy import Cached

    def newest(source: str, url: str) -> Cached | None:
        archive = shelf.opened()
        entry = None if archive is None else archive.latest(source, url, secrets=secrets)
        return None if archive is None or entry is None else Cached(archive.read(entry.sha256), entry.headers)

    return newest


def archived(
    source: Source,
    archive: "Archive",
    *,
    as_known_on: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Observations:
    """Read everything kept of a source, all vintages, or the figures as they were known on a day.

    Entries of old downloads (back-fill) are read as files; live answers by the source's own parser.

    Raises
    ------
    InputError
        When nothing of the source was kept, or nothing was known yet on that day.
    """
    from auditor import archive as keeping

    name = source.SPEC.name
    parser = keeping.Parser(
        f"{name}-observations", f"{source.PARSER_VERSION}.1", lambda raw, entry: _frame(source, raw, entry)
    )
    frame = keeping.observations(archive, parser, source=name)
    if frame.empty:
        raise InputError(
            f"the archive holds no figures of {name}", where=str(archive.folder), hint=f"fetch some: audit fetch {name}"
        )
    if as_known_on is not None:
        frame = keeping.as_known_on(frame, as_known_on)
        if frame.empty:
            raise InputError(
                f"nothing of {name} was known on {as_known_on}",
                where=str(archive.folder),
                hint="see `audit archive list` for what was kept when",
            )
    inside = frame["date"].notna()
    if since is not None:
        inside &= frame["date"] >= since.isoformat()
    if until is not None:
        inside &= frame["date"] <= until.isoformat()
    frame = frame[inside].reset_index(drop=True)
    if frame.empty:
        raise InputError(
            f"the archive holds no figures of {name} in that window",
            where=str(archive.folder),
            hint="widen --since and --until",
        )
    return Observations(
        frame=frame, frequency=_spacing(frame, source.SPEC.frequency), sources=(_card(source, archive, frame),)
    )


def _kept(archive: "Archive", source: Source, received: Received, secrets: tuple[str, ...]) -> "Entry":
    if received.unchanged:
        previous = archive.latest(source.SPEC.name, received.url, secrets=secrets)
        if previous is not None:
            return archive.record_unchanged(
                previous, retrieved_at=received.retrieved_at, headers=received.headers, software=_software()
            )
    return archive.add(
        received.raw,
        source=source.SPEC.name,
        url=received.url,
        retrieved_at=received.retrieved_at,
        status=received.status,
        headers=received.headers,
        licence=source.SPEC.licence,
        # What the publisher states as its own "as of" is known only after reading; the moment of retrieval is known now.
        citation=_cited(source, f"{received.retrieved_at:%Y-%m-%dT%H:%MZ}"),
        software=_software(),
        details=received.details(source.PARSER_VERSION),
        secrets=secrets,
    )


def _software() -> str:
    return f"usage-auditor {auditor.__version__}"


def _frame(source: Source, raw: bytes, entry: "Entry") -> "pd.DataFrame":
    """Read one kept answer again: by the source's parser, or as a file where it came in by back-fill."""
    details: Mapping[str, Any] = entry.details
    if "request" in details:
        retrieved = datetime.fromisoformat(entry.retrieved_at).astimezone(UTC)
        answer = fetching.restored(
            raw, details, url=entry.url, retrieved_at=retrieved, status=entry.status, headers=entry.headers
        )
        return fetching.reread(source, answer).frame.drop(columns=["source", "snapshot"], errors="ignore")
    from auditor.sources import files

    return files.read(raw, name=source.SPEC.name).frame.drop(columns=["source", "snapshot"], errors="ignore")


def _spacing(frame: "pd.DataFrame", usual: Frequency) -> Frequency:
    """Spacing of archived figures: the smallest step between their dates; the source's usual one for a single date."""
    days = frame["date"].drop_duplicates().sort_values().diff().dt.days.dropna()
    if days.empty:
        return usual
    step = int(days.min())
    return Frequency.DAY if step < 7 else Frequency.WEEK if step < 28 else Frequency.MONTH


def _card(source: Source, archive: "Archive", frame: "pd.DataFrame") -> Card:
    stated = sorted(str(a) for a in frame["as_of"].unique()) if "as_of" in frame else []
    as_of = stated[-1] if stated else ""
    snapshots = [str(s) for s in frame["snapshot"].unique()] if "snapshot" in frame else []
    return Card(
        name=source.SPEC.name,
        citation=_cited(source, as_of),
        licence=source.SPEC.licence,
        url=source.SPEC.docs,
        as_of=as_of,
        sha256=snapshots[0] if len(snapshots) == 1 else "",
        file=f"{len(snapshots)} answers in the archive; ledger head {archive.head()}",
    )


def _cited(source: Source, as_of: str) -> str:
    """Fill the moment into a publisher's citation."""
    return source.SPEC.citation.replace("{as_of}", as_of)


def parse_options(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read ``name=value`` settings of a source.

    Raises
    ------
    UsageError
        When a setting has no ``=``.
    """
    settings = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"--option {pair!r} is not name=value", hint="for example --option dataset=app-rankings")
        settings[name.strip()] = value.strip()
    return settings
