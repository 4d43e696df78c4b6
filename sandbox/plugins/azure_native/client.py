"""HTTP to the emulated ARM: one connection per thread, retries, long-running operations."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from sandbox.plugins.azure_native.deadline import Deadline
from sandbox.plugins.failures import PluginError

if TYPE_CHECKING:
    import http.client

_SOCKET_SECONDS = 60
_IDLE_SECONDS = 3  # below the five seconds after which uvicorn closes an idle connection
# azcore's list of statuses worth another try, and a broken connection; 429 is handled apart: it says when to come back.
_RETRIED_STATUSES = frozenset({0, 408, 500, 502, 503, 504})
# Refusals that mean "not now", by ARM error code. Sources: the published provider's retry rules and Azure's
# documentation of each service's conflicts.
_RETRIED_CODES = frozenset(
    {
        "AnotherOperationInProgress",
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "OperationInProgress",
        "OperationNotAllowedOnServer",
        "PrincipalNotFound",
        "ReferencedResourceNotProvisioned",
        "RetryableError",
        "ServerIsBusy",
        "StorageAccountOperationInProgress",
    }
)
_ATTEMPTS = 8  # for answers that may be a real failure: about 20 s in all
_PATIENCE_SECONDS = 300.0  # for refusals that mean "not now"; being throttled is never given up within the timeout
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 8.0
_POLL_SECONDS = 1.0  # where the service does not say
_SHORTEST_POLL = 0.05  # "Retry-After: 0" must not become a busy loop
_FAILED = frozenset({"failed", "canceled"})
_UNDER_WAY = frozenset(
    {"accepted", "creating", "deleting", "inprogress", "pending", "provisioning", "running", "updating"}
)
_NO_ANSWER = 0  # stands for the HTTP status when the connection broke


@dataclass(frozen=True)
class Answer:
    """One answer of the service; `body` is the decoded JSON, or text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def lost(self) -> bool:
        """Whether the request may or may not have been applied."""
        return self.status in _RETRIED_STATUSES

    @property
    def not_now(self) -> bool:
        """Whether the service refused for a passing reason; nothing was applied."""
        conflict = self.status == 409 and "retry-after" in self.headers
        return self.status == 429 or conflict or (not self.ok and self.code in _RETRIED_CODES)

    @property
    def error(self) -> Mapping[str, Any]:
        """ARM's error; empty where the body has none."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str:
        return str(self.error.get("code", ""))

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asks to wait."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.replace(".", "", 1).isdigit() else None

    @property
    def operation(self) -> str | None:
        """Where to ask how a long-running operation goes; None when the request is done."""
        polled = self.headers.get("azure-asyncoperation")
        return polled or (self.headers.get("location") if self.status in (201, 202) else None)


class ArmError(PluginError):
    """ARM refused. The text has the published provider's form."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        message = answer.error.get("message") or answer.body or "no answer"
        super().__init__(f'{method} {path}: Status={answer.status} Code="{answer.code}" Message="{message}"')
        self.status = answer.status
        self.code = answer.code


class OperationFailedError(PluginError):
    """A long-running operation ended badly: the request was accepted, the result is not what was asked for."""


