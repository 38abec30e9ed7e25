"""How long reports are kept; the archive is never touched."""

import shutil
from datetime import date, timedelta
from pathlib import Path, PurePosixPath

from auditor.archive.durable import explain
from auditor.watch.config import Config
from auditor.watch.state import State


def drop_reports(config: Config, state: State, day: date, reports: Path) -> None:
    """Remove the report folders of findings that ended more than ``reports_days`` ago; the findings stay.

    Called before the state is replaced: a kill in between leaves a state that still names the folder, and the next run removes
    what is left of it and then the name. Only folders that a finding names are ever removed.

    Raises
    ------
    ArchiveError
        When the disk refuses.
    """
    if not config.retention.reports_days:
        return
    oldest = (day - timedelta(days=config.retention.reports_days)).isoformat()
    waiting = {key for key, _ in state.outbox}
    for key, found in state.found.items():
        place = PurePosixPath(found.report)
        if not found.report or not found.ended or found.ended >= oldest or key in waiting:
            continue
        if place.is_absolute() or ".." in place.parts:  # a state that was written by somebody else
            continue
        try:
            if (reports / place).is_dir():
                shutil.rmtree(reports / place)
            for parent in [reports / p for p in place.parents][:-1]:
                if parent.is_dir() and not any(parent.iterdir()):
                    parent.rmdir()
        except OSError as error:
            raise explain(error, reports / place) from error
        found.report = ""
