"""`ariel shell`: which pod is entered, and that a task's shell is like a task, allowed, and gone afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.placement import task_pod
from ariel_runtime.pod_request import PodRequest
from kubernetes.client import ApiClient
from typer.testing import CliRunner, Result

from cli.app import app
from cli.task_shell import SCHEDULER, shell_pod
from components.airflow_settings import task_env
from components.airflow_task_pod import task_pod_template
from sandbox import toolchain
from stacks.errors import UsageError
from tests.pod_rules import Manifest, credentials_in_env, not_hardened
from tests.unit.runtime.tenants import tenant

ROOT = Path(__file__).parents[3]
IMAGE = "cr.example/airflow:3.3.2"
TENANT = tenant()
ENTRY = {"slug": "weather", "namespaces": {"tasks": "tasks-weather"}, "environment": dict(TENANT.environment)}
KUBECTL = """#!/bin/sh
printf '%s\\n' "$*" >> "$SAID"
case "$*" in
*" get "*) cat "$SAID.objects" ;;
*" create "*) cat > "$SAID.pod" ;;
*" wait "*) exit "${WAIT:-0}" ;;
*" exec "*) exit 7 ;;
esac
"""


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The release's, whose defaults the tenant's entry replaces where both say something."""
    variables = task_env(
        host="airflow.example.org",
        execution_url="http://api/execution/",
        log_account_url="https://logs",
        environment="test",
    )
    text = task_pod_template(image=IMAGE, env=variables, node_selector={"pool": "tasks"}, tolerations=[])
    return dict(json.loads(text))


@pytest.fixture
def pod(template: dict[str, Any]) -> Manifest:
    return shell_pod(template, ENTRY, "shell-1")


class Cluster:
    """A project with a sandbox whose cluster is a program that notes what it is asked."""

    def __init__(self, root: Path, template: dict[str, Any]) -> None:
        self._said = root / "said"
        objects = [{"pod_template_file.yaml": json.dumps(template)}, {"tenant.json": json.dumps(ENTRY)}]
        (root / "said.objects").write_text(json.dumps({"items": [{"data": data} for data in objects]}))

    @property
    def asked(self) -> list[list[str]]:
        """Without program and kubeconfig."""
        return [line.split()[2:] for line in self._said.read_text().splitlines()]

    @property
    def pod(self) -> Manifest:
        return dict(json.loads(self._said.with_suffix(".pod").read_text()))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: dict[str, Any]) -> Cluster:
    for file in ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    kubeconfig = tmp_path / ".ariel" / "local" / "cluster" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    monkeypatch.setattr(toolchain, "ensure", lambda names, report: {"kubectl": program})
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    monkeypatch.chdir(tmp_path)
    return Cluster(tmp_path, template)


def shell(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["shell", *arguments])


@pytest.mark.parametrize(
    ("arguments", "namespace", "target", "container"),
    [
        (["scheduler"], "airflow", "deploy/airflow-scheduler", "scheduler"),
        (["api-server"], "airflow", "deploy/airflow-api-server", "api-server"),
        (["pgbouncer"], "airflow", "deploy/pgbouncer", "pgbouncer"),
        (["reconciler"], "airflow", "deploy/tenant-reconciler", "reconciler"),
        (["dag-processor", "--tenant", "weather"], "parse-weather", "deploy/dag-processor", "dag-processor"),
        (["triggerer", "--tenant", "weather"], "parse-weather", "deploy/triggerer", "triggerer"),
        (["git-mirror", "--tenant", "weather"], "parse-weather", "deploy/git-mirror", "git-mirror"),
    ],
)
def test_a_shell_is_in_the_container_that_was_named_and_ends_as_it_does(
    cluster: Cluster, arguments: list[str], namespace: str, target: str, container: str
) -> None:
    assert shell(*arguments).exit_code == 7
    assert cluster.asked[0][:7] == ["exec", "-i", "-n", namespace, target, "-c", container]


def test_in_azure_the_cluster_is_named_so_that_no_other_is_met(cluster: Cluster, tmp_path: Path) -> None:
    assert shell("scheduler", "--env", "dev", "--live").exit_code == 7
    first, *_ = (tmp_path / "said").read_text().splitlines()
    assert first.startswith("--context aks-")


@pytest.mark.parametrize(
    "arguments",
    [["triggerer"], ["task"], ["task", "--tenant", "nobody"], ["scheduler", "--env", "dev"]],
    ids=["a tenant's part without tenant", "a task without", "of nobody", "no cluster yet"],
)
def test_what_cannot_be_entered_is_said_before_anything_is_asked(cluster: Cluster, arguments: list[str]) -> None:
    assert isinstance(shell(*arguments).exception, UsageError)
    with pytest.raises(FileNotFoundError):
        assert cluster.asked


def test_a_tasks_pod_is_made_as_the_scheduler_entered_and_removed(cluster: Cluster) -> None:
    """In a team's namespace the admission policies let nobody else make pods."""
    assert shell("task", "--tenant", "weather").exit_code == 7
    name = f"pod/{cluster.pod['metadata']['name']}"
    assert [asked[0] for asked in cluster.asked] == ["get", "create", "wait", "exec", "delete"]
    assert f"--as={SCHEDULER}" in cluster.asked[1]
    assert cluster.asked[3][:7] == ["exec", "-i", "-n", "tasks-weather", name, "-c", "base"]
    assert cluster.asked[4] == ["delete", "--wait=false", name, "-n", "tasks-weather"]


def test_a_pod_that_does_not_start_is_removed_too(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAIT", "1")
    assert shell("task", "--tenant", "weather").exit_code == 1
    assert [asked[0] for asked in cluster.asked] == ["get", "create", "wait", "delete"]


def test_a_shells_pod_has_of_a_task_what_the_executor_gives_it(pod: Manifest, template: dict[str, Any]) -> None:
    """Otherwise what a person finds there says nothing of the team's tasks."""
    task = ApiClient().sanitize_for_serialization(task_pod(TENANT, PodRequest()))
    assert pod["metadata"]["namespace"] == task["metadata"]["namespace"]
    assert task["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
    assert template["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["serviceAccountName"] == task["spec"]["serviceAccountName"]
    (container,), (base,), (own,) = (each["spec"]["containers"] for each in (pod, template, task))
    settings = [{each["name"]: each["value"] for each in given["env"]} for given in (base, own, container)]
    assert settings[2] == settings[0] | settings[1]
    assert {key: container[key] for key in base if key != "env"} == {key: base[key] for key in base if key != "env"}


def test_a_shells_pod_is_hardened_holds_no_credential_and_ends_by_itself(pod: Manifest) -> None:
    assert not_hardened({"shell": pod["spec"]}) == []
    assert credentials_in_env({"shell": pod["spec"]}) == []
    assert pod["spec"]["activeDeadlineSeconds"] > 0
    assert not {"volumes", "nodeName", "priorityClassName", "hostNetwork"} & pod["spec"].keys()


def test_a_shells_pod_is_none_that_the_scheduler_takes_for_a_task(pod: Manifest) -> None:
    """It adopts or deletes pods by these labels."""
    assert not {"kubernetes_executor", "airflow-worker", "dag_id"} & pod["metadata"]["labels"].keys()
