"""What the reconciler works on: two databases of one server, the roles in them, and who they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ariel_runtime.database import roles
from ariel_runtime.database.access import OWNER
from ariel_runtime.database.writer import Database


@dataclass(frozen=True, kw_only=True)
class Landscape:
    server: Database
    """Database `postgres`, where identities become roles."""
    airflow: Database
    """Airflow's metadata."""
    admin: str
    """The role that this process signs in as."""
    shared: Mapping[str, str]
    """Shared role -> object id of the identity behind it."""

    @property
    def written(self) -> int:
        return self.server.written + self.airflow.written

    def ensure_role(self, role: str, object_id: str) -> None:
        """The role is there and is this identity's; one of another identity is replaced."""
        with self.server.transaction() as server:
            stands, known = role in roles.existing(server, role), roles.principals(server).get(role)
        if stands and known == object_id.lower():
            return
        if stands:
            self.remove_role(role)
        with self.server.transaction() as server:
            roles.create(server, role, object_id)

    def remove_role(self, role: str) -> None:
        """The role is gone with its sessions; what it owned is the owner's, and what the owner owned the admin's."""
        with self.server.transaction() as server:
            roles.close(server, role)
        with self.server.transaction() as server:
            roles.end_sessions(server, role)
        with self.airflow.transaction() as airflow:
            roles.disown(airflow, role, self.admin if role == OWNER else OWNER)
        with self.server.transaction() as server:
            roles.disown(server, role, self.admin)
            roles.drop(server, role)
