"""Weekend dilution: the share of the subject's traffic that takes no weekend off.

People and their offices slow down at the weekend; a batch, a crawler or a paid-for stream does not. If a share f of the
traffic is flat and the rest follows the peers, the weekend-to-weekday ratio is ``r = f + (1 - f) r_peer``, hence
``f = (r - r_peer) / (1 - r_peer)``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import Frequency, Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD111", name="weekend_dilution", family=Family.RHYTHM)

#: Full weekends with weekdays on both sides, and peers known on all their days, that are needed.
FEWEST_WEEKENDS, FEWEST_PEERS = 2, 5

#: Peers must slow down to this ratio of their weekdays, or there is no weekend to miss.
VISIBLE_DIP = 0.95

#: Weeks before the window that make the usual level, days of it needed, and the rise over it that makes an excess.
BASE_WEEKS, FEWEST_BASE_DAYS, EXCESS = 4, 14, 0.2


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Estimate the share of the window's traffic without a weekend, against the peers on the same weekends.

    Returns
    -------
    list of Finding
        Variant ``excess`` (the traffic above the subject's own usual level by weekday, where 14 days before the window give
        one and the window's weekdays stand 20 % above it) or ``level``. The statistic is f: 0 is the peers' rhythm, 1
        no weekend at all; noise and busier weekends take it outside 0 to 1. The interval is 95 %, by the delta
        method from the spread between weekends and between peers. ``p``: share of peers' own f against the rest
        that is at least the subject's level f (upper tail), over all stretches of the panel as long as the window that
        lie whole weeks from it, do not overlap, and have a dip.

    Notes
    -----
    Each weekend is compared with the log-linear line through the mean of the Wednesday to Friday before and the Monday to
    Wednesday after, so a ramp does not pass for a rhythm. The peers' ratio is the median over the peers that are known on
    all these days: a sum would be ruled by whatever the subject's own spike took from the largest of them. O(T N).
    """
    if scene.panel.frequency is not Frequency.DAY:
        return RULE.not_applicable("not_daily", frequency=scene.panel.frequency.value)
    subject, table = scene.subject, scene.table
    own = np.where(subject.settled & (subject.values > 0), subject.values, np.nan)
    saturdays = _weekends(own, scene)
    if len(saturdays) < FEWEST_WEEKENDS:
        return RULE.not_applicable("few_weekends", n=len(saturdays), least=FEWEST_WEEKENDS)
    values = np.where((scene.peers.status != Status.PARTIAL) & (scene.peers.values > 0), scene.peers.values, np.nan)
    by_peer = _ratios(values, saturdays)
    inside = values[scene.window]
    # A series that never moves is a placeholder: it has no rhythm to compare with.
    highest, lowest = np.where(np.isfinite(inside), inside, -np.inf), np.where(np.isfinite(inside), inside, np.inf)
    known = np.flatnonzero(np.isfinite(by_peer).all(axis=0) & (highest.max(axis=0) > lowest.min(axis=0)))
    names = [scene.peers.entities[i] for i in known]
    by_peer = by_peer[:, known]
    if len(names) < FEWEST_PEERS:
        return RULE.not_applicable("few_peers", n=len(names), least=FEWEST_PEERS)
    peers = np.exp(np.log(by_peer).mean(axis=0))
    peer = float(np.median(peers))
    if peer >= VISIBLE_DIP:
        return RULE.not_applicable("no_dip", ratio=peer, n=len(names))

    ratios = _ratios(own[:, None], saturdays)[:, 0]
    observed = float(np.exp(np.log(ratios).mean()))
    level = (observed - peer) / (1.0 - peer)
    excess_ratios = _excess(own, scene, saturdays)
    variant = "level" if excess_ratios is None else "excess"
    used = ratios if excess_ratios is None else excess_ratios
    ratio = observed if excess_ratios is None else float(excess_ratios.mean())
    share = (ratio - peer) / (1.0 - peer)
    se_ratio = float(np.std(used, ddof=1) / np.sqrt(len(used)))
    se_peer = float(1.2533 * 1.4826 * np.median(np.abs(peers - peer)) / np.sqrt(len(peers)))
    error = 1.96 * float(np.hypot(se_ratio / (1.0 - peer), se_peer * (1.0 - ratio) / (1.0 - peer) ** 2))
    placebo = _placebos(peers)
    at_least = int((placebo >= level).sum())
    pooled = np.concatenate([placebo, *_other_stretches(values, scene.window, saturdays)])
    standing = conformal_rank(level, pooled, "greater")
    p = standing.p
    whole = table.total - np.where(np.isfinite(subject.values), subject.values, 0.0)
    together = _ratios(np.where(whole > 0, whole, np.nan)[:, None], saturdays)[:, 0]
    limits = [Message.of(f"{RULE.id}.limit_no_dip"), Message.of(f"{RULE.id}.limit_clock")]
    if len(saturdays) < 4:
        limits.append(Message.of(f"{RULE.id}.limit_few", n=len(saturdays)))
    if variant == "excess":
        limits.append(Message.of(f"{RULE.id}.limit_excess"))
    figures = {
        "ratio": ratio,
        "ratio_level": observed,
        "ratio_peers": peer,
        "f_level": level,
        "weekends": float(len(saturdays)),
        "peers_without_dip": float((peers >= VISIBLE_DIP).mean()),
    }
    if np.isfinite(together).all():
        figures["ratio_rest_of_market"] = float(np.exp(np.log(together).mean()))
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.{variant}",
                subject=subject.name,
                ratio=ratio,
                peer=peer,
                n=len(names),
                weekends=len(saturdays),
                # The estimate can leave 0 to 1 by noise; a sentence about a share must not, the statistic keeps it.
                share=min(max(share, 0.0), 1.0),
                low=min(max(share - error, 0.0), 1.0),
                high=min(max(share + error, 0.0), 1.0),
                at_least=at_least,
            ),
            statistic=Statistic(
                "share_without_weekend",
                share,
                "share",
                reference=Message.of(f"{RULE.id}.reference", n=int(pooled.size), peers=len(names)),
                n_reference=int(pooled.size),
                rank=standing.rank,
                p=p,
                low=share - error,
                high=share + error,
            ),
            variant=variant,
            severity=_severity(share, share - error, p),
            confidence=(
                Confidence.HIGH
                if len(saturdays) >= 4 and len(names) >= 20
                else Confidence.MEDIUM
                if len(saturdays) >= 3
                else Confidence.LOW
            ),
            limits=tuple(limits),
            data=Rows.of(
                saturday=[scene.day(int(s)) for s in saturdays],
                weekend_value=[float(own[s] + own[s + 1]) for s in saturdays],
                weekend_to_weekday=ratios.tolist(),
                used_ratio=used.tolist(),
                peers_median_ratio=np.median(by_peer, axis=1).tolist(),
            ),
            figures=MappingProxyType(figures),
        )
    ]


