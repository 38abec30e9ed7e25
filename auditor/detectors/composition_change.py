"""AUD146 asks whether the subject's own composition changed when the window began, more than compositions usually change.

For each published ratio (tokens per request on the log scale; completion, cached and reasoning share as log odds) the mean over the
window less the mean over the periods before it is taken, with the usual weekday taken out and the peers' median change on the same
periods subtracted. Each change is divided by the scatter that the entity's own earlier changes of the same shape have (so
autocorrelation is in it), plus what ordinary newcomers would bring where volume rose. The ratios are joined by a Mahalanobis distance
and ranked among the distances of the peers over the same and earlier windows.

References
----------
Mahalanobis, P. C. (1936). On the generalised distance in statistics. Proceedings of the National Institute of Sciences of India 2, 49-55.
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.changes import changes, column_medians, earlier, scales, without_season
from auditor.detectors.metrics import BASE_PERIODS, Paired, folded, paired, playing, request_tables, token_tables
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.panel import Panel, Table
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD146", name="composition_change", family=Family.COMPOSITION)

#: Folded names of further counts that are a part of another: the part, and the role of the whole.
FURTHER: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "cached share": (("cached_tokens", "cached_prompt_tokens", "tokens_cached", "cache_read_tokens"), "prompt"),
        "reasoning share": (("reasoning_tokens", "tokens_reasoning", "thinking_tokens"), "completion"),
    }
)

#: Fewest peers and fewest reference changes that a rank is stated among.
FEWEST_PEERS, FEWEST = 5, 20

#: Fewest periods before the window.
FEWEST_BASE = 5

#: Newcomers are taken to differ from the users there are by this part of what entities differ by among themselves.
NEWCOMERS = 0.3

#: Rise of the volume from which the composition of what was added is estimated.
RISE = 1.25


@dataclass(frozen=True, eq=False)
class _Part:
    """One ratio: its name, its two counts, and their ratio on a scale without bounds, shape (T, 1 + K)."""

    name: str
    pair: Paired
    odds: bool
    scale: Floats


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Rank the subject's change of composition among the changes of its peers over the same and earlier windows."""
    name = scene.subject.name
    parts = _parts(scene)
    if not parts:
        return RULE.not_applicable("no_ratio", subject=name)
    start, length = scene.window.start, scene.window.stop - scene.window.start
    parts, base = _with_base(parts, scene.window)
    if not parts:
        return RULE.not_applicable("no_base", subject=name, least=FEWEST_BASE)
    peers, columns = _aligned(parts)
    if len(peers) < FEWEST_PEERS:
        return RULE.not_applicable("few_peers", subject=name, n=len(peers), least=FEWEST_PEERS)
    moved = [_moved(p.scale[:, c], scene, length, base) for p, c in zip(parts, columns, strict=True)]
    grown = changes(_volume(parts[0], columns[0])[:, :1], length, base)[start, 0]
    added = 1.0 - float(np.exp(-max(float(grown), 0.0))) if np.isfinite(grown) else 0.0
    spread = [_scatter(m, start, length) for m in moved]
    own = np.array(
        [
            m[start, 0] / np.hypot(d[0], _newcomers(p.scale[:, c], start) * added)
            for m, d, p, c in zip(moved, spread, parts, columns, strict=True)
        ]
    )
    if not np.isfinite(own).all():
        return RULE.not_applicable("no_scale", subject=name)
    # The references are not given the allowance for newcomers: those among them that had any make the test more careful.
    rows = earlier(start, length, len(peers))
    kept = np.stack([m[rows] / d for m, d in zip(moved, spread, strict=True)])
    # The subject's own windows before the one in question enter too: nothing was in question then.
    kept[:, rows > start - length, 0] = np.nan
    reference = kept.reshape(len(parts), -1)
    reference = reference[:, np.isfinite(reference).all(axis=0)]
    if reference.shape[1] < FEWEST:
        return RULE.not_applicable("few_changes", subject=name, n=reference.shape[1], least=FEWEST)
    inverse = np.linalg.inv(_correlation(reference))
    value = float(np.sqrt(own @ inverse @ own))
    distances = np.sqrt(np.einsum("in,ij,jn->n", reference, inverse, reference))
    place = conformal_rank(value, distances, "greater")
    return [_finding(scene, parts, columns, moved, own, value, place.p, place.rank, distances.size, base)]


