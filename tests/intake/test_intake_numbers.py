"""One cell -> one number with its rounding interval, or a refusal."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.sources.tabular.numbers import EAST_ASIAN, LONG_SCALE, SCALES, UNITS, Number, marks, parse_number


def number(text: str, **options: object) -> Number:
    found = parse_number(text, **options)  # type: ignore[arg-type]  # options are passed through as the test names them
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [
        ("18.2T", 18.2e12, 18.15e12, 18.25e12),
        ("1.4 trillion tokens", 1.4e12, 1.35e12, 1.45e12),
        ("507B", 507e9, 506.5e9, 507.5e9),
        ("12.5k", 12_500, 12_450, 12_550),
        ("6.2万亿", 6.2e12, 6.15e12, 6.25e12),
        ("3.4亿", 340_000_000, 335_000_000, 345_000_000),
        ("6.2万亿词元", 6.2e12, 6.15e12, 6.25e12),
        ("5.59501E+11", 559_501_000_000, 559_500_500_000, 559_501_500_000),
        ("5.59501059929E+11", 559_501_059_929, 559_501_059_929, 559_501_059_929),
        ("1,234,567", 1_234_567, 1_234_567, 1_234_567),
        ("1,23,45,678", 12_345_678, 12_345_678, 12_345_678),
        ("1’234’567", 1_234_567, 1_234_567, 1_234_567),  # noqa: RUF001 - Swiss grouping as typed
        ("1\u00a0234\u2009567", 1_234_567, 1_234_567, 1_234_567),
        ("604216362239.0", 604_216_362_239, 604_216_362_239, 604_216_362_239),
        ("6.9%", 0.069, 0.0685, 0.0695),
        ("0k", 0, 0, 500),
    ],
)
def test_reads(text: str, value: float, low: float, high: float) -> None:
    found = number(text)
    assert (found.value, found.low, found.high) == (value, low, high)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("559,50 Mrd.", 559_500_000_000),
        ("1,4 Bio.", 1.4e12),
        ("12,5 Tsd.", 12_500),
        ("3 Mio", 3_000_000),
        ("1.234.567", 1_234_567),
    ],
)
def test_reads_with_decimal_comma(text: str, value: float) -> None:
    assert number(text, decimal=",").value == value


@pytest.mark.parametrize(
    "text", ["", " ", "-", "\u2014", "\u2013", "N/A", "n.a.", "NaN", "null", "#N/A", "k.A.", "无", "-1", "-1.0"]
)
def test_missing_is_none_and_never_zero(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">1T", "lower bound"),
        ("≥1T", "lower bound"),
        ("10M+", "lower bound"),
        ("1.4Q", "not a known scale"),
        ("12MB", "not a known scale"),
        ("1.4T (est.)", "not a known scale"),
        ("5兆", "by country"),
        ("-65", "negative"),
        ("new", "not a number"),
        ("=1+1", "not a number"),
        ("1,2345", "not grouped in threes"),
        ("12,34.5", "not grouped in threes"),
        ("1.2.3", "cannot be read"),
        ("1e99", "out of range"),
        ("1T 2", "not a known scale"),
        ("inf", "not a number"),
    ],
)
def test_refuses(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_number(text)
    assert words in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize("word", sorted(LONG_SCALE))
def test_long_scale_words_beside_a_decimal_comma_are_asked_about(word: str) -> None:
    with pytest.raises(InputError, match=r"10\^12"):
        parse_number(f"1,5 {word}", decimal=",")


def test_header_scale_gives_whole_numbers_their_rounding() -> None:
    found = number("1572", power=9)
    assert (found.low, found.value, found.high) == (1571.5e9, 1572e9, 1572.5e9)
    with pytest.raises(InputError, match="names a scale and so does the header"):
        parse_number("1572B", power=9)


def test_percent_under_a_percent_heading_is_divided_once() -> None:
    assert number("6.9%", power=-2).value == number("6.9", power=-2).value == 0.069


def test_whole_numbers_of_any_size_stay_exact() -> None:
    assert number("12345678901234567890").value == 12_345_678_901_234_567_890
    assert number("1E+16").value == 10**16


def test_below_is_a_bound() -> None:
    found = number("<28B")
    assert found.bound
    assert found.value == 28e9


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("1.234", ".,"),
        ("1,234", ".,"),
        ("0.123", "."),
        ("1234.567", "."),
        ("1.5", "."),
        ("1,5", ","),
        ("1.234.567", ","),
        ("1.234,5", ","),
        ("1234", ".,"),
        ("x", ""),
    ],
)
def test_marks(text: str, possible: str) -> None:
    assert marks(text) == frozenset(possible)


@given(st.integers(0, 10**19))
def test_whole_numbers_survive_every_grouping(value: int) -> None:
    for text in (
        str(value),
        f"{value:,}",
        f"{value:,}".replace(",", "'"),
        f"{value:,}".replace(",", "\u202f"),
        f"{value:_}",
    ):
        found = number(text)
        assert found.value == value
        assert not found.rounded
    assert number(f"{value:,}".replace(",", "."), decimal=",").value == value


@given(
    st.integers(0, 10**15),
    st.integers(0, 3),
    st.sampled_from(sorted({*SCALES, *EAST_ASIAN})),
    st.sampled_from(["", " tokens"]),
    st.sampled_from([".", ","]),
)
def test_the_true_count_lies_in_the_interval_of_what_was_written(
    true: int, places: int, suffix: str, unit: str, decimal: str
) -> None:
    if decimal == "," and suffix in LONG_SCALE:
        return
    written = Decimal(true).scaleb(-{**SCALES, **EAST_ASIAN}[suffix])
    found = number(f"{written:.{places}f}".replace(".", decimal) + f" {suffix}{unit}", decimal=decimal)
    assert found.low <= true <= found.high
    assert found.low <= found.value <= found.high


@given(st.integers(0, 10**6), st.text(st.characters(whitelist_categories=["Lu", "Ll"]), min_size=1, max_size=8))
def test_unknown_suffixes_are_refused(value: int, suffix: str) -> None:
    folded = suffix.casefold()
    if folded in {*SCALES, *EAST_ASIAN, *UNITS} or folded.startswith("e") or folded == "兆":
        return
    with pytest.raises(InputError):
        parse_number(f"{value}{suffix}")


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_number(text)
    except InputError:
        return
    assert found is None or found.low <= found.high
