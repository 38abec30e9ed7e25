"""AUD141 asks whether one application's rise was large enough to account for the subject's rise.

Both rises are means over the periods of the window less means over the last week of periods before it, on the same periods.
``share = rise of the application / rise of the subject``: an application whose own volume rose by less than the subject's cannot, by
new volume alone, account for all of it. Beside it stands the Herfindahl-Hirschman index (sum of squared shares) of the listed
applications before and during the window. An application that is not listed on a published period had between zero and the
smallest listed volume, and the interval of the share covers both ends.

References
----------
Rhoades, S. A. (1993). The Herfindahl-Hirschman Index. Federal Reserve Bulletin 79, 188-189.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import on, playing, role_of, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.panel import Table
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD141", name="app_concentration", family=Family.COMPOSITION)

#: Share of the subject's rise from which one application is said to be large enough to account for it.
ENOUGH = 0.5

#: Periods before the window that form the base, where the spacing has no season of its own.
BASE = 7

#: Applications listed in the data.
LISTED = 12


@dataclass(frozen=True, eq=False)
class _Rises:
    """Rise of each application and its bounds, shape (A,), and the subject's rise as (value, low, high)."""

    mid: Floats
    low: Floats
    high: Floats
    before: Floats
    during: Floats
    subject: tuple[float, float, float]


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Compare the largest rise of an application with the subject's rise. ``params``: ``share`` (default 0.5)."""
    enough, name = float(params.get("share", ENOUGH)), scene.subject.name
    role = role_of(scene.table.metric)
    if role in {"app_tokens", "app_requests"}:
        return RULE.not_applicable("subject_is_app", subject=name)
    apps = playing(scene.panel, "app_requests" if role == "requests" else "app_tokens")
    if apps is None or not role:
        return RULE.not_applicable("no_apps", subject=name)
    before, during = _rows_used(scene, apps)
    if not before.size or not during.size:
        return RULE.not_applicable("no_periods", subject=name)
    rises = _rises(scene, apps, before, during)
    rise, least, _ = rises.subject
    if not least > 0:
        return RULE.not_applicable("no_rise", subject=name)
    top = int(np.argmax(rises.mid))
    share, low, high = _share(rises, top)
    variant = "covers" if low >= enough else "below" if _most(rises) < enough else "open"
    concentration = [_hhi(side) for side in (rises.before, rises.during)]
    limits = [Message.of("AUD141.limit_switch"), Message.of("AUD141.limit_coincidence")]
    if any(note.code == "read_inside" for note in scene.panel.notes):
        limits.append(Message.of("AUD141.limit_trailing"))
    wanted = scene.window.stop - scene.window.start
    if during.size < wanted:
        limits.append(Message.of("AUD141.limit_gaps", n=int(during.size), of=wanted))
    limits.append(Message.of("AUD141.limit_listed", n=int(np.isfinite(settled(apps)).any(axis=0).sum())))
    gainers = float(np.maximum(rises.mid, 0.0).sum())
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(int(during[0]), int(during[-1])),
            statement=Message.of(
                f"AUD141.{variant if rises.mid[top] > 0 else 'fell'}",
                subject=name,
                app=apps.entities[top],
                rise=rise,
                app_rise=float(rises.mid[top]),
                share=share,
                before=concentration[0],
                during=concentration[1],
                start=scene.day(int(during[0])),
                end=scene.day(int(during[-1])),
            ),
            statistic=Statistic(
                name="largest rise of an application over the subject's rise",
                value=share,
                unit="share of the rise",
                reference=Message.of("AUD141.reference", n=int(before.size)),
                low=low,
                high=high,
            ),
            variant=variant,
            severity=Severity.MEDIUM if variant == "covers" else Severity.INFO,
            confidence=Confidence.MEDIUM if before.size >= 3 and during.size >= 0.5 * wanted else Confidence.LOW,
            limits=tuple(limits),
            data=_table(apps, rises),
            figures=MappingProxyType(
                {
                    "rise": rise,
                    "app_rise": float(rises.mid[top]),
                    "rise_of_all_gaining_apps": gainers,
                    "hhi_before": concentration[0],
                    "hhi_during": concentration[1],
                    "top_share_before": _top(rises.before),
                    "top_share_during": _top(rises.during),
                    "periods_before": float(before.size),
                    "periods_during": float(during.size),
                }
            ),
        )
    ]