def _finding(
    scene: Scene,
    parts: Sequence[_Part],
    columns: Sequence[Sequence[int]],
    moved: Sequence[Floats],
    own: Floats,
    value: float,
    p: float,
    rank: int,
    n: int,
    base: int,
) -> Finding:
    start, name = scene.window.start, scene.subject.name
    figures: dict[str, float] = {"parts": float(len(parts)), "base_periods": float(base)}
    marginal, outside = _marginals(parts, scene.window, base)
    told = []
    for part, change, z in zip(parts, moved, own, strict=True):
        key = part.name.replace(" ", "_")
        figures[f"{key}_change"], figures[f"{key}_z"] = float(change[start, 0]), float(z)
        if part.name in marginal:
            figures[f"{key}_added"] = marginal[part.name]
    strongest = int(np.argmax(np.abs(own)))
    part = parts[strongest]
    levels = [float(part.pair.ratio(rows)[0]) for rows in (slice(max(0, start - base), start), scene.window)]
    limits = [Message.of("AUD146.limit_newcomers"), Message.of("AUD146.limit_season")]
    if len(parts) == 1:
        limits.append(Message.of("AUD146.limit_one_part", part=part.name))
    if base < BASE_PERIODS:
        limits.append(Message.of("AUD146.limit_short_base", n=base))
    if outside:
        limits.append(Message.of("AUD146.limit_added", part=outside[0], value=marginal[outside[0]]))
    count = len(columns[0]) - 1
    for item, c in zip(parts, columns, strict=True):
        before = item.pair.ratio(slice(max(0, start - base), start))[list(c)]
        inside = item.pair.ratio(scene.window)[list(c)]
        told.append((item.name, before, inside))
    names = ["(subject)", *(parts[0].pair.peers[c - 1] for c in columns[0][1:])]
    width = 4.0 * float(np.nanmax(part.pair.width[scene.window], initial=0.0))
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=name,
        window=scene.span,
        statement=Message.of(
            f"AUD146.{'changed' if p <= 0.05 else 'usual'}",
            subject=name,
            start=scene.span.start,
            end=scene.span.end,
            part=part.name,
            before=levels[0],
            after=levels[1],
            z=float(abs(own[strongest])),
            share=p,
            n=n,
        ),
        statistic=Statistic(
            name="Mahalanobis distance of the change of composition",
            value=value,
            unit="standard deviations",
            reference=Message.of("AUD146.reference", n=n, peers=count),
            n_reference=n,
            rank=rank,
            p=p,
            low=value * (1 - min(1.0, width)) if width else None,
            high=value * (1 + width) if width else None,
        ),
        variant="added_outside" if outside else "",
        severity=Severity.HIGH if p <= 0.01 else Severity.MEDIUM if p <= 0.05 else Severity.INFO,
        confidence=Confidence.HIGH if n >= 200 and base >= 14 else Confidence.MEDIUM if n >= 50 else Confidence.LOW,
        limits=tuple(limits),
        data=Rows.of(
            ratio=[item for item, before, _ in told for _ in before],
            entity=names * len(told),
            before=np.concatenate([b for _, b, _ in told]),
            window=np.concatenate([w for _, _, w in told]),
            log_change=np.concatenate([m[start] for m in moved]),
        ),
        figures=MappingProxyType(figures),
    )


def _parts(scene: Scene) -> list[_Part]:
    """Return the ratios that the panel states for the subject."""
    panel = scene.panel
    tokens, requests = token_tables(scene), request_tables(scene)
    prompt, completion, total = (playing(panel, role) for role in ("prompt", "completion", "tokens"))
    wanted: list[tuple[str, tuple[Table, ...], tuple[Table, ...]]] = []
    if tokens and requests:
        wanted.append(("tokens per request", tokens, requests))
    if completion is not None and (prompt is not None or total is not None):
        whole = (prompt, completion) if prompt is not None else (total,)
        wanted.append(("completion share", (completion,), tuple(t for t in whole if t is not None)))
    for name, (names, role) in FURTHER.items():
        part, of = _named(panel, names), {"prompt": prompt, "completion": completion}[role]
        if part is not None and of is not None:
            wanted.append((name, (part,), (of,)))
    found = []
    for name, over, under in wanted:
        pair = paired(scene, over, under, itemised=True)
        if pair is not None:
            odds = name != "tokens per request"
            found.append(_Part(name, pair, odds, _unbounded(pair, odds=odds)))
    return found


def _named(panel: Panel, names: Sequence[str]) -> Table | None:
    return next((t for _, t in sorted(panel.tables.items()) if folded(t.metric) in names), None)


