"""A project of its own, driven through the same session that the command line uses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cli.plan import Plan
from cli.session import Session
from cli.workspace import stack_file
from sandbox.paths import REPOSITORY

COMMAND = (sys.executable, "-c", "from cli.main import main; main()")
TRANSIENT = (
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "componentstatuses",
    "ipaddresses.networking.k8s.io",
)
"""Kinds that the cluster writes by itself for others, or that are no objects."""

READING = re.compile(r"GET |POST .*/list[A-Za-z]*$")
"""Requests that change nothing; ARM hands out credentials as an answer to a POST."""

Object = tuple[str, str, str]
"""Kind, namespace (empty for none) and name of an object in the cluster."""


class Workbench:
    """One project folder with the shipped stack files, and the sandboxes of its stacks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        """What a command of this workbench gets as its folder for temporary files."""
        self.temporary.mkdir(exist_ok=True)

    def session(self, stack: str = "local") -> Session:
        """A fresh session, as each run of the command has."""
        return Session(self.root, stack)

    def up(self, stack: str = "local", **options: Any) -> Plan:
        session = self.session(stack)
        session.prepare(cluster=True)
        return session.up(options)

    def preview(self, stack: str = "local", **options: Any) -> Plan:
        session = self.session(stack)
        session.prepare(cluster=False)
        return session.preview(options)

    def destroy(self, stack: str = "local") -> Plan:
        session = self.session(stack)
        session.prepare(cluster=True)
        return session.destroy()

    def ariel(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command itself, in a process of its own."""
        place: dict[str, Any] = {"cwd": self.root, "env": self.environment()}
        return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, **(place | options))

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs, with all its children in a group of its own; killed at the end if it still is."""
        with subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def edit(self, old: str, new: str, stack: str = "local") -> None:
        """Replaces a piece of the stack file that occurs exactly once."""
        file = stack_file(self.root, stack)
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        file.write_text(text.replace(old, new))

    def arm(self, stack: str = "local", method: str = "GET", path: str = "resources", body: Any = None) -> Any:
        """The admin side of the emulated ARM: `resources`, `requests`, `faults`."""
        return self.azure(method, f"/_sandbox/{path}", stack=stack, body=body)

    def azure(
        self, method: str, path: str, *, stack: str = "local", body: Any = None, params: dict[str, str] | None = None
    ) -> Any:
        """A request to the emulated ARM by somebody who is not the engine; its parsed answer. Raises on a refusal."""
        arm = self.session(stack).sandbox.arm
        answer = httpx.request(
            method,
            f"{arm.endpoint}{path}",
            params=params,
            json=body,
            headers={"Authorization": f"Bearer {arm.token}"},
            trust_env=False,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def arm_ids(self, stack: str = "local") -> set[str]:
        return {resource["id"] for resource in self.arm(stack)}

    def arm_writes(self, since: int = 0, stack: str = "local") -> list[str]:
        """`METHOD path` of every request that changes something, from the given one on; in order."""
        requests = self.arm(stack, path="requests")[since:]
        asked = [f"{request['method']} {request['path']}" for request in requests]
        return [each for each in asked if not READING.match(each)]

    def resources(self, stack: str = "local") -> list[dict[str, Any]]:
        """The engine's state, secrets in clear."""
        return self.session(stack).engine.state().resources

    def kubectl(self, *arguments: str, stack: str = "local", given: str = "") -> str:
        """What `kubectl` prints; `given` is its standard input."""
        from sandbox import toolchain

        environment = os.environ | {"KUBECONFIG": str(self.session(stack).sandbox.cluster().kubeconfig)}
        command = [str(toolchain.path("kubectl")), *arguments]
        return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=True).stdout

    def objects(self, stack: str = "local", kubeconfig: Path | None = None) -> dict[Object, dict[str, Any]]:
        """Everything of every kind that can be listed in the stack's cluster, or in that of `kubeconfig`."""
        where = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
        kinds = self.kubectl("api-resources", "--verbs=list", "--output=name", *where, stack=stack).split()
        wanted = ",".join(kind for kind in kinds if kind not in TRANSIENT)
        got = self.kubectl("get", wanted, "--all-namespaces", "--output=json", *where, stack=stack)
        found = json.loads(got)["items"]
        return {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found}

    def remove(self) -> None:
        """Stops and wipes the sandboxes of all stacks."""
        for folder in self.root.glob(".ariel/*/"):
            self.session(folder.name).sandbox.wipe()

    def environment(self) -> dict[str, str]:
        """What the command gets, started as a process."""
        # This checkout's code, whichever checkout the virtual environment was made for.
        return os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(REPOSITORY)}
