"""The job that brings the metadata database's schema to the version of an image."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import batch

from components.network_policy import HTTPS_PORT, POSTGRESQL_PORT, addresses, anywhere, egress, network_policy
from components.pod import NAME_LABEL, WORKLOAD_IDENTITY_LABEL, container, labels, mount, pod, scratch_volume
from components.service_account import service_account
from stacks.model import Resources

ACCOUNT: Final = "migrate"
OWNER_ROLE: Final = "ariel_owner"
"""PostgreSQL role that owns the schema."""

_LONGEST_NAME: Final = 63
_ATTEMPTS: Final = 6
"""Retries with growing pauses, about ten minutes: the owner's role is made by the reconciler, once its pod runs."""
_RESOURCES: Final = Resources(cpu="500m", memory="1Gi")


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    image_tag: str
    """Names the job: another tag makes another job."""
    client_id: pulumi.Input[str]
    """Of the identity behind `ariel_owner`."""
    database_host: pulumi.Input[str]
    database_name: str
    database_range: str
    """Addresses of the database server."""


class Migration(pulumi.ComponentResource):
    """Owns the job with its account and network policy; whatever needs the schema depends on this component.

    It signs in directly with a token, not through PgBouncer. A finished job stays until the image's tag changes: with a
    time to live Kubernetes would remove it, and every run would make it again.
    Output: `job`, the job's name.
    """

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Migration", name, None, opts)
        service_account(name, account=ACCOUNT, namespace=args.namespace, parent=self, client_id=args.client_id)
        policy = network_policy(
            name,
            policy=ACCOUNT,
            namespace=args.namespace,
            selector={NAME_LABEL: ACCOUNT},
            parent=self,
            egress=[egress([addresses(args.database_range)], POSTGRESQL_PORT), egress([anywhere()], HTTPS_PORT)],
        )
        job = batch.v1.Job(
            name,
            metadata={
                "name": job_name(args.image_tag),
                "namespace": args.namespace,
                "labels": labels(ACCOUNT),
                # A failed job stays failed: the next run makes it anew instead of waiting for it.
                "annotations": {"pulumi.com/replaceUnready": "true"},
            },
            spec={"backoffLimit": _ATTEMPTS, "template": _template(args)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.job: pulumi.Output[str] = job.metadata["name"]
        self.register_outputs({"job": self.job})


def job_name(image_tag: str) -> str:
    """`migrate-<tag>` where that is a legal name and label; else its beginning and a digest of the tag."""
    name = f"migrate-{image_tag}"
    if len(name) <= _LONGEST_NAME and re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        return name
    digest = hashlib.sha256(image_tag.encode()).hexdigest()[:8]
    head = re.sub(r"[^a-z0-9]+", "-", name.lower())[: _LONGEST_NAME - len(digest) - 1].strip("-")
    return f"{head}-{digest}"


def _template(args: MigrationArgs) -> dict[str, object]:
    migrate = container(
        "migrate",
        args.image,
        command=["python", "-m", "ariel_runtime.migrate"],
        resources=_RESOURCES,
        cpu_limit="1",
        env={
            "ARIEL_DATABASE_HOST": args.database_host,
            "ARIEL_DATABASE_NAME": args.database_name,
            "ARIEL_DATABASE_ROLE": OWNER_ROLE,
            "AIRFLOW_CONFIG": "/dev/null",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__MULTI_TEAM": "True",
            # The entry point's own check knows no token and would try for a minute.
            "CONNECTION_CHECK_MAX_COUNT": "0",
        },
        mounts=[mount("scratch", "/tmp"), mount("logs", "/opt/airflow/logs")],  # noqa: S108 - inside the container
    )
    return pod(
        labels={**labels(ACCOUNT), WORKLOAD_IDENTITY_LABEL: "true"},
        account=ACCOUNT,
        containers=[migrate],
        volumes=[scratch_volume("scratch", "256Mi"), scratch_volume("logs", "64Mi")],
        restartPolicy="Never",
    )
