"""The API server itself, with ariel's policies, against task pods as an attacker would ask for them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import kubernetes
import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi, RbacAuthorizationV1Api

from components import admission_images
from components.admission_policies import (
    NAMESPACE_LABELS,
    TASK_CHANGES,
    TASK_IMAGES,
    TASK_PODS,
    binding,
    namespace_labels,
    task_changes,
    task_images,
    task_pods,
)
from components.namespace import PLATFORM, security_labels
from components.pod import PURPOSE_LABEL, TENANT_LABEL
from sandbox.cluster import Cluster
from stacks.versions import KUBERNETES

AUDIENCE = "api://AzureADTokenExchange"
TASKS = "tasks-weather"
SCHEDULER = "airflow-scheduler"
CREATOR = f"system:serviceaccount:{PLATFORM}:{SCHEDULER}"
DEPLOYERS = ("ariel:deployers",)
REGISTRY = "registry.example.org"
PATTERNS = f"{REGISTRY}/*\nghcr.io/team/tool:2\nquay.io/team/*\nruby"
ALLOWED_IMAGES = {"name": admission_images.CONFIG_MAP, "labels": admission_images.LABELS}
Change = Callable[[dict[str, Any]], None]

MESSAGES = {
    "creator": "only the scheduler makes pods",
    "account": "the account must be",
    "label": "must be the namespace's own",
    "host": "the host's network, processes and IPC",
    "node": "system priorities",
    "volumes": "volumes may be",
    "environment": "may take its environment from a Secret",
    "privileges": "no container may be privileged",
    "images": "not among the allowed images",
    "changes": "of a task pod never change",
}


def task_pod() -> dict[str, Any]:
    """A pod as the executor makes it, after Azure's webhook has added the token for Entra."""
    token = {"path": "azure-identity-token", "expirationSeconds": 3600, "audience": AUDIENCE}
    return {
        "metadata": {"generateName": "task-", "labels": {TENANT_LABEL: "weather"}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "task",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 50000, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {"name": "scratch", "emptyDir": {}},
                {"name": "azure-identity-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
            ],
            "containers": [
                {
                    "name": "base",
                    "image": f"{REGISTRY}/airflow:3.3.2-r1",
                    "env": [{"name": "AIRFLOW__CORE__LOAD_EXAMPLES", "value": "False"}],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def spec(**fields: Any) -> Change:
    return lambda pod: pod["spec"].update(fields)


def container(**fields: Any) -> Change:
    return lambda pod: pod["spec"]["containers"][0].update(fields)


def context(**fields: Any) -> Change:
    return lambda pod: pod["spec"]["containers"][0]["securityContext"].update(fields)


def volume(**source: Any) -> Change:
    return lambda pod: pod["spec"]["volumes"].append({"name": "more", **source})


def beside(**fields: Any) -> Change:
    """An init container like the main one, but for these fields."""

    def change(pod: dict[str, Any]) -> None:
        pod["spec"]["initContainers"] = [{**copy.deepcopy(pod["spec"]["containers"][0]), "name": "first", **fields}]

    return change


def label(value: str | None) -> Change:
    return lambda pod: pod["metadata"].update(labels={TENANT_LABEL: value} if value else {})


def secret_variable() -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"secretKeyRef": {"name": "other", "key": "x"}}}


ATTACKS: dict[str, tuple[Change, str]] = {
    "the_account_of_another_purpose": (spec(serviceAccountName="launcher"), "account"),
    "the_default_account": (spec(serviceAccountName="default"), "account"),
    "an_account_whose_name_only_begins_alike": (spec(serviceAccountName="taskmaster"), "account"),
    "another_tenants_label": (label("orders"), "label"),
    "no_tenants_label": (label(None), "label"),
    "the_hosts_network": (spec(hostNetwork=True), "host"),
    "the_hosts_processes": (spec(hostPID=True), "host"),
    "the_hosts_ipc": (spec(hostIPC=True), "host"),
    "a_node_of_its_choice": (spec(nodeName="system-node-1"), "node"),
    "a_priority_over_the_system": (spec(priorityClassName="system-node-critical"), "node"),
    "a_folder_of_the_host": (volume(hostPath={"path": "/"}), "volumes"),
    "a_secret_as_volume": (volume(secret={"secretName": "other"}), "volumes"),
    "a_secret_as_projected_volume": (volume(projected={"sources": [{"secret": {"name": "other"}}]}), "volumes"),
    "a_token_for_the_kubernetes_api": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}),
        "volumes",
    ),
    "a_token_for_another_audience": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "token", "audience": "vault"}}]}),
        "volumes",
    ),
    "the_token_that_kubernetes_mounts_by_itself": (spec(automountServiceAccountToken=True), "volumes"),
    "a_driver_volume": (volume(csi={"driver": "secrets-store.csi.k8s.io", "readOnly": True}), "volumes"),
    "a_variable_from_a_secret": (container(env=[secret_variable()]), "environment"),
    "all_variables_from_a_secret": (container(envFrom=[{"secretRef": {"name": "other"}}]), "environment"),
    "a_variable_from_a_secret_in_an_init_container": (beside(env=[secret_variable()]), "environment"),
    "a_privileged_container": (context(privileged=True, allowPrivilegeEscalation=True), "privileges"),
    "a_capability": (context(capabilities={"add": ["SYS_ADMIN"]}), "privileges"),
    "no_word_on_privileges": (container(securityContext={}), "privileges"),
    "no_security_context_at_all": (lambda pod: pod["spec"]["containers"][0].pop("securityContext"), "privileges"),
    "a_port_of_the_host": (container(ports=[{"containerPort": 80, "hostPort": 80}]), "privileges"),
    "a_privileged_init_container": (
        beside(securityContext={"privileged": True, "allowPrivilegeEscalation": True}),
        "privileges",
    ),
    "a_foreign_image": (container(image="docker.io/library/busybox:1.36"), "images"),
    "a_registry_that_only_begins_alike": (container(image=f"{REGISTRY}.evil.example/airflow:1"), "images"),
    "another_tag_of_an_image_allowed_by_tag": (container(image="ghcr.io/team/tool:3"), "images"),
    "a_registry_that_reads_like_a_tag": (container(image="ruby:5000/evil:1"), "images"),
    "a_foreign_image_in_an_init_container": (beside(image="docker.io/library/busybox:1.36"), "images"),
}

