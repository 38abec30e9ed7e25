"""AUD121 asks whether the peers fell when the subject rose.

``D = 1 - dTotal / dSubject = -dPeers / dSubject`` over a rise of the subject. D near 1: the peers fell by as much as it
rose, so the rise came out of the market; near 0: it added to the market; above 1 or below 0: the peers moved further than
that, or the other way. The total holds the subject, so peers are always ``total - subject``.

Headline rule (the same for every case): the subject's largest rise from one period to the next inside the window, as
published; where the usual change of the peers at that step of the week exceeds twice its own scatter, that usual change
is taken out first (a market that always dips on Saturday has not lost anything to the subject). Every other basis is in
the data of the finding.

Two references: the rank of the peers' change beyond the usual one among all periods outside the window (a conformal
p-value, valid where the subject's rise merely adds to the market), and D for rises of other entities, as context.

References
----------
Conlon, C., Mortimer, J. H. (2021). Empirical properties of diversion ratios. RAND Journal of Economics 52(4), 693-726.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import Changes, changes, record_rise, subject_levels
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Status
from auditor.panel import Table
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD121", name="diversion", family=Family.MARKET)

#: A rise must be at least this many robust standard deviations of the peers' unusual change ...
FLOOR_NOISE = 3.0
#: ... and at least this share of the market total, to be seen in the total at all.
FLOOR_SHARE = 0.02

#: The usual change of the peers is taken out where it exceeds so many robust standard deviations.
SEASON_NOISE = 2.0

#: D within this distance of 0 counts as added to the market, of 1 as matched.
BAND = 0.2

#: Peers listed in the data: the largest falls and the largest rises.
DONORS, GAINERS = 8, 4


#: Row of the data that holds the publisher's remainder.
REMAINDER = "(below the cut-off)"


@dataclass(frozen=True)
class Basis:
    """D over one step: the subject's and the total's values at both ends, and the usual change of the peers in between."""

    name: str
    first: int
    last: int
    rise: float
    before: float
    after: float
    usual: float = 0.0

    @property
    def d(self) -> float:
        """The diversion ratio; NaN unless the subject rose."""
        return 1.0 - (self.after - self.before - self.usual) / self.rise if self.rise > 0 else float("nan")


def floor(total: float, peers: float, noise: float) -> float:
    """Smallest rise that can be told from the market's own scatter.

    ``max(3 * noise * peers, 2 % of total)``; without an estimate of the scatter, the second alone. D then has a
    robust standard deviation of at most 1/3.
    """
    scatter = FLOOR_NOISE * noise * peers if np.isfinite(noise) else 0.0
    return max(scatter, FLOOR_SHARE * total)


def takes_out_season(split: Changes, row: int) -> bool:
    """Whether the usual change at a row stands out of its own scatter (the headline rule)."""
    return bool(np.isfinite(split.usual[row]) and abs(split.usual[row]) > SEASON_NOISE * split.noise)


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Measure D at the subject's largest rise, on further bases, and for comparable rises of other entities."""
    table, name = scene.table, scene.subject.name
    if not table.has_total:
        return RULE.not_applicable("no_total", subject=name)
    total, levels = table.total, subject_levels(scene.subject)
    row = record_rise(levels, total, scene.window)
    if row is None:
        return RULE.not_applicable("no_rise", subject=name)
    excluded = np.zeros(total.shape, dtype=bool)
    excluded[scene.window] = True
    peers = total - levels
    unlisted = ~np.isfinite(scene.subject.values)
    peers[unlisted] = total[unlisted]  # below the cut-off it is part of the remainder
    split = changes(peers, scene.panel.frequency.season, excluded)
    rise = float(levels[row] - levels[row - 1])
    needed = floor(float(total[row - 1]), float(peers[row - 1]), split.noise)
    if rise < needed:
        return RULE.not_applicable("rise_too_small", subject=name, day=scene.day(row), rise=rise, needed=needed)
    return [_finding(scene, split, levels, peers, row)]


