"""What `ariel` asks of a running Airflow, asked of a real API server behind the real ingress."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.platform import Platform, PlatformError, administrator_password
from components.airflow_values import ADMIN_SECRET, PASSWORDS_FILE
from sandbox.ingress import IngressServer
from sandbox.paths import SandboxPaths
from sandbox.pki import Authority
from sandbox.ports import KeptPorts
from sandbox.report import LineReport
from tests.screenshot import HEIGHT, WIDTH, picture

HOST = "airflow.localhost"
PASSWORD = "only-of-this-test"  # noqa: S105 - opens a server that lives as long as the test
TEAMS = ("weather", "weather-two")
DAG_FILE = """
from airflow.sdk import DAG, task

with DAG("{team}.hello", schedule=None):
    @task
    def greet(): ...
    greet()
"""


class Objects(BaseHTTPRequestHandler):
    """The few objects of a cluster that the ingress and the command read."""

    port = 0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        meta = {"name": "airflow", "namespace": "airflow"}
        backend = {"service": {"name": "airflow", "port": {"number": self.port}}}
        rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        passwords = base64.b64encode(json.dumps({"admin": PASSWORD}).encode()).decode()
        found: dict[str, Any] = {
            "/apis/networking.k8s.io/v1/ingresses": {
                "items": [{"metadata": meta, "spec": {"ingressClassName": "c", "rules": [rule]}, "status": status}]
            },
            "/api/v1/services": {
                "items": [{"metadata": meta, "spec": {"clusterIP": "127.0.0.1", "ports": [{"port": self.port}]}}]
            },
            f"/api/v1/namespaces/airflow/secrets/{ADMIN_SECRET}": {"data": {PASSWORDS_FILE: passwords}},
        }
        raw = json.dumps(found.get(path, {"message": "not found"})).encode()
        self.send_response(200 if path in found else 404)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an Airflow whose database holds two DAGs of two teams."""
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "passwords.json").write_text(json.dumps({"admin": PASSWORD}))
    subprocess.run([_airflow(), "db", "migrate"], env=_environment(folder), check=True, capture_output=True)
    for team in TEAMS:
        (folder / team).mkdir()
        (folder / team / "hello.py").write_text(DAG_FILE.format(team=team))
        # Each team's processor knows its own bundle only; the policies of the runtime package ask for its prefix.
        bundle = {
            "name": team,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder / team)},
        }
        own = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle])}
        parse = [_airflow(), "dags", "reserialize", "--bundle-name", team]
        subprocess.run(parse, env=_environment(folder) | own, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """Of its API server."""
    chosen = KeptPorts(home / "ports.json").get("api")
    command = [_airflow(), "api-server", "--host", "127.0.0.1", "--port", str(chosen), "--proxy-headers"]
    with (home / "api-server.log").open("w") as log:
        server = subprocess.Popen(command, env=_environment(home), stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not _answers(chosen):
            assert server.poll() is None, (home / "api-server.log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield chosen
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def kubeconfig(port: int, home: Path) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Objects,), {"port": port}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    named = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    clusters = [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}]
    users = [{"name": "u", "user": {}}]
    file = home / "kubeconfig"
    file.write_text(json.dumps({"clusters": clusters, "users": users, "contexts": named, "current-context": "c"}))
    yield file
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ingress(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngressServer]:
    project = tmp_path_factory.mktemp("project")
    paths = SandboxPaths(project, "local")
    paths.root.mkdir(parents=True)
    Authority(project / "pki", "test")
    server = IngressServer(paths, project / "pki")
    server.launch(kubeconfig=kubeconfig, ingress_class="c", report=LineReport(io.StringIO()))
    try:
        server.wait(LineReport(io.StringIO()))
        yield server
    finally:
        server.stop()


@pytest.fixture
def platform(ingress: IngressServer, kubeconfig: Path) -> Platform:
    made = Platform.in_sandbox(
        HOST, ingress.port, ingress.authority, lambda: administrator_password(kubeconfig, "airflow")
    )
    deadline = time.monotonic() + 10
    while not made.components()["airflow api-server"] and time.monotonic() < deadline:
        time.sleep(0.1)
    return made


def test_a_scheduler_that_does_not_run_is_no_ready_component(platform: Platform) -> None:
    found = platform.components()
    assert found == {"airflow api-server": True, "airflow database": True, "airflow scheduler": False}


def test_a_run_is_triggered_awaited_and_shown_as_its_teams_last(platform: Platform, port: int) -> None:
    """There is no scheduler here, so the run ends because somebody marks it."""
    assert platform.last_runs(["weather", "weather-two"]) == {"weather": None, "weather-two": None}
    marked = _mark_when_queued(port, "weather.hello", "success")
    run = platform.trigger("weather.hello", seconds=60)
    marked.join()
    assert (run.dag_id, run.state) == ("weather.hello", "success")
    # A prefix without the dot would show one team's runs to the other.
    assert platform.last_runs(["weather", "weather-two"]) == {"weather": run, "weather-two": None}
    assert set(run.as_json()) == {"dag_id", "run_id", "state", "at"}


def test_a_failed_run_is_an_error_that_names_it(platform: Platform, port: int) -> None:
    marked = _mark_when_queued(port, "weather-two.hello", "failed")
    with pytest.raises(PlatformError, match=r"of weather-two.hello: failed"):
        platform.trigger("weather-two.hello", seconds=60)
    marked.join()


def test_a_dag_that_nobody_parses_is_waited_for_only_so_long(platform: Platform) -> None:
    with pytest.raises(PlatformError, match=r"weather.absent: not parsed yet"):
        platform.trigger("weather.absent", seconds=1)


def test_a_wrong_password_is_refused_and_not_repeated(ingress: IngressServer) -> None:
    wrong = Platform.in_sandbox(HOST, ingress.port, ingress.authority, lambda: "hunter22")
    with pytest.raises(PlatformError, match="401") as caught:
        wrong.last_runs(["weather"])
    assert "hunter22" not in str(caught.value)


def test_an_airflow_that_is_away_is_told_by_its_components(ingress: IngressServer) -> None:
    elsewhere = Platform.in_sandbox("other.localhost", ingress.port, ingress.authority, lambda: "")
    assert elsewhere.components() == {"airflow api-server": False}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium: not on PATH (apt install chromium)")
def test_a_person_signs_in_at_another_port_than_base_url_says(platform: Platform, ingress: IngressServer) -> None:
    """Cookies and the way back after the sign-in would otherwise lead to a port where nobody listens."""
    png = picture(f"{ingress.url(HOST)}/dags", ingress.authority, PASSWORD)
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (WIDTH, HEIGHT)


def _mark_when_queued(port: int, dag_id: str, state: str) -> threading.Thread:
    def mark() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            token = client.post("/auth/token", json={"username": "admin", "password": PASSWORD}).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            runs = f"/api/v2/dags/{dag_id}/dagRuns"
            while not (found := client.get(runs).json()["dag_runs"]):
                time.sleep(0.1)
            client.patch(f"{runs}/{found[0]['dag_run_id']}", json={"state": state}).raise_for_status()

    thread = threading.Thread(target=mark)
    thread.start()
    return thread


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", trust_env=False, timeout=10).is_success
    except httpx.TransportError:
        return False


def _airflow() -> str:
    return str(Path(sys.executable).with_name("airflow"))


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__BASE_URL": f"https://{HOST}",
        "AIRFLOW__API__WORKERS": "1",
    }
