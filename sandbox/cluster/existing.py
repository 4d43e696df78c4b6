"""A cluster that somebody else runs (kind, k3d, AKS) and that a kubeconfig names; here it is only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from urllib3.exceptions import HTTPError

from stacks.errors import MachineError, Problem

_TIMEOUT_SECONDS: Final = 5.0


class ExistingCluster:
    """The cluster of one context of a kubeconfig, by default the current one; neither started nor stopped by us."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        self.kubeconfig = kubeconfig.absolute()
        self._context = context

    @property
    def server(self) -> str:
        """URL of the API server. Raises MachineError."""
        return str(self._client.configuration.host)

    @property
    def issuer(self) -> str:
        """URL of the issuer of service-account tokens, as the cluster publishes it. Raises MachineError."""
        return str(self._get("/.well-known/openid-configuration")["issuer"])

    @property
    def uid(self) -> str:
        """By what it is told from every other cluster, whatever its address: the uid of its first namespace.

        Raises MachineError.
        """
        return str(self._get("/api/v1/namespaces/kube-system")["metadata"]["uid"])

    def ready(self) -> dict[str, bool]:
        """Whether the API server answers, and whether some node takes pods."""
        try:
            nodes = self._get("/api/v1/nodes")["items"]
        except MachineError:
            return {"kube-apiserver": False, "node": False}
        return {"kube-apiserver": True, "node": any(_is_ready(node) for node in nodes)}

    @cached_property
    def _client(self) -> Any:
        # Here: every start of the command would bear a third more.
        import kubernetes
        from kubernetes.config import ConfigException

        settings = kubernetes.client.Configuration()
        # Each of the client's own three tries is logged as a warning and waits for its own time to end.
        settings.retries = False
        try:
            return kubernetes.config.new_client_from_config(
                str(self.kubeconfig), context=self._context, client_configuration=settings
            )
        except (ConfigException, OSError) as error:
            raise MachineError([self._problem(f"not usable: {error}")]) from error

    def _get(self, path: str) -> Mapping[str, Any]:
        from kubernetes.client import ApiException

        try:
            answer: Mapping[str, Any] = self._client.call_api(
                path,
                "GET",
                auth_settings=["BearerToken"],
                response_types_map={200: "object"},
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT_SECONDS,
            )
        except ApiException as error:
            raise MachineError([self._problem(f"{path} was answered with {error.status} {error.reason}")]) from error
        except HTTPError as error:
            raise MachineError([self._problem(f"{self.server} cannot be reached ({type(error).__name__})")]) from error
        return answer

    @property
    def _action(self) -> str:
        """What to do when it cannot be read."""
        return "start that cluster, or name another context with `--context`"

    def _problem(self, value: str) -> Problem:
        return Problem(
            path=f"kubeconfig {self.kubeconfig}",
            value=value,
            rule="its context is a running cluster that lets this user read",
            action=self._action,
        )


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
