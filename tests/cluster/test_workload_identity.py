"""Pods as the API server makes them: with the identity of their account and with trust in the sandbox's authority.

Needs no node: the mutation is seen in a dry run.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api

from sandbox import toolchain
from sandbox.account_mirror import mirror_accounts
from sandbox.arm.tenant import TENANT_ID
from sandbox.cluster import Cluster
from sandbox.cluster.folder import ClusterFolder
from sandbox.lifecycle import CLUSTER_TOOLS
from sandbox.workload_identity import apply

CLIENT = "dddddddd-0000-4000-8000-00000000d001"
NAMESPACE = "tenant-weather"
TOKENS = "/var/run/secrets/azure/tokens"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
TRUST = {"GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}
IDENTITY = {
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_TENANT_ID": TENANT_ID,
    "AZURE_FEDERATED_TOKEN_FILE": f"{TOKENS}/azure-identity-token",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an API server with the policies, and a mirror that follows it from before it started."""
    folder = tmp_path_factory.mktemp("cluster")
    cluster = Cluster(folder, toolchain.ensure(CLUSTER_TOOLS), durable=False)
    loop = asyncio.new_event_loop()
    following = loop.create_task(mirror_accounts(ClusterFolder(folder)))
    thread = threading.Thread(target=lambda: _run(loop, following), daemon=True)
    thread.start()
    cluster.start()
    apply(cluster.kubeconfig, TENANT_ID)
    yield cluster.kubeconfig
    loop.call_soon_threadsafe(following.cancel)
    thread.join()
    cluster.wipe()


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[ApiClient]:
    """Its client, with a namespace and the annotated account `processor`, once the policies act."""
    with kubernetes.config.new_client_from_config(str(kubeconfig)) as client:
        CoreV1Api(client).create_namespace({"metadata": {"name": NAMESPACE}})
        account(client, "processor", {"azure.workload.identity/client-id": CLIENT})
        _until_enforced(client)
        yield client


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        loop.close()


def _until_enforced(client: ApiClient) -> None:
    """A new policy takes the API server a moment."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            if variables(made(client, pod("processor"))["spec"]["containers"][0]).keys() >= IDENTITY.keys() | TRUST:
                return
        except ApiException as error:
            if "workload-identity" not in error.body:
                raise
        time.sleep(0.1)
    raise TimeoutError("the policies do not act")


def account(client: ApiClient, name: str, annotations: dict[str, str]) -> None:
    CoreV1Api(client).create_namespaced_service_account(
        NAMESPACE, {"metadata": {"name": name, "annotations": annotations}}
    )


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "example.org/x", **fields}


def pod(account_name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A labelled pod of that account, with one container."""
    return {
        "metadata": {
            "generateName": "x-",
            "labels": {"azure.workload.identity/use": "true"},
            "annotations": annotations or {},
        },
        "spec": {
            "serviceAccountName": account_name,
            "automountServiceAccountToken": False,
            "containers": [container("main")],
            **spec,
        },
    }


def made(client: ApiClient, body: dict[str, Any], namespace: str = NAMESPACE) -> dict[str, Any]:
    """The pod as the API server would store it. Raises ApiException."""
    answer = CoreV1Api(client).create_namespaced_pod(namespace, body, dry_run="All", _preload_content=False)
    return dict(answer.json())


def eventually(client: ApiClient, body: dict[str, Any], namespace: str = NAMESPACE) -> dict[str, Any]:
    """The pod, tried again for as long as it is refused, as a ReplicaSet does."""
    give_up = time.monotonic() + 30
    while True:
        try:
            return made(client, body, namespace)
        except ApiException:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def variables(holder: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in holder.get("env", [])}


def mounts(holder: dict[str, Any]) -> set[str]:
    return {entry["mountPath"] for entry in holder.get("volumeMounts", [])}


