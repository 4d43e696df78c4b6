"""A cluster of somebody else: what is taken over of its kubeconfig, and when it is refused."""

from __future__ import annotations

import base64
import io
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import doctor
from sandbox.cluster import kubeconfig
from sandbox.lifecycle import Sandbox
from sandbox.network import has_network, network
from sandbox.plugins.kubernetes.kubeconfig import Connection
from sandbox.plugins.kubernetes.transport import ApiServer
from sandbox.plugins.kubernetes.waiting import PODS_VARIABLE, Waiter
from sandbox.report import LineReport
from stacks.errors import ArielError, MachineError, UsageError

SECRET = "not-for-messages"  # noqa: S105
CLOSED = "http://127.0.0.1:1"


class Played:
    """Answers as an API server whose first namespace has this uid; it has a node that is ready."""

    def __init__(self, uid: str) -> None:
        answers = {
            "/api/v1/namespaces/kube-system": {"metadata": {"uid": uid}},
            "/.well-known/openid-configuration": {"issuer": f"https://issuer.test/{uid}"},
            "/api/v1/nodes": {"items": [{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}]},
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers[self.path.partition("?")[0]]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Said nowhere."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def played() -> Iterator[list[Played]]:
    """Two clusters."""
    clusters = [Played("first"), Played("second")]
    for one in clusters:
        threading.Thread(target=one.server.serve_forever, daemon=True).start()
    yield clusters
    for one in clusters:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path / "project", "local")


def config(folder: Path, **servers: str) -> Path:
    """A kubeconfig with a context, a cluster and a user per name; the first one is current."""
    file = folder / "config"
    document = {
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "users": [{"name": name, "user": {"token": SECRET}} for name in servers],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
        "current-context": next(iter(servers), ""),
    }
    file.write_text(yaml.safe_dump(document))
    return file


def refused(kind: type[ArielError], call: Any) -> str:
    """The text of the one problem, which has four parts and no secret."""
    with pytest.raises(kind) as error:
        call()
    (problem,) = error.value.problems
    assert all((problem.path, problem.value, problem.rule, problem.action))
    assert SECRET not in str(problem)
    return str(problem)


def test_only_the_chosen_context_is_taken_over(tmp_path: Path) -> None:
    """The credentials of other clusters have no place in a sandbox."""
    file = config(tmp_path, one=CLOSED, two="http://127.0.0.1:2")
    assert kubeconfig.of_context(file, None)["current-context"] == "one"
    taken = kubeconfig.of_context(file, "two")
    assert [entry["name"] for part in ("clusters", "users", "contexts") for entry in taken[part]] == ["two"] * 3
    assert taken["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:2"


def test_a_copy_works_without_the_files_beside_the_original(tmp_path: Path) -> None:
    file = config(tmp_path, one=CLOSED)
    document = yaml.safe_load(file.read_text())
    document["clusters"][0]["cluster"]["certificate-authority"] = "pki/ca.crt"
    document["users"][0]["user"] = {
        "client-certificate": "pki/ca.crt",
        "tokenFile": "token",
        "exec": {"command": "bin/login", "args": None},
    }
    file.write_text(yaml.safe_dump(document))
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "ca.crt").write_text("PEM")
    taken = kubeconfig.of_context(file, None)
    encoded = base64.b64encode(b"PEM").decode()
    assert taken["clusters"][0]["cluster"] == {"server": CLOSED, "certificate-authority-data": encoded}
    assert taken["users"][0]["user"] == {
        "client-certificate-data": encoded,
        "tokenFile": str(tmp_path / "token"),
        "exec": {"command": str(tmp_path / "bin" / "login"), "args": None},
    }


@pytest.mark.parametrize("text", ["", "no: kubeconfig", f"users: [{SECRET}", f"- {SECRET}", "contexts: [{name: one}]"])
def test_a_file_that_is_no_kubeconfig_is_refused_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    assert f"--kubeconfig {file}" in refused(UsageError, lambda: kubeconfig.of_context(file, None))


def test_a_context_that_lacks_its_cluster_is_refused(tmp_path: Path) -> None:
    file = config(tmp_path, one=CLOSED)
    file.write_text(file.read_text().replace("cluster: one", "cluster: gone"))
    assert "no whole kubeconfig" in refused(UsageError, lambda: kubeconfig.of_context(file, None))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert f"{gone}: No such file" in refused(UsageError, lambda: kubeconfig.of_context(gone, None))
    file = config(tmp_path, one=CLOSED)
    file.write_text(file.read_text().replace(f"token: {SECRET}", "client-key: key.pem"))
    assert f"{tmp_path}/key.pem: No such file" in refused(UsageError, lambda: kubeconfig.of_context(file, None))


