"""kubectl on the cluster of one stack: the sandbox's by its own kubeconfig, one in Azure as the person is signed in."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cli import console
from cli.session import Session
from sandbox import toolchain
from stacks.errors import Problem, UsageError
from stacks.naming import Kind, Names

_SHELL: Final = ("sh", "-c", "command -v bash >/dev/null && exec bash; exec sh")


class Kubectl:
    """Says on standard error which command each call is, so that a person can give it again without ariel."""

    def __init__(self, session: Session) -> None:
        """Raises UsageError where the sandbox has no cluster yet."""
        if session.live:
            # `az aks get-credentials` calls the context by the cluster's name; another cluster is never meant.
            names = Names(organisation=session.settings.organisation, stack=session.stack)
            self._cluster = ["--context", names.of(Kind.CLUSTER)]
        else:
            self._cluster = ["--kubeconfig", str(sandbox_kubeconfig(session))]
        self._program = toolchain.ensure(["kubectl"], console.ProgressReport())["kubectl"]

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Speaks to the person itself where `more`, as for subprocess.run, does not say otherwise."""
        command = [str(self._program), *self._cluster, *arguments]
        console.err.print(f"$ {shlex.join(command)}", markup=False)
        return subprocess.run(command, text=True, check=False, **more)

    def shell(self, namespace: str, target: str, container: str) -> int:
        """Status of a shell there: the person's where this is a terminal, else that of standard input."""
        terminal = "-it" if sys.stdin.isatty() else "-i"
        return self.run("exec", terminal, "-n", namespace, target, "-c", container, "--", *_SHELL).returncode


def sandbox_kubeconfig(session: Session) -> Path:
    """Raises UsageError where there is none yet."""
    path = session.sandbox.cluster().kubeconfig
    if not path.exists():
        rule, action = "the kubeconfig is written when the cluster starts", f"run `ariel up --stack {session.stack}`"
        raise UsageError(
            [Problem(path=f"sandbox of {session.stack}", value="no cluster yet", rule=rule, action=action)]
        )
    return path
