"""The platform inside the cluster, in the order in which its parts need each other."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.admission import Admission, AdmissionArgs
from components.airflow import Airflow, AirflowArgs
from components.airflow_keys import AirflowKeys, AirflowKeysArgs
from components.airflow_values import API_SERVER_ACCOUNT, RELEASE, SCHEDULER_ACCOUNT
from components.cluster import TASK_NODE_LABELS, TASK_TOLERATIONS
from components.database import DATABASE_NAME
from components.identity import AUDIENCE
from components.ingress import CONTROLLER_NAMESPACE, INGRESS_CLASS, certificate_uri
from components.log_storage import PLATFORM_CONTAINER
from components.login import Login
from components.migration import Migration, MigrationArgs
from components.namespace import PLATFORM, Namespace, NamespaceArgs
from components.pgbouncer import NAME as PGBOUNCER
from components.pgbouncer import PgBouncer, PgBouncerArgs
from components.platform_access import PlatformAccess, PlatformAccessArgs
from components.platform_network import PlatformNetwork, PlatformNetworkArgs
from components.reconciler import Reconciler, ReconcilerArgs
from infra.azure_platform import AzurePlatform
from stacks import versions
from stacks.naming import Kind
from stacks.settings import Image, Settings

LOCAL_ADMINISTRATORS = "system:masters"
"""The API server's built-in group, of which AKS lets nobody be a member while local accounts are off."""


@dataclass(frozen=True, kw_only=True)
class ClusterPlatform:
    """What the tenants and the exports need of the platform in the cluster."""

    namespace: pulumi.Output[str]
    image: pulumi.Output[str]
    fernet_key: pulumi.Output[str]
    airflow: Airflow
    pgbouncer: PgBouncer
    migration: Migration
    """Makes the schema, without which a tenant's processes end at once."""


def build_cluster_platform(settings: Settings, azure: AzurePlatform, cluster: kubernetes.Provider) -> ClusterPlatform:
    """Builds it; `cluster` is the provider bound to the stack's cluster."""
    opts = pulumi.ResourceOptions(providers=[cluster])
    image = image_reference(azure, settings.airflow.image)
    namespace = Namespace(
        "platform-namespace",
        NamespaceArgs(namespace=PLATFORM, purpose="platform", kubernetes_version=settings.kubernetes.version),
        opts,
    )
    Admission(
        "admission",
        AdmissionArgs(
            scheduler_account=SCHEDULER_ACCOUNT,
            audience=AUDIENCE,
            deployer_groups=(settings.azure.admin_group_id, LOCAL_ADMINISTRATORS),
        ),
        opts,
    )
    PlatformAccess(
        "platform-access",
        PlatformAccessArgs(
            namespace=namespace.name, scheduler_account=SCHEDULER_ACCOUNT, api_server_account=API_SERVER_ACCOUNT
        ),
        opts,
    )
    PlatformNetwork(
        "platform-network",
        PlatformNetworkArgs(namespace=namespace.name, release=RELEASE, pgbouncer=PGBOUNCER),
        opts,
    )
    login = Login("login-runtime")
    keys = AirflowKeys(
        "airflow-keys",
        AirflowKeysArgs(administrator=settings.airflow.sign_in == "simple", protect=settings.protect),
    )
    pgbouncer = PgBouncer(
        "pgbouncer",
        PgBouncerArgs(
            namespace=namespace.name,
            image=image_reference(azure, settings.images.pgbouncer),
            sidecar_image=image,
            version=settings.images.pgbouncer.tag,
            replicas=settings.pgbouncer.replicas,
            max_client_conn=settings.pgbouncer.max_client_conn,
            runtime_pool_size=settings.pgbouncer.metadata_pool_size,
            reserve_pool_size=settings.pgbouncer.reserve_pool_size,
            resources=settings.pgbouncer.resources,
            database_host=azure.database.host,
            database_name=DATABASE_NAME,
            database_range=settings.network.database,
            runtime_client_id=azure.runtime.client_id,
            runtime_object_id=azure.runtime.principal_id,
            runtime_password=login.password,
            salt=login.salt,
        ),
        opts,
    )
    reconciler = Reconciler(
        "reconciler",
        ReconcilerArgs(
            namespace=namespace.name,
            image=image,
            client_id=azure.admin.client_id,
            role=azure.placement.names.of(Kind.IDENTITY, "admin"),
            owner_object_id=azure.owner.principal_id,
            runtime_object_id=azure.runtime.principal_id,
            database_host=azure.database.ready,
            database_name=DATABASE_NAME,
            database_range=settings.network.database,
        ),
        opts,
    )
    migration = Migration(
        "migration",
        MigrationArgs(
            namespace=namespace.name,
            image=image,
            image_tag=settings.airflow.image.tag,
            client_id=azure.owner.client_id,
            database_host=azure.database.ready,
            database_name=DATABASE_NAME,
            database_range=settings.network.database,
        ),
        # The reconciler makes the role with which the migration signs in.
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[reconciler])),
    )
    airflow = Airflow(
        "airflow",
        AirflowArgs(
            environment=settings.stack,
            namespace=PLATFORM,
            airflow_version=settings.airflow.version,
            chart_version=settings.airflow.chart,
            chart_repository=versions.AIRFLOW_CHART_REPOSITORY,
            image=image,
            statsd_image=image_reference(azure, settings.images.statsd),
            sign_in=settings.airflow.sign_in,
            host=settings.airflow.host,
            ingress_class=INGRESS_CLASS,
            ingress_namespace=CONTROLLER_NAMESPACE,
            certificate_uri=certificate_uri(azure.vault.uri),
            scheduler=settings.airflow.scheduler,
            api_server=settings.airflow.api_server,
            api_server_client_id=azure.api_server.client_id,
            log_account_url=azure.log_storage.blob_endpoint,
            log_container=PLATFORM_CONTAINER,
            metadata_url=pgbouncer.runtime_url,
            fernet_key=keys.fernet_key,
            api_secret_key=keys.api_secret_key,
            jwt_secret=keys.jwt_secret,
            admin_password=keys.admin_password,
            task_node_selector=TASK_NODE_LABELS,
            task_tolerations=TASK_TOLERATIONS,
        ),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[namespace, migration, pgbouncer])),
    )
    return ClusterPlatform(
        namespace=namespace.name,
        image=image,
        fernet_key=keys.fernet_key,
        airflow=airflow,
        pgbouncer=pgbouncer,
        migration=migration,
    )


def image_reference(azure: AzurePlatform, image: Image) -> pulumi.Output[str]:
    """Full reference of an image in the stack's registry: by digest where the stack file has one, else by tag."""
    version = f"@{image.digest}" if image.digest else f":{image.tag}"
    return pulumi.Output.concat(azure.registry.login_server, f"/{image.repository}{version}")