def _finding(scene: Scene, split: Changes, levels: Floats, peers: Floats, row: int) -> Finding:
    table, name, total = scene.table, scene.subject.name, scene.table.total
    plain = _basis("record rise", levels, total, row - 1, row)
    adjusted = _basis("record rise, usual change taken out", levels, total, row - 1, row, split)
    seasonal = takes_out_season(split, row)
    head = adjusted if seasonal else plain
    bases = [b for b in (plain, adjusted, *_further(scene, split, levels, row)) if np.isfinite(b.d)]
    low, high = _bounds(scene, row, head.usual)
    placebo = _placebos(table, split, scene)
    n = int(placebo.size)
    falls = split.adjusted[split.reference]
    depth = 1 + int((falls <= split.adjusted[row]).sum())
    weekly = [b.d for b in bases if b.name.startswith(("same ", "matched "))]
    donors = _peer_changes(scene, row)
    first = donors[0] if donors else ("", 0.0, 0.0, 0.0)
    spread = split.noise * float(peers[row - 1]) / head.rise
    limits = [Message.of("AUD121.limit_ids"), Message.of("AUD121.limit_coincidence")]
    if weekly and max(abs(d - head.d) for d in weekly) > BAND:
        limits.append(Message.of("AUD121.limit_week", d=head.d, least=min(weekly), most=max(weekly)))
    steps = _other_steps(scene, split, levels, peers, row)
    if steps:
        least, most = min(steps, key=lambda b: b.d), max(steps, key=lambda b: b.d)
        days = {"least_day": scene.day(least.last), "most_day": scene.day(most.last)}
        several = "s" if len(steps) > 1 else ""
        limits.append(Message.of(f"AUD121.limit_step{several}", n=len(steps), least=least.d, most=most.d, **days))
    if not seasonal and np.isfinite(adjusted.d) and abs(adjusted.d - head.d) > 0.05:
        limits.append(Message.of("AUD121.limit_season", d=head.d, adjusted=adjusted.d))
    if np.isfinite(spread):
        limits.append(Message.of("AUD121.limit_noise", spread=2 * spread))
    else:
        limits.append(Message.of("AUD121.limit_no_noise"))
    if not np.isfinite(scene.subject.values[row - 1]):
        limits.append(
            Message.of("AUD121.limit_censored", day=scene.day(row - 1), bound=float(scene.subject.high[row - 1]))
        )
    if not n:
        limits.append(Message.of("AUD121.limit_no_placebo"))
    fall = head.d * head.rise
    key = "exceeded" if head.d > 1 + BAND else "diverted" if head.d >= BAND else "along" if head.d < -BAND else "added"
    values: dict[str, Any] = {
        "subject": name,
        "before_day": scene.day(row - 1),
        "day": scene.day(row),
        "rise": head.rise,
        "fall": fall,
        "gain": -fall,
        "peers_change": head.after - head.before - head.rise,
        "before": head.before,
        "after": head.after,
        "d": head.d,
        "usual": float(np.expm1(split.usual[row])),
        "donor": first[0],
        "donor_fall": -first[3],
    }
    named = key in {"exceeded", "diverted"} and first[3] < 0 and first[0] != REMAINDER
    statement = f"AUD121.{key}{'_season' if seasonal else ''}{'_donor' if named else ''}"
    figures = {
        "rise": head.rise,
        "total_before": head.before,
        "total_after": head.after,
        "d_plain": plain.d,
        "d_season": adjusted.d,
        "d_noise": spread,
        "usual_change": float(np.expm1(split.usual[row])),
        "placebos": float(n),
        "placebo_median": float(np.median(placebo)) if n else float("nan"),
        "placebo_share_above": float((placebo >= head.d).mean()) if n else float("nan"),
        "top_donor_share": -first[3] / head.rise,
        **{f"d_{_slug(b.name)}": b.d for b in bases[2:] if not b.name.startswith("rise of")},
    }
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=name,
        window=scene.dates(row - 1, row),
        statement=Message.of(statement, **values),
        statistic=Statistic(
            name="diversion ratio D",
            value=head.d,
            unit="share of the rise",
            reference=Message.of(
                f"AUD121.reference{'' if falls.size and n else '_periods' if falls.size else '_none'}",
                n=int(falls.size),
                placebos=n,
                median=figures["placebo_median"],
            ),
            n_reference=int(falls.size),
            rank=depth if falls.size and np.isfinite(split.adjusted[row]) else None,
            p=depth / (falls.size + 1) if falls.size and np.isfinite(split.adjusted[row]) else None,
            low=low,
            high=high,
        ),
        severity=_severity(head.d),
        confidence=_confidence(split.noise, spread, n, seasonal=seasonal),
        limits=tuple(limits),
        data=_rows(scene, bases, donors, head.rise, row),
        figures=MappingProxyType(figures),
    )


