"""A throw-away project with a given number of tenants, and its sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from ruamel.yaml import YAML

from cli.workspace import stack_file
from sandbox.lifecycle import NODE_VARIABLE, Sandbox
from sandbox.paths import REPOSITORY
from stacks import edit
from tests.bench.side import STACK

SHIPPED_TENANTS = 2
ROOM: Final = {"ariel:database": {"sku": "Standard_B4ms"}, "ariel:pgbouncer": {"maxClientConn": 1000}}
"""Enough connections for thirty tenants; the same settings for every number of them."""

SMALL: Final = {
    "processor": {"resources": {"cpu": "100m", "memory": "1Gi"}},
    "triggerer": {"resources": {"cpu": "50m", "memory": "512Mi"}},
}
"""What each further tenant asks for: no more of the sandbox's processors than the shipped ones."""

UNTHROTTLED = {"write_burst": 1e6, "writes_per_second": 1e6, "delete_burst": 1e6, "deletes_per_second": 1e6}
"""Azure takes 200 writes, then 10 per second. That wait is the same for both sides and would hide what is measured."""


@dataclass(frozen=True)
class Measured:
    seconds: float
    summary: dict[str, int]
    """Operation -> number of resources."""

    @property
    def resources(self) -> int:
        return sum(self.summary.values())


class Project:
    def __init__(self, root: Path, tenants: int) -> None:
        self.root = root
        shutil.copy(REPOSITORY / "Pulumi.yaml", root)
        file = stack_file(root, STACK)
        yaml = YAML()
        document = yaml.load(stack_file(REPOSITORY, STACK))
        for key, settings in ROOM.items():
            document["config"].setdefault(key, {}).update(settings)
        yaml.dump(document, file)
        for number in range(SHIPPED_TENANTS, tenants):
            group = f"44444444-4444-4444-8444-4444444445{number:02}"
            block = edit.skeleton(
                owner=f"lead{number}@contoso.com", group_id=group, url=f"https://git.contoso.com/team{number}/dags.git"
            )
            edit.add_tenant(file, f"team{number}", {**block, **SMALL})

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """A fresh Azure and a fresh cluster, wiped behind the block."""
        sandbox = Sandbox(self.root, STACK)
        os.environ[NODE_VARIABLE] = "off"  # pods would be measured as well
        sandbox.start(cluster=True)
        try:
            httpx.put(
                f"{sandbox.arm.endpoint}/_sandbox/faults",
                json={"limits": UNTHROTTLED},
                headers={"Authorization": f"Bearer {sandbox.arm.token}"},
                trust_env=False,
            ).raise_for_status()
            yield
        finally:
            sandbox.wipe()

    def measure(self, side: str, verb: str) -> Measured:
        """Seconds of one run, from the start of its process to its end. Raises CalledProcessError."""
        begun = time.monotonic()
        said = self._run(side, verb)
        return Measured(time.monotonic() - begun, json.loads(said))

    def record(self) -> None:
        """Keeps what ours has made, for the bare program."""
        self._run("ours", "record")

    def _run(self, side: str, verb: str) -> str:
        command = [sys.executable, "-m", "tests.bench.side", str(self.root), side, verb]
        return subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
