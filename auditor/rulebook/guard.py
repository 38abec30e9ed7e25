"""What a rule's SQL may be: one SELECT over the documented views, with listed functions only.

The statement is read by DuckDB's own parser (``json_serialize_sql``), never by patterns. Functions are listed rather than
forbidden, because a single call of ``repeat('x', 4000000000)``, or a few nested calls of ``replace`` or ``list_transform``, take gigabytes outside the
database's own limit and cannot be interrupted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from auditor.errors import Where
from auditor.rulebook.model import RuleFile

if TYPE_CHECKING:
    import duckdb

#: The views a rule may read; their columns are in ``docs/writing-rules.md``.
VIEWS = (
    *("observations", "daily", "measures", "totals", "ranks", "shares", "apps", "prices", "events", "revisions"),
    *("viewpoints", "sources", "subject", "subject_ids", "question", "claims"),
)

#: Longest SQL text of a rule.
MOST_CHARACTERS = 20_000

_FUNCTIONS = frozenset(
    """
    + - * / // % ** ^ || & | << >> ~~ !~~ ~~* !~~* ~ !
    abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log2 log10 pow power mod fmod greatest least
    isnan isfinite isinf coalesce ifnull nullif if pi gcd lcm divide add subtract multiply even bit_count count
    count_star count_if countif sum fsum kahan_sum avg mean median mode min max first last any_value arg_min
    arg_max argmin argmax min_by max_by quantile quantile_cont quantile_disc mad stddev stddev_samp stddev_pop
    variance var_samp var_pop skewness kurtosis corr covar_samp covar_pop regr_slope regr_intercept regr_r2
    regr_count regr_avgx regr_avgy bool_and bool_or product entropy geomean geometric_mean list array_agg
    string_agg group_concat listagg histogram row_number rank dense_rank rank_dense percent_rank cume_dist ntile
    lag lead first_value last_value nth_value fill lower upper lcase ucase trim ltrim rtrim length len strlen
    substr substring left right split_part translate concat concat_ws contains starts_with ends_with prefix suffix
    strpos instr position regexp_matches regexp_full_match regexp_extract like_escape ilike_escape not_like_escape
    not_ilike_escape date_trunc datetrunc date_part datepart date_diff datediff date_add date_sub datesub extract
    year month day hour minute week weekday isodow dayofweek dayofmonth dayofyear yearweek quarter epoch last_day
    strftime make_date make_timestamp to_days to_hours to_weeks to_months to_minutes to_seconds struct_pack
    struct_extract struct_extract_at row unnest list_sort list_reverse_sort
    """.split()  # noqa: SIM905 - a list of 180 strings would take as many lines
)
_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})
_FROM = frozenset(
    {"EMPTY", "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "CTE", "EMPTY_FROM", "COLUMN_DATA"}
)
_HINT_VIEWS = "views are " + ", ".join(VIEWS)


@dataclass(frozen=True)
class Checked:
    """A statement that may run, and the views it reads."""

    sql: str
    views: frozenset[str]


def check(con: "duckdb.DuckDBPyConnection", rule: RuleFile) -> Checked:
    """Refuse everything that is not one SELECT over the documented views.

    Raises
    ------
    RuleError
        Naming the rule, what it tried, and where in its file.
    """
    sql = rule.sql.rstrip().removesuffix(";")
    if len(sql) > MOST_CHARACTERS:
        raise rule.error(f"the SQL has {len(sql):,} characters; at most {MOST_CHARACTERS:,} are read", "sql")
    tree = _parsed(con, rule, sql)
    if tree.get("error"):
        if tree.get("error_type") == "not implemented":
            verb = (sql.split() or ["?"])[0].upper()
            raise rule.error(
                f"{verb} is refused: only SELECT runs here", "sql", hint="write the rule as one SELECT over the views"
            )
        place = locate(rule, tree.get("position"))
        raise rule.error(f"the SQL does not parse: {tree.get('error_message')}", "sql", place=place)
    if len(tree["statements"]) != 1:
        what = f"{len(tree['statements'])} statements are refused: a rule is one SELECT"
        raise rule.error(what, "sql", hint="join them with WITH, or make two rules")
    nodes = list(_walk(tree["statements"][0]))
    named = {str(entry["key"]).lower() for node in nodes for entry in _ctes(node)}
    named |= {str(n["cte_name"]).lower() for n in nodes if n.get("cte_name")}
    called = {
        id(n["function"]) for n in nodes if n.get("type") == "TABLE_FUNCTION" and isinstance(n.get("function"), dict)
    }
    views: set[str] = set()
    for node in nodes:
        place = locate(rule, node.get("query_location"))
        if "table_name" in node and node.get("type") == "BASE_TABLE":
            views |= _table(rule, node, named, place)
        elif "query_location" in node and node.get("type") in {"SHOW_REF", "PIVOT", "BOX_RENDERER"}:
            raise rule.error(f"{node['type']} is refused", "sql", place=place, hint="write a plain SELECT")
        if isinstance(source := node.get("from_table"), dict) and source.get("type") not in _FROM:
            raise rule.error(f"reading from {source.get('type')} is refused", "sql", place=place, hint=_HINT_VIEWS)
        if (name := node.get("function_name")) is not None:
            allowed = _TABLE_FUNCTIONS if id(node) in called else _FUNCTIONS
            _function(rule, str(name).lower(), allowed, place)
    return Checked(sql, frozenset(views))


def _parsed(con: "duckdb.DuckDBPyConnection", rule: RuleFile, sql: str) -> dict[str, Any]:
    """Return the statement as DuckDB's parser reads it."""
    import duckdb

    try:
        row = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        tree: dict[str, Any] = json.loads(str(row[0])) if row else {"error": True, "error_message": "no answer"}
    except (duckdb.Error, RecursionError):
        raise rule.error(
            "the SQL cannot be read: it is nested too deeply", "sql", hint="use WITH for its steps"
        ) from None
    return tree


