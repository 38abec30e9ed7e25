"""Faults of the record: figures restated or withdrawn after they were judged, days and lists that changed, silence."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from auditor.watch.found import RECORD, Found

REVISION = 1e-3
"""Relative change of a judged figure from which it is told; the median on record is 1e-5."""

LOOK_BACK = 30
"""Judged days that are compared again."""

LIST_SHARE = 0.6
"""A list this much shorter or longer than usual (or its inverse) is told."""

LIST_DAYS = 14
"""Days that make up what is usual."""

PLATFORM = math.log(1.5)
"""Median daily change of all entities from which it is told: a change of method, a double count, an outage."""

PEERS_LEAST = 8

Row = Mapping[str, float]


def revisions(source: str, judged: Mapping[str, Row], known: Mapping[str, Row], run: str) -> list[Found]:
    """Compare judged days with what is known now; one finding per day and kind.

    Parameters
    ----------
    judged, known : mapping of day to figures
        As they were judged, and as they are known now; a day that ``known`` lacks is not compared.
    run : str
        Day of the run.
    """
    found = []
    for day in sorted(judged.keys() & known.keys()):
        then, now = judged[day], known[day]
        changes = {n: now[n] / then[n] - 1 for n in sorted(then.keys() & now.keys()) if then[n] > 0 and now[n] > 0}
        large = {n: c for n, c in changes.items() if abs(c) > REVISION}
        if large:
            worst = max(large, key=lambda n: abs(large[n]))
            text = (
                f"{len(large)} of {len(then)} figures of {day} were restated after they had been judged; the largest change is "
                f"{large[worst]:+.2%} ({worst})."
            )
            figures = {"entities": len(large), "largest": round(large[worst], 6), "entity": worst}
            found.append(Found(RECORD, "restated", source, "", day, day, run, text, figures))
        lost = sorted(then.keys() - now.keys())
        if lost and now:
            text = f"{len(lost)} of {len(then)} figures of {day} are no longer published, among them that of {lost[0]}."
            found.append(Found(RECORD, "withdrawn", source, "", day, day, run, text, {"entities": len(lost)}))
    return found


def changed_day(source: str, day: str, row: Row, before: Row, listed: list[int], run: str) -> list[Found]:
    """Look at one day as a whole: the length of its list, and whether everything moved together."""
    found = []
    if len(listed) >= LIST_DAYS:
        usual = float(np.median(listed[-LIST_DAYS:]))
        if not LIST_SHARE <= len(row) / max(usual, 1) <= 1 / LIST_SHARE:
            text = f"{len(row)} entities are listed on {day}; usually there are {usual:.0f}."
            found.append(Found(RECORD, "list_changed", source, "", day, day, run, text, {"listed": len(row)}))
    steps = [math.log(row[n] / before[n]) for n in sorted(row.keys() & before.keys()) if row[n] > 0 and before[n] > 0]
    if len(steps) >= PEERS_LEAST and abs(float(np.median(steps))) > PLATFORM:
        factor = math.exp(float(np.median(steps)))
        text = (
            f"The median of {len(steps)} entities changed by a factor of {factor:.2f} on {day}; that is consistent with a change "
            "of method, a double count or an outage."
        )
        found.append(Found(RECORD, "platform_jump", source, "", day, day, run, text, {"factor": round(factor, 4)}))
    return found


def silence(source: str, newest: str, run: str, *, settled_days: int, stale_days: int) -> Found | None:
    """Heartbeat: tell when the newest published day is older than it should be.

    A publisher's usual lag is part of the settled age, so a day counts as late once ``stale_days`` have passed beyond yesterday.
    """
    age = (date.fromisoformat(run) - date.fromisoformat(newest)).days - 1
    if age < stale_days:
        return None
    text = f"No new day for {age} days: the newest published day is {newest}."
    return Found(RECORD, "stale", source, "", newest, newest, run, text, {"days": age, "settled_days": settled_days})


def missing(source: str, after: str, day: str, run: str) -> Found | None:
    """Tell of days between two judged ones that were never published."""
    days = (date.fromisoformat(day) - date.fromisoformat(after)).days - 1 if after else 0
    if days < 1:
        return None
    first = (date.fromisoformat(after) + timedelta(days=1)).isoformat()
    figures: dict[str, Any] = {"days": days}
    text = f"{days} day(s) from {first} on were not published; they count as unknown, not as zero."
    return Found(RECORD, "missing_day", source, "", first, day, run, text, figures)
