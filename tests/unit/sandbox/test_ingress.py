"""The sandbox's way in: a real process of the proxy, in front of a real HTTP service; the API server is played."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.ingress import IngressServer
from sandbox.ingress.routes import Routes, routes
from sandbox.paths import SandboxPaths
from sandbox.pki import Authority
from sandbox.report import LineReport
from tests.ports import free_port

HOST = "airflow.localhost"
CLASS = "example.test"


def ingress(*paths: dict[str, Any], host: str = HOST, name: str = "web", of_class: str = CLASS) -> dict[str, Any]:
    rule = {"host": host, "http": {"paths": list(paths)}}
    spec = {"ingressClassName": of_class, "rules": [rule]}
    return {"metadata": {"name": name, "namespace": "n"}, "spec": spec}


def path(prefix: str, service: str, kind: str = "Prefix", **port: Any) -> dict[str, Any]:
    return {"path": prefix, "pathType": kind, "backend": {"service": {"name": service, "port": port or {"number": 80}}}}


def service(name: str, address: str = "10.0.0.1", port: int = 80) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n"}
    return {"metadata": meta, "spec": {"clusterIP": address, "ports": [{"name": "http", "port": port}]}}


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("/", "http://10.0.0.1:80"),
        ("/api/v2/dags", "http://10.0.0.2:80"),
        ("/api", "http://10.0.0.2:80"),
        ("/apiary", "http://10.0.0.1:80"),
        ("/api/exactly", "http://10.0.0.3:80"),
        ("/api/exactly/not", "http://10.0.0.2:80"),
    ],
)
def test_the_longest_path_wins_and_matches_whole_elements(asked: str, target: str) -> None:
    paths = (path("/", "a"), path("/api", "b"), path("/api/exactly", "c", "Exact", name="http"))
    services = [service("a"), service("b", "10.0.0.2"), service("c", "10.0.0.3")]
    assert routes([ingress(*paths)], services).target(HOST, asked) == target


@pytest.mark.parametrize("unusable", [[], [service("a", "None")], [service("a", port=81)]])
def test_a_backend_that_cannot_be_reached_is_no_route(unusable: list[dict[str, Any]]) -> None:
    assert routes([ingress(path("/", "a"))], unusable) == Routes()


class Cluster:
    """Answers as an API server that holds these objects; `told` collects what was written."""

    def __init__(self, *ingresses: dict[str, Any], services: list[dict[str, Any]]) -> None:
        self.lists = {"/apis/networking.k8s.io/v1/ingresses": list(ingresses), "/api/v1/services": services}
        self.told: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer({"items": outer.lists[self.path.partition("?")[0]]})

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.told.append((self.path, body))
                outer.lists["/apis/networking.k8s.io/v1/ingresses"][0] |= body
                self.answer({})

            def answer(self, body: Any) -> None:
                raw = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self, file: Path) -> Path:
        named = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        clusters = [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}]
        users = [{"name": "u", "user": {}}]
        content = {"clusters": clusters, "users": users, "contexts": [named], "current-context": "c"}
        file.write_text(json.dumps(content))
        return file


async def mirror(request: Request) -> Response:
    """Says what arrived; compressed, with two cookies."""
    body = await request.body()
    raw = request.scope["raw_path"].decode()
    said = {"path": raw, "query": request.url.query, "body": body.decode(), "headers": dict(request.headers)}
    answer = Response(gzip.compress(json.dumps(said).encode()), 202, {"Content-Encoding": "gzip"})
    answer.set_cookie("one", "1")
    answer.set_cookie("two", "2")
    return answer


async def stream(_: Request) -> Response:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"first\n"
        while not RELEASED.is_set():
            yield b""
            await asyncio.sleep(0.01)
        yield b"last\n"

    return StreamingResponse(slowly(), media_type="text/event-stream")


RELEASED = threading.Event()


async def moved(_: Request) -> Response:
    return JSONResponse({}, 307, {"Location": "/elsewhere"})


@contextmanager
def serving(app: Starlette, port: int = 0) -> Iterator[int]:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    everything = ["GET", "POST"]
    app = Starlette(
        routes=[Route("/stream", stream), Route("/moved", moved), Route("/{path:path}", mirror, methods=everything)]
    )
    with serving(app) as port:
        yield port


@pytest.fixture(scope="module")
def late_port() -> int:
    """Refuses connections until a test serves on it."""
    return free_port()


@pytest.fixture(scope="module")
def cluster(upstream: int, late_port: int) -> Cluster:
    others = ingress(path("/", "web"), host="other.localhost", name="other", of_class="of somebody else")
    ports = {"web": upstream, "dead": 1, "late": late_port}
    paths = [path("/" if name == "web" else f"/{name}", name, number=port) for name, port in ports.items()]
    services = [service(name, "127.0.0.1", port) for name, port in ports.items()]
    return Cluster(ingress(*paths), others, services=services)


@pytest.fixture(scope="module")
def started(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngressServer]:
    project = tmp_path_factory.mktemp("project")
    Authority(project / "pki", "test")
    server = IngressServer(SandboxPaths(project, "local"), project / "pki")
    server._paths.root.mkdir(parents=True)
    report = LineReport(io.StringIO())
    server.launch(kubeconfig=cluster.kubeconfig(project / "kubeconfig"), ingress_class=CLASS, report=report)
    try:
        server.wait(report)
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(started: IngressServer) -> Iterator[httpx.Client]:
    """As a browser that leads `*.localhost` to this machine, and trusts the sandbox's authority."""
    with Browser(started).client as made:
        deadline = time.monotonic() + 10
        while made.get("/").status_code == 404 and time.monotonic() < deadline:
            time.sleep(0.1)
        yield made


