"""A stack in a cluster that somebody else runs: it is used, recognised, and left as it was found."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.processes import Identity
from stacks.errors import MachineError
from tests.workbench import Object, Workbench

SYSTEM = {"default", "kube-node-lease", "kube-public", "kube-system"}
OWNED = "somebody-elses"


@dataclass(frozen=True)
class Stranger:
    """The cluster of somebody else, with a kubeconfig as people have them: of two clusters, this one not current."""

    cluster: Cluster
    kubeconfig: Path

    def processes(self) -> dict[str, Identity | None]:
        return {name: process.identity() for name, process in self.cluster.processes.items()}


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    return new_workbench()


@pytest.fixture(scope="module")
def stranger(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder = tmp_path_factory.mktemp("stranger")
    cluster = Cluster(folder / "cluster", tools, durable=False)
    cluster.start()
    own = json.loads(cluster.kubeconfig.read_text())
    own["clusters"].append({"name": "other", "cluster": {"server": "https://127.0.0.1:1"}})
    own["contexts"].append({"name": "other", "context": {"cluster": "other", "user": own["users"][0]["name"]}})
    file = folder / "config"
    file.write_text(json.dumps(own | {"current-context": "other"}))
    yield Stranger(cluster, file)
    cluster.wipe()


@pytest.fixture(scope="module")
def before(bench: Workbench, stranger: Stranger) -> dict[Object, Any]:
    """What its owner has in it: beside the cluster's own, a namespace, and a node that says that it takes pods."""
    owners = f"--kubeconfig={stranger.cluster.kubeconfig}"
    bench.kubectl("create", "namespace", OWNED, owners)
    bench.kubectl("create", "configmap", "kept", f"--namespace={OWNED}", "--from-literal=by=owner", owners)
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}
    bench.kubectl("create", "--raw=/api/v1/nodes", "--filename=-", owners, given=json.dumps(node))
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    bench.kubectl("patch", "node", "worker", "--subresource=status", "-p", json.dumps(status), owners)
    return bench.objects(kubeconfig=stranger.cluster.kubeconfig)


@pytest.fixture(scope="module")
def built(bench: Workbench, stranger: Stranger, before: dict[Object, Any]) -> dict[Object, Any]:
    answer = bench.ariel("up", "--json", "--kubeconfig", str(stranger.kubeconfig), "--context", "sandbox")
    assert answer.returncode == 0, answer.stderr
    assert "do not become ready" in answer.stderr
    assert {step["op"] for step in json.loads(answer.stdout)["steps"]} == {"create"}
    return bench.objects(kubeconfig=stranger.cluster.kubeconfig)


def test_the_stacks_objects_are_in_the_named_cluster_and_nowhere_else(
    bench: Workbench, built: dict[Object, Any]
) -> None:
    assert {("Namespace", "", name) for name in ("airflow", "tasks-weather", "parse-mobility")} <= built.keys()
    assert ("Deployment", "airflow", "pgbouncer") in built
    assert not bench.session().sandbox.cluster().processes["etcd"].running()


def test_the_choice_is_kept_for_every_later_command(
    bench: Workbench, stranger: Stranger, built: dict[Object, Any]
) -> None:
    printed = Path(bench.ariel("kubeconfig").stdout.rstrip("\n"))
    assert json.loads(printed.read_text())["clusters"][0]["cluster"]["server"] == stranger.cluster.server
    assert stat.S_IMODE(printed.stat().st_mode) == 0o600
    status = json.loads(bench.ariel("status", "--json").stdout)
    assert {part["name"] for part in status["components"]} == {"arm", "kube-apiserver", "node"}
    assert {part["name"] for part in status["components"] if part["ready"]} >= {"arm", "kube-apiserver"}
    assert set(bench.preview().summary) == {"same"}
    checks = {check["name"]: check for check in json.loads(bench.ariel("doctor", "--json").stdout)}
    assert checks["cluster of local"]["ok"], checks["cluster of local"]
    assert not any(name.startswith("node") or name == "tool etcd" for name in checks)


