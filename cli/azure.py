"""The few questions that `ariel` itself asks of Azure Resource Manager, beside what the engine's provider does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from stacks.errors import EngineError, Problem

MANAGEMENT = "https://management.azure.com"
SETTLED = (None, "Succeeded", "Failed", "Canceled")
"""Provisioning states that no longer change by themselves."""
POLL_SECONDS = 1.0
LONGEST_SECONDS = 3600
"""A Flexible Server or a cluster takes some ten minutes; the provider itself gives up after an hour."""


def live_token() -> str:
    """A token of whoever is signed in: the Azure CLI's user, or the pipeline's federated identity."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential().get_token(f"{MANAGEMENT}/.default").token


class Azure:
    """One endpoint; `token` is asked for each time, so that a long run does not outlive it."""

    def __init__(self, endpoint: str = MANAGEMENT, token: Callable[[], str] = live_token) -> None:
        # Proxies of the environment are for the outside; the sandbox listens on loopback.
        self._http = httpx.Client(base_url=endpoint, timeout=60, trust_env=endpoint == MANAGEMENT)
        self._token = token

    def find(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """The resource, once it no longer changes by itself; None where there is none. Raises EngineError."""
        for _ in _turns(resource_id):
            answer = self._ask("GET", resource_id, api_version)
            if answer.status_code == httpx.codes.NOT_FOUND:
                break
            found: dict[str, Any] = answer.json()
            if found.get("properties", {}).get("provisioningState") in SETTLED:
                return found
        return None

    def put(self, resource_id: str, api_version: str, body: dict[str, Any]) -> None:
        """Writes it and waits until it stands. Raises EngineError."""
        self._ask("PUT", resource_id, api_version, body)
        self.find(resource_id, api_version)

    def post(self, path: str, api_version: str) -> None:
        """An action, until it is done; one on something that is gone already counts as done. Raises EngineError."""
        answer = self._ask("POST", path, api_version)
        for _ in _turns(path):
            if answer.status_code != httpx.codes.ACCEPTED or "location" not in answer.headers:
                return
            answer = self._checked(self._http.get(answer.headers["location"], headers=self._signed()))

    def _ask(self, method: str, path: str, api_version: str, body: dict[str, Any] | None = None) -> httpx.Response:
        answer = self._http.request(
            method, path, params={"api-version": api_version}, json=body, headers=self._signed()
        )
        return self._checked(answer)

    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}

    @staticmethod
    def _checked(answer: httpx.Response) -> httpx.Response:
        """The answer, unless it is a refusal. Raises EngineError."""
        if answer.is_success or answer.status_code == httpx.codes.NOT_FOUND:
            return answer
        raise EngineError(
            [
                Problem(
                    path=f"{answer.request.method} {answer.request.url.path}",
                    value=f"{answer.status_code} {answer.text[:300]}",
                    rule="Azure Resource Manager accepts the request",
                    action="mend what the answer names and run the same command again",
                )
            ]
        )


def _turns(path: str) -> Iterator[None]:
    """One turn per poll, until the time is over. Raises EngineError then."""
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(POLL_SECONDS)
    raise EngineError(
        [
            Problem(
                path=path,
                value=f"not done after {LONGEST_SECONDS} s",
                rule="Azure ends an operation within that time",
                action="look at it in the portal; when it has ended, run the same command again",
            )
        ]
    )
