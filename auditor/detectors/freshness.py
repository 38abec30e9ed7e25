"""Freshness: are the window's figures complete, and old enough to have settled."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Status
from auditor.texts.message import Message

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD171", name="freshness", family=Family.RECORD)

#: Days after its end from which a period counts as settled: restatements on record came within 3 days.
SETTLED_AFTER = 3.0


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Say how old the window's figures were when the publisher stated them, and which are partial or missing.

    Returns
    -------
    list of Finding
        Variant ``settled``, ``unsettled`` (a partial period, or one read less than 3 days after it ended) or ``unknown``.
        The statistic is the age of the youngest figure in days. Descriptive: it guards the verdict and does not weigh.

    Notes
    -----
    The age of a period is the publisher's ``as_of`` less the period's end: that of its own figures where the input states it,
    else the latest one of the sources. Where nothing is stated, the last published period of the input bounds the
    age from below, on the assumption that the input was read at one time.
    """
    rows = np.arange(scene.window.start, scene.window.stop)
    status = scene.subject.status[rows]
    known = np.isfinite(scene.subject.values[rows])
    ages, basis = _ages(scene, rows)
    partial = known & (status == Status.PARTIAL)
    missing = ~known & (status == Status.MISSING)
    # The input's own end bounds ages from below: it shows that a figure is old enough, never that it is too young.
    stated = np.isfinite(ages) & (basis != "input")
    # A figure stated before its period had ended is partial, whatever the publisher called it.
    running = known & ~partial & stated & (ages < 0)
    young = known & ~partial & ~running & stated & (ages < SETTLED_AFTER)
    unproven = known & ~partial & ~running & ~young & ~(ages >= SETTLED_AFTER)
    unsettled = partial | running | young
    variant = "unsettled" if unsettled.any() else "unknown" if unproven.any() else "settled"
    peak = scene.peak - scene.window.start
    at_peak = bool(unsettled[peak])
    aged = ages[known & (stated | (ages >= SETTLED_AFTER))]
    youngest = float(aged.min()) if aged.size else float("nan")
    n_partial = int((partial | running).sum())
    limits = []
    if basis == "input" and variant == "settled":
        limits.append(Message.of(f"{RULE.id}.limit_input", last=scene.day(_last(scene))))
    if basis == "sources":
        limits.append(Message.of(f"{RULE.id}.limit_sources"))
    if missing.any():
        limits.append(Message.of(f"{RULE.id}.limit_missing", n=int(missing.sum())))
    figures = {
        "partial_periods": float(n_partial),
        "young_periods": float(young.sum()),
        "missing_periods": float(missing.sum()),
        "revised_periods": float((status == Status.REVISED).sum()),
        "peak_unsettled": float(at_peak),
    }
    if np.isfinite(youngest):
        figures["youngest_age_days"] = youngest
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.{variant}" + ("_from_input" if variant == "settled" and basis == "input" else ""),
                subject=scene.subject.name,
                n=int(known.sum()),
                age=youngest,
                partial=n_partial,
                young=int(young.sum()),
                missing=int(missing.sum()),
                day=scene.day(scene.peak),
                which="including" if at_peak else "not including",
                last=scene.day(_last(scene)),
            ),
            statistic=Statistic("youngest_age", youngest, "days") if np.isfinite(youngest) else None,
            variant=variant,
            severity=Severity.MEDIUM if at_peak else Severity.LOW if variant == "unsettled" else Severity.INFO,
            confidence=Confidence.HIGH
            if basis == "figures"
            else Confidence.MEDIUM
            if basis == "sources"
            else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in rows],
                value=scene.subject.values[rows].tolist(),
                status=[Status(int(s)).label for s in status],
                age_days=ages.tolist(),
            ),
            figures=MappingProxyType(figures),
            weighs=False,
        )
    ]


def _ages(scene: Scene, rows: npt.NDArray[np.int64]) -> tuple[Floats, str]:
    """Age in days of each row when it was stated, and what that rests on: ``figures``, ``sources`` or ``input``."""
    import pandas as pd

    dates = scene.table.dates
    offset = pd.tseries.frequencies.to_offset(scene.panel.frequency.offset)
    ends = dates[rows] + offset
    stated = _stated(scene, dates[rows])
    basis = "figures"
    if stated is None:
        moments = _moments([source.as_of for source in scene.panel.sources])
        found = moments[moments.notna()]
        stated = pd.DatetimeIndex([found.max()] * len(rows)) if len(found) else None
        basis = "sources"
    if stated is None:
        stated = pd.DatetimeIndex([dates[_last(scene)]] * len(rows))
        basis = "input"
    ages = np.asarray((stated - ends) / pd.Timedelta(days=1), dtype=np.float64)
    return ages, basis


def _stated(scene: Scene, dates: "pd.DatetimeIndex") -> "pd.DatetimeIndex | None":
    """Latest ``as_of`` of the subject's figures on each date; None where the input states none."""
    import pandas as pd

    if scene.panel.observations is None or "as_of" not in scene.panel.observations.frame:
        return None
    frame = scene.panel.observations.frame
    frame = frame[frame["date"].isin(dates)]
    frame = frame[(frame["metric"].astype(str) == scene.table.metric) & frame["entity"].isin(list(scene.subject.parts))]
    if not len(frame):
        return None
    names = frame["as_of"].astype(str)
    unique = sorted(set(names))
    moment = dict(zip(unique, _moments(unique), strict=True))
    latest = pd.Series([moment[name] for name in names], index=pd.DatetimeIndex(frame["date"])).dropna()
    if not len(latest):
        return None
    by_date = latest.groupby(level=0).max()
    return pd.DatetimeIndex(by_date.reindex(dates))


def _moments(texts: list[str]) -> "pd.DatetimeIndex":
    """Parse ISO 8601 moments as naive UTC; what cannot be read is NaT. A bare date means its beginning."""
    import pandas as pd

    parsed = pd.to_datetime(pd.Series(texts, dtype=object), errors="coerce", utc=True, format="ISO8601")
    return pd.DatetimeIndex(parsed).tz_localize(None)


def _last(scene: Scene) -> int:
    """Row of the last period for which the input holds anything."""
    return int(np.flatnonzero(scene.table.published)[-1])
