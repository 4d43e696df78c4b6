"""The executor as Airflow's scheduler drives it, up to the pod that would be sent to Kubernetes."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.executors.workloads import BundleInfo, ExecuteTask
from airflow.executors.workloads.task import TaskInstanceDTO
from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor
from airflow.providers.cncf.kubernetes.executors.kubernetes_executor_utils import AirflowKubernetesScheduler
from airflow.utils.state import TaskInstanceState
from ariel_runtime import executor as executor_module
from ariel_runtime.executor import TenantKubernetesExecutor
from kubernetes.client import ApiClient
from kubernetes.client.models import V1ObjectMeta, V1Pod, V1PodSpec

from components.airflow_settings import task_env
from components.airflow_task_pod import task_pod_template
from tests.unit.runtime.tenants import tenant
from tests.unit.runtime.test_pod_request import REFUSED

IMAGE = "cr.example/airflow@sha256:ab"


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> TenantKubernetesExecutor:
    """Started as far as no Kubernetes is needed, beside two tenants."""
    known = {slug: tenant(slug) for slug in ("weather", "mobility")}
    monkeypatch.setattr(executor_module, "tenants", lambda: known)
    monkeypatch.setattr("ariel_runtime.tenants.tenants", lambda: known)
    made = TenantKubernetesExecutor()
    made.task_queue, made.scheduler_job_id = Queue(), "1"
    return made


def workload(config: Any = None, *, bundle: str = "weather", dag_id: str = "weather.report") -> ExecuteTask:
    ti = TaskInstanceDTO.model_construct(
        id=uuid4(),
        dag_version_id=uuid4(),
        task_id="write",
        dag_id=dag_id,
        run_id="manual",
        try_number=1,
        map_index=-1,
        pool_slots=1,
        queue="jvm",
        priority_weight=1,
        executor_config=config,
    )
    return ExecuteTask(
        ti=ti,
        dag_rel_path=Path("report.py"),
        token="t",  # noqa: S106
        log_path="log",
        bundle_info=BundleInfo(name=bundle),
    )


def submit(executor: TenantKubernetesExecutor, task: ExecuteTask) -> None:
    """As the scheduler's loop does."""
    executor.queued_tasks[task.ti.key] = task
    executor._process_workloads([task])


def sent_pod(executor: TenantKubernetesExecutor, template: Path) -> dict[str, Any]:
    """The pod as it would be sent, made by the installed provider from the release's template."""
    executor.kube_config.pod_template_file = str(template)
    maker = AirflowKubernetesScheduler.__new__(AirflowKubernetesScheduler)
    maker.kube_config, maker.namespace, maker.scheduler_job_id = executor.kube_config, "airflow", "1"
    maker.supports_task_instance_uuid = False
    assert executor.task_queue is not None
    pod: dict[str, Any] = ApiClient().sanitize_for_serialization(maker._build_pod_request(executor.task_queue.get()))
    return pod


@pytest.fixture
def template(tmp_path: Path) -> Path:
    environment = task_env(
        host="airflow.example.org",
        execution_url="http://api/execution/",
        log_account_url="https://logs",
        environment="test",
    )
    text = task_pod_template(image=IMAGE, env=environment, node_selector={"pool": "tasks"}, tolerations=[])
    path = tmp_path / "template.yaml"
    path.write_text(text)
    return path