def _rows_used(scene: Scene, apps: Table) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows before and in the window for which applications were published and the subject is bounded."""
    published = np.isfinite(on(settled(apps), apps, scene.table.dates)).any(axis=1)
    bounded = np.isfinite(scene.subject.low) & np.isfinite(scene.subject.high)
    partial = np.isfinite(scene.subject.values) & ~scene.subject.settled
    rows = np.flatnonzero(published & bounded & ~partial)
    base = scene.panel.frequency.season or BASE
    before = rows[rows < scene.window.start][-base:]
    return before, rows[(rows >= scene.window.start) & (rows < scene.window.stop)]


def _rises(scene: Scene, apps: Table, before: npt.NDArray[np.intp], during: npt.NDArray[np.intp]) -> _Rises:
    values = on(settled(apps), apps, scene.table.dates)
    known = np.isfinite(values)
    smallest = np.where(known, values, np.inf).min(axis=1)
    low = np.where(known, on(apps.low, apps, scene.table.dates), 0.0)
    high = np.where(known, on(apps.high, apps, scene.table.dates), smallest[:, None])
    mid = np.where(known, values, 0.5 * high)
    subject = scene.subject
    middle = np.where(np.isfinite(subject.values), subject.values, 0.5 * (subject.low + subject.high))
    return _Rises(
        mid=mid[during].mean(axis=0) - mid[before].mean(axis=0),
        low=low[during].mean(axis=0) - high[before].mean(axis=0),
        high=high[during].mean(axis=0) - low[before].mean(axis=0),
        before=np.where(known, values, 0.0)[before].mean(axis=0),
        during=np.where(known, values, 0.0)[during].mean(axis=0),
        subject=(
            float(middle[during].mean() - middle[before].mean()),
            float(subject.low[during].mean() - subject.high[before].mean()),
            float(subject.high[during].mean() - subject.low[before].mean()),
        ),
    )


def _share(rises: _Rises, app: int) -> tuple[float, float, float]:
    """Return the application's rise over the subject's, with the least and most that cut-off and rounding allow."""
    value, least, most = rises.subject
    ends = [a / s for a in (rises.low[app], rises.high[app]) for s in (least, most)]
    share = float(rises.mid[app] / value)
    return share, min(share, *map(float, ends)), max(share, *map(float, ends))


def _most(rises: _Rises) -> float:
    """Largest share that any application can have had."""
    return max(_share(rises, app)[2] for app in range(rises.mid.size))


def _hhi(volumes: Floats) -> float:
    """Herfindahl-Hirschman index of listed volumes, 1 / n to 1; NaN without volume."""
    total = float(volumes.sum())
    return float(((volumes / total) ** 2).sum()) if total > 0 else float("nan")


def _top(volumes: Floats) -> float:
    total = float(volumes.sum())
    return float(volumes.max()) / total if total > 0 else float("nan")


def _table(apps: Table, rises: _Rises) -> Rows:
    """List the applications that rose or fell most, with their means on both sides."""
    order = np.argsort(-np.abs(rises.mid), kind="stable")[:LISTED]
    return Rows.of(
        application=["(subject)", *(apps.entities[i] for i in order)],
        mean_before=[None, *rises.before[order]],
        mean_during=[None, *rises.during[order]],
        rise=[rises.subject[0], *rises.mid[order]],
        rise_low=[rises.subject[1], *rises.low[order]],
        rise_high=[rises.subject[2], *rises.high[order]],
    )
