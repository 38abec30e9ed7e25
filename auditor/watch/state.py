"""The state of a watch: one file, replaced whole, and one small file per judged day.

``state.json`` holds everything that a run changes: detectors, entities, findings and the outbox. It is written once per day of the
run, beside its place and then moved there, so that a kill leaves either the state before the day or the state after it. The
figures of each judged day, as they were known when it was judged, lie in ``days/SOURCE/DAY.json``; they are written before
the state that refers to them, and writing them again writes the same bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from auditor.archive.durable import explain, write_durably
from auditor.errors import UsageError
from auditor.watch.cycles import Detector, Excursion
from auditor.watch.found import Found

VERSION = 1
NAME = "state.json"


@dataclass
class Monitor:
    """One source's part of the state.

    Attributes
    ----------
    last_day : str
        Newest day judged; '' before the first.
    entities : dict of str to list
        First and last day on which each was listed.
    excused : list of (entity, from, until, why)
        Days on which an event explains the level.
    listed : list of int
        Entities listed on the last days, for telling a changed list.
    detector : Detector
    """

    last_day: str = ""
    entities: dict[str, list[str]] = field(default_factory=dict)
    excused: list[list[str]] = field(default_factory=list)
    listed: list[int] = field(default_factory=list)
    detector: Detector = field(default_factory=Detector)


@dataclass
class State:
    """Everything a watch remembers.

    Attributes
    ----------
    last_run : str
        Newest day for which a run was finished.
    began : str
        Newest day on which a run was begun, finished or not.
    failed : list of str
        Sources that did not answer in it; a second run on the same day asks them again.
    monitors : dict of str to Monitor
        By source and metric.
    found : dict of str to Found
        By fingerprint, oldest first.
    outbox : list of [fingerprint, notifier]
        What is still to be delivered.
    """

    last_run: str = ""
    began: str = ""
    failed: list[str] = field(default_factory=list)
    monitors: dict[str, Monitor] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    outbox: list[list[str]] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """Return the one form in which this state is written."""
        value = {"version": VERSION, **asdict(self)}
        return (json.dumps(value, ensure_ascii=True, allow_nan=False, indent=0, sort_keys=False) + "\n").encode("ascii")

    @classmethod
    def from_bytes(cls, raw: bytes, where: str = "") -> "State":
        """Read a state.

        Raises
        ------
        UsageError
            When it is damaged, or of another version.
        """
        try:
            value = json.loads(raw)
            version = value.pop("version")
            if version != VERSION:
                raise UsageError(
                    f"the state has version {version}; this release knows version {VERSION}",
                    where=where,
                    hint="rebuild it from the archive: audit watch replay --rebuild",
                )
            return cls(
                last_run=value["last_run"],
                began=value["began"],
                failed=[str(name) for name in value["failed"]],
                monitors={k: _monitor(m) for k, m in value["monitors"].items()},
                found={k: Found(**f) for k, f in value["found"].items()},
                outbox=[[str(a), str(b)] for a, b in value["outbox"]],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"the state is damaged ({type(error).__name__}: {error})",
                where=where,
                hint="rebuild it from the archive: audit watch replay --rebuild",
            ) from error


def _monitor(value: dict[str, Any]) -> Monitor:
    detector = value.pop("detector")
    detector["open"] = {k: Excursion(**e) for k, e in detector["open"].items()}
    return Monitor(**value, detector=Detector(**detector))


class Keeper:
    """Reads and writes the state in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / NAME

    def load(self) -> State:
        """Return the state; an empty one where there is none yet."""
        try:
            raw = self.file.read_bytes()
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise explain(error, self.file) from error
        return State.from_bytes(raw, str(self.file))

    def save(self, state: State) -> None:
        """Replace the state; whole or not at all."""
        self._write(self.file, state.to_bytes())

    def keep_day(self, source: str, day: str, row: Mapping[str, float]) -> None:
        """Keep the figures on which a day was judged."""
        text = json.dumps({name: row[name] for name in sorted(row)}, ensure_ascii=True, indent=0, allow_nan=False)
        self._write(self._days(source) / f"{day}.json", text.encode("ascii") + b"\n")

    def days(self, source: str, *, until: str, most: int) -> dict[str, dict[str, float]]:
        """Return the kept days up to ``until``, oldest first, the last ``most`` of them."""
        folder = self._days(source)
        names = sorted(p.stem for p in folder.glob("????-??-??.json")) if folder.is_dir() else []
        chosen = [name for name in names if name <= until][-most:]
        return {name: json.loads((folder / f"{name}.json").read_bytes()) for name in chosen}

    def forget_days(self, source: str, *, before: str) -> None:
        """Remove kept days that no statistic looks back on."""
        folder = self._days(source)
        for path in sorted(folder.glob("????-??-??.json")) if folder.is_dir() else []:
            if path.stem < before:
                path.unlink(missing_ok=True)

    def sweep(self, *others: Path) -> None:
        """Remove temporary files that a kill left here and in other folders; only the holder of the lock may call this."""
        for folder in (self.folder, *others):
            for pattern in (".*.tmp", ".*.part"):
                for path in sorted(folder.rglob(pattern)) if folder.is_dir() else []:
                    path.unlink(missing_ok=True)

    def _days(self, source: str) -> Path:
        return self.folder / "days" / slug(source)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_durably(path, data)
        except OSError as error:
            raise explain(error, path) from error


def slug(text: str) -> str:
    """Return a name for a file: readable, and different for different texts."""
    import hashlib

    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:60] or "x"
    return (
        plain if plain == text else f"{plain}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    )