def test_a_second_up_changes_nothing(bench: Workbench, stranger: Stranger, built: dict[Object, Any]) -> None:
    assert bench.up().summary.keys() == {"same"}
    now = bench.objects(kubeconfig=stranger.cluster.kubeconfig)
    kept = {key for key in built if key[0] not in ("Node", "Lease")}
    assert {key: now[key]["metadata"]["resourceVersion"] for key in kept} == {
        key: built[key]["metadata"]["resourceVersion"] for key in kept
    }


def test_another_cluster_is_refused_once_the_stack_lives_in_one(
    bench: Workbench, cluster: Cluster, built: dict[Object, Any]
) -> None:
    """The objects that are in the first would be lost to it for ever."""
    answer = bench.ariel("up", "--kubeconfig", str(cluster.kubeconfig))
    assert answer.returncode == 2, answer.stderr
    for part in ("--kubeconfig", "another one", "rule:", "ariel reset --stack local"):
        assert part in answer.stderr


def test_the_same_cluster_may_be_named_again(bench: Workbench, stranger: Stranger, built: dict[Object, Any]) -> None:
    session = bench.session()
    session.choose_cluster(stranger.cluster.kubeconfig, None)
    session.prepare(cluster=True)


def test_a_cluster_in_place_of_the_chosen_one_gets_nothing(
    bench: Workbench, cluster: Cluster, built: dict[Object, Any]
) -> None:
    """One made anew at the same address would get a platform whose state says that it is there already."""
    chosen = bench.session().sandbox.chosen
    assert chosen is not None
    kept = chosen.kubeconfig.read_bytes()
    chosen.kubeconfig.write_bytes(cluster.kubeconfig.read_bytes())
    try:
        with pytest.raises(MachineError, match="another cluster than the one that was chosen"):
            bench.up()
    finally:
        chosen.kubeconfig.write_bytes(kept)


def test_down_leaves_the_cluster_of_somebody_else_running(
    bench: Workbench, stranger: Stranger, built: dict[Object, Any]
) -> None:
    before = stranger.processes()
    assert bench.ariel("down").returncode == 0
    assert stranger.processes() == before
    assert all(stranger.cluster.ready().values())
    assert not bench.session().sandbox.arm.ready()


def test_a_reset_is_refused_while_the_stacks_objects_cannot_be_removed(
    bench: Workbench, stranger: Stranger, built: dict[Object, Any]
) -> None:
    """With the state gone nobody would know any more what in that cluster is the stack's."""
    stranger.cluster.stop()
    try:
        answer = bench.ariel("reset", "--yes")
    finally:
        stranger.cluster.start()
    assert answer.returncode == 1, answer.stderr
    assert "cannot be reached" in answer.stderr
    assert bench.session().sandbox.chosen is not None


def test_destroy_removes_what_the_stack_made_and_nothing_else(
    bench: Workbench, stranger: Stranger, before: dict[Object, Any], built: dict[Object, Any]
) -> None:
    answer = bench.ariel("destroy", "--json")
    assert answer.returncode == 0, answer.stderr
    assert {step["op"] for step in json.loads(answer.stdout)["steps"]} == {"delete"}
    assert_as_before(bench.objects(kubeconfig=stranger.cluster.kubeconfig), before)
    assert all(stranger.cluster.ready().values())


def test_a_stack_that_is_destroyed_needs_no_cluster_to_be_reset(
    bench: Workbench, stranger: Stranger, built: dict[Object, Any]
) -> None:
    stranger.cluster.stop()
    answer = bench.ariel("reset", "--yes")
    assert answer.returncode == 0, answer.stderr
    assert not bench.session().sandbox.paths.root.exists()


def assert_as_before(now: dict[Object, Any], before: dict[Object, Any]) -> None:
    """Nothing new but what controllers write into namespaces that are not the stack's; nothing of its owner changed."""
    new = now.keys() - before.keys()
    assert {key for key in new if key[0] != "ServiceAccount" and key[2] != "kube-root-ca.crt"} == set()
    assert {key[1] for key in new} <= SYSTEM | {OWNED}
    for owned in (("Namespace", "", OWNED), ("ConfigMap", OWNED, "kept")):
        assert now[owned]["metadata"] == before[owned]["metadata"]
