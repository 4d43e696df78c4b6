"""PgBouncer in front of the metadata database, which signs in with tokens that a sidecar renews.

The base configuration (`pgbouncer.ini`) is the same for every tenant. The sidecar (`ariel_runtime.token_refresher`)
reads the tenants' ConfigMaps, adds one `[databases]` alias per role with its pool size and token, and one hba line per
(alias, login), writes all into memory that both containers share, and reloads PgBouncer over its Unix socket.
So tenants and tokens change without a restart. PgBouncer accepts a user of its own uid on that socket as administrator;
nobody reaches the console over the network.

Clients speak SCRAM, which never sends the password, without TLS inside the cluster; the network policy names who they
may be. To the database TLS is verified in full.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import pulumi
from pulumi_kubernetes import apps, core, policy

from components import scram
from components.namespace import PLATFORM
from components.network_policy import (
    API_PORTS,
    PGBOUNCER_PORT,
    POSTGRESQL_PORT,
    addresses,
    anywhere,
    egress,
    in_namespace,
    in_tenant_namespaces,
    ingress,
    network_policy,
    pods,
)
from components.pod import (
    NAME_LABEL,
    SKIP_CONTAINERS_ANNOTATION,
    STATE_FOLDER,
    WORKLOAD_IDENTITY_LABEL,
    Manifest,
    api_token_mount,
    api_token_volume,
    config_volume,
    container,
    heartbeat_probe,
    labels,
    memory_volume,
    mount,
    pod,
    ready_probe,
    secret_volume,
)
from components.registry_reader import registry_reader
from components.service_account import service_account
from stacks.model import Resources

NAME: Final = "pgbouncer"
RUNTIME_ROLE: Final = "ariel_runtime"
"""PostgreSQL role, PgBouncer alias and login of schedulers and API servers."""
METRICS_PORT: Final = 9127

_SHARED: Final = "/run/pgbouncer"
_BASE: Final = "/etc/pgbouncer"
_RUNTIME: Final = "/etc/ariel/runtime"
_DRAIN_SECONDS: Final = 60
_SIDECAR: Final = Resources(cpu="50m", memory="128Mi")
"""One Python process with azure-identity: 52 MiB with five roles, 56 with a hundred (measured)."""


@dataclass(frozen=True, kw_only=True)
class PgBouncerArgs:
    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    sidecar_image: pulumi.Input[str]
    """The Airflow image, which holds `ariel_runtime`."""
    version: str
    """Begins with PgBouncer's version, as the image's tag does; how long a token may be depends on it."""
    replicas: int
    max_client_conn: int
    runtime_pool_size: int
    """Server connections of `ariel_runtime`, per replica."""
    reserve_pool_size: int
    """Further ones of `ariel_runtime` under load. Tenants' pools have no reserve: it would count once per pool."""
    resources: Resources
    database_host: pulumi.Input[str]
    database_name: str
    database_range: str
    """Addresses of the database server."""
    runtime_client_id: pulumi.Input[str]
    runtime_object_id: pulumi.Input[str]
    runtime_password: pulumi.Input[str]
    """Random; opens PgBouncer only."""
    salt: pulumi.Input[str]
    """Base64."""


