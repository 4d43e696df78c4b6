"""Rules of the kubernetes plug-in that need no cluster: configuration, replacement, readiness, sign-in."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.plugins.differences import compare
from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes import kubeconfig, quantities, settings
from sandbox.plugins.kubernetes.kubeconfig import Connection
from sandbox.plugins.kubernetes.login import ExecLogin
from sandbox.plugins.kubernetes.managers import manager_of, takeover
from sandbox.plugins.kubernetes.plugin import KubernetesPlugin
from sandbox.plugins.kubernetes.readiness import rule_of
from sandbox.plugins.kubernetes.replacement import forces, patterns
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.transport import ApiError, ApiServer, UnreachableError
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import UNKNOWN, encode


def config(server: str = "https://one.example.test", **user: Any) -> str:
    return yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
            "current-context": "x",
        }
    )


def signed_in(name: str) -> dict[str, str]:
    return {"token": name}


def test_a_kubeconfig_is_taken_as_content_and_as_a_path(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(config(**signed_in("t")))
    for given in (config(**signed_in("t")), str(path)):
        found = kubeconfig.connection(kubeconfig.parse(kubeconfig.text_of(given)))
        assert (found.server, found.token, found.namespace) == ("https://one.example.test", "t", "team")


def test_a_broken_kubeconfig_is_not_printed() -> None:
    with pytest.raises(PluginError) as caught:
        kubeconfig.parse("token: [hunter22")
    assert "hunter22" not in str(caught.value)


def test_a_context_that_does_not_exist_is_named() -> None:
    with pytest.raises(PluginError, match="context other"):
        kubeconfig.connection(kubeconfig.parse(config()), "other")


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        ({"kubeconfig": config(**signed_in("a"))}, {"kubeconfig": config(**signed_in("b"))}, []),
        ({"kubeconfig": config()}, {"kubeconfig": config("https://two.example.test")}, ["kubeconfig"]),
        ({"kubeconfig": config()}, {"kubeconfig": UNKNOWN}, ["kubeconfig"]),
        ({"kubeconfig": config(), "clusterIdentifier": "a"}, {"kubeconfig": UNKNOWN, "clusterIdentifier": "a"}, []),
        ({"clusterIdentifier": "a"}, {"clusterIdentifier": "b"}, ["clusterIdentifier"]),
        ({"kubeconfig": config()}, {"kubeconfig": config(), "clusterIdentifier": "a"}, []),
    ],
)
def test_everything_is_replaced_only_when_the_provider_moves_to_another_cluster(
    old: dict[str, Any], new: dict[str, Any], replaced: list[str]
) -> None:
    request = provider_pb2.DiffRequest(old_inputs=encode(old), news=encode(new))
    assert list(KubernetesPlugin().DiffConfig(request, None).replaces) == replaced


def test_client_side_apply_is_refused() -> None:
    request = provider_pb2.CheckRequest(news=encode({"enableServerSideApply": "false", "kubeconfig": UNKNOWN}))
    response = KubernetesPlugin().CheckConfig(request, None)
    assert [failure.property for failure in response.failures] == ["enableServerSideApply"]


@pytest.mark.parametrize("method", ["Construct", "Invoke"])
def test_components_and_functions_are_refused_with_advice(method: str) -> None:
    request = provider_pb2.ConstructRequest() if method == "Construct" else provider_pb2.InvokeRequest()
    with pytest.raises(PluginError, match="kubernetes plug-in has no"):
        getattr(KubernetesPlugin(), method)(request, None)


def test_switches_come_from_the_provider_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SECRET_MUTABLE", "true")
    assert settings.from_variables({}).secret_mutable
    assert not settings.from_variables({"kubernetes:config:enableSecretMutable": "false"}).secret_mutable


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1000m", "1", True),
        ("1024Mi", "1Gi", True),
        ("1e3", "1k", True),
        (2, "2", True),
        ("1", "1Gi", False),
        ("web", "web", False),
        (True, "1", False),
    ],
)
def test_quantities_are_compared_by_value(one: Any, other: Any, equal: bool) -> None:
    assert quantities.same(one, other) == equal


POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "image": "x:1"}]}}
BINDING = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": {"name": "a"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
WIDGET = {"apiVersion": "example.test/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "a"}, "spec": {}}


@pytest.mark.parametrize(
    ("old", "changed", "forced"),
    [
        (POD, {"spec": {"containers": [{"name": "a", "image": "x:2"}]}}, True),
        (BINDING, {"roleRef": {"name": "b"}}, True),
        (BINDING, {"subjects": [{"name": "b"}]}, False),
        (SERVICE, {"spec": {"clusterIP": "10.0.0.1"}}, True),
        (SERVICE, {"spec": {"ports": [{"port": 1}]}}, False),
        (CLAIM, {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}, False),
        (CLAIM, {"spec": {**CLAIM["spec"], "storageClassName": "fast"}}, True),  # type: ignore[dict-item]
        (WIDGET, {"spec": {"size": 2}}, False),
        (WIDGET, {"metadata": {"name": "w", "namespace": "b"}}, True),
    ],
)
def test_only_fields_that_the_server_never_changes_force_a_replacement(
    old: dict[str, Any], changed: dict[str, Any], forced: bool
) -> None:
    new = {**old, **changed}
    found = [forces(change, new, patterns(new, Settings())) for change in compare(old, new)]
    assert found
    assert any(found) == forced


def judge(obj: dict[str, Any], related: dict[str, Any] | None = None) -> Any:
    rule = rule_of(obj)
    assert rule is not None
    return rule.judge(obj, lambda path, query=None: (related or {}).get(path))


def workload(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": "w", "namespace": "n", "generation": 2}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec, "status": status}


ROLLED = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


def test_a_deployment_is_ready_only_when_the_new_version_runs_alone() -> None:
    assert judge(workload("Deployment", {"replicas": 2}, ROLLED)).ready
    for broken in ({"observedGeneration": 1}, {"updatedReplicas": 1}, {"availableReplicas": 1}, {"replicas": 3}):
        assert not judge(workload("Deployment", {"replicas": 2}, ROLLED | broken)).ready
    stuck = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    assert judge(workload("Deployment", {"replicas": 2}, ROLLED | {"conditions": [stuck]})).failed


def test_a_stateful_set_with_a_partition_waits_for_the_part_that_is_rolled_out() -> None:
    half = {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}
    assert judge(workload("StatefulSet", half, ROLLED | {"updatedReplicas": 1})).ready
    assert not judge(workload("StatefulSet", {"replicas": 2}, ROLLED | {"updatedReplicas": 1})).ready


def test_a_failed_job_is_not_waited_for() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {}}
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    verdict = judge(job | {"status": {"conditions": [failed]}})
    assert verdict.failed
    assert "BackoffLimitExceeded" in verdict.reasons[0]
    assert judge(job | {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}).ready


def service(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"}, "spec": spec}


SLICES = "/apis/discovery.k8s.io/v1/namespaces/n/endpointslices"
READY = {SLICES: {"items": [{"endpoints": [{"conditions": {"ready": True}}]}]}}


def test_a_service_waits_for_a_ready_pod_unless_it_selects_none() -> None:
    assert not judge(service(selector={"a": "b"})).ready
    assert judge(service(selector={"a": "b"}), READY).ready
    for without in (service(), service(selector={"a": "b"}, clusterIP="None"), service(type="ExternalName")):
        assert judge(without).ready
    assert not judge(service(type="LoadBalancer")).ready


def test_an_ingress_waits_for_its_address_and_its_services() -> None:
    backend = {"backend": {"service": {"name": "s"}}}
    spec = {"rules": [{"http": {"paths": [backend]}}]}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"namespace": "n"}, "spec": spec}
    addressed = ingress | {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    assert not judge(ingress, READY).ready
    assert not judge(addressed).ready
    assert judge(addressed, READY).ready


def test_a_claim_that_binds_late_is_ready_while_it_is_pending() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "spec": {"storageClassName": "f"}}
    pending = claim | {"status": {"phase": "Pending"}}
    late = {"/apis/storage.k8s.io/v1/storageclasses/f": {"volumeBindingMode": "WaitForFirstConsumer"}}
    assert not judge(pending).ready
    assert judge(pending, late).ready


def test_the_field_manager_is_the_same_after_a_crash() -> None:
    assert manager_of("urn:a", {}, "") == manager_of("urn:a", {}, "")
    assert manager_of("urn:a", {}, "") != manager_of("urn:b", {}, "")
    assert manager_of("urn:a", {}, "pulumi-kubernetes-old") == "pulumi-kubernetes-old"


def test_taking_over_our_own_create_leaves_the_fields_of_others_alone() -> None:
    ours = {"manager": "pulumi-kubernetes", "operation": "Update", "fieldsV1": {"f:data": {"f:a": {}}}}
    earlier = {"manager": "mine", "operation": "Apply", "fieldsV1": {"f:data": {"f:b": {}}}}
    theirs = {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
    live = {"metadata": {"resourceVersion": "7", "managedFields": [ours, earlier, theirs]}}
    replaced, version = takeover(live, "mine")
    merged = {"manager": "mine", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}}
    assert replaced["value"] == [theirs, merged]
    assert version["value"] == "7"


def test_a_sign_in_command_is_run_once_and_its_output_is_never_shown(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    credential = {"status": {"token": "hunter22"}}
    script = f"open({str(runs)!r}, 'a').write('x'); print({json.dumps(credential)!r})"
    login = ExecLogin({"command": sys.executable, "args": ["-c", script]})
    assert [login.token(), login.token()] == ["hunter22", "hunter22"]
    assert runs.read_text() == "x"
    broken = ExecLogin({"command": sys.executable, "args": ["-c", "print('hunter22'); raise SystemExit(1)"]})
    with pytest.raises(PluginError) as caught:
        broken.token()
    assert "hunter22" not in str(caught.value)


def answering(*answers: tuple[int, dict[str, Any]]) -> tuple[ThreadingHTTPServer, list[str], ApiServer]:
    """A server that gives these answers in turn; the last one for ever."""
    asked: list[str] = []
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.command)
            code, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            raw = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer  # noqa: N815 - the names that the base class looks for

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = Connection(f"http://127.0.0.1:{server.server_port}", "default")
    return server, asked, ApiServer(connection, threading.Event())


WEBHOOK = {"reason": "InternalError", "message": "failed calling webhook: connection refused"}


@pytest.mark.parametrize(("code", "body"), [(429, {"reason": "TooManyRequests"}), (503, {}), (500, WEBHOOK)])
def test_what_passes_by_itself_is_asked_again(code: int, body: dict[str, Any]) -> None:
    server, asked, api = answering((code, body), (code, body), (200, {"fine": True}))
    assert api.call("POST", "/x", {}) == {"fine": True}
    assert len(asked) == 3
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "reason"), [(422, "Invalid"), (409, "Conflict"), (403, "Forbidden"), (504, "Timeout")]
)
def test_a_verdict_is_not_asked_for_again(code: int, reason: str) -> None:
    server, asked, api = answering((code, {"reason": reason, "message": "no"}))
    with pytest.raises(ApiError, match="no"):
        api.call("POST", "/x", {})
    assert asked == ["POST"]
    server.shutdown()
    server.server_close()


def test_a_preview_works_while_the_cluster_is_away_and_an_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.plugins.kubernetes.transport._CONNECT_PATIENCE_SECONDS", 0.1)
    server, _, _ = answering((200, {}))
    port = server.server_port
    server.shutdown()
    server.server_close()
    plugin = KubernetesPlugin()
    variables = {"kubernetes:config:kubeconfig": config(f"http://127.0.0.1:{port}")}
    plugin.Configure(provider_pb2.ConfigureRequest(variables=variables), None)
    urn = "urn:pulumi:s::p::kubernetes:core/v1:Namespace::n"
    inputs = {"metadata": {"name": "n"}}
    checked = plugin.Check(provider_pb2.CheckRequest(urn=urn, news=encode(inputs)), None).inputs
    assert "namespace" not in checked.fields["metadata"].struct_value.fields
    request = provider_pb2.CreateRequest(urn=urn, properties=checked, preview=True)
    assert plugin.Create(request, None).properties == checked
    with pytest.raises(UnreachableError, match="does not answer"):
        plugin.Create(provider_pb2.CreateRequest(urn=urn, properties=checked), None)
