"""A tenant's DAG processor: the only place where its DAG files are parsed for the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components import pgbouncer
from components.namespace import PLATFORM
from components.network_policy import GIT_PORT, PGBOUNCER_PORT, egress, in_namespace, named, network_policy
from components.pod import NAME_LABEL, fingerprint
from components.tenant_airflow import environment, workload
from stacks.naming import processor_role
from stacks.quantity import mebibytes
from stacks.tenant import Processor, Repository

NAME: Final = "dag-processor"
SECRETS_BACKEND: Final = "ariel_runtime.secrets.parsing.WhileParsing"
"""It holds no secret; it notes who asks for one."""


@dataclass(frozen=True, kw_only=True)
class DagProcessorArgs:
    slug: str
    namespace: pulumi.Input[str]
    """`parse-<slug>`."""
    image: pulumi.Input[str]
    stack: str
    repository: Repository
    processor: Processor
    password: pulumi.Input[str]
    """Of the tenant's own login at PgBouncer."""


class DagProcessor(pulumi.ComponentResource):
    """Owns the Deployment with its account, credentials and network policy.

    It parses the tenant's bundle and no other, as a database role of the tenant's own. Of the network it reaches
    PgBouncer and the mirror: a DAG file that calls a service while it is parsed fails in time.
    Output: `deployment`, the Deployment's name.
    """

    def __init__(self, name: str, args: DagProcessorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:DagProcessor", name, None, opts)
        deployment = workload(
            name,
            component=NAME,
            slug=args.slug,
            namespace=args.namespace,
            image=args.image,
            command=[
                *("prlimit", f"--data={data_limit(args.processor.resources.memory)}"),
                # Airflow's own, and it tells of look-ups that a file makes while it is parsed.
                *("python", "-m", "ariel_runtime.dag_processor", "--bundle-name", args.slug),
            ],
            resources=args.processor.resources,
            replicas=args.processor.replicas,
            environment={**environment(args.slug, args.repository, args.stack), **parsing(args.processor)},
            credentials={"connection": pgbouncer.url(processor_role(args.slug), args.password)},
            restart_on=fingerprint(args.password),
            job_type="DagProcessorJob",
            parent=self,
        )
        network_policy(
            name,
            policy=NAME,
            namespace=args.namespace,
            selector={NAME_LABEL: NAME},
            parent=self,
            egress=[
                egress([in_namespace(PLATFORM, {NAME_LABEL: pgbouncer.NAME})], PGBOUNCER_PORT),
                egress([named("git-mirror")], GIT_PORT),
            ],
        )
        self.deployment: pulumi.Output[str] = deployment.metadata["name"]
        self.register_outputs({"deployment": self.deployment})


def data_limit(memory: str) -> int:
    """Bytes of data that one process may have, of the `memory` of the pod; those that it forks inherit the limit.

    A file that allocates more gets a MemoryError, which its owner reads. Without it, the kernel ends the whole
    container, or the file stalls every parse of the tenant until it is killed, and nothing is shown.
    """
    return mebibytes(memory) * 2**20 * 3 // 4


def parsing(processor: Processor) -> dict[str, str]:
    """How much, how long and without which secrets it parses; its logs go to standard output, not to a growing file."""
    return {
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(processor.import_timeout),
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": str(processor.file_timeout),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": str(processor.processes),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS_BACKEND,
    }
