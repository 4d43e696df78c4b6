"""`ariel shell`: a shell inside the cluster, for whoever administers it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from cli.kubectl import Kubectl
from cli.options import Environment, Live
from cli.session import Session, open_session
from cli.task_shell import task_shell
from components import dag_processor, git_mirror, pgbouncer, reconciler, triggerer
from components.airflow_values import RELEASE
from components.namespace import PLATFORM
from stacks.errors import Problem, UsageError
from stacks.naming import parse_namespace


class Place(StrEnum):
    """Where a shell may be: a part of the platform, one of a tenant, or a pod like those of its tasks."""

    API_SERVER = "api-server"
    PGBOUNCER = "pgbouncer"
    RECONCILER = "reconciler"
    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"
    GIT_MIRROR = "git-mirror"
    TRIGGERER = "triggerer"
    TASK = "task"


_PLATFORM: Final = {
    Place.API_SERVER: f"{RELEASE}-api-server",
    Place.PGBOUNCER: pgbouncer.NAME,
    Place.RECONCILER: reconciler.NAME,
    Place.SCHEDULER: f"{RELEASE}-scheduler",
}
_TENANT: Final = {
    Place.DAG_PROCESSOR: dag_processor.NAME,
    Place.GIT_MIRROR: git_mirror.NAME,
    Place.TRIGGERER: triggerer.NAME,
}
"""Place -> its Deployment; the container is called as the place is."""


def shell_command(
    place: Annotated[Place, typer.Argument(help="A part of the platform, or `task`: a new pod like a team's tasks.")],
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Whose part or task; not for others.")] = None,
    env: Environment = "local",
    live: Live = False,
) -> None:
    """Open a shell in a pod; each kubectl command that it stands for is shown.

    Needs the platform role, in Azure the group of administrators: `az login`, then `az aks get-credentials`. In the
    pod of a part you have the part's rights. In that of a task you have the team's identity and vault, but no run's
    token; it goes when the shell ends.
    """
    session = open_session(env, live=live)
    if place in _PLATFORM:
        kubectl, namespace, deployment = Kubectl(session), PLATFORM, _PLATFORM[place]
    else:
        slug = _known(session, place, tenant)
        kubectl, namespace = Kubectl(session), parse_namespace(slug)
        if place is Place.TASK:
            raise typer.Exit(task_shell(kubectl, slug))
        deployment = _TENANT[place]
    raise typer.Exit(kubectl.shell(namespace, f"deploy/{deployment}", place))


def _known(session: Session, place: Place, tenant: str | None) -> str:
    """The slug of one of the stack's tenants. Raises UsageError."""
    known = session.settings.tenants
    if tenant in known:
        return tenant
    rule = f"for {place} one of {', '.join(known) or 'no tenants'}"
    value = tenant or "not given"
    raise UsageError([Problem(path="--tenant", value=value, rule=rule, action="say whose it shall be")])