ALLOWED: dict[str, Change] = {
    "as_the_executor_makes_it": lambda pod: None,
    "with_the_account_of_a_group": spec(serviceAccountName="task-etl"),
    "with_an_init_container": beside(),
    "with_the_downward_api": volume(
        downwardAPI={"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}
    ),
    "without_volumes": lambda pod: pod["spec"].pop("volumes"),
    "with_an_image_allowed_by_tag": container(image="ghcr.io/team/tool:2"),
    "with_any_tag_of_an_image": container(image="ruby:3.3"),
    "with_a_digest_of_an_image": container(image="ruby@sha256:" + "0" * 64),
    "with_an_image_of_an_allowed_folder": container(image="quay.io/team/deep/tool:1"),
}


@pytest.fixture(scope="module")
def administrator(cluster: Cluster) -> Iterator[ApiClient]:
    """A client of the administrator, in a cluster with the policies and one tenant's task namespace."""
    client = kubernetes.config.new_client_from_config(str(cluster.kubeconfig))
    core, objects = CoreV1Api(client), CustomObjectsApi(client)
    plurals = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}
    plurals["ValidatingAdmissionPolicyBinding"] = "validatingadmissionpolicybindings"
    deployers = (*DEPLOYERS, "system:masters")
    policies = [task_pods(CREATOR, AUDIENCE), task_changes(), task_images(), namespace_labels(deployers)]
    manifests = [*policies, *(binding(policy["metadata"]["name"]) for policy in policies)]
    for manifest in manifests:
        objects.create_cluster_custom_object("admissionregistration.k8s.io", "v1", plurals[manifest["kind"]], manifest)
    _namespace(core, RbacAuthorizationV1Api(client))
    _await_policies(client)
    yield client
    for manifest in reversed(manifests):
        name = manifest["metadata"]["name"]
        objects.delete_cluster_custom_object("admissionregistration.k8s.io", "v1", plurals[manifest["kind"]], name)
    core.delete_namespace(TASKS)
    for user in ("mallory", "deployer"):
        RbacAuthorizationV1Api(client).delete_cluster_role_binding(f"test-{user}")