class Browser:
    def __init__(self, server: IngressServer, host: str = HOST) -> None:
        self.host, self.server = host, server
        context = ssl.create_default_context(cafile=server.authority)
        headers = {"Host": f"{host}:{server.port}"}
        base = f"https://127.0.0.1:{server.port}"
        self.client = httpx.Client(base_url=base, headers=headers, verify=context, trust_env=False)
        self.client.event_hooks = {"request": [self._name]}

    def _name(self, request: httpx.Request) -> None:
        request.extensions = {**request.extensions, "sni_hostname": self.host}


def test_the_service_learns_what_the_browser_asked_for(client: httpx.Client, started: IngressServer) -> None:
    answer = client.post(
        "/a%2Fb/c?x=1&y=%20", content=b"hello", headers={"X-Forwarded-For": "8.8.8.8", "Cookie": "k=v"}
    )
    assert answer.status_code == 202
    said = answer.json()
    assert (said["path"], said["query"], said["body"]) == ("/a%2Fb/c", "x=1&y=%20", "hello")
    headers = said["headers"]
    assert headers["host"] == headers["x-forwarded-host"] == f"{HOST}:{started.port}"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == "127.0.0.1", "a client's own claim would be logged as its address"
    assert headers["cookie"] == "k=v"


def test_nothing_is_asked_for_in_the_browsers_name(client: httpx.Client) -> None:
    """An encoding that it did not offer, it cannot read."""
    client.cookies.clear()
    for header in ("accept", "accept-encoding", "user-agent"):
        del client.headers[header]
    asked = client.get("/").json()["headers"]
    assert {name for name in asked if not name.startswith("x-forwarded")} == {"host"}


def test_two_cookies_of_one_answer_both_arrive(client: httpx.Client) -> None:
    """Airflow signs in by cookie; folded into one header, a browser keeps one of them."""
    answer = client.get("/")
    assert [value.partition("=")[0] for value in answer.headers.get_list("set-cookie")] == ["one", "two"]
    assert answer.headers.get_list("date") == answer.headers.get_list("date")[:1]


def test_a_redirect_is_the_browsers_to_follow(client: httpx.Client) -> None:
    answer = client.get("/moved")
    assert (answer.status_code, answer.headers["location"]) == (307, "/elsewhere")


def test_a_log_that_is_followed_arrives_line_by_line(client: httpx.Client) -> None:
    RELEASED.clear()
    with client.stream("GET", "/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"
        RELEASED.set()
        assert next(lines) == "last"


def test_a_service_that_does_not_answer_is_told_from_a_missing_route(client: httpx.Client) -> None:
    answer = client.get("/dead/x")
    assert answer.status_code == 502
    assert f"{HOST}/dead/x" in answer.text


def test_a_pod_that_refuses_a_connection_is_not_the_last_that_is_asked(client: httpx.Client, late_port: int) -> None:
    """After a stop a Service still names pods that have gone; here one port plays the pod that left and the next."""
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(client.post("/late", content=b"once").status_code))
    asking.start()
    time.sleep(0.2)
    with serving(Starlette(routes=[Route("/late", mirror, methods=["POST"])]), late_port):
        asking.join()
    assert answers == [202]


def test_an_ingress_of_another_class_is_not_served_nor_given_a_certificate(
    client: httpx.Client, started: IngressServer
) -> None:
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        Browser(started, "other.localhost").client.get("/")


def test_the_ingress_is_told_its_address_once(client: httpx.Client, cluster: Cluster) -> None:
    """Who waits for an Ingress waits for this; told again and again, it would be a write per second."""
    time.sleep(1.5)
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
    assert cluster.told == [("/apis/networking.k8s.io/v1/namespaces/n/ingresses/web/status", body)]


def test_routes_stay_while_the_api_server_is_away(client: httpx.Client, cluster: Cluster) -> None:
    cluster.server.shutdown()
    cluster.server.server_close()
    time.sleep(1.5)
    assert client.get("/").status_code == 202