def test_a_labelled_pod_gets_the_token_and_the_variables_of_its_account(api: ApiClient) -> None:
    spec = made(api, pod("processor"))["spec"]
    found = variables(spec["containers"][0])
    assert {name: found[name] for name in IDENTITY} == IDENTITY
    token = {"path": "azure-identity-token", "audience": "api://AzureADTokenExchange", "expirationSeconds": 3600}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["azure-identity-token"]["projected"]["sources"] == [{"serviceAccountToken": token}]
    assert TOKENS in mounts(spec["containers"][0])


def test_every_container_gets_it_a_native_sidecar_too(api: ApiClient) -> None:
    sidecar = container("token-refresher", restartPolicy="Always")
    body = pod("processor", initContainers=[sidecar, container("setup")], containers=[container("a"), container("b")])
    spec = made(api, body)["spec"]
    for holder in (*spec["initContainers"], *spec["containers"]):
        assert variables(holder).keys() >= IDENTITY.keys() | TRUST, holder["name"]
        assert mounts(holder) >= {TOKENS, BUNDLE}, holder["name"]
    assert [holder["name"] for holder in spec["initContainers"]] == ["token-refresher", "setup"]
    assert spec["initContainers"][0]["restartPolicy"] == "Always"


def test_a_skipped_container_gets_no_token_but_trusts_the_authority(api: ApiClient) -> None:
    skip = {"azure.workload.identity/skip-containers": "pgbouncer; exporter"}
    holders = [container("pgbouncer"), container("exporter"), container("main")]
    spec = made(api, pod("processor", annotations=skip, initContainers=[container("token")], containers=holders))[
        "spec"
    ]
    given = {holder["name"]: TOKENS in mounts(holder) for holder in (*spec["initContainers"], *spec["containers"])}
    assert given == {"token": True, "pgbouncer": False, "exporter": False, "main": True}
    assert not variables(spec["containers"][0]).keys() & IDENTITY.keys()
    assert all(BUNDLE in mounts(holder) for holder in spec["containers"])


def test_what_the_author_wrote_stays(api: ApiClient) -> None:
    field = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    env = [{"name": "AZURE_CLIENT_ID", "value": "own"}, {"name": "SSL_CERT_FILE", "valueFrom": field}]
    mount = {"name": "scratch", "mountPath": "/scratch"}
    body = pod(
        "processor",
        volumes=[{"name": "scratch", "emptyDir": {}}],
        containers=[container("main", env=env, volumeMounts=[mount])],
    )
    spec = made(api, body)["spec"]
    found = spec["containers"][0]
    assert variables(found)["AZURE_CLIENT_ID"] == "own"
    assert [entry for entry in found["env"] if entry["name"] == "SSL_CERT_FILE"] == [env[1]]
    assert mounts(found) == {"/scratch", TOKENS, BUNDLE}
    assert {volume["name"] for volume in spec["volumes"]} == {"scratch", "azure-identity-token", "sandbox-authority"}


@pytest.mark.parametrize(
    ("on_account", "on_pod", "seconds"), [({}, "7200", 7200), ("5400", "7200", 7200), ("5400", None, 5400)]
)
def test_the_pod_or_else_the_account_says_how_long_the_token_lives(
    api: ApiClient, on_account: Any, on_pod: str | None, seconds: int
) -> None:
    key = "azure.workload.identity/service-account-token-expiration"
    name = f"lives-{on_account or 'default'}-{on_pod}".lower()
    account(api, name, {key: on_account} if on_account else {})
    spec = eventually(api, pod(name, annotations={key: on_pod} if on_pod else {}))["spec"]
    volume = next(volume for volume in spec["volumes"] if volume["name"] == "azure-identity-token")
    assert volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == seconds


def test_a_pod_made_right_after_its_account_never_lacks_its_identity(api: ApiClient) -> None:
    """Either it is refused, and who makes it tries again, or it has the identity of its own account."""
    refused, waits = 0, []
    for number in range(20):
        account(api, f"new-{number}", {"azure.workload.identity/client-id": f"client-{number}"})
        begun = time.monotonic()
        try:
            spec = made(api, pod(f"new-{number}"))["spec"]
        except ApiException as error:
            if "workload-identity" not in error.body:
                raise
            refused += 1
            spec = eventually(api, pod(f"new-{number}"))["spec"]
        waits.append(time.monotonic() - begun)
        assert variables(spec["containers"][0])["AZURE_CLIENT_ID"] == f"client-{number}"
    print(f"{refused} of 20 pods were refused at first; the longest waited {max(waits):.2f} s")
    assert max(waits) < 5


