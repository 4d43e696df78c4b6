"""The node of the sandbox: real pods that find each other, the API and the sandbox's names; gone without a trace."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from sandbox.cluster.existing import ExistingCluster
from sandbox.names import HostNames
from sandbox.processes import Identity
from tests.cluster.node_bed import IMAGE, POD_SECONDS, NodeBed, traces

READY_SECONDS = 120
NAMED = "api.example.test"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBed]:
    made = NodeBed.of(tmp_path_factory.mktemp("sandbox"))
    begun = time.monotonic()
    made.cluster.start()
    assert time.monotonic() - begun < READY_SECONDS
    made.import_kubectl()
    yield made
    made.cluster.wipe()


@pytest.fixture(scope="module")
def proxy(bed: NodeBed) -> str:
    """ClusterIP of a service whose pod serves the Kubernetes API without TLS, with its own rights."""
    bed.run("proxy", ["proxy", "--address=0.0.0.0", "--accept-hosts=.*", "--port=8001"], forever=True)
    bed.await_phase("proxy", "Running")
    address = bed.expose("proxy", 80, 8001)
    deadline = time.monotonic() + POD_SECONDS
    while not _listens(address, 80):
        assert time.monotonic() < deadline, "the host does not reach the service"
        time.sleep(0.1)
    return address


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def listener(bed: NodeBed) -> Iterator[int]:
    """Port of an HTTP server at the sandbox's own address, beside the cluster."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"said": "by the host"}')

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer((bed.network.services, 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_node_says_that_it_is_ready_and_takes_more_requests_than_the_machine_has_processors(bed: NodeBed) -> None:
    (node,) = bed.core.list_node().items
    assert all(bed.cluster.ready().values())
    assert int(node.status.allocatable["cpu"]) >= 16
    assert node.metadata.labels["ariel.dev/pool"] == "tasks"
    assert node.metadata.labels["topology.kubernetes.io/zone"]


def test_a_pod_reaches_the_api_by_its_cluster_address_with_its_own_token(bed: NodeBed) -> None:
    assert bed.answer("asks-the-api", "/version")["major"] == "1"


def test_a_pod_reaches_a_service_by_its_name(bed: NodeBed, proxy: str) -> None:
    assert bed.answer("asks-a-service", "/version", "--server=http://proxy.default")["major"] == "1"


def test_the_host_reaches_a_service_by_its_cluster_address(bed: NodeBed, proxy: str) -> None:
    assert httpx.get(f"http://{proxy}/version", trust_env=False).json()["major"] == "1"


def test_a_pod_resolves_a_name_of_the_sandbox_soon_after_it_was_given(bed: NodeBed, listener: int) -> None:
    names = HostNames(bed.root)
    names.set("tests", {NAMED: bed.network.gateway})
    names.set("tests", {NAMED: bed.network.services})
    time.sleep(2)
    assert bed.answer("asks-a-name", "/", f"--server=http://{NAMED}:{listener}") == {"said": "by the host"}


def test_a_name_that_nobody_has_is_refused_without_a_wait(bed: NodeBed) -> None:
    """A task that asks for a wrong name would otherwise hang for seconds at each try."""
    phase, said = bed.said("asks-nobody", ["get", "--raw", "/", "--server=http://nobody.example.test", "-v=6"])
    assert phase == "Failed"
    assert "no such host" in said
    answers = [int(text) for text in re.findall(r"milliseconds=(\d+)", said)]
    assert answers
    assert max(answers) <= 2_000


def test_no_pod_can_take_all_processes_of_the_machine(bed: NodeBed) -> None:
    settings = bed.core.connect_get_node_proxy_with_path("node", "configz", _preload_content=False).data
    assert 0 < json.loads(settings)["kubeletconfig"]["podPidsLimit"] <= 1024


def test_an_existing_cluster_is_known_by_its_kubeconfig_alone(bed: NodeBed) -> None:
    existing = ExistingCluster(bed.cluster.kubeconfig)
    assert existing.issuer == bed.cluster.issuer
    assert existing.ready() == {"kube-apiserver": True, "node": True}


def test_a_program_of_the_node_that_was_killed_comes_back_by_itself(bed: NodeBed) -> None:
    kubelet = _program(bed, "kubelet")
    os.kill(kubelet, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _program(bed, "kubelet") in (0, kubelet):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    phase, _ = bed.said("after-the-kill", ["version", "--client"])
    assert phase == "Succeeded"


def test_a_node_leaves_nothing_behind_and_resumes_with_its_data(tmp_path: Path) -> None:
    bed = NodeBed.of(tmp_path)
    before = traces(bed.network)
    try:
        bed.cluster.start()
        bed.import_kubectl()
        bed.run("stays", ["proxy", "--port=8001"], forever=True)
        bed.await_phase("stays", "Running")
        assert traces(bed.network) != before

        _kill_the_box(bed)
        bed.cluster.start()
        _await_restart(bed, "stays")

        inhabitants = bed.inhabitants()
        assert len(inhabitants) > len(("init", "containerd", "kubelet", "kube-proxy"))
        bed.cluster.stop()
        assert traces(bed.network) == before
        assert not [pid for pid in inhabitants if Identity.of(pid)]

        bed.cluster.start()
        assert IMAGE in bed.cluster.images()
        bed.await_phase("stays", "Running")
    finally:
        bed.cluster.wipe()
    assert traces(bed.network) == before


def _kill_the_box(bed: NodeBed) -> None:
    """End process 1 of the node's namespace as the kernel's memory killer would; all else goes with it."""
    identity = bed.cluster.processes["node"].identity()
    assert identity is not None
    inhabitants = bed.inhabitants()
    os.kill(identity.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(Identity.of(pid) for pid in inhabitants):
        assert time.monotonic() < deadline, "programs outlive their node"
        time.sleep(0.05)


def _await_restart(bed: NodeBed, pod: str) -> None:
    deadline = time.monotonic() + POD_SECONDS
    while not bed.await_phase(pod, "Running").status.container_statuses[0].restart_count:
        assert time.monotonic() < deadline, "the pod was not started again"
        time.sleep(0.1)


def _program(bed: NodeBed, name: str) -> int:
    """Process id of a program of the node; 0 while it does not run."""
    for pid in bed.inhabitants():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return pid
        except OSError:
            continue
    return 0