def _weekends(own: Floats, scene: Scene) -> npt.NDArray[np.int64]:
    """Rows of the window's Saturdays whose weekend is known, with two known weekdays on either side in the window."""
    dates = scene.table.dates
    first = int(dates[0].weekday())
    rows = np.arange(scene.window.start, scene.window.stop)
    inside = np.full(len(own), np.nan)
    inside[rows] = own[rows]
    found = []
    for row in rows[(rows + first) % 7 == 5]:
        before, after = inside[max(0, row - 3) : row], inside[row + 2 : row + 5]
        weekend = inside[row : row + 2]
        full = len(weekend) == 2 and np.isfinite(weekend).all()
        if full and np.isfinite(before).sum() >= 2 and np.isfinite(after).sum() >= 2:
            found.append(int(row))
    return np.asarray(found, dtype=np.int64)


def _ratios(values: Floats, saturdays: npt.NDArray[np.int64]) -> Floats:
    """Weekend to interpolated weekday level, shape (weekends, N); NaN where fewer than 2 weekdays of a side are known."""
    out = np.full((len(saturdays), values.shape[1]), np.nan)
    logs = np.log(values)
    for i, row in enumerate(saturdays):
        (left, at_left), (right, at_right) = _side(logs, row - 3, row), _side(logs, row + 2, min(row + 5, len(logs)))
        slope = (right - left) / (at_right - at_left)
        expected = np.exp(left + slope * (row - at_left)) + np.exp(left + slope * (row + 1 - at_left))
        out[i] = (values[row] + values[row + 1]) / expected
    return out


