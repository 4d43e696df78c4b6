"""The cluster of somebody else in which a stack lives: chosen once, so that every later command means the same one.

Owns the copy of its kubeconfig, and by what it is recognised. Does not own the cluster: nothing in it is made, changed
or removed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.cluster import kubeconfig
from sandbox.cluster.existing import ExistingCluster
from sandbox.pki import write_private
from stacks.errors import MachineError, Problem


@dataclass(frozen=True, kw_only=True)
class Identity:
    """By what a cluster is recognised (`uid`), and the URL of the issuer of its service-account tokens."""

    uid: str
    issuer: str

    @classmethod
    def of(cls, cluster: ExistingCluster) -> Identity:
        """Raises MachineError."""
        return cls(uid=cluster.uid, issuer=cluster.issuer)


class ChosenCluster(ExistingCluster):
    """The choice kept in the cluster's folder of a sandbox; a copy, since a person's current context changes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "kubeconfig")
        self._record = folder / "chosen.json"

    @property
    def made(self) -> bool:
        """Whether a cluster was chosen."""
        return self._record.exists()

    @property
    def issuer(self) -> str:
        """As the cluster published it when it was chosen, so that a preview does not need it."""
        return self.identity.issuer

    @property
    def identity(self) -> Identity:
        """As it was when it was chosen."""
        return Identity(**json.loads(self._record.read_text()))

    def keep(self, identity: Identity, content: Mapping[str, Any]) -> None:
        """Choose the cluster with that identity, whose kubeconfig of one context is `content`."""
        self._record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # First, since a kubeconfig without it is that of a cluster of the sandbox's own.
        write_private(self._record, json.dumps(vars(identity), indent=2).encode())
        kubeconfig.save(self.kubeconfig, content)

    def require(self) -> None:
        """Raises MachineError when it does not answer, or another one answers in its place."""
        if self.uid != self.identity.uid:
            raise MachineError([self._another()])

    @property
    def _action(self) -> str:
        return (
            "start that cluster; where its credentials have changed, `ariel up --kubeconfig FILE`; if it is gone for "
            f"good, and the stack's objects with it: `ariel down`, then remove {self.kubeconfig.parents[1]}"
        )

    def _another(self) -> Problem:
        return Problem(
            path=f"kubeconfig {self.kubeconfig}",
            value=f"{self.server} is another cluster than the one that was chosen",
            rule="a stack stays in the cluster that it was made in",
            action=self._action,
        )
