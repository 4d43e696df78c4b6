"""Runs of two tenants, from the git server to the log in the UI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.running_platform import RunningPlatform

WHERE = """
from airflow.sdk import dag, task


@dag(dag_id="{slug}.where", schedule=None)
def where():
    @task
    def say():
        import os
        import socket

        from azure.identity import WorkloadIdentityCredential  # as DAG code does

        print("written by the task of {slug}")
        return {{"host": socket.gethostname(), "client": os.environ["AZURE_CLIENT_ID"]}}

    say()


where()
"""


@pytest.mark.parametrize("slug", ["weather", "mobility"])
def test_a_run_of_each_tenant_succeeds_in_its_own_namespace_under_its_own_account(
    platform: RunningPlatform, slug: str, tmp_path: Path
) -> None:
    with platform.watched_pods(tmp_path / "pods") as pods:
        platform.push(slug, {"dags/where.py": WHERE.format(slug=slug)})
        run = platform.start_run(f"{slug}.where")
        assert platform.ended(f"{slug}.where", run) == "success"
    seen = [pod for pod in pods if pod["metadata"].get("annotations", {}).get("run_id") == run]
    assert {pod["metadata"]["namespace"] for pod in seen} == {f"tasks-{slug}"}
    assert {pod["spec"]["serviceAccountName"] for pod in seen} == {"task"}
    accounts = {each["metadata"]["name"]: each["metadata"] for each in platform.get("serviceaccounts", f"tasks-{slug}")}
    said = str(platform.returned(f"{slug}.where", run, "say"))
    assert accounts["task"]["annotations"]["azure.workload.identity/client-id"] in said


@pytest.mark.parametrize("slug", ["weather", "mobility"])
def test_the_log_of_a_task_is_readable_after_its_pod_is_gone(platform: RunningPlatform, slug: str) -> None:
    platform.push(slug, {"dags/where.py": WHERE.format(slug=slug)})
    run = platform.start_run(f"{slug}.where")
    assert platform.ended(f"{slug}.where", run) == "success"
    platform.until(lambda: not platform.get("pods", f"tasks-{slug}"), "the pod is gone")
    assert f"written by the task of {slug}" in platform.task_log(f"{slug}.where", run, "say")