def locate(rule: RuleFile, position: Any) -> Where | None:
    """Place of a character of the SQL in the rule's file; None where the position is unknown."""
    try:
        offset = int(position)
    except (TypeError, ValueError):
        return None
    if not 0 <= offset <= len(rule.sql):
        return None
    start = rule.document.where(("sql",))
    before = rule.sql[:offset]
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    if not rule.document.data["sql"].endswith("\n"):  # written on the line of its key, not as a block
        return Where(rule.file, start.line, start.column, "sql")
    # A block of YAML text starts on the line after its key; its indentation is two beyond the key's, as the docs ask.
    return Where(rule.file, (start.line or 0) + 1 + line, (start.column or 1) + 2 + column, "sql")


def _table(rule: RuleFile, node: dict[str, Any], named: set[str], place: Where | None) -> set[str]:
    name = str(node["table_name"]).lower()
    if node.get("schema_name") or node.get("catalog_name"):
        full = ".".join(str(node[k]) for k in ("catalog_name", "schema_name") if node.get(k)) + f".{name}"
        raise rule.error(f"reading {full!r} is refused", "sql", place=place, hint=_HINT_VIEWS)
    if name in named:
        return set()
    if name not in VIEWS:
        close = get_close_matches(name, VIEWS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else _HINT_VIEWS
        raise rule.error(f"reading {name!r} is refused: it is not a view", "sql", place=place, hint=hint)
    return {name}


def _function(rule: RuleFile, name: str, allowed: frozenset[str], place: Where | None) -> None:
    if name in allowed:
        return
    close = get_close_matches(name, sorted(allowed), n=1, cutoff=0.75)
    hint = f"did you mean {close[0]!r}?" if close else "docs/writing-rules.md lists the functions that may be used"
    raise rule.error(f"the function {name!r} is refused: it is not on the list", "sql", place=place, hint=hint)


def functions() -> tuple[str, ...]:
    """Names of the functions a rule may call, sorted; operators left out."""
    return tuple(sorted(f for f in _FUNCTIONS if f[0].isalpha()))


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    held = node.get("cte_map")
    found = held.get("map", []) if isinstance(held, dict) else []
    return [entry for entry in found if isinstance(entry, dict)]


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the tree, depth first, without recursion (a statement may nest deeply)."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
