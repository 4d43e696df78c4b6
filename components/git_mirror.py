"""A tenant's git mirror, read by its processor, triggerer and tasks.

Only repositories that can be read without a key are mirrored: neither the mirror nor its readers hold any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes import apps, core

from components.namespace import PLATFORM
from components.network_policy import (
    GIT_PORT,
    HTTPS_PORT,
    MIRROR_STATE_PORT,
    anywhere,
    egress,
    in_namespace,
    ingress,
    named,
    network_policy,
)
from components.pod import (
    INIT,
    NAME_LABEL,
    STATE_FOLDER,
    Manifest,
    command_probe,
    container,
    heartbeat_probe,
    labels,
    memory_volume,
    mount,
    pod,
    scratch_volume,
)
from components.service_account import service_account
from stacks.model import Resources
from stacks.naming import parse_namespace, task_namespace
from stacks.tenant import Repository

NAME: Final = "git-mirror"
POLL_SECONDS: Final = 20
_SSH_PORT: Final = 22
_SERVED: Final = "repository.git"
_PORTS: Final = {"git": GIT_PORT, "state": MIRROR_STATE_PORT}
RESOURCES: Final = Resources(cpu="50m", memory="256Mi")
"""`git fetch` of a large repository is what needs it; serving takes a few MiB."""
CPU_LIMIT: Final = "500m"


@dataclass(frozen=True, kw_only=True)
class GitMirrorArgs:
    slug: str
    namespace: pulumi.Input[str]
    """`parse-<slug>`."""
    image: pulumi.Input[str]
    repository: Repository


class GitMirror(pulumi.ComponentResource):
    """Owns the Deployment, Service and network policy of `git daemon`, which serves one repository, read-only.

    On a second port the API server, and nobody else, asks for its state and has it fetch at once.

    `pulumi up` does not wait for it: a tenant's unreachable repository must not fail the platform's update.
    Output: `url`, the repository as it is served inside the cluster.
    """

    def __init__(self, name: str, args: GitMirrorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:GitMirror", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = {"name": NAME, "namespace": args.namespace, "labels": labels(NAME, args.slug)}
        service_account(name, account=NAME, namespace=args.namespace, parent=self)
        apps.v1.Deployment(
            name,
            metadata={**metadata, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={
                "replicas": 1,
                "selector": {"matchLabels": {NAME_LABEL: NAME}},
                "template": _template(args),
            },
            opts=child,
        )
        core.v1.Service(
            name,
            metadata={**metadata, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={
                "selector": {NAME_LABEL: NAME},
                "ports": [{"name": name, "port": port, "targetPort": port} for name, port in _PORTS.items()],
            },
            opts=child,
        )
        readers = [named("dag-processor"), named("triggerer"), in_namespace(task_namespace(args.slug))]
        network_policy(
            name,
            policy=NAME,
            namespace=args.namespace,
            selector={NAME_LABEL: NAME},
            parent=self,
            ingress=[
                ingress(readers, GIT_PORT),
                ingress([in_namespace(PLATFORM, {"component": "api-server"})], MIRROR_STATE_PORT),
            ],
            # Any address, since the git server may be public or on-premises; no code of the tenant runs here.
            egress=[egress([anywhere()], remote_port(args.repository.url))],
        )
        self.url = pulumi.Output.from_input(mirror_url(args.slug))
        self.register_outputs({"url": self.url})


def mirror_url(slug: str) -> str:
    """Where the tenant's repository is served inside the cluster."""
    return f"git://{NAME}.{parse_namespace(slug)}.svc.cluster.local/{_SERVED}"


def remote_port(url: str) -> int:
    """Port of the server behind a repository's URL: the one it names, or its scheme's own."""
    if url.startswith("git@"):
        return _SSH_PORT
    parts = urlsplit(url)
    return parts.port or {"https": HTTPS_PORT, "ssh": _SSH_PORT, "git": GIT_PORT}[parts.scheme]


def _template(args: GitMirrorArgs) -> Manifest:
    served = command_probe(["test", "-f", f"{STATE_FOLDER}/heartbeat"])
    mirror = container(
        NAME,
        args.image,
        command=[*INIT, "python", "-m", "ariel_runtime.git_mirror"],
        resources=RESOURCES,
        cpu_limit=CPU_LIMIT,
        env={
            "ARIEL_REPOSITORY_URL": args.repository.url,
            "ARIEL_REPOSITORY_BRANCH": args.repository.branch,
            "ARIEL_MIRROR_FOLDER": f"/var/lib/ariel/{_SERVED}",
            "ARIEL_MIRROR_PORT": str(GIT_PORT),
            "ARIEL_MIRROR_STATE_PORT": str(MIRROR_STATE_PORT),
            "ARIEL_POLL_SECONDS": str(POLL_SECONDS),
        },
        mounts=[
            mount("mirror", "/var/lib/ariel"),
            mount("state", STATE_FOLDER),
            mount("scratch", "/tmp"),  # noqa: S108 - inside the container
        ],
        ports=[{"name": name, "containerPort": port} for name, port in _PORTS.items()],
        # Not by connecting: git's daemon reports a connection without a request as an error.
        startupProbe={**served, "failureThreshold": 12},
        readinessProbe={**served, "periodSeconds": 10},
        livenessProbe=heartbeat_probe(),
    )
    return pod(
        labels=labels(NAME, args.slug),
        account=NAME,
        containers=[mirror],
        volumes=[
            scratch_volume("mirror", "1Gi"),
            memory_volume("state", "1Mi"),
            scratch_volume("scratch", "64Mi"),
        ],
    )
