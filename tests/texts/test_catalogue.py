"""Sentences: written out with the reader's numbers, names instead of codes, and nouns that agree."""

import re
from importlib import resources

import pytest

from auditor.texts.catalogue import catalogue, singular
from auditor.texts.formats import FORMATS
from auditor.texts.message import Message


def test_codes_are_written_as_names():
    said = catalogue().text("verdict.reasons.one_family", family="price_events", leading="data_error")
    assert "price and events" in said
    assert "data error" in said


@pytest.mark.parametrize(
    ("template", "n", "expected"),
    [
        ("{n:count} peers", 1, "1 peer"),
        ("{n:count} peers", 2, "2 peers"),
        ("{n:count} full weekends with weekdays", 1, "1 full weekend with weekdays"),
        ("{n:count} other entities of it", 1, "1 other entity of it"),
        ("{n:count} other launches in it", 1, "1 other launch in it"),
        ("over {n:count} series", 1, "over 1 series"),
    ],
)
def test_a_noun_agrees_with_its_count(template, n, expected):
    assert catalogue().write(Message.literal(template, n=n)) == expected


def test_a_plural_elsewhere_stays():
    assert singular("{share:percent} of {n:count} and peers", {"n": 1}) == "{share:percent} of {n:count} and peers"


def test_every_template_uses_known_formats():
    texts = catalogue().texts
    groups = {key.rpartition(".")[0] for key in texts}
    for key, text in texts.items():
        if isinstance(text, str):
            for spec in re.findall(r"\{[a-z_0-9]+:([^}]*)\}", text):
                assert spec in FORMATS or spec in groups or re.fullmatch(r"[-+,.0-9a-zA-Z%]*", spec), (key, spec)


def test_no_text_accuses():
    words = re.compile(r"\b(fraud|fraudulent|faked?|cheat\w*|guilty|scam|culprit)\b", re.IGNORECASE)
    for key, text in catalogue().texts.items():
        for line in [text] if isinstance(text, str) else text if isinstance(text, list) else []:
            allowed = re.search(r"never|not|cannot|no ", str(line))
            assert not words.search(str(line)) or allowed, (key, line)


def test_the_catalogue_is_in_the_package():
    assert (resources.files("auditor.texts") / "en" / "verdict.yaml").is_file()