def _namespace(core: CoreV1Api, rbac: RbacAuthorizationV1Api) -> None:
    # No Pod Security here: what is refused must be refused by the policies.
    labels = {TENANT_LABEL: "weather", PURPOSE_LABEL: "tasks"}
    core.create_namespace({"metadata": {"name": TASKS, "labels": labels}})
    _until(lambda: core.list_namespaced_service_account(TASKS).items, "the controller has made no default account")
    for account in ("task", "task-etl", "taskmaster", "launcher"):
        core.create_namespaced_service_account(TASKS, {"metadata": {"name": account}})
    core.create_namespaced_config_map(TASKS, {"metadata": ALLOWED_IMAGES, "data": {"images": PATTERNS}})
    pods = ["pods", "pods/ephemeralcontainers"]
    role = {"rules": [{"apiGroups": [""], "resources": pods, "verbs": ["*"]}], "metadata": {"name": "launcher"}}
    rbac.create_namespaced_role(TASKS, role)
    users = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name} for name in (CREATOR, "mallory")]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "launcher"}
    binding_of_role = {"metadata": {"name": "launcher"}, "roleRef": reference, "subjects": users}
    rbac.create_namespaced_role_binding(TASKS, binding_of_role)
    everything = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{**users[0], "name": name} for name in ("mallory", "deployer")]
    for subject in subjects:
        name = f"test-{subject['name']}"
        rbac.create_cluster_role_binding({"metadata": {"name": name}, "roleRef": everything, "subjects": [subject]})


def _await_policies(client: ApiClient) -> None:
    """The API server takes up a new policy after a moment; until both refuse, nothing is tested.

    Each pod offends one of them only: of several refusals the API server names one, whichever comes first.
    """
    foreign = task_pod()
    foreign["spec"]["containers"][0]["image"] = "docker.io/library/busybox:1.36"
    for user, pod, message in (("mallory", task_pod(), MESSAGES["creator"]), (CREATOR, foreign, MESSAGES["images"])):
        _until(partial(_refused, client, user, pod, message), f"the policy that says {message!r} is not in force")


