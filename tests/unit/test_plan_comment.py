"""The comment on a pull request says which resources come and go, in the size that GitHub takes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.graph_values import HIDDEN, values_of

SCRIPT = Path(__file__).parents[2] / ".github" / "plan_comment.py"
VAULT = "ariel:components:Vault$azure-native:keyvault:Vault"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan_comment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plans(folder: Path, stack: str, current: list[tuple[str, str]], proposed: list[tuple[str, str]]) -> Path:
    """Writes both plans of a stack as `ariel preview --json` prints them."""
    for side, resources in (("current", current), ("proposed", proposed)):
        steps = [{"op": "create", "urn": f"urn:pulumi:{stack}::ariel::{kind}::{name}"} for kind, name in resources]
        (folder / f"{stack}-{side}.json").write_text(json.dumps({"summary": {}, "steps": steps}))
        values(folder, stack, side, {})
    return folder


def values(folder: Path, stack: str, side: str, given: dict[str, dict[str, object]]) -> None:
    """Writes what `tests.graph_values` prints."""
    (folder / f"{stack}-{side}-values.json").write_text(json.dumps(given))


def test_a_new_tenants_vault_is_named(script: ModuleType, tmp_path: Path) -> None:
    old, new = (VAULT, "weather-vault"), (VAULT, "mobility-vault")
    text = script.comment(plans(tmp_path, "dev", [old], [old, new]))
    assert "### dev: 1 more, none fewer, 2 in all" in text
    assert "- `azure-native:keyvault:Vault` mobility-vault" in text
    assert "weather-vault" not in text


def test_a_removed_resource_is_named_as_deleted(script: ModuleType, tmp_path: Path) -> None:
    text = script.comment(plans(tmp_path, "prod", [(VAULT, "weather-vault")], []))
    assert "### prod: none more, 1 fewer, 0 in all" in text
    assert text.index("Deleted: 1 Vault") < text.index("weather-vault")


def test_components_are_not_counted_as_resources(script: ModuleType, tmp_path: Path) -> None:
    text = script.comment(plans(tmp_path, "dev", [], [("ariel:components:Vault", "weather-vault")]))
    assert "none more, none fewer, 0 in all" in text


def test_a_changed_quota_is_not_overlooked(script: ModuleType, tmp_path: Path) -> None:
    quota = "kubernetes:core/v1:ResourceQuota weather-namespaces"
    folder = plans(tmp_path, "dev", [], [])
    values(folder, "dev", "current", {quota: {"spec.hard.pods": "5", "spec.hard.cpu": "2"}})
    values(folder, "dev", "proposed", {quota: {"spec.hard.pods": "9", "spec.hard.cpu": "2"}})
    text = script.comment(folder)
    assert "Changed: 1 value<" in text
    assert f"- `{quota}`: `spec.hard.pods` `5` → `9`" in text
    assert "spec.hard.cpu" not in text


def test_the_recorded_values_hide_secrets() -> None:
    found = values_of("dev")
    registry = found["kubernetes:core/v1:ConfigMap weather-registry"]
    assert registry["data.tenant.json"] == HIDDEN
    assert registry["metadata.name"] == "tenant-weather"


def test_the_next_run_finds_the_comment_by_its_first_line(script: ModuleType, tmp_path: Path) -> None:
    text = script.comment(plans(tmp_path, "dev", [], []))
    workflow = (SCRIPT.parent / "workflows" / "preview.yml").read_text()
    assert text.splitlines()[0] == script.MARKER
    assert f'startswith("{script.MARKER}")' in workflow


def test_github_does_not_refuse_the_comment_of_a_whole_new_environment(script: ModuleType, tmp_path: Path) -> None:
    many = [(VAULT, f"a-tenant-with-a-long-name-{number}-vault") for number in range(2000)]
    for stack in ("dev", "prod"):
        plans(tmp_path, stack, [], many)
        long = {f"azure:Vault {number}": {"name": "x" * 500} for number in range(2000)}
        values(tmp_path, stack, "current", long)
        values(tmp_path, stack, "proposed", {name: {"name": "y" * 500} for name in long})
    text = script.comment(tmp_path)
    assert len(text) < 65_536
    assert "and 1900 more" in text


def test_a_folder_without_plans_is_an_error(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        script.comment(tmp_path)