class ArmClient:
    """`endpoint` is http://host:port. Safe for use by many threads at once."""

    def __init__(self, endpoint: str, token: str) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port = parts.hostname or "", parts.port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._thread = threading.local()

    def get(self, path: str, version: str, deadline: Deadline) -> dict[str, Any] | None:
        """The resource's body; None when it does not exist."""
        answer = self.call("GET", path, version, deadline)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise ArmError("GET", path, answer)
        return answer.body

    def put(
        self,
        path: str,
        version: str,
        deadline: Deadline,
        body: Mapping[str, Any],
        is_applied: Callable[[Mapping[str, Any]], bool],
    ) -> Answer:
        """Write a resource; raises ArmError. The answer may name an operation that is still under way.

        When an answer is lost the write may have been applied, and repeating it is then refused for some types. So
        the client looks first: `is_applied(current)` says whether what it finds is what was asked for.
        """

        def settle() -> Answer | None:
            current = self.get(path, version, deadline)
            return Answer(200, {}, current) if current is not None and is_applied(current) else None

        answer = self.call("PUT", path, version, deadline, body, settle)
        if not answer.ok:
            raise ArmError("PUT", path, answer)
        return answer

    def delete(self, path: str, version: str, deadline: Deadline) -> None:
        """Remove a resource and wait until it is gone; one that is not there counts as removed."""
        answer = self.call("DELETE", path, version, deadline)
        if answer.status == 404:
            return
        if not answer.ok:
            raise ArmError("DELETE", path, answer)
        self._wait(f"DELETE {path}", answer, deadline)

    def settled(self, path: str, version: str, answer: Answer, deadline: Deadline) -> dict[str, Any]:
        """The resource's body once the operation that `answer` started is over; raises OperationFailedError."""
        what = f"PUT {path}"
        body = answer.body
        if answer.operation:
            self._wait(what, answer, deadline)
            body = self.get(path, version, deadline)
        while _provisioning(body) in _UNDER_WAY:
            deadline.wait(_POLL_SECONDS, what)
            body = self.get(path, version, deadline)
        if body is None:
            raise OperationFailedError(f"{what}: the operation ended and the resource does not exist")
        if _provisioning(body) in _FAILED:
            raise OperationFailedError(f"{what}: provisioningState is {body['properties']['provisioningState']}")
        return body

    def _wait(self, what: str, answer: Answer, deadline: Deadline) -> None:
        """Poll the operation named by `answer` until it is over."""
        url, pause = answer.operation, answer.retry_after
        while url:
            deadline.wait(max(_POLL_SECONDS if pause is None else pause, _SHORTEST_POLL), what)
            parts = urlsplit(url)
            polled = self._repeat("GET", f"{parts.path}?{parts.query}", parts.path, deadline)
            if polled.status == 404 and what.startswith("DELETE"):
                return
            if not polled.ok:
                raise ArmError("GET", parts.path, polled)
            status = str(polled.body.get("status", "")).lower() if isinstance(polled.body, dict) else ""
            if status in _FAILED:
                error = polled.error
                raise OperationFailedError(
                    f'{what}: the operation ended as {status}: Code="{error.get("code", "")}"'
                    f' Message="{error.get("message", "")}"'
                )
            # An operation reports its own status; the older form answers 202 until it is over.
            if polled.status != 202 and status in ("", "succeeded"):
                return
            pause = polled.retry_after

    def call(
        self,
        method: str,
        path: str,
        version: str,
        deadline: Deadline,
        body: Mapping[str, Any] | None = None,
        settle: Callable[[], Answer | None] | None = None,
    ) -> Answer:
        """One request with retries; returns the answer that stands at the end, also a refusal."""
        target = f"{quote(path, safe='/:@!$&()*+,;=~')}?api-version={version}"
        return self._repeat(method, target, path, deadline, body, settle)

    def _repeat(
        self,
        method: str,
        target: str,
        what: str,
        deadline: Deadline,
        body: Mapping[str, Any] | None = None,
        settle: Callable[[], Answer | None] | None = None,
    ) -> Answer:
        lost, pause, started = 0, _FIRST_PAUSE, time.monotonic()
        while True:
            answer = self._once(method, target, body)
            lost += answer.lost
            impatient = answer.status != 429 and time.monotonic() - started > _PATIENCE_SECONDS
            if not (answer.lost or answer.not_now) or lost >= _ATTEMPTS or impatient:
                return answer
            wait = pause if answer.retry_after is None else answer.retry_after
            # Many resources wait for the same thing; a little spread keeps them from coming back all at once.
            deadline.wait(max(wait, _SHORTEST_POLL) * (1 + random.random() / 4), f"{method} {what}")  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)
            found = settle() if answer.lost and settle else None
            if found:
                return found

    def _once(self, method: str, target: str, body: Mapping[str, Any] | None) -> Answer:
        """One request on this thread's connection; a broken connection gives an answer without a status."""
        # Loads email and ssl: a preview, which asks Azure nothing, starts faster without.
        import http.client

        payload = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, target, payload, self._headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            return Answer(_NO_ANSWER, {}, f"{type(failure).__name__}: {failure}")
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            decoded = json.loads(raw) if raw else None
        except ValueError:
            decoded = raw.decode(errors="replace")
        return Answer(response.status, headers, decoded)

    def _connection(self) -> http.client.HTTPConnection:
        """This thread's connection, fresh when the service may have closed it by now."""
        import http.client

        existing: http.client.HTTPConnection | None = getattr(self._thread, "connection", None)
        if existing is None:
            existing = http.client.HTTPConnection(self._host, self._port, timeout=_SOCKET_SECONDS)
            self._thread.connection = existing
        elif time.monotonic() - self._thread.used > _IDLE_SECONDS:
            existing.close()
        self._thread.used = time.monotonic()
        return existing


def _provisioning(body: Mapping[str, Any] | None) -> str:
    properties = (body or {}).get("properties")
    return str(properties.get("provisioningState", "")).lower() if isinstance(properties, Mapping) else ""