def _unbounded(pair: Paired, *, odds: bool) -> Floats:
    """Log of a ratio, or log odds of a share, shape (T, 1 + K); NaN where it is at or beyond its bounds."""
    top, bottom = pair.over, pair.under - pair.over if odds else pair.under
    good = np.isfinite(top) & np.isfinite(bottom) & (np.nan_to_num(top) > 0) & (np.nan_to_num(bottom) > 0)
    return np.asarray(
        np.log(np.where(good, top, 1.0)) - np.log(np.where(good, bottom, 1.0)) + np.where(good, 0.0, np.nan)
    )


def _with_base(parts: Sequence[_Part], window: slice) -> tuple[list[_Part], int]:
    """Return the ratios known before and inside the window, and how many periods before it serve as the base of all."""
    kept, base = [], BASE_PERIODS
    for part in parts:
        own = np.isfinite(part.scale[:, 0])
        before = own[max(0, window.start - BASE_PERIODS) : window.start]
        if before.sum() < FEWEST_BASE or 2 * own[window].sum() < window.stop - window.start:
            continue
        kept.append(part)
        base = min(base, int(before.size - np.argmax(before)))
    return kept, base


def _aligned(parts: Sequence[_Part]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Return the peers that have every ratio, and for each ratio the columns of the subject and of those."""
    peers = tuple(n for n in parts[0].pair.peers if all(n in p.pair.peers for p in parts[1:]))
    return peers, [[0, *(p.pair.peers.index(n) + 1 for n in peers)] for p in parts]


def _moved(values: Floats, scene: Scene, length: int, base: int) -> Floats:
    """Change from before each row to the window from it on, less the peers' median change, shape (T, 1 + K)."""
    plain = changes(without_season(values, scene.window, scene.panel.frequency.season), length, base)
    common = column_medians(plain[:, 1:].T)
    return plain - np.nan_to_num(common)[:, None]


def _scatter(moved: Floats, start: int, length: int) -> Floats:
    """Scale of each entity's changes over windows that end before the one in question; without any, of the peers' over it."""
    past = moved[: max(0, start - length + 1)]
    if np.isfinite(past).any():
        return np.maximum(scales(past, length), 1e-9)
    now = np.abs(moved[start, 1:])
    now = now[np.isfinite(now)]
    return np.full(moved.shape[1], max(MAD_TO_SIGMA * float(np.median(now)), 1e-9) if now.size else np.nan)


def _volume(part: _Part, columns: Sequence[int]) -> Floats:
    """Log of the volume (tokens) that a ratio is stated for, shape (T, 1 + K)."""
    counted = (part.pair.under if part.odds else part.pair.over)[:, list(columns)]
    return np.log(np.where(np.nan_to_num(counted) > 0, counted, np.nan))


def _newcomers(values: Floats, start: int) -> float:
    """Spread of a ratio among newcomers: a part of its spread among entities before the window."""
    levels = column_medians(values[max(0, start - BASE_PERIODS) : start])
    levels = levels[np.isfinite(levels)]
    return NEWCOMERS * float(MAD_TO_SIGMA * np.median(np.abs(levels - np.median(levels)))) if levels.size else 0.0


def _correlation(reference: Floats) -> Floats:
    """Correlation of the standardised changes, with outliers held in, shrunk a little so that it can be inverted."""
    held = np.clip(reference, -3.0, 3.0)
    spread = held.std(axis=1)
    if held.shape[0] == 1 or not (spread > 1e-9).all():
        return np.eye(held.shape[0])
    return 0.95 * np.corrcoef(held) + 0.05 * np.eye(held.shape[0])


def _marginals(parts: Sequence[_Part], window: slice, base: int) -> tuple[dict[str, float], list[str]]:
    """Return the ratio that the added volume must have had, and the names of those that no entity has.

    (numerator after - before) / (denominator after - before), of means per period; only where the volume rose by a quarter.
    """
    found: dict[str, float] = {}
    outside: list[str] = []
    for part in parts:
        before, after = slice(max(0, window.start - base), window.start), window
        means = []
        for counts in (part.pair.over, part.pair.under):
            sides = [counts[rows, 0][np.isfinite(counts[rows, 0])] for rows in (before, after)]
            means.append([float(s.mean()) for s in sides])
        (top0, top1), (bottom0, bottom1) = means
        volume = (bottom1, bottom0) if part.odds else (top1, top0)
        if volume[0] < RISE * volume[1]:
            continue
        gained = bottom1 - bottom0
        value = (top1 - top0) / gained if abs(gained) > 1e-9 * bottom1 else float("inf")
        if np.isfinite(value):
            found[part.name] = value
        levels = part.pair.ratio(window)[1:]
        levels = levels[np.isfinite(levels)]
        if levels.size and np.isfinite(value) and not levels.min() <= value <= levels.max():
            outside.append(part.name)
    return found, outside
