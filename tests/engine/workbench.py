"""A project of its own, driven through the same session that the command line uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from cli.plan import Plan
from cli.session import Session
from cli.workspace import stack_file


class Workbench:
    """One project folder with the shipped stack files, and the sandboxes of its stacks."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
        return subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def edit(self, old: str, new: str, stack: str = "local") -> None:
        """Replaces a piece of the stack file that occurs exactly once."""
        file = stack_file(self.root, stack)
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        file.write_text(text.replace(old, new))

    def arm(self, stack: str = "local", method: str = "GET", path: str = "resources", body: Any = None) -> Any:
        """The admin side of the emulated ARM: `resources`, `requests`, `faults`."""
        arm = self.session(stack).sandbox.arm
        answer = httpx.request(
            method,
            f"{arm.endpoint}/_sandbox/{path}",
            json=body,
            headers={"Authorization": f"Bearer {arm.token}"},
            trust_env=False,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def arm_ids(self, stack: str = "local") -> set[str]:
        return {resource["id"] for resource in self.arm(stack)}

    def kubectl(self, *arguments: str, stack: str = "local") -> Any:
        """The parsed JSON of a `kubectl get`."""
        from sandbox import toolchain

        environment = os.environ | {"KUBECONFIG": str(self.session(stack).sandbox.cluster().kubeconfig)}
        command = [str(toolchain.path("kubectl")), *arguments, "--output", "json"]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)

    def remove(self) -> None:
        """Stops and wipes the sandboxes of all stacks."""
        for folder in self.root.glob(".ariel/*/"):
            self.session(folder.name).sandbox.wipe()
