"""Damaged and hostile input: read or refused in words, never a traceback."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import AuditError, ErrorList
from auditor.panel import Panel
from auditor.sources.files import read

SEEDS = (
    b'date,model,tokens\n2026-08-19,a,10\n2026-08-20,b,1.4T\n2026-08-21,a,"1,234"\n',
    b"\xef\xbb\xbfDatum;GLM 5.2;Summe (Mrd.)\r\n19.08.2026;559.501.059.929;559,50\r\n20.08.2026;533.009.167.123;533,01\r\n",
    b"week,a,b,other\n2026-W32,1,,5\n2026-W33,2,3,6\n",
    b'{"data":[{"date":"2026-08-19","model_permaslug":"a","total_tokens":"10"}],"meta":{"as_of":"2026-08-22T00:00Z","start_date":"2026-08-19","end_date":"2026-08-19"}}',
    b'[{"x":"2026-08-19","ys":{"a":1,"b":null}},{"x":"2026-08-20","ys":{"a":2.5}}]',
    b"date,model,tokens,below,as_of,status,unit,is_estimate\n2026-08-19,a,,5,2026-08-22,censored,B,false\n2026-08-20,a,3,,2026-08-22,,B,true\n",
    gzip.compress(b"date,model,tokens\n2026-08-19,a,10\n", mtime=0),
)


def read_or_refuse(content: bytes) -> None:
    try:
        Panel.of(read(content, name="f"))
    except AuditError as error:
        errors = error.errors if isinstance(error, ErrorList) else (error,)
        told = [(bool(e.what), bool(e.hint)) for e in errors]
    else:
        return
    assert told == [(True, True)] * len(told)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.integers(0, 12),
            st.binary(max_size=6) | st.sampled_from([b"\n", b",", b'"', b";", b"-", b"\xff", b"{", b"%", b"9" * 40]),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_damaged_files(seed: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    content = seed
    for at, length, new in edits:
        place = at % (len(content) + 1)
        content = content[:place] + new + content[place + length :]
    read_or_refuse(content)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(max_size=8)
            | st.sampled_from(["date", "model", "tokens", "2026-08-19", "1.4T", "", "other", "week", "2026-W33"]),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(",;\t|"),
)
def test_any_cells(rows: list[list[str]], delimiter: str) -> None:
    read_or_refuse("\n".join(delimiter.join(row) for row in rows).encode("utf-8", "surrogatepass"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["2026-08-19", "a"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "meta",
                    "as_of",
                    "date",
                    "model",
                    "tokens",
                    "x",
                    "ys",
                    "model_permaslug",
                    "total_tokens",
                    "start_date",
                    "error",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json(document: object) -> None:
    import json

    read_or_refuse(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 100,
        b"\x1f\x8b",
        b"PAR1",
        b"PAR1PAR1",
        b"{",
        b"[",
        b"[[",
        b"[" * 100_000,
        b'"',
        b"a,b",
        b",\n,\n",
        b"\xff\xfe",
        b"date\n2026-08-19\n",
    ],
)
def test_stumps(content: bytes) -> None:
    with pytest.raises(AuditError) as caught:
        read(content, name="f")
    assert caught.value.hint
