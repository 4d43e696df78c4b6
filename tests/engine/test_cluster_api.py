"""The sandbox's Kubernetes is a real one: its controllers, its admission, its tokens, its access rules."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kubernetes
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kubernetes.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi

from sandbox import toolchain
from sandbox.cluster import Cluster
from sandbox.lifecycle import CLUSTER_TOOLS

AUDIENCE = "api://AzureADTokenExchange"
PAUSE = {"name": "main", "image": "example.test/pause:1"}
GROUP, VERSION = "admissionregistration.k8s.io", "v1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    tools = toolchain.ensure(CLUSTER_TOOLS)
    running = Cluster(tmp_path_factory.mktemp("api") / "cluster", tools, durable=False)
    running.start()
    yield running
    running.wipe()


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> ApiClient:
    return kubernetes.config.new_client_from_config(str(cluster.kubeconfig))


@pytest.fixture
def core(client: ApiClient) -> CoreV1Api:
    return CoreV1Api(client)


@pytest.fixture
def namespace(core: CoreV1Api, request: pytest.FixtureRequest) -> Iterator[str]:
    name = core.create_namespace({"metadata": {"generateName": "test-"}}).metadata.name
    _until(lambda: core.list_namespaced_service_account(name).items)
    yield name
    core.delete_namespace(name)


def test_a_removed_namespace_takes_everything_in_it_along(core: CoreV1Api) -> None:
    core.create_namespace({"metadata": {"name": "gone"}})
    core.create_namespaced_config_map("gone", {"metadata": {"name": "settings"}})
    core.delete_namespace("gone")
    _until(lambda: "gone" not in {item.metadata.name for item in core.list_namespace().items})
    core.create_namespace({"metadata": {"name": "gone"}})
    assert "settings" not in {item.metadata.name for item in core.list_namespaced_config_map("gone").items}
    core.delete_namespace("gone")


def test_an_objects_dependants_are_collected_with_it(core: CoreV1Api, namespace: str) -> None:
    owner = core.create_namespaced_config_map(namespace, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Background")
    _until(lambda: "child" not in {item.metadata.name for item in core.list_namespaced_config_map(namespace).items})


def test_a_deployment_makes_pods_that_stay_pending_while_there_is_no_node(
    client: ApiClient, core: CoreV1Api, namespace: str
) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [PAUSE]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    kubernetes.client.AppsV1Api(client).create_namespaced_deployment(
        namespace, {"metadata": {"name": "web"}, "spec": spec}
    )
    _until(lambda: len(core.list_namespaced_pod(namespace).items) == 2)
    assert {pod.status.phase for pod in core.list_namespaced_pod(namespace).items} == {"Pending"}


def test_a_token_of_an_account_is_proven_by_the_published_keys(
    cluster: Cluster, client: ApiClient, core: CoreV1Api, namespace: str
) -> None:
    token = _token(core, namespace)
    claims = _verified(token, _keys(client))
    assert claims["iss"] == cluster.issuer == _raw(client, "/.well-known/openid-configuration")["issuer"]
    assert claims["aud"] == [AUDIENCE]
    assert claims["sub"] == f"system:serviceaccount:{namespace}:default"
    assert cluster.issuer.startswith("https://")


def test_a_token_that_was_changed_is_not_proven(client: ApiClient, core: CoreV1Api, namespace: str) -> None:
    header, claims, signature = _token(core, namespace).split(".")
    forged = json.loads(_decoded(claims)) | {"sub": "system:serviceaccount:other:default"}
    encoded = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    with pytest.raises(InvalidSignature):
        _verified(f"{header}.{encoded}.{signature}", _keys(client))


def test_a_stranger_is_not_answered(cluster: Cluster) -> None:
    configuration = kubernetes.client.Configuration(host=cluster.server)
    configuration.ssl_ca_cert = str(cluster.kubeconfig.parent / "pki" / "ca.crt")
    with pytest.raises(ApiException) as refused:
        CoreV1Api(ApiClient(configuration)).list_namespace()
    assert refused.value.status == 401


def test_an_account_without_a_role_reads_nothing(cluster: Cluster, core: CoreV1Api, namespace: str) -> None:
    configuration = kubernetes.client.Configuration(host=cluster.server)
    configuration.ssl_ca_cert = str(cluster.kubeconfig.parent / "pki" / "ca.crt")
    configuration.api_key = {"authorization": f"Bearer {_token(core, namespace, audience=None)}"}
    with pytest.raises(ApiException) as refused:
        CoreV1Api(ApiClient(configuration)).list_namespaced_secret(namespace)
    assert refused.value.status == 403


def test_a_privileged_pod_is_refused_in_a_restricted_namespace(core: CoreV1Api, namespace: str) -> None:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    core.patch_namespace(namespace, {"metadata": {"labels": label}})
    with pytest.raises(ApiException, match="violates PodSecurity"):
        core.create_namespaced_pod(namespace, _pod(securityContext={"privileged": True}))


def test_a_tenant_cannot_exceed_its_quota(core: CoreV1Api, namespace: str) -> None:
    core.create_namespaced_resource_quota(namespace, {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "1"}}})
    _until(lambda: core.read_namespaced_resource_quota("pods", namespace).status.hard)
    core.create_namespaced_pod(namespace, _pod())
    with pytest.raises(ApiException, match="exceeded quota"):
        core.create_namespaced_pod(namespace, _pod())


def test_a_validating_policy_refuses_what_it_forbids(client: ApiClient, core: CoreV1Api, namespace: str) -> None:
    rule = {"expression": "!has(object.spec.hostNetwork) || !object.spec.hostNetwork", "message": "no host network"}
    policy = {"matchConstraints": _pods_of(namespace), "validations": [rule]}
    binding = {"policyName": "no-host-network", "validationActions": ["Deny"]}
    with _policy(client, "ValidatingAdmissionPolicy", "no-host-network", policy, binding):
        _until(lambda: _refusal(core, namespace, {"hostNetwork": True}) is not None)
        assert "no host network" in (_refusal(core, namespace, {"hostNetwork": True}) or "")
        assert _refusal(core, namespace, {}) is None


def test_a_mutating_policy_changes_pods_as_the_workload_identity_webhook_would(
    client: ApiClient, core: CoreV1Api, namespace: str
) -> None:
    patch = '[JSONPatch{op: "add", path: "/metadata/annotations", value: {"changed": "yes"}}]'
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}
    policy = {"matchConstraints": _pods_of(namespace), "reinvocationPolicy": "Never", "mutations": [mutation]}
    with _policy(client, "MutatingAdmissionPolicy", "annotate", policy, {"policyName": "annotate"}):
        _until(lambda: core.create_namespaced_pod(namespace, _pod()).metadata.annotations == {"changed": "yes"})


@contextmanager
def _policy(client: ApiClient, kind: str, name: str, spec: dict[str, Any], binding: dict[str, Any]) -> Iterator[None]:
    """An admission policy and its binding, for the length of a block."""
    stem = kind.lower().removesuffix("y")
    objects = [(f"{stem}ies", kind, spec), (f"{stem}ybindings", f"{kind}Binding", binding)]
    api = CustomObjectsApi(client)
    for plural, made, content in objects:
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": made, "metadata": {"name": name}, "spec": content}
        api.create_cluster_custom_object(GROUP, VERSION, plural, body)
    yield
    for plural, _made, _content in reversed(objects):
        api.delete_cluster_custom_object(GROUP, VERSION, plural, name)


def _pods_of(namespace: str) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }


def _pod(securityContext: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:  # noqa: N803 - as in the API
    container = PAUSE | ({"securityContext": securityContext} if securityContext else {})
    return {"metadata": {"generateName": "pod-"}, "spec": {"containers": [container], **spec}}


def _refusal(core: CoreV1Api, namespace: str, spec: dict[str, Any]) -> str | None:
    try:
        core.create_namespaced_pod(namespace, _pod(**spec), dry_run="All")
    except ApiException as refused:
        return str(refused.body)
    return None


def _token(core: CoreV1Api, namespace: str, audience: str | None = AUDIENCE) -> str:
    spec = {"audiences": [audience] if audience else [], "expirationSeconds": 600}
    return core.create_namespaced_service_account_token("default", namespace, {"spec": spec}).status.token


def _raw(client: ApiClient, path: str) -> dict[str, Any]:
    return client.rest_client.pool_manager.request("GET", client.configuration.host + path).json()


def _keys(client: ApiClient) -> dict[str, rsa.RSAPublicKey]:
    def number(text: str) -> int:
        return int.from_bytes(_decoded(text), "big")

    published = _raw(client, "/openid/v1/jwks")["keys"]
    return {key["kid"]: rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key() for key in published}


def _verified(token: str, keys: dict[str, rsa.RSAPublicKey]) -> dict[str, Any]:
    header, claims, signature = token.split(".")
    said = json.loads(_decoded(header))
    assert said["alg"] == "RS256"
    signed = f"{header}.{claims}".encode()
    keys[said["kid"]].verify(_decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
    return json.loads(_decoded(claims))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _until(condition: Callable[[], object]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")