def test_a_task_runs_in_its_tenants_namespace_with_the_templates_hardening(
    executor: TenantKubernetesExecutor, template: Path
) -> None:
    submit(executor, workload())
    pod = sent_pod(executor, template)
    assert pod["metadata"]["namespace"] == "tasks-weather"
    assert pod["metadata"]["labels"]["ariel.dev/tenant"] == "weather"
    assert pod["metadata"]["labels"]["dag_id"] == "weather.report"
    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    spec, base = pod["spec"], json.loads(template.read_text())["spec"]
    assert spec["serviceAccountName"] == "task"
    kept = ("automountServiceAccountToken", "securityContext", "nodeSelector", "restartPolicy")
    assert {key: spec[key] for key in kept} == {key: base[key] for key in kept}
    (container,) = spec["containers"]
    assert container["image"] == IMAGE
    assert container["securityContext"] == base["containers"][0]["securityContext"]
    assert container["resources"] == base["containers"][0]["resources"]
    # By these words the image's entry point knows a task.
    assert container["args"][:3] == ["python", "-m", "airflow.sdk.execution_time.execute_workload"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER"] == "logs-weather"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api/execution/"


def test_what_the_author_may_ask_for_arrives(executor: TenantKubernetesExecutor, template: Path) -> None:
    asked = {"identity": "etl", "image": "ghcr.io/acme/model:1", "size": "L", "labels": {"cost": "1"}}
    submit(executor, workload({"ariel": asked}))
    pod = sent_pod(executor, template)
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["serviceAccountName"] == "task-etl"
    assert container["image"] == "ghcr.io/acme/model:1"
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    assert pod["metadata"]["labels"]["task.ariel.dev/cost"] == "1"


@pytest.mark.parametrize(("config", "text"), REFUSED, ids=range(len(REFUSED)))
def test_a_refused_task_fails_with_the_reason_and_makes_no_pod(
    executor: TenantKubernetesExecutor, config: Any, text: str
) -> None:
    task = workload(config)
    submit(executor, task)
    assert executor.task_queue is not None
    assert executor.task_queue.empty()
    state, reason = executor.event_buffer[task.ti.key]
    assert state == TaskInstanceState.FAILED
    assert text in str(reason)
    assert task.ti.key not in executor.running


@pytest.mark.parametrize(
    ("bundle", "dag_id", "text"),
    [
        ("gone", "gone.report", "if the tenant was removed"),
        ("weather", "mobility.trips", "begins with 'weather.'"),
    ],
)
def test_a_task_that_is_no_tenants_fails_with_the_reason(
    executor: TenantKubernetesExecutor, bundle: str, dag_id: str, text: str
) -> None:
    task = workload(bundle=bundle, dag_id=dag_id)
    submit(executor, task)
    assert text in str(executor.event_buffer[task.ti.key][1])


def test_an_override_cannot_ride_along_with_what_is_allowed(
    executor: TenantKubernetesExecutor,
) -> None:
    override = V1Pod(metadata=V1ObjectMeta(namespace="tasks-mobility"), spec=V1PodSpec(containers=[]))
    task = workload({"ariel": {"size": "S"}, "pod_override": override})
    submit(executor, task)
    assert executor.event_buffer[task.ti.key][0] == TaskInstanceState.FAILED


def test_a_tenant_added_later_is_known_without_a_restart(
    executor: TenantKubernetesExecutor, monkeypatch: pytest.MonkeyPatch, template: Path
) -> None:
    monkeypatch.setattr(executor_module, "tenants", lambda: {"energy": tenant("energy")})
    submit(executor, workload(bundle="energy", dag_id="energy.grid"))
    assert sent_pod(executor, template)["metadata"]["namespace"] == "tasks-energy"


@pytest.mark.parametrize(
    ("dag_id", "namespace"), [("mobility.trips", "tasks-mobility"), ("unknown.x", "airflow"), ("bare", "airflow")]
)
def test_the_log_of_a_running_task_is_read_in_its_tenants_namespace(
    executor: TenantKubernetesExecutor, monkeypatch: pytest.MonkeyPatch, dag_id: str, namespace: str
) -> None:
    executor.kube_config.kube_namespace = "airflow"
    override = V1Pod(metadata=V1ObjectMeta(namespace="tasks-weather"))
    ti = SimpleNamespace(dag_id=dag_id, executor_config={"pod_override": override})
    assert executor._get_pod_namespace(ti) == namespace  # type: ignore[arg-type]


def test_the_installed_provider_still_asks_our_executor() -> None:
    """Otherwise running tasks' logs would be looked for in the platform's namespace, without an error."""
    assert "self._get_pod_namespace(ti)" in inspect.getsource(KubernetesExecutor.get_streaming_task_log)
    ours, theirs = (inspect.signature(each.execute_async) for each in (TenantKubernetesExecutor, KubernetesExecutor))
    assert list(ours.parameters) == list(theirs.parameters)
    assert "self.execute_async(" in inspect.getsource(KubernetesExecutor._process_workloads)
