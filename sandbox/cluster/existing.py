"""A cluster that somebody else runs (kind, k3d, AKS) and that a kubeconfig names; here it is only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import kubernetes
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from stacks.errors import MachineError, Problem

_TIMEOUT_SECONDS: Final = 5.0


class ExistingCluster:
    """The cluster of the current context of a kubeconfig; it is neither started nor stopped by us."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig.absolute()

    @property
    def server(self) -> str:
        """URL of the API server. Raises MachineError."""
        return str(self._client.configuration.host)

    @property
    def issuer(self) -> str:
        """URL of the issuer of service-account tokens, as the cluster publishes it. Raises MachineError."""
        return str(self._get("/.well-known/openid-configuration")["issuer"])

    def ready(self) -> dict[str, bool]:
        """Whether the API server answers, and whether some node takes pods."""
        try:
            nodes = self._get("/api/v1/nodes")["items"]
        except MachineError:
            return {"kube-apiserver": False, "node": False}
        return {"kube-apiserver": True, "node": any(_is_ready(node) for node in nodes)}

    @cached_property
    def _client(self) -> Any:
        try:
            return kubernetes.config.new_client_from_config(str(self.kubeconfig))
        except (ConfigException, OSError) as error:
            raise MachineError([self._problem(f"not usable: {error}")]) from error

    def _get(self, path: str) -> Mapping[str, Any]:
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

    def _problem(self, value: str) -> Problem:
        return Problem(
            path=f"kubeconfig {self.kubeconfig}",
            value=value,
            rule="a kubeconfig whose current context is a running cluster that lets this user read",
            action="start that cluster, choose its context (`kubectl config use-context`), or drop `--kubeconfig`",
        )


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
