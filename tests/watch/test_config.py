"""audit.toml: every mistake with its line, the template valid, the schema in step."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from auditor.errors import AuditError, ErrorList
from auditor.watch import config
from auditor.watch.template import template

SCHEMA = Path(__file__).resolve().parents[2] / "schema" / "watch.schema.json"


def read(tmp_path, text):
    path = tmp_path / "audit.toml"
    path.write_text(text)
    return config.read(path)


def test_template_is_valid_and_states_the_defaults(tmp_path):
    found = read(tmp_path, template())
    assert found.budget == config.BudgetPart()
    assert found.watch == config.Watching()
    assert found.case == config.CasePart()


def test_template_with_every_example_switched_on(tmp_path):
    lines = template().splitlines()
    switched = [
        line[2:] if line.startswith("# ") and ("=" in line or line.startswith("# [[")) else line for line in lines
    ]
    text = "\n".join(line for line in switched if not line.startswith(("Scheduled", "ask", "options")))
    found = read(tmp_path, text)
    assert {n.kind for n in found.notify} == {"stdout", "atom", "webhook", "smtp"}
    assert found.suppress
    assert found.event


def test_schema_file_is_the_one_of_the_code():
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(config.schema()))


def test_schema_accepts_the_template_and_refuses_a_typo():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    data = tomllib.loads(template())
    jsonschema.validate(data, schema)
    data["watch"]["setled_days"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


BAD = {
    '[[source]]\nname = "openrouter"\n[watch]\nsettled_days = 2\n': (4, "greater than or equal to 3"),
    '[[source]]\nname = "openrouter"\nmetrik = "x"\n': (3, "did you mean 'metric'"),
    '[watch]\nname = "x"\n': (1, "'source' is missing"),
    '[[source]]\nname = "openrouter"\n[[notify]]\nkind = "webhook"\n': (3, "needs `url_env`"),
    '[[source]]\nname = "a"\n[[source]]\nname = "a"\n': (1, "two sources are called 'a'"),
    '[[source]]\nname = "a"\n[[suppress]]\nentity = "x"\nreason = "too short"\nexpires = 2026-01-01\n': (
        5,
        "at least 10",
    ),
    '[[source]]\nname = "a"\n[case]\ntitle = "{model}"\n': (4, "may hold {entity}"),
    '[[source]]\nname = "a"\n[[event]]\nentity = "x"\ndate = 2026-05-02\nuntil = 2026-05-01\n': (3, "before `date`"),
    '[[source]]\nname = "a"\n[[notify]]\nkind = "jsonl"\npath = "../../x"\n': (3, "stays inside"),
    "[[source]]\nname = \n": (2, "not valid TOML"),
    '[[source]]\nname = "a"\n[[notify]]\nkind = "smtp"\nhost = "h"\nsender = "s"\nto = ["t"]\nuser_env = "U"\n': (
        3,
        "together",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD.items())
def test_mistakes_are_told_with_file_and_line(tmp_path, text, said):
    line, words = said
    with pytest.raises(AuditError) as error:
        read(tmp_path, text)
    assert f"audit.toml:{line}" in str(error.value)
    assert words in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(ErrorList) as error:
        read(tmp_path, '[budget]\nfalse_alarms_per_year = 0\nconfidence = 2\n[[source]]\nname = ""\n')
    assert len(error.value.errors) == 3 + 1  # the nameless source leaves the list of sources empty


def test_budget_is_split_between_sources():
    parts = (config.SourcePart(name="a"), config.SourcePart(name="b"))
    one = config.Config(source=parts[:1]).allowed().expected
    assert config.Config(source=parts).allowed().expected == pytest.approx(one / 2)