def _side(logs: Floats, first: int, stop: int) -> tuple[Floats, Floats]:
    """Mean of the known values of some rows per column, and the mean row they stand at; NaN below 2 values."""
    part = logs[max(0, first) : stop]
    rows = np.arange(max(0, first), stop, dtype=np.float64)[:, None]
    known = np.isfinite(part)
    n = np.where(known.sum(axis=0) >= 2, known.sum(axis=0), np.nan)
    return np.where(known, part, 0.0).sum(axis=0) / n, np.where(known, rows, 0.0).sum(axis=0) / n


def _excess(own: Floats, scene: Scene, saturdays: npt.NDArray[np.int64]) -> Floats | None:
    """Weekend ratios of the traffic above the usual level by weekday; None where there is no such level or no rise."""
    start = scene.window.start
    first = max(0, start - 7 * BASE_WEEKS)
    earlier = own[first:start]
    if int(np.isfinite(earlier).sum()) < FEWEST_BASE_DAYS:
        return None
    base = np.full(7, np.nan)
    for place in range(7):
        same = earlier[(np.arange(first, start) % 7) == place]
        same = same[np.isfinite(same)]
        if len(same) >= 2:
            base[place] = np.median(same)
    if not np.isfinite(base).all():
        return None
    usual = base[np.arange(len(own)) % 7]
    over = own - usual
    ratios = []
    for row in saturdays:
        left, right = slice(max(0, row - 3), row), slice(row + 2, min(row + 5, len(own)))
        sides = np.concatenate([over[left], over[right]])
        weekday = 0.5 * (float(np.nanmean(over[left])) + float(np.nanmean(over[right])))
        level = float(np.mean(np.concatenate([usual[left], usual[right]])))
        if not np.isfinite(sides).any() or weekday < EXCESS * level:
            return None
        ratios.append(float(over[row] + over[row + 1]) / (2.0 * weekday))
    return np.asarray(ratios)


def _placebos(peers: Floats) -> Floats:
    """Share without a weekend of each peer against the median of the others."""
    rest = _medians_without_each(peers)
    # Where the rest has no dip a placebo's own f is unbounded; the plain ratio orders such peers the same way.
    return np.asarray((peers - rest) / np.maximum(1.0 - rest, 1e-3))


def _other_stretches(values: Floats, window: slice, saturdays: npt.NDArray[np.int64]) -> list[Floats]:
    """Shares without a weekend of the peers in the stretches whole weeks from the window that do not overlap it or each other."""
    step = -(-(window.stop - window.start) // 7) * 7
    found = []
    for start in range(window.start % step, len(values) - (window.stop - window.start) + 1, step):
        if start == window.start:
            continue
        ratios = _ratios(values, saturdays + (start - window.start))
        part = values[start : start + window.stop - window.start]
        highest, lowest = np.where(np.isfinite(part), part, -np.inf), np.where(np.isfinite(part), part, np.inf)
        known = np.isfinite(ratios).all(axis=0) & (highest.max(axis=0) > lowest.min(axis=0))
        if int(known.sum()) < FEWEST_PEERS:
            continue
        peers = np.exp(np.log(ratios[:, known]).mean(axis=0))
        # The window itself is only judged where its peers have a dip.
        if float(np.median(peers)) < VISIBLE_DIP:
            found.append(_placebos(peers))
    return found


def _medians_without_each(values: Floats) -> Floats:
    """Median of all other values, for each value; O(n log n)."""
    n = len(values)
    ordered = np.sort(values)
    position = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    low, high = (n - 2) // 2, (n - 1) // 2
    return np.asarray(
        0.5 * (ordered[np.where(position <= low, low + 1, low)] + ordered[np.where(position <= high, high + 1, high)])
    )


def _severity(share: float, low: float, p: float) -> Severity:
    if low <= 0 or share < 0.25:
        return Severity.INFO
    if share >= 0.8 and p <= 0.05:
        return Severity.HIGH
    return Severity.MEDIUM if share >= 0.5 and p <= 0.1 else Severity.LOW