def _basis(name: str, levels: Floats, total: Floats, first: int, last: int, split: Changes | None = None) -> Basis:
    before, after = float(total[first]), float(total[last])
    usual = 0.0
    if split is not None:
        usual = float((total[first] - levels[first]) * np.expm1(split.usual[last]))
    return Basis(name, first, last, float(levels[last] - levels[first]), before, after, usual)


def _further(scene: Scene, split: Changes, levels: Floats, record: int) -> list[Basis]:
    """All other bases: each rise of the window, a week earlier, before the window to the peak, week means."""
    total, season = scene.table.total, scene.panel.frequency.season
    found: list[Basis] = []
    for row in range(max(scene.window.start, 1), scene.window.stop):
        step = levels[row] - levels[row - 1]
        if row != record and step >= FLOOR_SHARE * total[row - 1]:
            day = scene.day(row).isoformat().removesuffix("T00:00:00")
            found.append(_basis(f"rise of {day}", levels, total, row - 1, row))
            found.append(_basis(f"rise of {day}, usual change taken out", levels, total, row - 1, row, split))
    start, peak = scene.window.start, scene.peak
    if start > 0 and peak > start - 1:
        found.append(_basis("last period before the window to the peak", levels, total, start - 1, peak))
    if season is None:
        return found
    unit = "weekday a week" if season == 7 else "hour a day"
    for row, label in ((record, "record rise"), (peak, "peak")):
        if row >= season:
            found.append(_basis(f"same {unit} earlier, {label}", levels, total, row - season, row))
    pairs = [r for r in range(start, min(start + season, scene.window.stop)) if r >= season and r - season < start]
    pairs = [r for r in pairs if np.isfinite([levels[r], levels[r - season], total[r], total[r - season]]).all()]
    if len(pairs) > 1:
        after = np.array(pairs)
        rise = float((levels[after] - levels[after - season]).mean())
        before, during = float(total[after - season].mean()), float(total[after].mean())
        found.append(Basis("matched means before and during", pairs[0] - season, pairs[-1], rise, before, during))
    return found


def _other_steps(scene: Scene, split: Changes, levels: Floats, peers: Floats, record: int) -> list[Basis]:
    """Read the other steps of the window that clear the floor, each by the headline rule."""
    found = []
    for row in range(max(scene.window.start, 1), scene.window.stop):
        before = float(scene.table.total[row - 1])
        rise = float(levels[row] - levels[row - 1])
        if row != record and rise >= floor(before, float(peers[row - 1]), split.noise):
            step = split if takes_out_season(split, row) else None
            found.append(_basis("", levels, scene.table.total, row - 1, row, step))
    return [basis for basis in found if np.isfinite(basis.d)]


def _bounds(scene: Scene, row: int, usual: float) -> tuple[float | None, float | None]:
    """Smallest and largest D that the rounding and the cut-off allow; None where the rise might be nil.

    What the subject may have had below the cut-off is part of the published total, so the peers shrink by as much. Its
    rounding, where the total is a sum of listed rows, moves total and subject alike and cancels in ``-dPeers / dSubject``.
    """
    subject, table = scene.subject, scene.table
    others = table.without(subject.parts)
    columns = [table.index[part] for part in subject.parts]
    pair = [row - 1, row]
    width = np.where(np.isfinite(others.values), others.high - others.low, 0.0)[pair].sum(axis=1) / 2
    listed = np.isfinite(table.values[pair][:, columns])
    least = np.where(listed, table.low[pair][:, columns], 0.0).sum(axis=1)
    most = np.where(listed, table.high[pair][:, columns], 0.0).sum(axis=1)
    value = np.where(listed, table.values[pair][:, columns], 0.0).sum(axis=1)
    unlisted = np.nansum(np.where(listed, 0.0, table.high[pair][:, columns]), axis=1)
    stated = np.isfinite(table.published_total[pair])
    error = float(np.where(stated, 0.0, width).sum())
    found = []
    for s0, s1, x0, x1 in product(*[(least[i], most[i]) for i in (0, 1)], *[(0.0, unlisted[i]) for i in (0, 1)]):
        rise = s1 + x1 - s0 - x0
        if not rise > 0:
            return None, None
        shown = np.where(stated, (s0, s1), value)
        peers = table.total[pair] - shown - (x0, x1)
        change = peers[1] - peers[0] - usual
        found += [-(change + error) / rise, -(change - error) / rise]
    return float(min(found)), float(max(found))


