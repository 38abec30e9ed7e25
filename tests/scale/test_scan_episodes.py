"""Complete audits of many episodes: the same answers as one at a time, by market, whatever the workers."""

import json

import numpy as np
import pandas as pd
import pytest

from auditor import rulebook
from auditor.case import Case
from auditor.casefile import when
from auditor.errors import InputError, UsageError
from auditor.findings import Hypothesis
from auditor.scale.engines import engine
from auditor.scale.episodes import Episode, grouped, read_episodes, read_markets, screened_episodes
from auditor.scale.scan import Plan, audit_episodes, within
from auditor.walk import audit
from tests.build import panel
from tests.scale.tables import records

DAYS = 90


@pytest.fixture(scope="module")
def market():
    """Eight entities; two of them jump for a week, on days 60 and 70."""
    rng = np.random.default_rng(8)
    dates = pd.date_range("2026-01-05", periods=DAYS)
    season = np.where(dates.day_of_week.to_numpy() >= 5, 0.7, 1.0)
    columns = {
        f"lab/m-{i}": np.rint(1e6 * (i + 1) * season * np.exp(0.05 * rng.standard_normal(DAYS))) for i in range(8)
    }
    columns["lab/m-1"][60:67] *= 4
    columns["lab/m-6"][70:77] *= 6
    return panel({name: values.tolist() for name, values in columns.items()})


EPISODES = [Episode("lab/m-1", "2026-03-08"), Episode("lab/m-6", "2026-03-18"), Episode("lab/m-3", "2026-03-01")]


@pytest.fixture(scope="module")
def lines(market, tmp_path_factory):
    out = tmp_path_factory.mktemp("lines")
    audit_episodes(market, EPISODES, Plan(out=out))
    return (out / "scan.jsonl").read_bytes()


def test_a_line_is_the_audit_of_its_episode(market, lines):
    found = records(lines)
    book = rulebook.load()
    for episode in EPISODES:
        one = audit(market, Case(subject=(episode.entity,), date=when(episode.date)), rules=book)
        assert found[episode.entity] == {
            "entity": episode.entity,
            "date": episode.date,
            "window": str(one.scene.span),
            "value": float(one.scene.subject.values[one.scene.peak]),
            "hypothesis": one.verdict.hypothesis,
            "log10_lr": {h.value: pytest.approx(one.verdict.scores[h].log10_lr, abs=1e-6) for h in Hypothesis},
            "strength": one.verdict.strength.value,
            "rules": sorted({f.rule for f in one.findings}),
            "not_applicable": sorted({n.rule for n in one.not_applicable}),
        }


