"""Large files and Parquet: the fast reader and the careful reader give the same result."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.observations import Observations, Source
from auditor.panel import Panel
from auditor.sources import files
from auditor.sources.files import read
from auditor.sources.tabular.cells import NotPlainError
from auditor.sources.tabular.delimited import find_shape, read_careful
from auditor.sources.tabular.fast import read_fast
from auditor.sources.tabular.options import Options


def card(as_of: str) -> Source:
    return Source(name="f", file="f.csv", as_of=as_of, sha256="0" * 64)


def fast(content: bytes, folder: Path, options: Options | None = None) -> Observations:
    path = folder / "f.csv"
    path.write_bytes(content)
    chosen = options or Options()
    _, dialect, layout = find_shape(content, "f.csv", chosen)
    return read_fast(path, dialect, layout, "f.csv", chosen, card)


def careful(content: bytes, options: Options | None = None) -> Observations:
    chosen = options or Options()
    encoding, dialect, layout = find_shape(content, "f.csv", chosen)
    return read_careful(content, encoding, dialect, layout, "f.csv", chosen, card)


def same(one: Observations, two: Observations) -> None:
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    assert one.frequency is two.frequency
    assert one.notes == two.notes
    assert one.sources == two.sources


NAMES = st.text(
    st.characters(whitelist_categories=["Lu", "Ll", "Nd"], whitelist_characters="-/.: '\"=,;", max_codepoint=0x4FFF),
    min_size=1,
    max_size=12,
).filter(lambda name: name == name.strip() and not name.startswith("#"))


@st.composite
def plain_files(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    days = draw(st.integers(1, 8))
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    form = draw(st.sampled_from(["%Y-%m-%d", "%Y-%m-%d 00:00:00", "%d.%m.%Y", "%Y%m%d"]))
    figures = draw(st.sampled_from(["whole", "float", "decimals", "blanks"]))
    published = draw(st.booleans())
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [delimiter.join(["date", "model", *(["as_of"] if published else []), "tokens"])]
    for day in pd.date_range("2026-08-03", periods=days):
        for name in names:
            value = draw(st.integers(0, 10**12))
            text = {
                "whole": str(value),
                "float": f"{value}.0",
                "decimals": f"{value}.25",
                "blanks": "" if value % 3 == 0 else str(value),
            }[figures]
            quoted = '"' + name.replace('"', '""') + '"'
            label = day.strftime(form)
            lines.append(delimiter.join([label, quoted, *(["2026-08-30T00:00Z"] if published else []), text]))
    return (ending.join(lines) + ending).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=plain_files())
def test_fast_equals_careful(content: bytes, tmp_path: Path) -> None:
    try:
        expected: Observations | None = careful(content)
    except InputError:
        expected = None
    try:
        found = fast(content, tmp_path)
    except NotPlainError:
        return
    assert expected is not None
    same(found, expected)


def test_fast_reads_what_is_plain(tmp_path: Path) -> None:
    lines = "".join(f"2026-08-{d:02d},model/{m},{(d * 7 + m * 3) % 11}\n" for d in range(1, 29) for m in range(20))
    content = f"date,model,tokens\n{lines}".encode()
    same(fast(content, tmp_path), careful(content))


@pytest.mark.parametrize(
    "body",
    [
        "2026-08-19,a,1.4T\n2026-08-20,a,2T\n",
        "2026-08-19,a,1.234\n2026-08-20,a,2.5\n",
        "2026-08-19,a,1\n2026-08-19,a,1\n",
        "2026-08-19,a,1\n2026-08-20,,1\n",
        "2026-08-19,a,1\nTotal,a,1\n",
        "2026-08-19,a,1\n# note,a,1\n",
        "2026-08-19,a,1\n2026-08-20,a,1,5\n",
        "2026-08-19,a,-1\n2026-08-20,a,1\n",
        "2026-08-19,a,1\n2026-08,a,1\n",
        "2026-08-19,a,12345678901234567\n2026-08-20,a,1\n",
        "2026-08-19,a,1e5\n2026-08-20,a,1\n",
        "2026-08-19, a ,1\n2026-08-20,a,1\n",
    ],
)
def test_fast_leaves_the_rest_to_the_careful_reader(body: str, tmp_path: Path) -> None:
    with pytest.raises(NotPlainError):
        fast(f"date,model,tokens\n{body}".encode(), tmp_path)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(files, "LARGE", 1000)
    lines = "".join(f"2026-08-{d:02d},model/{m},{(d * 7 + m * 3) % 11}\n" for d in range(1, 29) for m in range(9))
    return f"date,model,tokens\n{lines}".encode()


def test_every_way_in_gives_the_same(large: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(large)
    packed = tmp_path / "f.csv.gz"
    packed.write_bytes(gzip.compress(large))
    found = [read(path), read(packed), read(large, name="f.csv")]
    monkeypatch.setattr(files, "LARGE", 1 << 30)
    found.append(read(large, name="f.csv"))
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0].frame.drop(columns="snapshot"), other.frame.drop(columns="snapshot"))
    assert found[0].sources[0].sha256 == found[2].sources[0].sha256 != found[1].sources[0].sha256


def test_large_file_with_one_bad_cell_names_its_line(large: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(large + b"2026-08-29,model/1,12Q\n")
    with pytest.raises(InputError) as caught:
        read(path)
    assert (caught.value.where.line, caught.value.where.column) == (large.count(b"\n") + 1, 3)


def test_file_that_grows_while_it_is_read_is_refused(
    large: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditor.sources.tabular import fast as module

    path = tmp_path / "f.csv"
    path.write_bytes(large)
    straight = module.read_fast

    def grow(*args: object) -> Observations:
        with path.open("ab") as stream:
            stream.write(b"2026-08-29,model/1,12\n")
        return straight(*args)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(module, "read_fast", grow)
    with pytest.raises(InputError, match="changed while it was read"):
        read(path)


def parquet(frame: pd.DataFrame, path: Path) -> Path:
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.register("frame", frame)
    connection.execute(f"COPY frame TO '{path}' (FORMAT parquet)")
    connection.close()
    return path


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("limit", [1, 10**9])
def test_parquet_gives_the_panel_of_the_csv(
    large: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, typed: bool, limit: int
) -> None:
    from io import BytesIO

    from auditor.sources import parquet as module

    monkeypatch.setattr(module, "_LARGE", limit)
    frame = pd.read_csv(BytesIO(large), dtype={"model": object, "date": object})
    if typed:
        frame["date"] = pd.to_datetime(frame["date"])
    found = Panel.of(read(parquet(frame, tmp_path / "f.parquet"))).table("tokens")
    expected = Panel.of(read(large, name="f.csv")).table("tokens")
    assert found.entities == expected.entities
    assert (found.dates == expected.dates).all()
    assert np.array_equal(found.values, expected.values)
    assert (found.status == expected.status).all()


def test_parquet_with_gaps_and_text_figures(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": ["2026-08-19", "2026-08-20"], "model": ["a", "a"], "tokens": ["1.4T", None]})
    found = read(parquet(frame.astype(object), tmp_path / "f.parquet"))
    assert found.frame["low"].tolist() == [1.35e12]


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": ["2026-08-19"], "model": ["a"], "tokens": [1]}).astype(
        {"day": object, "model": object}
    )
    path = parquet(frame, tmp_path / "f.parquet")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="Parquet file cannot be read") as caught:
        read(path)
    assert str(tmp_path) not in str(caught.value)
