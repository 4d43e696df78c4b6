"""Which provider plug-ins come from their publisher: random and kubernetes, where they can be downloaded.

azure-native is always the sandbox's own, since the published one speaks to Azure only. kubernetes is the sandbox's own
where the cluster has no node, since the published one would wait for pods that cannot become ready, and where the
official Airflow chart cannot be had, since the published one knows no compact chart in its place.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx

from sandbox.report import Report
from sandbox.toolchain.download import CONNECT_SECONDS
from stacks.versions import AIRFLOW_CHART_REPOSITORY

PUBLISHED: Final[Mapping[str, str]] = {"kubernetes": "pulumi-kubernetes", "random": "pulumi-random"}
"""Plug-in and the Python package whose version it must have."""

_SOURCE: Final = "https://get.pulumi.com/"
_INSTALL_SECONDS: Final = 300


class OfficialPlugins:
    """The choice for one PULUMI_HOME: made once, since a stack's state must not change its provider on the way."""

    def __init__(self, pulumi_home: Path) -> None:
        self._home = pulumi_home
        self._choice = pulumi_home / "ariel-official-plugins.json"

    def installed(self) -> frozenset[str]:
        """The packages whose official plug-in is used."""
        return frozenset(json.loads(self._choice.read_text())) if self._choice.exists() else frozenset()

    def choose(self, pulumi: Path, report: Report, *, node: bool) -> None:
        """Install the official plug-ins if their source can be reached; later calls do nothing.

        `node` says whether the sandbox's cluster runs pods.
        """
        if self._choice.exists():
            return
        self._home.mkdir(parents=True, exist_ok=True)
        wanted = set(PUBLISHED) if _reachable(_SOURCE) else set()
        if not (node and _reachable(AIRFLOW_CHART_REPOSITORY)):
            wanted.discard("kubernetes")
        names = [name for name in sorted(wanted) if self._install(pulumi, name, report)]
        partial = self._choice.with_suffix(".partial")
        partial.write_text(json.dumps(names))
        partial.replace(self._choice)

    def _install(self, pulumi: Path, name: str, report: Report) -> bool:
        wanted = version(PUBLISHED[name])
        command = [str(pulumi), "plugin", "install", "resource", name, wanted]
        environment = os.environ | {"PULUMI_HOME": str(self._home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        with report.step(f"Download the {name} plug-in {wanted}"):
            try:
                answer = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                report.say(
                    f"The official {name} plug-in did not arrive in {_INSTALL_SECONDS} s; using the sandbox's own"
                )
                return False
        if answer.returncode != 0:
            report.say(f"The official {name} plug-in cannot be had ({answer.stderr.strip()}); using the sandbox's own")
        return answer.returncode == 0


def _reachable(url: str) -> bool:
    try:
        httpx.head(url, timeout=CONNECT_SECONDS, verify=ssl.create_default_context())
    except httpx.TransportError:
        return False
    return True
