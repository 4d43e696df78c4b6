"""Every `AIRFLOW__` variable that the program gives to a pod is a setting of the Airflow that runs there."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from stacks import versions
from tests import recordings
from tests.graph_rules.workloads import containers
from tests.unit.components.test_airflow_settings import airflow_folder, provider_descriptions, settings_in

REGISTRY_KEY = "tenant.json"


@pytest.fixture(scope="module")
def known() -> set[tuple[str, str]]:
    """(section, key) of every option of Airflow's core and of the installed providers."""
    folder = airflow_folder()
    parts = [yaml.safe_load((folder / "config_templates" / "config.yml").read_text())]
    parts += [provider.get("config", {}) for provider in provider_descriptions(folder)]
    return {(name, key) for part in parts for name, section in part.items() for key in section["options"]}


def variables(stack: str) -> dict[str, list[str]]:
    """Place -> names of variables: containers of the graph, and what the registry adds to a tenant's task pods."""
    graph = recordings.graph_of(stack)
    found = {place: [each["name"] for each in container.get("env") or []] for place, _, container in containers(graph)}
    for each in graph.of("core/v1:ConfigMap"):
        if REGISTRY_KEY in (each.inputs.get("data") or {}):
            found[str(each)] = list(json.loads(each.inputs["data"][REGISTRY_KEY])["environment"])
    return found


@pytest.mark.parametrize("stack", recordings.STACKS)
def test_no_variable_is_ignored_because_airflow_does_not_know_its_name(stack: str, known: set[tuple[str, str]]) -> None:
    given = variables(stack)
    assert sum(name.startswith("AIRFLOW__") for names in given.values() for name in names) > 40
    assert [
        f"{place}: {section}.{key}"
        for place, names in given.items()
        for section, key in settings_in(names)
        if (section, key) not in known
    ] == []


def test_airflow_is_the_version_of_the_stacks() -> None:
    """The names are read from what is installed here."""
    spec = importlib.util.find_spec("airflow")
    assert spec
    assert spec.origin
    text = Path(spec.origin).read_text(encoding="utf-8")
    assert f'__version__ = "{versions.AIRFLOW}"' in text
