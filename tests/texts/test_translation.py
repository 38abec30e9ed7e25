"""A translation says everything that the English texts say, with the same figures in it."""

import re
import string
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor import rulebook
from auditor.texts.catalogue import LANGUAGES, catalogue
from auditor.texts.message import Message

OTHERS = [language for language in LANGUAGES if language != "en"]

#: What stays as it is in every language: works are cited in their own.
KEPT = ("references",)


def own(project: Path, language: str) -> dict[str, Any]:
    """The texts of a language without the English ones below it."""
    from auditor.texts.catalogue import _flatten

    texts: dict[str, Any] = {}
    for path in sorted((project / "auditor" / "texts" / language).glob("*.yaml")):
        _flatten(path.stem, yaml.safe_load(path.read_text(encoding="utf-8")), texts)
    return texts


def places(template: str) -> set[tuple[str, str]]:
    """Names and formats of the values in a template."""
    return {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_with_the_same_values(project: Path, language: str) -> None:
    english, other = own(project, "en"), own(project, language)
    wanted = {k: v for k, v in english.items() if k.rsplit(".", 1)[-1] not in KEPT}
    assert sorted(set(wanted) - set(other)) == []
    for key, text in wanted.items():
        if isinstance(text, list):
            assert isinstance(other[key], list), key
            assert len(other[key]) == len(text), key
        elif isinstance(text, str):
            assert places(other[key]) == places(text), key


@pytest.mark.parametrize("language", OTHERS)
def test_every_rule_is_translated_with_the_same_values(project: Path, language: str) -> None:
    other = own(project, language)
    for rule in rulebook.load().rules:
        for part in ("title", "description", "rationale", "message"):
            assert other.get(f"{rule.id}.{part}"), (rule.id, part)
        assert places(other[f"{rule.id}.message"]) == places(rule.message), rule.id
        assert len(other[f"{rule.id}.falsepositives"]) == len(rule.falsepositives), rule.id


@pytest.mark.parametrize("language", OTHERS)
def test_there_is_no_text_that_nothing_says(project: Path, language: str) -> None:
    rules = {rule.id for rule in rulebook.load().rules}
    extra = {k for k in set(own(project, language)) - set(own(project, "en")) if k.split(".")[0] not in rules}
    assert sorted(extra) == []


def test_the_chinese_texts_are_chinese(project: Path) -> None:
    latin = []
    for key, text in own(project, "zh").items():
        for entry in text if isinstance(text, list) else [text]:
            bare = re.sub(r"\{[^}]*\}|`[^`]*`", "", str(entry))
            if key != "report.repeat.unknown" and len(bare) > 25 and not re.search(r"[\u4e00-\u9fff]", bare):
                latin.append(key)
    assert latin == []


def test_numbers_and_dates_are_written_the_chinese_way() -> None:
    message = Message.literal("{value:quantity}", value=1.5718e12)
    assert catalogue("zh").write(message) == "1.572 万亿"
    assert catalogue("en").write(message) == "1,571.8 billion"


def test_a_rule_of_the_users_own_keeps_its_words() -> None:
    message = Message.literal("it rose {times:ratio} times", times=2.0, text_key="AUD999.message")
    assert catalogue("zh").write(message) == "it rose 2.0 times"
