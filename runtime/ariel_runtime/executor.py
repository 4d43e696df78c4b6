"""The executor that gives each task a pod in its tenant's namespace, and nothing there that the author chose freely.

`execute_async` is the one place that has the scheduler's own workload, with the bundle and the DAG from the database;
the pod mutation hook sees only what the author may already have changed. What is refused fails the task with the
reason, which Airflow keeps as an event of the task and `ariel_runtime.logs` shows in its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor

from ariel_runtime.placement import task_pod, tenant_of
from ariel_runtime.pod_request import pod_request
from ariel_runtime.refusal import RefusedError
from ariel_runtime.tenants import tenant_of_dag, tenants

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecuteTask
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancekey import TaskInstanceKey
    from kubernetes.client.models import V1Pod


class TenantKubernetesExecutor(KubernetesExecutor):
    """One executor and one watch for all tenants; the registry says at run time where a tenant's pods go.

    Its name is not `KubernetesExecutor`, so that no task can ask by that name for the one without tenants.
    """

    def start(self) -> None:
        """Also read the registry: until then every tenant would look unknown. Raises RegistryUnreadError."""
        super().start()
        tenants()

    def execute_async(
        self, key: TaskInstanceKey, command: Any, queue: str | None = None, executor_config: Any | None = None
    ) -> None:
        """Queue the pod, or fail the task with the reason; never raises over what an author wrote.

        The queue is dropped: it could choose a pod template and image of `[sdk] queue_to_coordinator`.
        """
        try:
            pod = _pod(command[0], executor_config)
        except RefusedError as refused:
            self.log.warning("No pod for %s: %s", key, refused)
            self.fail(key=key, info=str(refused))
            return
        super().execute_async(key=key, command=command, queue=None, executor_config={"pod_override": pod})

    def _get_pod_namespace(self, ti: TaskInstance) -> str:
        """Where the log of a running task is read; asked by the API server, which starts no executor."""
        tenant = tenant_of_dag(ti.dag_id)
        return tenant.task_namespace if tenant else str(self.kube_config.kube_namespace)


def _pod(workload: ExecuteTask, executor_config: object) -> V1Pod:
    request = pod_request(executor_config)
    return task_pod(tenant_of(workload.bundle_info.name, workload.ti.dag_id, tenants()), request)
