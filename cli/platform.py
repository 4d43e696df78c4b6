"""What the running Airflow says, asked by its public REST API.

Owns sign-in, the last runs of a team, and starting a run. In the sandbox it is reached by the ingress on this machine,
as its administrator (SimpleAuthManager); elsewhere by its public name, with a token of its API.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from components.airflow_values import ADMIN_SECRET, PASSWORDS_FILE
from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.transport import ApiServer
from stacks.errors import ArielError, Problem

ADMINISTRATOR: Final = "admin"
FINISHED: Final = frozenset(("success", "failed"))
"""States that a DAG run does not leave by itself."""

RUN_SECONDS: Final = 300
_ANSWER_SECONDS: Final = 20
_POLL_SECONDS: Final = 0.5
_PARTS: Final = {"metadatabase": "airflow database", "scheduler": "airflow scheduler"}
"""Part in the API's health report -> name for people. DAG processors and triggerers are the tenants'."""


class PlatformError(ArielError):
    """Airflow does not answer, refuses, or a run failed: the platform engineer reads the reason and acts."""


class UnansweredError(PlatformError):
    """Airflow gave no answer this time; a later question may have one."""


@dataclass(frozen=True)
class Run:
    """One DAG run. `at` (ISO 8601, UTC) is when it ended, else began, else was due."""

    dag_id: str
    run_id: str
    state: str
    at: str

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Run:
        at = answer["end_date"] or answer["start_date"] or answer["run_after"]
        return cls(answer["dag_id"], answer["dag_run_id"], answer["state"], at)

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Platform:
    """Airflow's API at `address`, asked for under `host` where its address has another name.

    `verify` trusts its certificate; `token` signs in when the first question needs it.
    """

    def __init__(
        self, address: str, verify: ssl.SSLContext, token: Callable[[httpx.Client], str], host: str | None = None
    ) -> None:
        self._address = address
        self._token = token
        self._client = httpx.Client(
            base_url=address,
            headers={"Host": host} if host else {},
            verify=verify,
            timeout=_ANSWER_SECONDS,
            # The sandbox is on this machine, which no proxy leads to.
            trust_env=host is None,
        )

    @classmethod
    def in_sandbox(cls, host: str, port: int, authority: Path, password: Callable[[], str]) -> Platform:
        """As Airflow's administrator, by the ingress of this machine, whose certificate `authority` verifies."""
        verify = ssl.create_default_context(cafile=authority)
        return cls(
            f"https://127.0.0.1:{port}", verify, lambda client: _administrator(client, password), f"{host}:{port}"
        )

    @classmethod
    def at(cls, host: str, token: str) -> Platform:
        """As the person or pipeline that a token of Airflow's API was issued to."""
        return cls(f"https://{host}", ssl.create_default_context(), lambda _: token)

    @property
    def url(self) -> str:
        """Under its public name."""
        return f"https://{host}" if (host := self._client.headers.get("Host")) else self._address

    def token(self) -> str:
        """Signs in for another client of the API. Raises PlatformError."""
        return self._token(self._client)

    def components(self) -> dict[str, bool]:
        """Name -> whether it works. An API server that does not answer is all there is to say."""
        api = "airflow api-server"
        try:
            health = self.call("GET", "/api/v2/monitor/health", signed=False)
        except PlatformError:
            return {api: False}
        parts = {name: (health.get(part) or {}).get("status") == "healthy" for part, name in _PARTS.items()}
        return {api: True, **parts}

    def until_ready(self, seconds: float = RUN_SECONDS) -> None:
        """Return once every part works. Raises PlatformError when one does not in that time.

        After a stop the pods begin anew, which is no change that `pulumi up` would wait for.
        """
        deadline = time.monotonic() + seconds
        while missing := [name for name, ready in self.components().items() if not ready]:
            self._pause(deadline, ", ".join(missing), "not ready")

    def last_runs(self, slugs: Iterable[str], seconds: float = 0) -> dict[str, Run | None]:
        """Slug -> latest run of the team's DAGs, whose ids begin with it; None before the first.

        Raises PlatformError when the API gives no answer within `seconds`.
        """
        deadline = time.monotonic() + seconds
        return {slug: self._last_run(slug, deadline) for slug in slugs}

    def _last_run(self, slug: str, deadline: float) -> Run | None:
        query = {"dag_id_prefix_pattern": f"{slug}.", "order_by": "-run_after", "limit": 1}
        runs = self._patient(deadline, "/api/v2/dags/~/dagRuns", query=query)["dag_runs"]
        return Run.of(runs[0]) if runs else None

    def trigger(self, dag_id: str, seconds: float = RUN_SECONDS) -> Run:
        """Start a run and return it once it has ended. Raises PlatformError when it did not succeed in that time."""
        run = self.run(dag_id, seconds)
        if run.state != "success":
            where = f"run {run.run_id} of {dag_id}"
            raise _error(where, run.state, "it succeeds", f"read the logs of its tasks, {self._address}/dags/{dag_id}")
        return run

    def run(self, dag_id: str, seconds: float = RUN_SECONDS) -> Run:
        """Start a run and return it once it has ended, well or not. Raises PlatformError when it did not in that time.

        The time includes that until the DAG is known: its processor may not have parsed it yet.
        """
        deadline = time.monotonic() + seconds
        while self._patient(deadline, f"/api/v2/dags/{dag_id}", absent={}).get("is_paused") is None:
            self._pause(deadline, f"DAG {dag_id}", "not parsed yet")
        self.call("PATCH", f"/api/v2/dags/{dag_id}", body={"is_paused": False})
        run = Run.of(self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body={"logical_date": None}))
        where = f"run {run.run_id} of {dag_id}"
        while run.state not in FINISHED:
            self._pause(deadline, where, run.state)
            run = Run.of(self._patient(deadline, f"/api/v2/dags/{dag_id}/dagRuns/{run.run_id}"))
        return run

    def _patient(
        self,
        deadline: float,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        absent: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The answer to a question that changes nothing, asked again until the deadline while there is none."""
        while True:
            try:
                return self.call("GET", path, query=query, absent=absent)
            except UnansweredError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)

    def _pause(self, deadline: float, what: str, state: str) -> None:
        if time.monotonic() >= deadline:
            raise _error(what, state, "it is done in the given time", "see `ariel status` and the pods of its tenant")
        time.sleep(_POLL_SECONDS)

    def answer(
        self, method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None, signed: bool = True
    ) -> httpx.Response:
        """Whatever it is, errors too. Raises UnansweredError."""
        if signed and "Authorization" not in self._client.headers:
            self._client.headers["Authorization"] = f"Bearer {self._token(self._client)}"
        try:
            return self._client.request(method, path, params=query, json=body)
        except httpx.TransportError as failure:
            raise _unanswered(f"{self._address}{path}", str(failure), UnansweredError) from None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        absent: dict[str, Any] | None = None,
        signed: bool = True,
    ) -> dict[str, Any]:
        """What the REST API answers; `absent` is the answer where there is no such thing. Raises PlatformError."""
        answer = self.answer(method, path, query=query, body=body, signed=signed)
        if answer.status_code == httpx.codes.NOT_FOUND and absent is not None:
            return absent
        if answer.is_error:
            where, said = f"{self._address}{path}", f"{answer.status_code}: {_said(answer)}"
            if answer.is_server_error:
                raise _unanswered(where, said, UnansweredError)
            raise _error(where, said, "a request that the platform allows", "correct it as the text says")
        try:
            return dict(answer.json())
        except ValueError:
            # Something else answers under that name, such as a proxy that asks for a sign-in.
            raise _unanswered(f"{self._address}{path}", f"{answer.status_code}: no JSON") from None


def _administrator(client: httpx.Client, password: Callable[[], str]) -> str:
    """A token. The password is in no variable, so that no traceback can show it. Raises PlatformError."""
    where = str(client.base_url.join("/auth/token"))
    try:
        answer = client.post("/auth/token", json={"username": ADMINISTRATOR, "password": password()})
    except httpx.TransportError as failure:
        raise _unanswered(where, str(failure), UnansweredError) from None
    if answer.is_error:
        raise _unanswered(where, f"{answer.status_code}: {_said(answer)}", UnansweredError)
    return str(answer.json()["access_token"])


def administrator_password(cluster: Path, namespace: str) -> str:
    """From the Secret that the API server mounts; `cluster` is a kubeconfig. Raises PlatformError."""
    connection = kubeconfig.connection(kubeconfig.parse(kubeconfig.text_of(str(cluster))))
    try:
        secret = ApiServer(connection, threading.Event()).get(f"/api/v1/namespaces/{namespace}/secrets/{ADMIN_SECRET}")
    except PluginError as failure:
        raise _unanswered(connection.server, str(failure)) from None
    if secret is None:
        raise _unanswered(f"Secret {namespace}/{ADMIN_SECRET}", "not there")
    return str(json.loads(base64.b64decode(secret["data"][PASSWORDS_FILE]))[ADMINISTRATOR])


def _said(answer: httpx.Response) -> str:
    """Why it refuses, in its own words."""
    with suppress(ValueError, KeyError, TypeError):
        return str(answer.json()["detail"])
    return answer.text[:300].strip()


def _unanswered(path: str, value: str, kind: type[PlatformError] = PlatformError) -> PlatformError:
    return _error(path, value, "the platform runs and answers", "run `ariel up`, then look at `ariel status`", kind)


def _error(path: str, value: str, rule: str, action: str, kind: type[PlatformError] = PlatformError) -> PlatformError:
    return kind([Problem(path=path, value=value, rule=rule, action=action)])
