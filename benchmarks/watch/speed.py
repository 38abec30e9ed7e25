"""How long runs take: a year of them, and one on two years of archive."""

import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.live import Shelf
from auditor.observations import Frequency, Observations, Source
from auditor.watch.config import Config, NotifyPart, SourcePart
from auditor.watch.inquiry import inquire
from auditor.watch.knowledge import Knowledge
from auditor.watch.replay import replay
from auditor.watch.run import Places, run
from auditor.watch.site import show
from benchmarks.watch.years import Years, organic_years

FIRST = date(2024, 1, 1)


def year_of_runs() -> float:
    """Replay 365 runs over 50 models, audits of the alarms included; seconds."""
    truth = organic_years(365, seed=3)
    frame = _frame(truth, range(365))
    known = Knowledge.of(
        SourcePart(name="openrouter"), Observations(frame, Frequency.DAY, (Source("simulated", simulated=True),))
    )
    config = Config(source=(SourcePart(name="openrouter"),))
    with tempfile.TemporaryDirectory() as folder:
        places = Places.of(config, Path(folder))
        started = time.monotonic()
        replay(
            config,
            places,
            {"openrouter": known},
            FIRST + timedelta(days=1),
            FIRST + timedelta(days=365),
            inquire=lambda found, figures: inquire(found, figures, config, places.reports),
        )
        return time.monotonic() - started


def one_run() -> float:
    """One run, fetch apart, after 730 daily answers of 30 days each; seconds, the reading cache cold for the newest answer only."""
    truth = organic_years(735, seed=4)
    config = Config(source=(SourcePart(name="openrouter"),), notify=(NotifyPart(kind="atom"),))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = Places.of(config, folder)
        archive = Shelf(places.archive).made()
        for day in range(1, 731):
            _keep(archive, truth, day)
        now = datetime(FIRST.year, FIRST.month, FIRST.day, 7, tzinfo=UTC)

        def check(day: int) -> None:
            run(
                config,
                places,
                now=now + timedelta(days=day),
                fetch=lambda _part, _today, shelf: _keep(shelf.made(), truth, day),
                notify=None,
                show=lambda state, today: show(state, today, config, places.reports),
            )

        check(731)
        started = time.monotonic()
        check(732)
        return time.monotonic() - started


def _keep(archive: "object", truth: Years, day: int) -> None:
    from auditor.archive import Archive

    assert isinstance(archive, Archive)
    frame = _frame(truth, range(max(0, day - 30), day))[["date", "entity", "value"]]
    archive.add(
        frame.rename(columns={"value": "total_tokens"}).to_csv(index=False).encode(),
        source="openrouter",
        url="https://publisher.invalid/rankings.csv",
        retrieved_at=datetime(FIRST.year, FIRST.month, FIRST.day, 6, tzinfo=UTC) + timedelta(days=day),
    )


def _frame(truth: Years, days: range) -> pd.DataFrame:
    rows, columns = np.nonzero(np.isfinite(truth.values[days.start : days.stop]))
    dates = pd.to_datetime([FIRST + timedelta(days=days.start + int(r)) for r in rows])
    return pd.DataFrame(
        {
            "date": dates,
            "entity": [truth.names[c] for c in columns],
            "metric": "total_tokens",
            "value": truth.values[rows + days.start, columns],
            "as_of": (dates + pd.Timedelta(days=1)).strftime("%Y-%m-%dT06:00:00Z"),
        }
    )