def _placebos(table: Table, split: Changes, scene: Scene) -> Floats:
    """D of the largest rise of any other entity on each period outside the window, where it is 2 % of the total or more.

    Smaller rises than the subject's are let in because few are as large; market scatter then spreads their D further,
    which makes the subject's rank less extreme, not more.
    """
    others = table.without(scene.subject.parts)
    middle = np.where(np.isfinite(others.values), others.values, 0.5 * (others.low + others.high))
    middle = np.where(others.status == Status.PARTIAL, np.nan, middle)
    rises = np.full(middle.shape, -np.inf)
    if not middle.size:
        return np.zeros(0)
    step = np.diff(middle, axis=0)
    rises[1:] = np.where(np.isfinite(step), step, -np.inf)
    best = rises.argmax(axis=1)
    found = []
    for row in np.flatnonzero(split.reference):
        rise = float(rises[row, best[row]])
        before, after = float(table.total[row - 1]), float(table.total[row])
        rest = before - float(middle[row - 1, best[row]]) if np.isfinite(rise) else 0.0
        if not np.isfinite(before + after) or rise < FLOOR_SHARE * before:
            continue
        usual = rest * float(np.expm1(split.usual[row])) if takes_out_season(split, int(row)) else 0.0
        found.append(1.0 - (after - before - usual) / rise)
    return np.array(found)


def _peer_changes(scene: Scene, row: int) -> list[tuple[str, float, float, float]]:
    """Largest falls, then largest rises, among the peers: name, before, after, change (at least, where one end is bounded)."""
    others = scene.table.without(scene.subject.parts)
    before, after = others.values[row - 1], others.values[row]
    with np.errstate(invalid="ignore"):
        fall = np.where(np.isfinite(after), after, others.high[row]) - before
        gain = after - np.where(np.isfinite(before), before, others.high[row - 1])
        change = np.where(
            np.isfinite(fall), np.where(np.isfinite(after), fall, np.minimum(fall, 0)), np.maximum(gain, 0)
        )
    change = np.where(np.isfinite(change), change, 0.0)
    order = np.argsort(change, kind="stable")
    chosen = [i for i in order[:DONORS] if change[i] < 0] + [i for i in order[::-1][:GAINERS] if change[i] > 0]
    rows = [(others.entities[i], float(before[i]), float(after[i]), float(change[i])) for i in chosen]
    rest = scene.table.other
    if np.isfinite(rest[row - 1]) and np.isfinite(rest[row]):
        rows.append((REMAINDER, float(rest[row - 1]), float(rest[row]), float(rest[row] - rest[row - 1])))
    return rows


def _rows(
    scene: Scene, bases: Sequence[Basis], donors: Sequence[tuple[str, float, float, float]], rise: float, row: int
) -> Rows:
    nothing = [float("nan")] * len(donors)
    return Rows.of(
        what=[b.name for b in bases] + [f"peer: {d[0]}" for d in donors],
        start=[scene.day(b.first) for b in bases] + [scene.day(row - 1)] * len(donors),
        end=[scene.day(b.last) for b in bases] + [scene.day(row)] * len(donors),
        subject_rise=[b.rise for b in bases] + nothing,
        before=[b.before for b in bases] + [d[1] for d in donors],
        after=[b.after for b in bases] + [d[2] for d in donors],
        usual_change=[b.usual for b in bases] + nothing,
        change=[b.after - b.before for b in bases] + [d[3] for d in donors],
        share_of_rise=[(b.after - b.before) / b.rise for b in bases] + [d[3] / rise for d in donors],
        d=[b.d for b in bases] + nothing,
    )


def _slug(name: str) -> str:
    return name.replace(",", "").replace(" ", "_")


def _severity(d: float) -> Severity:
    return (
        Severity.HIGH
        if d >= 1 - BAND
        else Severity.MEDIUM
        if d >= 0.5
        else Severity.LOW
        if d >= BAND
        else Severity.INFO
    )


def _confidence(noise: float, spread: float, n: int, *, seasonal: bool) -> Confidence:
    if not np.isfinite(noise) or spread > 0.25:
        return Confidence.LOW
    return Confidence.HIGH if spread <= 0.15 and n >= 5 and not seasonal else Confidence.MEDIUM
