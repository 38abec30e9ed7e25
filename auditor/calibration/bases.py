"""Published panels that episodes are cut from, read once and kept as plain arrays.

Each base names the folder entry it comes from and the SHA-256 of its bytes, so that a calibration can say what it rests on.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError
from auditor.observations import REMAINDER_NAMES, Frequency, Source

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

LONG = "openrouter-long"
MONTH = "openrouter-41"
SPIKES = "openrouter-spikes"

_OPENROUTER = "openrouter/rankings_daily_2025-12-01_2026-07-05.csv"
_OPENROUTER_MONTH = "openrouter/rankings_daily_2026-03-16_2026-04-25.csv"
_OPENROUTER_SPIKES = "openrouter/spike_windows_2025-04_2026-05.csv"


@dataclass(frozen=True, eq=False)
class Base:
    """One published panel of one metric.

    Attributes
    ----------
    name, metric : str
    frequency : Frequency
    dates : DatetimeIndex, length T
        Regular; a period that nobody published is a row of NaN.
    entities : tuple of str, length N
        Sorted.
    values : ndarray, shape (T, N)
        NaN where not listed.
    other : ndarray, shape (T,)
        The publisher's remainder; NaN where there is none.
    source : Source
    """

    name: str
    metric: str
    frequency: Frequency
    dates: "pd.DatetimeIndex"
    entities: tuple[str, ...]
    values: Floats
    other: Floats
    source: Source

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Column of each entity."""
        return {e: i for i, e in enumerate(self.entities)}

    @cached_property
    def first_seen(self) -> npt.NDArray[np.int64]:
        """Row on which each entity is first listed, shape (N,)."""
        return np.asarray(np.isfinite(self.values).argmax(axis=0), dtype=np.int64)

    @cached_property
    def cutoff(self) -> Floats:
        """Smallest listed value per period where a remainder is published, else NaN, shape (T,)."""
        some = np.isfinite(self.values).any(axis=1)
        smallest = np.where(np.isfinite(self.values), self.values, np.inf).min(axis=1)
        return np.where(some & np.isfinite(self.other), smallest, np.nan)

    @cached_property
    def total(self) -> Floats:
        """Listed rows and remainder, shape (T,); NaN where no remainder is published."""
        return np.asarray(np.nansum(self.values, axis=1) + self.other, dtype=np.float64)

    def row(self, date: str) -> int | None:
        """Row of a date, None where the base does not hold it."""
        import pandas as pd

        found = int(self.dates.get_indexer(pd.DatetimeIndex([pd.Timestamp(date)]))[0])
        return found if found >= 0 else None


def load(data: Path) -> dict[str, Base]:
    """Read every base of a data folder, by name.

    Raises
    ------
    InputError
        Where a file is absent.
    """
    import pandas as pd

    bases: dict[str, Base] = {}
    for name, file in ((LONG, _OPENROUTER), (MONTH, _OPENROUTER_MONTH), (SPIKES, _OPENROUTER_SPIKES)):
        frame = _read(data, file).rename(columns={"model_permaslug": "entity", "total_tokens": "value"})
        bases[name] = _base(name, "total_tokens", Frequency.DAY, frame, data / file, "openrouter.ai")
    nab = _read(data, "organic/nab_daily.csv").rename(columns={"series_id": "entity"})
    wiki = _read(data, "organic/wiki_peyton_daily.csv").rename(columns={"series_id": "entity"})
    cup = _read(data, "organic/worldcup98_daily.csv").rename(columns={"series_id": "entity"})
    hourly = _read(data, "organic/worldcup98_hourly.csv").rename(columns={"series_id": "entity", "hour": "date"})
    hourly["date"] = pd.to_datetime(hourly["date"], utc=True).dt.tz_localize(None)
    taxi = nab["entity"].str.contains("taxi")
    for name, metric, frame, file in (
        ("organic/nab", "mentions", nab[~taxi], "organic/nab_daily.csv"),
        ("organic/taxi", "trips", nab[taxi], "organic/nab_daily.csv"),
        ("organic/wiki", "views", wiki, "organic/wiki_peyton_daily.csv"),
        ("organic/worldcup98", "requests_served", cup, "organic/worldcup98_daily.csv"),
    ):
        bases[name] = _base(name, metric, Frequency.DAY, frame, data / file, "")
    bases["organic/worldcup98-hourly"] = _base(
        "organic/worldcup98-hourly",
        "requests_served",
        Frequency.HOUR,
        hourly,
        data / "organic/worldcup98_hourly.csv",
        "",
    )
    for name in ("organic/wiki", "organic/taxi"):
        bases[f"{name}-weekly"] = weekly(bases[name])
    return bases


def weekly(base: Base) -> Base:
    """Sum a daily base to whole weeks from Monday; weeks with a missing day are left out at the ends, NaN inside."""
    import pandas as pd

    first = int(np.flatnonzero(base.dates.day_of_week == 0)[0])
    weeks = (len(base.dates) - first) // 7
    values = base.values[first : first + 7 * weeks].reshape(weeks, 7, -1).sum(axis=1)
    other = base.other[first : first + 7 * weeks].reshape(weeks, 7).sum(axis=1)
    dates = pd.date_range(base.dates[first], periods=weeks, freq="7D")
    return Base(f"{base.name}-weekly", base.metric, Frequency.WEEK, dates, base.entities, values, other, base.source)


def digests(bases: Mapping[str, Base]) -> dict[str, str]:
    """SHA-256 of every file that a base was read from, by file name."""
    return {b.source.file: b.source.sha256 for b in bases.values()}


def _read(data: Path, file: str) -> "pd.DataFrame":
    import pandas as pd

    if not (data / file).is_file():
        raise InputError(f"the reference file {file} is absent", where=file, hint="name the folder of reference data")
    return pd.read_csv(data / file)


def _base(name: str, metric: str, frequency: Frequency, frame: "pd.DataFrame", path: Path, host: str) -> Base:
    import pandas as pd

    frame = frame.assign(date=pd.to_datetime(frame["date"]))
    wide = frame.pivot_table(index="date", columns="entity", values="value", aggfunc="last")
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max(), freq=frequency.offset))
    remainder = [c for c in wide.columns if str(c).lower() in REMAINDER_NAMES]
    other = wide[remainder[0]].to_numpy(dtype=np.float64) if remainder else np.full(len(wide), np.nan)
    wide = wide.drop(columns=remainder)
    entities = tuple(sorted(str(c) for c in wide.columns))
    source = Source(
        name=name.split("-", maxsplit=1)[0],
        citation=path.name,
        url=f"https://{host}/" if host else "",
        as_of=f"{wide.index.max() + pd.Timedelta(days=30):%Y-%m-%d}",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        file=path.name,
    )
    values = wide[list(entities)].to_numpy(dtype=np.float64)
    return Base(name, metric, frequency, pd.DatetimeIndex(wide.index), entities, values, other, source)