def _until(holds: Callable[[], object], otherwise: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def _refused(client: ApiClient, user: str, pod: dict[str, Any], message: str) -> bool:
    return message in _refusal(client, user, pod)


def _core(client: ApiClient, user: str, group: str | None = None) -> CoreV1Api:
    """The administrator in the shape of another user."""
    api = CoreV1Api(ApiClient(client.configuration))
    api.api_client.set_default_header("Impersonate-User", user)
    if group:
        api.api_client.set_default_header("Impersonate-Group", group)
    return api


def _refusal(client: ApiClient, user: str, pod: dict[str, Any]) -> str:
    """Why the API server refuses the pod; empty where it takes it."""
    try:
        _core(client, user).create_namespaced_pod(TASKS, pod, dry_run="All")
    except ApiException as refused:
        if refused.status not in (403, 422):
            raise
        return str(refused.body)
    return ""


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_task_pod_may_not_have(administrator: ApiClient, attack: str) -> None:
    change, message = ATTACKS[attack]
    pod = task_pod()
    change(pod)
    assert MESSAGES[message] in _refusal(administrator, CREATOR, pod)


@pytest.mark.parametrize("case", ALLOWED)
def test_a_task_pod_is_taken(administrator: ApiClient, case: str) -> None:
    pod = task_pod()
    ALLOWED[case](pod)
    assert _refusal(administrator, CREATOR, pod) == ""


def test_nobody_but_the_scheduler_makes_a_task_pod_even_with_all_rights(administrator: ApiClient) -> None:
    assert MESSAGES["creator"] in _refusal(administrator, "mallory", task_pod())


def test_an_image_is_not_exchanged_in_a_running_task_pod(administrator: ApiClient) -> None:
    core = _core(administrator, CREATOR)
    name = core.create_namespaced_pod(TASKS, task_pod()).metadata.name
    exchange = {"spec": {"containers": [{"name": "base", "image": "docker.io/library/busybox:1.36"}]}}
    with pytest.raises(ApiException, match=MESSAGES["images"]):
        core.patch_namespaced_pod(name, TASKS, exchange)
    core.delete_namespaced_pod(name, TASKS, grace_period_seconds=0)


@pytest.fixture
def running(administrator: ApiClient) -> Iterator[str]:
    """Name of a task pod that is there."""
    core = _core(administrator, CREATOR)
    name = core.create_namespaced_pod(TASKS, task_pod()).metadata.name
    yield name
    core.delete_namespaced_pod(name, TASKS, grace_period_seconds=0)


@pytest.mark.parametrize("change", [{TENANT_LABEL: "orders"}, {TENANT_LABEL: None}, {PURPOSE_LABEL: "platform"}])
def test_the_scheduler_cannot_give_a_running_task_pod_to_another_tenant(
    administrator: ApiClient, running: str, change: dict[str, str | None]
) -> None:
    core = _core(administrator, CREATOR)
    with pytest.raises(ApiException, match=MESSAGES["changes"]):
        core.patch_namespaced_pod(running, TASKS, {"metadata": {"labels": change}})


def test_the_scheduler_may_still_mark_a_task_pod_as_done(administrator: ApiClient, running: str) -> None:
    labels = {"airflow_executor_done": "True"}
    patched = _core(administrator, CREATOR).patch_namespaced_pod(running, TASKS, {"metadata": {"labels": labels}})
    assert patched.metadata.labels["airflow_executor_done"] == "True"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": "docker.io/library/busybox:1.36"}, "images"),
        ({"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}, "privileges"),
        (
            {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_PTRACE"]}}},
            "privileges",
        ),
        ({"env": [secret_variable()]}, "environment"),
    ],
)
def test_a_container_added_to_a_running_task_pod_is_no_way_round(
    administrator: ApiClient, running: str, fields: dict[str, Any], message: str
) -> None:
    added = {**task_pod()["spec"]["containers"][0], "name": "added", **fields}
    with pytest.raises(ApiException, match=MESSAGES[message]):
        _add(administrator, running, added)


def test_a_hardened_container_of_an_allowed_image_may_be_added_to_a_running_task_pod(
    administrator: ApiClient, running: str
) -> None:
    _add(administrator, running, {**task_pod()["spec"]["containers"][0], "name": "added"})


def _add(client: ApiClient, pod: str, container: dict[str, Any]) -> None:
    body = {"spec": {"ephemeralContainers": [container]}}
    _core(client, CREATOR).patch_namespaced_pod_ephemeralcontainers(pod, TASKS, body)


def test_a_shorter_list_of_images_does_not_freeze_running_pods(administrator: ApiClient) -> None:
    core, admin = _core(administrator, CREATOR), CoreV1Api(administrator)
    name = core.create_namespaced_pod(TASKS, task_pod()).metadata.name
    allowed = admin.read_namespaced_config_map(admission_images.CONFIG_MAP, TASKS).data
    try:
        admin.patch_namespaced_config_map(admission_images.CONFIG_MAP, TASKS, {"data": {"images": "ruby"}})
        shorter = partial(_refused, administrator, CREATOR, task_pod(), MESSAGES["images"])
        _until(shorter, "the shorter list is not in force")
        patched = core.patch_namespaced_pod(name, TASKS, {"metadata": {"labels": {"airflow-worker": "7"}}})
        assert patched.metadata.labels["airflow-worker"] == "7"
    finally:
        admin.patch_namespaced_config_map(admission_images.CONFIG_MAP, TASKS, {"data": allowed})
        core.delete_namespaced_pod(name, TASKS, grace_period_seconds=0)


def test_pods_without_a_list_of_images_beside_them_are_refused(administrator: ApiClient) -> None:
    core = CoreV1Api(administrator)
    core.delete_namespaced_config_map(admission_images.CONFIG_MAP, TASKS)
    try:
        _until(partial(_refused, administrator, CREATOR, task_pod(), "no params found"), "the pod is still taken")
    finally:
        core.create_namespaced_config_map(TASKS, {"metadata": ALLOWED_IMAGES, "data": {"images": PATTERNS}})


@pytest.mark.parametrize(
    "guarded",
    [
        TENANT_LABEL,
        PURPOSE_LABEL,
        "pod-security.kubernetes.io/enforce",
        "pod-security.kubernetes.io/enforce-version",
    ],
)
def test_a_user_with_all_rights_cannot_take_a_namespace_out_of_the_policies(
    administrator: ApiClient, guarded: str
) -> None:
    change = {"metadata": {"labels": {guarded: "v1.20" if guarded.endswith("-version") else "privileged"}}}
    with pytest.raises(ApiException, match="are the deployer's to change"):
        _core(administrator, "mallory").patch_namespace(TASKS, change, dry_run="All")
    _core(administrator, "deployer", DEPLOYERS[0]).patch_namespace(TASKS, change, dry_run="All")


def test_a_user_with_all_rights_cannot_make_a_namespace_that_passes_for_a_tenants(administrator: ApiClient) -> None:
    labels = {TENANT_LABEL: "orders", PURPOSE_LABEL: "tasks"}
    with pytest.raises(ApiException, match="are the deployer's to change"):
        _core(administrator, "mallory").create_namespace({"metadata": {"name": "forged", "labels": labels}})


def test_namespaces_and_labels_that_are_not_ariels_stay_free(administrator: ApiClient) -> None:
    core = _core(administrator, "mallory")
    core.create_namespace({"metadata": {"name": "free", "labels": security_labels(KUBERNETES)}}, dry_run="All")
    core.patch_namespace(TASKS, {"metadata": {"labels": {"cost-centre": "7"}}}, dry_run="All")


@pytest.mark.parametrize("policy", [TASK_PODS, TASK_CHANGES, TASK_IMAGES, NAMESPACE_LABELS])
def test_the_controller_finds_nothing_wrong_in_the_types_of_a_policys_expressions(
    administrator: ApiClient, policy: str
) -> None:
    objects = CustomObjectsApi(administrator)
    _until(lambda: "typeChecking" in _policy(objects, policy).get("status", {}), "the controller has not checked it")
    assert _policy(objects, policy)["status"]["typeChecking"] == {}


def _policy(objects: CustomObjectsApi, name: str) -> dict[str, Any]:
    plural = "validatingadmissionpolicies"
    found: dict[str, Any] = objects.get_cluster_custom_object("admissionregistration.k8s.io", "v1", plural, name)
    return found


def test_every_rule_of_a_task_pod_is_attacked() -> None:
    rules = len(task_pods(CREATOR, AUDIENCE)["spec"]["validations"])
    attacked = {message for _, message in ATTACKS.values()} | {"creator"}
    assert len(attacked - {"images"}) == rules
