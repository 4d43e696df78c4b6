"""The shipped stack files, how a stack file is read, and what is generated from the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from stacks import reference, schema
from stacks.errors import SettingsError
from stacks.load import load
from stacks.shape import settings_schema
from stacks.stack_file import read_file, read_text, stack_of

ROOT = Path(__file__).parents[3]
SHIPPED = ("dev", "prod", "local")
MODELINE = "# yaml-language-server: $schema=stacks/schema.json"


def _shipped(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"


@pytest.mark.parametrize("stack", SHIPPED)
def test_a_shipped_stack_is_valid_and_has_two_tenants(stack: str) -> None:
    settings = load(stack, read_file(_shipped(stack)))
    assert list(settings.tenants) == ["weather", "mobility"]
    assert settings.class_.value == {"dev": "lower", "prod": "higher", "local": "sandbox"}[stack]


@pytest.mark.parametrize("stack", SHIPPED)
def test_a_shipped_stack_is_written_back_by_pulumi_without_a_changed_line(stack: str) -> None:
    """Pulumi drops blank lines when it adds `encryptionsalt` at `stack init`."""
    text = _shipped(stack).read_text(encoding="utf-8")
    assert text.startswith(MODELINE)
    assert [number for number, line in enumerate(text.splitlines(), 1) if not line.strip()] == []


def test_the_shipped_stacks_can_stand_beside_each_other_at_one_hub() -> None:
    spaces = [load(stack, read_file(_shipped(stack))).network.address_space for stack in ("dev", "prod")]
    assert len(set(spaces)) == 2


def test_the_schema_is_fresh() -> None:
    fresh = schema.SCHEMA_FILE.read_text(encoding="utf-8") == schema.schema_text()
    assert fresh, f"stacks/schema.json is stale: run `{reference.COMMAND}`"


def test_the_table_of_settings_is_fresh() -> None:
    fresh = reference.REFERENCE_FILE.read_text(encoding="utf-8") == reference.reference_text()
    assert fresh, f"docs/settings.md is stale: run `{reference.COMMAND}`"


def test_every_setting_is_described() -> None:
    nodes = dict(_nodes("", settings_schema()))
    assert len(nodes) > 100
    assert [path for path, node in nodes.items() if not node.get("description")] == []
    assert [row.path for row in reference.rows() if not row.meaning.endswith(".")] == []


def _nodes(path: str, node: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for key, inner in node.get("properties", {}).items():
        found += [(f"{path}.{key}", inner), *_nodes(f"{path}.{key}", inner)]
    below = [*node.get("anyOf", ()), *node.get("patternProperties", {}).values(), *filter(None, [node.get("items")])]
    return found + [entry for inner in below for entry in _nodes(f"{path}.*", inner)]


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft7Validator.check_schema(schema.file_schema())


@pytest.mark.parametrize("stack", SHIPPED)
def test_an_editor_accepts_the_shipped_files(stack: str) -> None:
    document = YAML(typ="safe", pure=True).load(_shipped(stack).read_text(encoding="utf-8"))
    document |= {"encryptionsalt": "v1:x", "environment": ["x"]}
    document["config"]["azure-native:location"] = "westeurope"
    errors = [error.message for error in jsonschema.Draft7Validator(schema.file_schema()).iter_errors(document)]
    assert errors == []


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"ariel:kubernets": {}}, "ariel:kubernets"),
        ({"ariel:tenants": {"a_b": {}}}, "a_b"),
        ({"ariel:tenants": []}, "is not of type 'object'"),
        ({"ariel:tenants": {"weather": {"owner": "a@b.de"}}}, "'groupId' is a required property"),
        ({"ariel:tenants": {"weather": {"applications": {"x-": {}}}}}, "x-"),
        ({"ariel:database": {"storageGb": 33}}, "is not one of"),
        ({"ariel:airflow": {"host": "airflow.contoso.com"}}, "'image' is a required property"),
    ],
)
def test_an_editor_marks_a_mistake(mistake: dict[str, Any], message: str) -> None:
    document = YAML(typ="safe", pure=True).load(_shipped("dev").read_text(encoding="utf-8"))
    document["config"] |= mistake
    errors = [error.message for error in jsonschema.Draft7Validator(schema.file_schema()).iter_errors(document)]
    assert any(message in error for error in errors), errors


def test_other_namespaces_and_pulumis_own_keys_are_left_to_pulumi() -> None:
    text = "encryptionsalt: v1:x\nconfig:\n  azure-native:clientSecret:\n    secure: x\n  ariel:class: lower\n"
    assert read_text(text, "Pulumi.dev.yaml") == {"class": "lower"}


@pytest.mark.parametrize(
    ("text", "path", "value", "rule"),
    [
        ("", "f", "(empty)", "settings under `config:`"),
        ("# only a comment\n", "f", "(empty)", "settings under `config:`"),
        ("config:\n  ariel:class: lower\n  ariel:class: higher\n", "f:3", "ariel:class: higher", "stands once"),
        ("config:\n  ariel:tags:\n    a: 1\n    a: 2\n", "f:4", "a: 2", "stands once"),
        ("config:\n  ariel:class: [lower\n  ariel:tags: {}\n", "f:3", "ariel:tags: {}", "YAML"),
        ("config:\n\tariel:class: lower\n", "f:2", "ariel:class: lower", "YAML"),
        ("config:\n  ariel:class: *nothing\n", "f:2", "ariel:class: *nothing", "YAML"),
        ("config:\n", "f: config", "null", "a map `config:`"),
        ("config: []\n", "f: config", "list", "a map `config:`"),
        ("- a\n", "f: config", "CommentedSeq", "a map `config:`"),
        ("config:\n  ariel:contact:\n    secure: abc\n", "contact", "(not shown", "none is encrypted"),
        ("config:\n  ariel:tags:\n    a:\n    - secure: abc\n", "tags.a[0]", "(not shown", "none is encrypted"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(text: str, path: str, value: str, rule: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_text(text, "f")
    (problem,) = refused.value.problems
    assert problem.path == path
    assert problem.value.startswith(value.replace("CommentedSeq", "list"))
    assert rule in problem.rule
    assert problem.action
    assert "abc" not in str(problem)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_file(tmp_path / "Pulumi.test.yaml")
    (problem,) = refused.value.problems
    assert problem.value == "(missing)"
    assert "pulumi stack init test" in problem.action


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_bytes(b"config:\n  ariel:contact: \xff\xfe\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_file(path)


def test_a_stack_is_named_by_its_file() -> None:
    assert stack_of(Path("a/Pulumi.dev.yaml")) == "dev"
    with pytest.raises(SettingsError, match="named Pulumi"):
        stack_of(Path("dev.yaml"))
