"""Rules that try to do more than ask end quickly, with an error that names them, and do nothing."""

import time
from pathlib import Path

import pytest

from auditor.rulebook import engine, testing
from auditor.rulebook.book import Rulebook
from auditor.rulebook.model import RuleError
from tests.rulebook.conftest import rule_from

REFUSED = {
    "read a file": "SELECT now AS date FROM read_csv('/etc/passwd')",
    "read a file by name": "SELECT * FROM '/etc/passwd'",
    "read text": "SELECT * FROM read_text('/etc/passwd')",
    "list files": "SELECT * FROM glob('/*')",
    "attach": "ATTACH '{out}' AS other",
    "copy out": "COPY daily TO '{out}'",
    "copy a query": "COPY (SELECT 1) TO '{out}' (FORMAT csv)",
    "export": "EXPORT DATABASE '{out}'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET enable_external_access = true",
    "pragma": "PRAGMA threads = 8",
    "two statements": "SELECT date FROM daily; SELECT date FROM daily",
    "a second one that writes": "SELECT date FROM daily; COPY daily TO '{out}'",
    "create": "CREATE TABLE kept AS SELECT 1",
    "delete": "DELETE FROM daily",
    "insert": "INSERT INTO daily SELECT * FROM daily",
    "explain": "EXPLAIN ANALYZE SELECT 1",
    "call": "CALL pragma_version()",
    "settings": "SELECT * FROM duckdb_settings()",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "schema": "SELECT * FROM information_schema.tables",
    "an inner table": "SELECT date FROM _daily",
    "describe": "DESCRIBE daily",
    "a query in a string": "SELECT * FROM query('SELECT 1')",
    "a table by name": "SELECT * FROM query_table('daily')",
    "clock": "SELECT now() AS date",
    "today": "SELECT current_date AS date",
    "chance": "SELECT date FROM daily WHERE random() < 0.5",
    "ids": "SELECT date, uuid() AS entity FROM daily",
    "sleep": "SELECT sleep_ms(60000) AS date",
    "a huge text": "SELECT date, length(repeat('x', 4000000000)) AS n FROM daily",
    "a huge list": "SELECT date, len(range(4000000000)) AS n FROM daily",
    "a text that grows": "SELECT date, replace(replace('xx', 'x', 'xx'), 'x', 'xx') AS entity FROM daily",
    "a list that grows": "SELECT date, [x + 1 for x in [1, 2]] AS n FROM daily",
    "lists of lists": "SELECT date, [[value, value], [value, value]] AS n FROM daily",
    "a log": "SELECT date, write_log('x') FROM daily",
    "environment": "SELECT getenv('HOME') AS entity, date FROM daily",
    "serialised": "SELECT * FROM json_execute_serialized_sql('{{}}')",
    "hidden in a CTE": "WITH a AS (SELECT * FROM read_blob('/etc/passwd')) SELECT * FROM a",
    "hidden in a filter": "SELECT date FROM daily WHERE value > (SELECT count(*) FROM glob('/*'))",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_reaches_out_is_refused_by_name(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rule = rule_from(REFUSED[name].format(out=out))
    scene = testing.scene_of(rule.tests[0])
    with pytest.raises(RuleError, match="rule AUD490") as caught:
        Rulebook((rule,)).run(scene)
    assert caught.value.where.file == "probe.yaml"
    assert not out.exists()


_REACHES = ("read", "glob", "ATTACH", "COPY", "EXPORT", "INSTALL", "LOAD", "SET", "PRAGMA", "'/etc")


@pytest.mark.parametrize(
    "name", [n for n, sql in REFUSED.items() if any(w in sql for w in _REACHES) and ";" not in sql]
)
def test_the_lock_holds_even_without_the_guard(name: str, tmp_path: Path) -> None:
    """Second line of defence: what reads, writes or configures fails in the database itself."""
    import duckdb

    with engine.connect() as con:
        con.execute("CREATE TABLE daily AS SELECT 1 AS value")
        with pytest.raises(duckdb.Error):
            con.execute(REFUSED[name].format(out=tmp_path / "out")).fetchall()
    assert list(tmp_path.iterdir()) == []


ENDLESS = {
    "recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT d.date, max(n) AS value FROM t, daily d GROUP BY d.date",
    "cross join": "SELECT d.date, a.range AS value FROM daily d, range(1000000000) a, range(1000000000) b",
    "counted cross join": "SELECT d.date, count(*) AS value FROM range(1000000) a, range(1000000) b, daily d GROUP BY d.date",
    "a list of everything": "SELECT d.date, list(a.range + b.range) AS value FROM range(1000000) a, range(1000000) b, daily d GROUP BY d.date",
    "a text that doubles": "WITH RECURSIVE t(n) AS (SELECT 'x' UNION ALL SELECT n || n FROM t) SELECT d.date, length(n) AS value FROM t, daily d",
}


def _stopped(sql: str) -> float:
    rule = rule_from(sql)
    scene = testing.scene_of(rule.tests[0])
    start = time.perf_counter()
    with pytest.raises(RuleError, match=r"rule AUD490: (took longer|needed more)"):
        Rulebook((rule,)).run(scene)
    return time.perf_counter() - start


@pytest.mark.parametrize("name", ENDLESS)
def test_a_rule_without_end_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS", 1.0)
    assert _stopped(ENDLESS[name]) < 8


@pytest.mark.parametrize("depth", [200, 900, 3000])
def test_deep_nesting_is_an_error_and_no_crash(depth: int) -> None:
    for sql in (
        "SELECT date, " + "abs(" * depth + "value" + ")" * depth + " AS value FROM daily",
        "SELECT * FROM (" * depth + "SELECT date, value FROM daily WHERE value < 0" + ")" * depth,
        "SELECT date, value FROM daily WHERE value < 0" + " AND value < 0" * (depth // 3),
    ):
        rule = rule_from(sql)
        try:
            Rulebook((rule,)).run(testing.scene_of(rule.tests[0]))
        except RuleError as error:
            assert "rule AUD490" in str(error)  # noqa: PT017 - shallow ones may run


@pytest.mark.slow
def test_the_shipped_limit_ends_a_rule_in_under_ten_seconds() -> None:
    assert _stopped(ENDLESS["cross join"]) < 10


def test_the_configuration_is_locked() -> None:
    import duckdb

    with engine.connect() as con:
        for setting in (
            "threads = 4",
            "memory_limit = '9GB'",
            "lock_configuration = false",
            "enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error, match="locked"):
                con.execute(f"SET {setting}")