def test_an_account_that_is_annotated_anew_gives_the_new_identity(api: ApiClient) -> None:
    account(api, "moving", {"azure.workload.identity/client-id": "first"})
    eventually(api, pod("moving"))
    annotations = {"azure.workload.identity/client-id": "second"}
    CoreV1Api(api).patch_namespaced_service_account("moving", NAMESPACE, {"metadata": {"annotations": annotations}})
    give_up = time.monotonic() + 5
    while variables(made(api, pod("moving"))["spec"]["containers"][0])["AZURE_CLIENT_ID"] != "second":
        assert time.monotonic() < give_up


def test_a_removed_account_leaves_nothing_behind(api: ApiClient) -> None:
    account(api, "leaving", {"azure.workload.identity/client-id": "leaving"})
    eventually(api, pod("leaving"))
    CoreV1Api(api).delete_namespaced_service_account("leaving", NAMESPACE)
    give_up = time.monotonic() + 5
    while f"{NAMESPACE}.leaving" in _mirrored(api):
        assert time.monotonic() < give_up


def test_a_pod_without_the_label_gets_trust_only(api: ApiClient) -> None:
    body = pod("processor")
    del body["metadata"]["labels"]
    spec = made(api, body)["spec"]
    assert not variables(spec["containers"][0]).keys() & IDENTITY.keys()
    assert [volume["name"] for volume in spec["volumes"]] == ["sandbox-authority"]
    assert spec["volumes"][0]["configMap"]["name"] == "kube-root-ca.crt"
    trust = next(mount for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == BUNDLE)
    assert (trust["subPath"], trust["readOnly"]) == ("ca.crt", True)


def test_the_clusters_own_pods_stay_as_they_are(api: ApiClient) -> None:
    body = pod("default")
    del body["metadata"]["labels"]
    spec = eventually(api, body, "kube-system")["spec"]
    assert "volumes" not in spec
    assert "env" not in spec["containers"][0]


def test_applying_again_changes_nothing(api: ApiClient, kubeconfig: Path) -> None:
    """The cluster's own controllers may still be making accounts of theirs meanwhile."""
    mirrored, versions = _mirrored(api), _versions(api)
    assert len(versions) == 4
    assert len(mirrored) > 1
    apply(kubeconfig, TENANT_ID)
    assert mirrored.items() <= _mirrored(api).items()
    assert _versions(api) == versions


def test_without_the_mirror_no_pod_starts_without_its_identity(api: ApiClient, kubeconfig: Path) -> None:
    CoreV1Api(api).delete_namespaced_config_map("workload-identity", "kube-system")
    # Until the API server has noticed, it gives the identity from its memory; it never leaves it out.
    while (spec := _accepted(api)) is not None:
        assert variables(spec["containers"][0])["AZURE_CLIENT_ID"] == CLIENT
    apply(kubeconfig, TENANT_ID)
    account(api, "wakes-the-mirror", {})
    assert variables(eventually(api, pod("processor"))["spec"]["containers"][0])["AZURE_CLIENT_ID"] == CLIENT


def _accepted(api: ApiClient) -> dict[str, Any] | None:
    """The spec of a pod of `processor`; None when it is refused."""
    try:
        return dict(made(api, pod("processor"))["spec"])
    except ApiException:
        return None


def _mirrored(api: ApiClient) -> dict[str, str]:
    return dict(CoreV1Api(api).read_namespaced_config_map("workload-identity", "kube-system").data)


def _versions(api: ApiClient) -> list[str]:
    found = kubernetes.client.AdmissionregistrationV1Api(api)
    listed = (found.list_mutating_admission_policy(), found.list_mutating_admission_policy_binding())
    return [item.metadata.resource_version for items in listed for item in items.items]
