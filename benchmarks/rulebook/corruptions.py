"""Seeded corruptions of a daily panel, one class for each rule that is meant for it.

A corruption takes a clean window of the panel and a seeded generator, spoils it at one random place, and says which hits of its
rule count as caught.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from auditor.case import Claim
from benchmarks.rulebook.spoilt import METRIC, Base, Rng, Spoilt, on, whole

# --- accounting -------------------------------------------------------------------------------------------------------


def listed_rows(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    frame = base.long()
    if rng.random() < 0.5:
        row = {"date": base.dates[t], "entity": "someone/new", "value": float(np.nanmin(base.values[t]))}
        frame = pd.concat([frame, pd.DataFrame([row | {"metric": METRIC, "source": "one"}])], ignore_index=True)
    else:
        frame = frame[~((frame["date"] == base.dates[t]) & (frame["entity"] == base.names[i]))]
    return Spoilt(frame, on(base, t))


def negative_value(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    if rng.random() < 0.5:
        base.other[t] = -base.other[t] * rng.uniform(0.01, 1)
    else:
        base.values[t, i] *= -rng.uniform(0.01, 1)
    return Spoilt(base.long(), on(base, t))


def remainder_jump(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    factor = rng.uniform(4, 20)
    base.other[t] *= factor if rng.random() < 0.5 else 1 / factor
    return Spoilt(base.long(), on(base, t))


def ranks_disagree(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    known = np.flatnonzero(np.isfinite(base.values[t]))
    order = known[np.argsort(-base.values[t, known])]
    ranks = {int(i): r + 1 for r, i in enumerate(order)}
    a, b = rng.choice(len(order), 2, replace=False)
    ranks[int(order[a])], ranks[int(order[b])] = int(b) + 1, int(a) + 1
    rows = [{"date": base.dates[t], "entity": base.names[i], "value": float(r)} for i, r in ranks.items()]
    extra = pd.DataFrame(rows).assign(metric="rank", source="one")
    return Spoilt(pd.concat([base.long(), extra], ignore_index=True), on(base, t))


def shares_disagree(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    known = np.flatnonzero(np.isfinite(base.values[t]))
    shares = base.values[t, known] / (np.nansum(base.values[t]) + base.other[t])
    at = int(rng.integers(len(known)))
    shares[at] += rng.uniform(0.01, 0.1)
    rows = [{"date": base.dates[t], "entity": base.names[i], "value": s} for i, s in zip(known, shares, strict=True)]
    extra = pd.DataFrame(rows).assign(metric="share", source="one")
    return Spoilt(pd.concat([base.long(), extra], ignore_index=True), on(base, t, entity=base.names[known[at]]))


def total_disagrees(base: Base, rng: Rng) -> Spoilt:
    totals = np.nansum(base.values, axis=1) + base.other
    t, i = base.cell(rng, 0, least=float(np.nanmax(totals)) * 0.002)
    frame = base.long()
    rows = pd.DataFrame({"date": base.dates, "entity": "total", "value": totals}).assign(metric=METRIC, source="one")
    rows.loc[t, "value"] += base.values[t, i] * rng.choice([-1, 1])
    return Spoilt(pd.concat([frame, rows], ignore_index=True), on(base, t))


def parts_of_tokens(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    frame = base.long()
    own = frame[frame["entity"] != "other"]
    share = rng.uniform(0.8, 0.99)
    prompt = own.assign(metric="prompt_tokens", value=np.round(own["value"] * share))
    completion = own.assign(metric="completion_tokens", value=own["value"] - prompt["value"])
    spoilt = (frame["date"] == base.dates[t]) & (frame["entity"] == base.names[i])
    frame.loc[spoilt, "value"] *= rng.choice([2.0, 3.0, 0.5, 1.1])
    return Spoilt(pd.concat([frame, prompt, completion], ignore_index=True), on(base, t, entity=base.names[i]))


def apps_exceed_platform(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    totals = np.nansum(base.values, axis=1) + base.other
    shares = rng.dirichlet(np.ones(20)) * rng.uniform(0.5, 0.9)
    apps = np.outer(totals, shares) * rng.normal(1, 0.02, (len(totals), 20))
    apps[t] *= rng.choice([3.0, 1000.0])
    frame = pd.DataFrame(
        {
            "date": np.repeat(base.dates, 20),
            "entity": [f"app {i}" for i in range(20)] * len(totals),
            "value": apps.ravel(),
        }
    ).assign(metric="app_tokens", source="one")
    return Spoilt(pd.concat([base.long(), frame], ignore_index=True), on(base, t))


def period_sum(base: Base, rng: Rng) -> Spoilt:
    mondays = [t for t in range(len(base.dates) - 6) if base.dates[t].weekday() == 0]
    common = 1 + rng.uniform(0.0005, 0.0035)
    rows, whole_weeks = [], []
    for t in mondays:
        for i in np.flatnonzero(np.isfinite(base.values[t : t + 7]).all(axis=0)):
            rows.append(
                {"date": base.dates[t], "entity": base.names[i], "value": base.values[t : t + 7, i].sum() * common}
            )
            whole_weeks.append((t, i, len(rows) - 1))
    t, i, at = whole_weeks[int(rng.integers(len(whole_weeks)))]
    rows[at]["value"] *= rng.choice([1.03, 1.2, 0.9, 2.0, 0.5])
    extra = pd.DataFrame(rows).assign(metric="weekly_total_tokens", source="one")
    return Spoilt(pd.concat([base.long(), extra], ignore_index=True), on(base, t, until=t + 6, entity=base.names[i]))


def two_names(base: Base, rng: Rng) -> Spoilt:
    run = int(rng.integers(3, 10))
    t, i = base.cell(rng, 0, least=1000, run=run)
    frame = base.long()
    copied = frame[
        (frame["entity"] == base.names[i]) & frame["date"].between(base.dates[t], base.dates[t + run - 1])
    ].assign(entity="renamed/model")
    return Spoilt(pd.concat([frame, copied], ignore_index=True), on(base, t, entity="renamed/model"))


def spelled_twice(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 1)
    frame = base.long()
    late = (frame["entity"] == base.names[i]) & (frame["date"] >= base.dates[t])
    spelled = str(rng.choice([base.names[i].upper(), base.names[i].replace("-", "_").title(), base.names[i] + " "]))
    frame.loc[late, "entity"] = spelled
    return Spoilt(frame, on(base, t, entity=base.names[i]))


def duplicate_rows(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    frame = base.long()
    row = frame[(frame["date"] == base.dates[t]) & (frame["entity"] == base.names[i])]
    again = row.assign(value=row["value"] * rng.choice([1.0, 1.0, 0.9]))
    return Spoilt(pd.concat([frame, again], ignore_index=True), on(base, t, entity=base.names[i]))


def repeated_day(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(1, len(base.dates)))
    earlier = t - 1 if rng.random() < 0.7 else int(rng.integers(0, t))
    base.values[t], base.other[t] = base.values[earlier], base.other[earlier]
    return Spoilt(base.long(), on(base, t))


def repeated_stretch(base: Base, rng: Rng) -> Spoilt:
    run = int(rng.integers(3, 8))
    t, i = base.cell(rng, 0, least=1000, run=2 * run + 3)
    later = t + run + 1 + int(rng.integers(0, 3))
    base.values[later : later + run, i] = base.values[t : t + run, i]
    return Spoilt(base.long(), on(base, later, until=later + run - 1, entity=base.names[i]))


def _to_date(base: Base, rng: Rng) -> int:
    """Turn the window into running sums of the week; return the weekday of the reset."""
    reset = int(rng.choice([0, 0, 0, 6]))
    known = np.isfinite(base.values)
    running = np.zeros(base.values.shape[1])
    running_other = 0.0
    for t, day in enumerate(base.dates):
        if day.weekday() == reset:
            running[:], running_other = 0.0, 0.0
        running += np.nan_to_num(base.values[t])
        running_other += float(base.other[t])
        base.values[t], base.other[t] = np.where(known[t], running, np.nan), running_other
    return reset


def week_to_date(base: Base, rng: Rng) -> Spoilt:
    _to_date(base, rng)
    return Spoilt(base.long(), whole)


def falling_sum(base: Base, rng: Rng) -> Spoilt:
    reset = _to_date(base, rng)
    # The first days of a week have no earlier figure to fall below.
    places = [t for t in range(7, len(base.dates)) if (base.dates[t].weekday() - reset) % 7 >= 1]
    t = int(rng.choice(places))
    base.values[t] *= rng.uniform(0.0001, 0.3)
    base.other[t] *= rng.uniform(0.0001, 0.3)
    return Spoilt(base.long(), on(base, t))


def collapsed_day(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(1, len(base.dates) - 1))
    share = rng.uniform(0.02, 0.25)
    base.values[t] = np.round(base.values[t] * share)
    base.other[t] = np.round(base.other[t] * share)
    return Spoilt(base.long(), on(base, t))


def incomplete_last_day(base: Base, rng: Rng) -> Spoilt:
    share = rng.uniform(0.05, 0.5)
    base.values[-1] = np.round(base.values[-1] * share)
    base.other[-1] = np.round(base.other[-1] * share)
    return Spoilt(base.long(), on(base, len(base.dates) - 1))


def read_before_end(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    frame = base.long()
    read = frame["date"] + pd.Timedelta(hours=25)
    read = read.mask(frame["date"] == base.dates[t], frame["date"] + pd.Timedelta(hours=float(rng.uniform(1, 23))))
    return Spoilt(frame.assign(as_of=read.dt.strftime("%Y-%m-%dT%H:%M:%SZ")), on(base, t))


def missing_periods(base: Base, rng: Rng) -> Spoilt:
    run = int(rng.integers(1, 4))
    t = int(rng.integers(1, len(base.dates) - run))
    base.values[t : t + run], base.other[t : t + run] = np.nan, np.nan
    return Spoilt(base.long(), on(base, t, until=t + run - 1))


def vanished_row(base: Base, rng: Rng) -> Spoilt:
    lowest = float(np.nanmax(np.nanmin(base.values, axis=1)))
    t, i = base.cell(rng, 1, least=3.2 * lowest)
    base.values[t, i] = np.nan
    return Spoilt(base.long(), on(base, t, entity=base.names[i]))


# --- units and scale --------------------------------------------------------------------------------------------------


def thousandfold(base: Base, rng: Rng) -> Spoilt:
    run = int(rng.integers(1, 6))
    t, i = base.cell(rng, 1, run=run)
    base.values[t : t + run, i] *= float(rng.choice([1000.0, 1e-3, 1e6, 1e-6]))
    return Spoilt(base.long(), on(base, t, until=t + run, entity=base.names[i]))


def shared_factor(base: Base, rng: Rng) -> Spoilt:
    run = int(rng.integers(1, 4))
    t = int(rng.integers(2, len(base.dates) - run - 1))
    factor = float(rng.choice([2.0, 3.0]))
    base.values[t : t + run] *= factor
    base.other[t : t + run] *= factor
    return Spoilt(base.long(), on(base, t, until=t + run))


def mixed_rounding(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0, least=1e7)
    value = base.values[t, i]
    base.values[t, i] = float(f"{value:.{int(rng.integers(1, 3))}e}")
    return Spoilt(base.long(), on(base, t, entity=base.names[i]))


def provider_shift(base: Base, rng: Rng) -> Spoilt:
    providers = np.array([n.split("/")[0] for n in base.names])
    for _ in range(50):
        t = int(rng.integers(2, len(base.dates) - 2))
        steady = np.isfinite(base.values[t - 2 : t + 2]).all(axis=0)
        able = [p for p in np.unique(providers[steady]) if (steady & (providers == p)).sum() >= 5]
        if able:
            own = providers == str(rng.choice(able))
            # A change of the tokenizer: the provider's own noise is left as it is.
            base.values[t:, own] *= float(rng.choice([1.7, 2.0, 0.55, 0.4]))
            return Spoilt(base.long(), on(base, t))
    raise LookupError("no provider with five steady entities")


def lasting_step(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(9, len(base.dates) - 8))
    factor = float(rng.choice([1.6, 2.0, 3.0, 0.6, 0.4]))
    base.values[t:] *= factor
    base.other[t:] *= factor
    return Spoilt(base.long(), on(base, t))


def fractional_counts(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    base.values[t, i] += float(rng.uniform(0.05, 0.95))
    return Spoilt(base.long(), on(base, t, entity=base.names[i]))


# --- vintages ---------------------------------------------------------------------------------------------------------


def _restated(base: Base, rng: Rng, days: float, factor: float) -> Spoilt:
    t, i = base.cell(rng, 0)
    frame = base.long()
    frame["as_of"] = (frame["date"] + pd.Timedelta(hours=25)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    row = frame[(frame["date"] == base.dates[t]) & (frame["entity"] == base.names[i])]
    later = (base.dates[t] + pd.Timedelta(days=1 + days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Spoilt(
        pd.concat([frame, row.assign(value=np.round(row["value"] * factor), as_of=later)], ignore_index=True),
        on(base, t, entity=base.names[i]),
    )


def late_revision(base: Base, rng: Rng) -> Spoilt:
    return _restated(base, rng, rng.uniform(3.05, 20), 1 + float(rng.choice([-1, 1])) * rng.uniform(1e-4, 0.05))


def downward_revision(base: Base, rng: Rng) -> Spoilt:
    return _restated(base, rng, rng.uniform(0.1, 10), 1 - rng.uniform(1e-4, 0.2))


def large_revision(base: Base, rng: Rng) -> Spoilt:
    return _restated(base, rng, rng.uniform(0.1, 10), 1 + float(rng.choice([-1, 1])) * rng.uniform(6e-4, 0.2))


def joined_late(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    frame = base.long()
    read = frame["date"] + pd.Timedelta(hours=25)
    late = (frame["date"] == base.dates[t]) & (frame["entity"] == base.names[i])
    read = read.mask(late, read + pd.Timedelta(days=float(rng.uniform(1.05, 20))))
    return Spoilt(frame.assign(as_of=read.dt.strftime("%Y-%m-%dT%H:%M:%SZ")), on(base, t, entity=base.names[i]))


def never_shown(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    day = base.dates[t].to_pydatetime()
    factor = float(rng.choice([rng.uniform(1.06, 5), rng.uniform(0.1, 0.94)]))
    claim = Claim("a quoted figure", "value", (("value", float(base.values[t, i]) * factor),))
    return Spoilt(base.long(), whole, subject=base.names[i], window=(day, day), claims=(claim,))


# --- cross-source -----------------------------------------------------------------------------------------------------


def _second(base: Base, rng: Rng) -> pd.DataFrame:
    frame = base.long(source="two")
    noise = rng.normal(1, 2e-5, len(frame))
    return frame.assign(value=np.round(frame["value"] * (1 + rng.uniform(0.0005, 0.0035)) * noise))


def source_mismatch(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    second = _second(base, rng)
    spoilt = (second["date"] == base.dates[t]) & (second["entity"] == base.names[i])
    second.loc[spoilt, "value"] *= float(rng.choice([1.05, 1.5, 0.8, 0.5, 2.0]))
    return Spoilt(pd.concat([base.long(), second], ignore_index=True), on(base, t, entity=base.names[i]))


def common_factor(base: Base, rng: Rng) -> Spoilt:
    t = int(rng.integers(len(base.dates)))
    return Spoilt(pd.concat([base.long(), _second(base, rng)], ignore_index=True), on(base, t))


def announced_figure(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 0)
    value = base.values[t, i] * float(rng.choice([1.2, 2.0, 0.5, 0.8]))
    row = {
        "date": base.dates[t],
        "entity": base.names[i],
        "value": value,
        "metric": "announced_tokens",
        "source": "one",
    }
    return Spoilt(pd.concat([base.long(), pd.DataFrame([row])], ignore_index=True), on(base, t, entity=base.names[i]))


def requests_flat(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 7)
    name = base.names[i]
    frame = base.long()
    own = frame[frame["entity"] == name]
    level = float(np.median(base.values[t - 7 : t, i])) / 40_000
    requests = own.assign(metric="requests", value=np.round(level * rng.lognormal(0, 0.05, len(own))))
    frame.loc[(frame["entity"] == name) & (frame["date"] == base.dates[t]), "value"] = (
        level * 40_000 * float(rng.uniform(3.2, 10))
    )
    day = base.dates[t].to_pydatetime()
    return Spoilt(pd.concat([frame, requests], ignore_index=True), on(base, t), subject=name, window=(day, day))


def apps_cannot_hold(base: Base, rng: Rng) -> Spoilt:
    t, i = base.cell(rng, 7)
    name, day = base.names[i], base.dates[t].to_pydatetime()
    before = float(np.median(base.values[t - 7 : t, i]))
    totals = np.nansum(base.values, axis=1) + base.other
    held = float(totals[t]) * rng.uniform(0.3, 0.7)
    base.values[t, i] = before + held * rng.uniform(1.1, 4)
    apps = pd.DataFrame({"date": [base.dates[t]] * 5, "entity": [f"app {k}" for k in range(5)], "value": held / 5})
    frame = pd.concat([base.long(), apps.assign(metric="app_tokens", source="one")], ignore_index=True)
    return Spoilt(frame, on(base, t), subject=name, window=(day, day))


@dataclass(frozen=True)
class Corruption:
    """One class of corruption and the rule that is meant for it."""

    rule: str
    spoil: Callable[[Base, Rng], Spoilt]
    days: int = 60


CLASSES: tuple[Corruption, ...] = (
    Corruption("AUD200", listed_rows),
    Corruption("AUD201", negative_value),
    Corruption("AUD202", remainder_jump),
    Corruption("AUD203", ranks_disagree),
    Corruption("AUD204", shares_disagree),
    Corruption("AUD205", total_disagrees),
    Corruption("AUD206", parts_of_tokens),
    Corruption("AUD207", apps_exceed_platform),
    Corruption("AUD208", period_sum),
    Corruption("AUD209", two_names),
    Corruption("AUD210", spelled_twice),
    Corruption("AUD211", duplicate_rows),
    Corruption("AUD212", repeated_day),
    Corruption("AUD213", repeated_stretch),
    Corruption("AUD214", week_to_date),
    Corruption("AUD215", falling_sum),
    Corruption("AUD216", collapsed_day),
    Corruption("AUD217", incomplete_last_day),
    Corruption("AUD218", read_before_end),
    Corruption("AUD219", missing_periods),
    Corruption("AUD220", vanished_row),
    Corruption("AUD230", thousandfold),
    Corruption("AUD231", shared_factor),
    Corruption("AUD232", mixed_rounding),
    Corruption("AUD233", provider_shift),
    Corruption("AUD234", lasting_step),
    Corruption("AUD235", fractional_counts),
    Corruption("AUD250", late_revision),
    Corruption("AUD251", downward_revision),
    Corruption("AUD252", large_revision),
    Corruption("AUD253", joined_late),
    Corruption("AUD254", never_shown),
    Corruption("AUD270", source_mismatch),
    Corruption("AUD271", common_factor),
    Corruption("AUD274", apps_cannot_hold),
    Corruption("AUD275", requests_flat),
    Corruption("AUD277", announced_figure),
)