@pytest.mark.parametrize(("servers", "context"), [({"one": CLOSED}, "two"), ({}, None)])
def test_a_context_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, servers: dict[str, str], context: str | None
) -> None:
    said = refused(UsageError, lambda: kubeconfig.of_context(config(tmp_path, **servers), context))
    assert "--context" in said
    assert ("one" if servers else "it has none") in said


def test_a_chosen_cluster_is_kept_private_and_said_to_run_no_pods(
    sandbox: Sandbox, tmp_path: Path, played: list[Played]
) -> None:
    said = io.StringIO()
    sandbox.choose_cluster(config(tmp_path, one=played[0].url), None, LineReport(said))
    assert "do not become ready" in said.getvalue()
    chosen = Sandbox(sandbox.paths.project, "local").chosen
    assert chosen is not None
    assert (chosen.server, chosen.issuer) == (played[0].url, "https://issuer.test/first")
    assert chosen.ready() == {"kube-apiserver": True, "node": True}
    for file in (chosen.kubeconfig, chosen.kubeconfig.with_name("chosen.json")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(sandbox.paths.root.stat().st_mode) == 0o700


def test_a_cluster_that_does_not_answer_is_not_chosen(sandbox: Sandbox, tmp_path: Path) -> None:
    file = config(tmp_path, one=CLOSED)
    assert "cannot be reached" in refused(MachineError, lambda: sandbox.choose_cluster(file, None))
    assert sandbox.chosen is None
    assert not sandbox.paths.root.exists()


def test_a_sandbox_with_a_cluster_of_its_own_keeps_it(sandbox: Sandbox, tmp_path: Path, played: list[Played]) -> None:
    """Everything that the stack has in it would be left behind, and its state would be wrong."""
    own = sandbox.cluster().kubeconfig
    own.parent.mkdir(parents=True)
    own.write_text("own")
    said = refused(UsageError, lambda: sandbox.choose_cluster(config(tmp_path, one=played[0].url), None))
    assert "cluster of its own" in said
    assert "ariel reset --stack local" in said
    assert own.read_text() == "own"


def test_another_cluster_is_refused_and_the_same_one_brings_new_credentials(
    sandbox: Sandbox, tmp_path: Path, played: list[Played]
) -> None:
    sandbox.choose_cluster(config(tmp_path, one=played[0].url), None)
    said = refused(UsageError, lambda: sandbox.choose_cluster(config(tmp_path, one=played[1].url), None))
    assert played[0].url in said
    renewed = config(tmp_path, one=played[0].url)
    renewed.write_text(renewed.read_text().replace(SECRET, "renewed"))
    sandbox.choose_cluster(renewed, None)
    chosen = sandbox.chosen
    assert chosen is not None
    assert "renewed" in chosen.kubeconfig.read_text()


def test_a_node_that_never_came_up_does_not_stand_in_the_way(
    sandbox: Sandbox, tmp_path: Path, played: list[Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not make a node is told to name a cluster."""
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))
    network(sandbox.paths.root)
    sandbox.choose_cluster(config(tmp_path, one=played[0].url), None)
    assert not has_network(sandbox.paths.root)
    assert sandbox.images == {}


def test_a_cluster_in_place_of_the_chosen_one_is_noticed_by_start_and_doctor(
    sandbox: Sandbox, tmp_path: Path, played: list[Played]
) -> None:
    sandbox.choose_cluster(config(tmp_path, one=played[0].url), None)
    chosen = sandbox.chosen
    assert chosen is not None
    chosen.kubeconfig.write_text(chosen.kubeconfig.read_text().replace(played[0].url, played[1].url))
    said = refused(MachineError, lambda: sandbox.start(cluster=True))
    assert "another cluster" in said
    assert str(sandbox.paths.root) in said
    assert not doctor._chosen("local", chosen).ok


def test_nothing_waits_for_pods_that_cannot_start(monkeypatch: pytest.MonkeyPatch, played: list[Played]) -> None:
    """The nodes of such a cluster are ready; a wait would take ten minutes and end as a failure."""
    said: list[str] = []

    def has_nodes() -> bool:
        stop = threading.Event()
        return Waiter(ApiServer(Connection(played[0].url, "default"), stop), stop, said.append).has_nodes()

    assert has_nodes()
    monkeypatch.setenv(PODS_VARIABLE, "off")
    assert not has_nodes()
    assert "is not awaited" in said[-1]
