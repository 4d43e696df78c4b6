"""What the pods of the Airflow release may reach; who may reach them is said by the chart's own policies."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.network_policy import (
    API_PORTS,
    MIRROR_STATE_PORT,
    PGBOUNCER_PORT,
    STATSD_PORT,
    anywhere,
    egress,
    in_tenant_namespaces,
    named,
    network_policy,
    pods,
)


@dataclass(frozen=True, kw_only=True)
class PlatformNetworkArgs:
    namespace: pulumi.Input[str]
    release: str
    """Name of the Helm release, which the chart puts into the label `release` of its pods."""
    pgbouncer: str
    """Name label of PgBouncer's pods."""


class PlatformNetwork(pulumi.ComponentResource):
    """Owns the policies that open the release's way out, which the namespace's default policy closes.

    To PgBouncer, statsd, the Kubernetes API, the token endpoint and the log storage; the API server also to where the
    tenants' git mirrors tell their state. No other port anywhere.
    Output: `policy`, the name of the whole release's.
    """

    def __init__(self, name: str, args: PlatformNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:PlatformNetwork", name, None, opts)
        policy = network_policy(
            name,
            policy=f"{args.release}-egress",
            namespace=args.namespace,
            selector={"release": args.release},
            parent=self,
            egress=[
                egress([named(args.pgbouncer)], PGBOUNCER_PORT),
                egress([pods(component="statsd", release=args.release)], STATSD_PORT, protocol="UDP"),
                egress([anywhere()], *API_PORTS),
            ],
        )
        network_policy(
            f"{name}-api-server",
            policy=f"{args.release}-api-server-egress",
            namespace=args.namespace,
            selector={"release": args.release, "component": "api-server"},
            parent=self,
            egress=[egress([in_tenant_namespaces("parse", component="git-mirror")], MIRROR_STATE_PORT)],
        )
        self.policy: pulumi.Output[str] = policy.metadata["name"]
        self.register_outputs({"policy": self.policy})
