"""What the archive knew of a source on a day, as figures per day."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from auditor import live
from auditor.archive import Archive, as_known_on
from auditor.archive.vintages import as_of_times
from auditor.errors import InputError
from auditor.observations import Observations, Status
from auditor.panel import Panel
from auditor.watch.config import SourcePart

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from auditor.archive.entry import Entry

SLACK = timedelta(days=2)
"""How far an archiver's clock, or a publisher's zone, may be ahead of the day that an answer is about."""

Rows = dict[str, dict[str, float]]


class _Later(Archive):
    """An archive seen from a day on: its answers that were retrieved no earlier."""

    def __init__(self, whole: Archive, since: date) -> None:
        self.__dict__.update(whole.__dict__)
        self._since = datetime(since.year, since.month, since.day, tzinfo=UTC)

    def entries(
        self,
        *,
        source: str | None = None,
        url: str | None = None,
        sha256: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        kinds: "Sequence[str] | None" = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> "list[Entry]":
        """List the answers since the day; see :meth:`auditor.archive.Archive.entries`."""
        return super().entries(
            source=source,
            url=url,
            sha256=sha256,
            since=self._since if since is None else since,
            until=until,
            kinds=kinds,
            newest_first=newest_first,
            limit=limit,
        )


class Knowledge:
    """The vintages of one source; answers what was known when.

    No answer can state a day before it has come. So the figures from a day on are read from the answers retrieved since, and
    a daily run never parses more than some weeks of them, even where the cache of parsed answers was lost. The others
    are read when something asks for the whole past: a first run, a replay, the audit of an alarm.

    Parameters
    ----------
    part : SourcePart
    archive : Archive
    since : str
        Earliest day whose :meth:`rows` will be asked for; '' where that is not known.
    """

    def __init__(self, part: SourcePart, archive: Archive, *, since: str = "") -> None:
        self._part = part
        self._archive = archive
        self._since = since
        self._whole: Observations | None = None
        self._recent: Observations | None = None
        if since:
            with contextlib.suppress(InputError):  # nothing has come since: the whole archive answers
                self._recent = self._read(_Later(archive, date.fromisoformat(since) - SLACK))
        if self._recent is None:
            self._whole = self._read(archive)

    def _read(self, archive: Archive) -> Observations:
        found = live.archived(live.source_of(self._part.name), archive)
        return replace(found, frame=_one_metric(found, self._part))

    @property
    def _all(self) -> Observations:
        if self._whole is None:
            self._whole = self._read(self._archive)
        return self._whole

    @classmethod
    def of(cls, part: SourcePart, observations: Observations) -> "Knowledge":
        """Build from observations that carry ``as_of``."""
        self = cls.__new__(cls)
        self._part, self._whole = part, replace(observations, frame=_one_metric(observations, part))
        self._since, self._recent = "", None
        return self

    def first(self) -> date:
        """Return the day of the oldest reading."""
        return date.fromisoformat(str(as_of_times(self._all.frame).min())[:10])

    def last(self) -> date:
        """Return the day of the newest reading."""
        return date.fromisoformat(str(as_of_times(self._all.frame).max())[:10])

    def observations(self, when: str | datetime, *, until: str = "", since: str = "") -> Observations:
        """Return the figures as known at a moment (a day counts to its end), of the days asked for."""
        recent = self._recent if self._recent is not None and since and since >= self._since else None
        known = recent or self._all
        frame = known.frame
        keep = np.ones(len(frame), dtype=bool)
        if until:
            keep &= (frame["date"] <= until).to_numpy()
        if since:
            keep &= (frame["date"] >= since).to_numpy()
        return replace(known, frame=as_known_on(frame[keep], when))

    def rows(self, when: str | datetime, *, since: str = "") -> Rows:
        """Return complete figures per day and entity, as known at a moment."""
        known = self.observations(when, since=since)
        if known.frame.empty:
            return {}
        table = Panel.of(known).table(self._part.metric)
        usable = np.isfinite(table.values) & (table.status != Status.PARTIAL)
        whole = ~(table.status == Status.PARTIAL).any(axis=1)
        days = [f"{d:%Y-%m-%d}" for d in table.dates]
        return {
            days[i]: {table.entities[j]: float(table.values[i, j]) for j in np.flatnonzero(usable[i])}
            for i in np.flatnonzero(usable.any(axis=1) & whole)
        }


def watched(part: SourcePart) -> Callable[[str], bool]:
    """Return whether a name matches the subjects of a source."""
    if not part.subjects:
        return lambda _: True
    return lambda name: any(fnmatchcase(name, pattern) for pattern in part.subjects)


def moment(run: date, now: datetime) -> datetime:
    """Return the moment up to which a run of a day knows: the end of that day, or now if that is earlier."""
    end = datetime(run.year, run.month, run.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    return min(end, now.astimezone(UTC))


def _one_metric(found: Observations, part: SourcePart) -> "pd.DataFrame":
    frame = found.frame
    if "dimension" in frame:
        plain = frame["dimension"].isna() | (frame["dimension"].astype(str) == "")
        frame = frame[plain.to_numpy()]
    metrics = sorted(str(m) for m in frame["metric"].unique())
    if part.metric:
        frame = frame[(frame["metric"] == part.metric).to_numpy()]
        if frame.empty:
            raise InputError(
                f"{part.name} has no metric {part.metric!r}", hint=f"the archive holds {', '.join(metrics) or 'none'}"
            )
    elif len(metrics) > 1:
        raise InputError(
            f"{part.name} has several metrics ({', '.join(metrics)}) and none was chosen",
            hint="set `metric` in its [[source]] block",
        )
    return frame.reset_index(drop=True)