class PgBouncer(pulumi.ComponentResource):
    """Owns the Deployment with its account, configuration, disruption budget, Service and network policy.

    Outputs: `host`, `port`, and `runtime_url`, the secret SQLAlchemy URL of schedulers and API servers.
    """

    def __init__(self, name: str, args: PgBouncerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:PgBouncer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = {"name": NAME, "namespace": args.namespace, "labels": labels(NAME)}
        service_account(name, account=NAME, namespace=args.namespace, parent=self, client_id=args.runtime_client_id)
        registry_reader(name, account=NAME, namespace=args.namespace, parent=self)
        base = base_configuration(args.max_client_conn)
        core.v1.ConfigMap(name, metadata=metadata, data={"pgbouncer.ini": base}, opts=child)
        core.v1.Secret(
            f"{name}-runtime",
            metadata={**metadata, "name": f"{NAME}-runtime"},
            string_data={"role.json": _runtime_role(args)},
            opts=child,
        )
        apps.v1.Deployment(name, metadata=metadata, spec=_deployment(args, base), opts=child)
        policy.v1.PodDisruptionBudget(
            name,
            metadata=metadata,
            spec={"maxUnavailable": 1, "selector": {"matchLabels": {NAME_LABEL: NAME}}},
            opts=child,
        )
        core.v1.Service(
            name,
            metadata=metadata,
            spec={
                "selector": {NAME_LABEL: NAME},
                "ports": [{"name": "postgresql", "port": PGBOUNCER_PORT, "targetPort": PGBOUNCER_PORT}],
            },
            opts=child,
        )
        network_policy(
            name,
            policy=NAME,
            namespace=args.namespace,
            selector={NAME_LABEL: NAME},
            parent=self,
            ingress=_clients(),
            egress=[
                egress([addresses(args.database_range)], POSTGRESQL_PORT),
                # The token endpoint and the Kubernetes API; both have addresses that nobody promises.
                egress([anywhere()], *API_PORTS),
            ],
        )
        self.host = pulumi.Output.from_input(host())
        self.port = pulumi.Output.from_input(PGBOUNCER_PORT)
        self.runtime_url = url(RUNTIME_ROLE, args.runtime_password)
        self.register_outputs({"host": self.host, "port": self.port, "runtime_url": self.runtime_url})


def host() -> str:
    """Full name of the Service, as it resolves from every namespace."""
    return f"{NAME}.{PLATFORM}.svc.cluster.local"


def url(role: str, password: pulumi.Input[str]) -> pulumi.Output[str]:
    """Secret SQLAlchemy URL of a login; alias, login and role have one name."""
    quoted = pulumi.Output.secret(password).apply(lambda text: quote(text, safe=""))
    return pulumi.Output.concat(
        "postgresql+psycopg2://", role, ":", quoted, "@", host(), ":", str(PGBOUNCER_PORT), "/", role
    )


def base_configuration(max_client_conn: int) -> str:
    """`pgbouncer.ini` without aliases and pools.

    Sources: PgBouncer's documentation of its configuration; the measured behaviour of expired tokens.
    """
    settings = {
        "listen_addr": "*",
        "listen_port": PGBOUNCER_PORT,
        "unix_socket_dir": _SHARED,
        "auth_type": "hba",
        "auth_hba_file": f"{_SHARED}/hba.conf",
        "auth_file": f"{_SHARED}/userlist.txt",
        "client_tls_sslmode": "disable",
        "server_tls_sslmode": "verify-full",
        "server_tls_ca_file": "/etc/ssl/certs/ca-certificates.crt",
        "pool_mode": "transaction",
        # asyncpg, with which the API server speaks too, prepares every statement.
        "max_prepared_statements": 200,
        "max_client_conn": max_client_conn,
        # Only what an alias is given is opened: the sum over the aliases is what the database must carry.
        "default_pool_size": 1,
        "reserve_pool_size": 0,
        "reserve_pool_timeout": 3,
        # A login with an expired token fails; the renewed one is tried after this many seconds instead of 15.
        "server_login_retry": 1,
        "server_connect_timeout": 5,
        # A server that vanished without a word is noticed after a minute instead of two hours.
        "tcp_keepidle": 30,
        "tcp_keepintvl": 10,
        "tcp_keepcnt": 3,
        # A storm of clients waits in the kernel's queue instead of being refused.
        "listen_backlog": 1024,
        # Clients which wait for a server connection are told so, instead of hanging for 120 seconds.
        "query_wait_timeout": 20,
        "server_idle_timeout": 300,
        # SQLAlchemy's psycopg2 dialect sends it at connect; PgBouncer would refuse the connection.
        "ignore_startup_parameters": "extra_float_digits,options",
        "log_connections": 0,
        "log_disconnections": 0,
    }
    lines = [f"{key} = {value}" for key, value in settings.items()]
    return "\n".join(["[pgbouncer]", *lines, ""])


def _runtime_role(args: PgBouncerArgs) -> pulumi.Output[str]:
    """The shared role in the form in which a tenant's registry entry describes its roles."""
    document = {
        RUNTIME_ROLE: {
            "clientId": args.runtime_client_id,
            "objectId": args.runtime_object_id,
            "poolSize": args.runtime_pool_size,
            "reservePoolSize": args.reserve_pool_size,
            "verifier": login_verifier(args.runtime_password, args.salt),
        }
    }
    return pulumi.Output.secret(pulumi.Output.json_dumps(document, sort_keys=True))


def login_verifier(password: pulumi.Input[str], salt: pulumi.Input[str]) -> pulumi.Output[str]:
    """What PgBouncer needs to check a login; secret, since it is made from one. `salt` is base64."""
    pair = pulumi.Output.secret(pulumi.Output.all(password, salt))
    return pair.apply(lambda values: scram.verifier(values[0], base64.b64decode(values[1])))


def _deployment(args: PgBouncerArgs, base: str) -> Manifest:
    template = pod(
        labels={**labels(NAME), WORKLOAD_IDENTITY_LABEL: "true"},
        annotations={
            SKIP_CONTAINERS_ANNOTATION: NAME,
            "ariel.dev/base-configuration": hashlib.sha256(base.encode()).hexdigest()[:12],
        },
        account=NAME,
        initContainers=[_sidecar(args)],
        containers=[_bouncer(args)],
        volumes=[
            memory_volume("shared", "16Mi"),
            memory_volume("state", "1Mi"),
            config_volume("base", NAME),
            secret_volume("runtime", f"{NAME}-runtime"),
            api_token_volume(),
        ],
        terminationGracePeriodSeconds=_DRAIN_SECONDS + 15,
    )
    return {
        "replicas": args.replicas,
        "selector": {"matchLabels": {NAME_LABEL: NAME}},
        # One replica more, if only for a minute, would bring pools that the database's connections do not allow for.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "template": template,
    }


def _bouncer(args: PgBouncerArgs) -> Manifest:
    probe = {"tcpSocket": {"port": PGBOUNCER_PORT}}
    # The sidecar drains: PgBouncer takes no new clients, and one that is idle between two transactions is closed, so
    # that it goes to another replica. The first pause lets the Service forget this one.
    drain = f"sleep 5; touch {_SHARED}/drain; sleep {_DRAIN_SECONDS}"
    return container(
        NAME,
        args.image,
        command=["pgbouncer", f"{_SHARED}/pgbouncer.ini"],
        resources=args.resources,
        cpu_limit="1",  # PgBouncer is one thread: it can use one core, and no more
        mounts=[mount("shared", _SHARED)],
        ports=[{"name": "postgresql", "containerPort": PGBOUNCER_PORT}],
        readinessProbe={**probe, "periodSeconds": 5},
        livenessProbe={**probe, "periodSeconds": 20},
        lifecycle={"preStop": {"exec": {"command": ["/bin/sh", "-c", drain]}}},
    )


def _sidecar(args: PgBouncerArgs) -> Manifest:
    """A native sidecar: PgBouncer starts when the first token is there, and ends before the sidecar does."""
    return container(
        "token-refresher",
        args.sidecar_image,
        command=["python", "-m", "ariel_runtime.token_refresher"],
        resources=_SIDECAR,
        cpu_limit="500m",
        env={
            "ARIEL_DATABASE_HOST": args.database_host,
            "ARIEL_DATABASE_NAME": args.database_name,
            "ARIEL_REGISTRY_NAMESPACE": args.namespace,
            "ARIEL_PGBOUNCER_BASE": f"{_BASE}/pgbouncer.ini",
            "ARIEL_PGBOUNCER_RUNTIME_ROLE": f"{_RUNTIME}/role.json",
            "ARIEL_PGBOUNCER_FOLDER": _SHARED,
            "ARIEL_PGBOUNCER_VERSION": args.version,
            "ARIEL_METRICS_PORT": str(METRICS_PORT),
        },
        mounts=[
            mount("shared", _SHARED),
            mount("state", STATE_FOLDER),
            mount("base", _BASE, read_only=True),
            mount("runtime", _RUNTIME, read_only=True),
            api_token_mount(),
        ],
        restartPolicy="Always",
        ports=[{"name": "metrics", "containerPort": METRICS_PORT}],
        startupProbe={**ready_probe(), "periodSeconds": 2, "failureThreshold": 60},
        # Without a usable token of the shared role the replica gets no clients; it is not restarted for that.
        readinessProbe={**ready_probe(), "periodSeconds": 5},
        livenessProbe=heartbeat_probe(),
    )


def _clients() -> list[Manifest]:
    clients = [
        pods(component="scheduler"),
        pods(component="api-server"),
        in_tenant_namespaces("parse", component="dag-processor"),
        in_tenant_namespaces("parse", component="triggerer"),
    ]
    return [ingress(clients, PGBOUNCER_PORT), ingress([in_namespace("kube-system")], METRICS_PORT)]