def test_order_of_the_list_and_size_of_batches_do_not_show(market, lines, tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.scale.auditing.batches.__defaults__", (1,))
    audit_episodes(market, EPISODES[::-1], Plan(out=tmp_path))
    assert (tmp_path / "scan.jsonl").read_bytes() == lines


@pytest.mark.slow
def test_workers_do_not_show(market, lines, tmp_path):
    audit_episodes(market, EPISODES, Plan(out=tmp_path, engine=engine(jobs=2)))
    assert (tmp_path / "scan.jsonl").read_bytes() == lines


def test_an_episode_that_cannot_be_audited_says_why(market, lines, tmp_path):
    bad = [Episode("lab/none", "2026-03-08"), Episode("lab/m-2", "soon"), Episode("lab/m-4", "2031-01-01")]
    result = audit_episodes(market, [*EPISODES, *bad], Plan(out=tmp_path))
    found = records((tmp_path / "scan.jsonl").read_bytes())
    assert "does not occur" in found["lab/none"]["reason"]
    assert "'soon' is not a date" in found["lab/m-2"]["reason"]
    assert "does not occur" in found["lab/m-4"]["reason"]
    assert {e: r for e, r in found.items() if "reason" not in r} == records(lines)
    assert (result.counts["answered"], result.counts["refused"]) == (3, 3)


def test_an_audit_that_fails_costs_its_own_line(market, lines, tmp_path, monkeypatch):
    from auditor.detectors import plateau

    true = plateau.detect

    def failing(scene, params):
        if scene.subject.name == "lab/m-6":
            raise ZeroDivisionError("made to fail")
        return true(scene, params)

    monkeypatch.setattr(plateau, "detect", failing)
    audit_episodes(market, EPISODES, Plan(out=tmp_path))
    found, expected = records((tmp_path / "scan.jsonl").read_bytes()), records(lines)
    assert "made to fail" in found.pop("lab/m-6")["reason"]
    expected.pop("lab/m-6")
    assert found == expected


def test_peers_are_those_of_the_market(market, tmp_path):
    markets = {f"lab/m-{i}": "code" if i < 4 else "chat" for i in range(8)} | {"lab/m-3": ""}
    audit_episodes(market, EPISODES, Plan(out=tmp_path), markets=markets)
    found = records((tmp_path / "scan.jsonl").read_bytes())
    code = within(market, {"lab/m-0", "lab/m-1", "lab/m-2"})
    one = audit(code, Case(subject=("lab/m-1",), date=when("2026-03-08")), rules=rulebook.load())
    assert found["lab/m-1"]["market"] == "code"
    assert found["lab/m-1"]["log10_lr"]["inflated"] == pytest.approx(
        one.verdict.scores[Hypothesis.INFLATED].log10_lr, abs=1e-6
    )
    assert found["lab/m-1"]["not_applicable"] == sorted({n.rule for n in one.not_applicable})
    assert found["lab/m-6"]["market"] == "chat"
    assert "several markets" in found["lab/m-3"]["reason"]


def test_every_entity_at_its_strongest_rise(market, tmp_path):
    chosen, silent = screened_episodes(market.table(), 7)
    assert [e.entity for e in chosen[:2]] == ["lab/m-6", "lab/m-1"]
    assert chosen[0].date == "2026-03-16"  # day 70, the first of the new level
    assert {e.entity for e in chosen} | set(silent) == set(market.table().entities)
    result = audit_episodes(market, None, Plan(out=tmp_path), most=2)
    found = records((tmp_path / "scan.jsonl").read_bytes())
    assert {e for e, r in found.items() if "reason" not in r} == {"lab/m-6", "lab/m-1"}
    assert all(r["reason"] == "the screening found no rise" for r in found.values() if "reason" in r)
    assert result.counts["answered"] == 2


def test_the_page_shows_ratios_and_no_accusation(market, tmp_path):
    audit_episodes(market, EPISODES, Plan(out=tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert page.count('<th scope="row">lab/m-') == 3
    assert "fraud" not in page.lower()
    assert "consistent with" in page
    assert "https://" not in page


def test_a_list_of_episodes_is_read_or_refused(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("Date,note,Entity\n2026-01-05,x,a\n\n2026-01-05,y,a\n2026-01-06,,b\n")
    assert read_episodes(path) == [Episode("a", "2026-01-05"), Episode("b", "2026-01-06")]
    path.write_text("entity,day\na,2026-01-05\n")
    with pytest.raises(InputError, match="no column date"):
        read_episodes(path)
    path.write_text("entity,date\n")
    with pytest.raises(InputError, match="names none"):
        read_episodes(path)
    path.write_bytes(b"entity,date\n\xff\xfe,2026-01-05\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_episodes(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_episodes(tmp_path / "none.csv")


def test_markets_are_read_from_their_column(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("date,Entity,Category,v\n2026-01-05,a,x,1\n2026-01-06,a,x,2\n2026-01-05,b,y,1\n2026-01-06,b,x,1\n")
    assert read_markets([path], "category", "entity") == {"a": "x", "b": ""}
    with pytest.raises(InputError, match="'platform'"):
        read_markets([path], "platform", "entity")
    episodes = [Episode("b", "1"), Episode("a", "2"), Episode("c", "3")]
    assert grouped(episodes, {"a": "x", "b": "y"}) == {"": [episodes[2]], "x": [episodes[1]], "y": [episodes[0]]}


@pytest.fixture
def files(market, tmp_path):
    table = market.table()
    frame = (
        pd.DataFrame(table.values, index=table.dates, columns=list(table.entities)).rename_axis("date").reset_index()
    )
    long = frame.melt(id_vars="date", var_name="entity", value_name="total_tokens")
    long.assign(platform=np.where(long["entity"] < "lab/m-4", "code", "chat")).to_csv(tmp_path / "f.csv", index=False)
    (tmp_path / "e.csv").write_text("entity,date\nlab/m-1,2026-03-08\n")
    return tmp_path


def test_the_command(files, capsys):
    from auditor.cli import main

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["scan", *map(str, arguments)])
        return left.value.code, capsys.readouterr()

    code, said = call(files / "f.csv", "--out", files / "o", "--jobs", 1, "--jsonl", files / "s.jsonl")
    assert code == 0
    assert "8 series screened; 0 not" in said.out
    assert (files / "s.jsonl").read_bytes() == (files / "o" / "scan.jsonl").read_bytes()
    arguments = ("--episodes", files / "e.csv", "--market", "platform", "--out", files / "p", "--jobs", 1)
    code, said = call(files / "f.csv", *arguments)
    assert code == 0
    record = json.loads((files / "p" / "scan.jsonl").read_text())
    assert (record["entity"], record["market"]) == ("lab/m-1", "code")
    for wrong, why in [
        (("--episodes", "x.csv", "--every"), "both given"),
        (("--most", 3), "without --every"),
        (("--market", "platform"), "nothing is audited in full"),
        (("--format", "pdf"), "no format pdf"),
        (("--scheduler", "tcp://x:1"), "engine is processes"),
        (("--jobs", -1), "not a number of workers"),
    ]:
        code, said = call(files / "f.csv", "--out", files / "q", *wrong)
        assert (code, why in said.err) == (2, True), said.err
    code, said = call(files / "none.csv", "--out", files / "q")
    assert code == 3
    assert "none.csv" in said.err


def test_rules_belong_to_full_audits(market, tmp_path):
    with pytest.raises(UsageError, match="--top"):
        Plan(out=tmp_path, top=0)
    audit_episodes(market, EPISODES[:1], Plan(out=tmp_path), rules=None)
    record = json.loads((tmp_path / "scan.jsonl").read_text())
    assert all(rule < "AUD200" for rule in [*record["rules"], *record["not_applicable"]])
