"""Starting and stopping the cluster: nothing is lost, nothing is left, and no two clusters meet."""

from __future__ import annotations

import io
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import kubernetes
import pytest
from kubernetes.client import ApiException, CoreV1Api

from sandbox import toolchain
from sandbox.cluster import Cluster
from sandbox.lifecycle import CLUSTER_TOOLS
from sandbox.report import LineReport
from stacks.errors import MachineError

Make = Callable[[str], Cluster]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    tools = toolchain.ensure(CLUSTER_TOOLS)
    made: list[Cluster] = []

    def cluster(name: str) -> Cluster:
        made.append(Cluster(tmp_path / name, tools, durable=False))
        return made[-1]

    yield cluster
    for one in made:
        one.wipe()


def test_a_second_start_changes_nothing(make: Make) -> None:
    cluster = make("one")
    kubeconfig = cluster.start().read_bytes()
    before = _pids(cluster)
    assert make("one").start().read_bytes() == kubeconfig
    assert _pids(cluster) == before
    assert all(cluster.ready().values())


def test_a_stop_leaves_no_process_and_a_restart_keeps_data_and_address(make: Make) -> None:
    cluster = make("one")
    cluster.start()
    server, issuer, pids = cluster.server, cluster.issuer, _pids(cluster)
    _core(cluster).create_namespace({"metadata": {"name": "kept"}})
    cluster.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not any(cluster.ready().values())
    make("one").start()
    assert (cluster.server, cluster.issuer) == (server, issuer)
    assert _core(cluster).read_namespace("kept").status.phase == "Active"


def test_two_clusters_side_by_side_do_not_meet(make: Make) -> None:
    one, two = make("one"), make("two")
    one.start()
    two.start()
    _core(one).create_namespace({"metadata": {"name": "only-here"}})
    assert "only-here" not in {item.metadata.name for item in _core(two).list_namespace().items}
    assert one.issuer != two.issuer
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(one.kubeconfig), client_configuration=configuration)
    configuration.host = two.server
    configuration.ssl_ca_cert = str(two.kubeconfig.parent / "pki" / "ca.crt")
    with pytest.raises(ApiException) as refused:
        CoreV1Api(kubernetes.client.ApiClient(configuration)).list_namespace()
    assert refused.value.status == 401
    one.stop()
    assert all(two.ready().values())


def test_a_component_that_was_killed_is_started_again_and_the_others_are_left_alone(make: Make) -> None:
    cluster = make("one")
    cluster.start()
    before = _pids(cluster)
    os.kill(before["kube-controller-manager"], signal.SIGKILL)
    assert not make("one").ready()["kube-controller-manager"]
    cluster.start()
    after = _pids(cluster)
    assert {name for name in before if before[name] != after[name]} == {"kube-controller-manager"}
    assert all(cluster.ready().values())


def test_a_kept_port_that_somebody_took_is_replaced_and_said(make: Make) -> None:
    cluster = make("one")
    cluster.start()
    cluster.stop()
    server = cluster.server
    said = io.StringIO()
    with socket.create_server(("127.0.0.1", int(server.rpartition(":")[2]))):
        kubeconfig = cluster.start(LineReport(said))
        assert f"taken by process {os.getpid()} (" in said.getvalue()
        assert cluster.server != server
        assert cluster.server in kubeconfig.read_text()
        _core(cluster).list_namespace()


def test_a_component_that_cannot_start_says_why_and_leaves_nothing_running(make: Make) -> None:
    cluster = make("one")
    cluster.start()
    cluster.stop()
    (database,) = cluster.kubeconfig.parent.glob("etcd/data/member/snap/db")
    database.write_bytes(b"not a database" * 1000)
    with pytest.raises(MachineError) as caught:
        cluster.start()
    (problem,) = caught.value.problems
    assert problem.path.endswith("logs/etcd.log")
    assert "its log ends with" in problem.value
    assert "panic: failed to open database" in problem.value
    assert not any(process.running() for process in cluster.processes.values())


def test_a_folder_deeper_than_a_socket_path_may_be_is_no_hindrance(make: Make) -> None:
    cluster = make("/".join(["deep" * 10] * 4))
    cluster.start()
    assert all(cluster.ready().values())


def test_a_wipe_leaves_nothing(make: Make) -> None:
    cluster = make("one")
    cluster.start()
    pids = _pids(cluster)
    cluster.wipe()
    assert not cluster.kubeconfig.parent.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())


def _pids(cluster: Cluster) -> dict[str, int]:
    identities = {name: process.identity() for name, process in cluster.processes.items()}
    return {name: identity.pid for name, identity in identities.items() if identity is not None}


def _core(cluster: Cluster) -> CoreV1Api:
    return CoreV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))
