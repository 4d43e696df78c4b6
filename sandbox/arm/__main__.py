"""`python -m sandbox.arm --state DIR --port N`: the emulated ARM on the loopback interface.

With `--public ADDRESS --sandbox DIR` also Azure's public host names, by HTTPS on that address.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from sandbox import forecast, git_server
from sandbox.account_mirror import mirror_accounts
from sandbox.arm.app import create_app
from sandbox.arm.faults import load_schedule
from sandbox.arm.server import Public, serve
from sandbox.arm.service import Service
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.world import Settings
from sandbox.blob.azurite import Azurite
from sandbox.blob.contents import Contents
from sandbox.blob.proxy import SUFFIX, BlobProxy
from sandbox.cluster.folder import ClusterFolder
from sandbox.entra.endpoint import AUTHORITY_HOST, entra_app
from sandbox.entra.federation import TrustedIssuer
from sandbox.entra.tokens import TokenAuthority
from sandbox.names import HostNames
from sandbox.network import network
from sandbox.postgres.backing import backings, identities
from sandbox.postgres.servers import PostgresServers
from sandbox.postgres.sign_in import SignIn
from sandbox.public_endpoints import PORT, Certificates, Hosts, listen, publish
from sandbox.vault import endpoint as vault

TOKEN = "ARIEL_ARM_TOKEN"  # noqa: S105 - the name of the variable


def main() -> int:
    given = _arguments()
    token = os.environ.get(TOKEN, "")
    if not token:
        sys.stderr.write(
            f"{TOKEN}: not set. The service needs the bearer token that clients send. Set it and start again.\n"
        )
        return 2
    settings = Settings(
        operation_seconds=given.operation_seconds,
        tenant_id=given.tenant_id,
        oidc_issuer=given.oidc_issuer,
        kubeconfig=given.cluster_kubeconfig,
    )
    schedule = load_schedule(given.faults) if given.faults else None
    servers = PostgresServers(given.sandbox, network(given.sandbox)) if given.postgres else None
    real = backings(servers) if servers else {}
    app = create_app(given.state, token=token, settings=settings, schedule=schedule, backings=real)
    public = _public(app.state.service, given, servers) if given.public else None
    serve(app, given.port, public)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.arm", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the state")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--faults", type=Path, help="fault schedule and limits (JSON)")
    parser.add_argument("--operation-seconds", type=float, default=0.05, help="how long operations take")
    parser.add_argument("--tenant-id", default=TENANT_ID, help="directory of subscriptions and identities")
    parser.add_argument("--oidc-issuer", help="issuer URL that clusters report")
    parser.add_argument("--cluster-kubeconfig", type=Path, help="file that clusters hand out as user credentials")
    parser.add_argument("--public", metavar="ADDRESS[:PORT]", help="where Azure's public names are served by HTTPS")
    parser.add_argument("--sandbox", type=Path, help="folder of the sandbox: its cluster, its keys, its DNS names")
    parser.add_argument("--azurite", type=Path, help="script of Azurite, which holds the blobs of storage accounts")
    parser.add_argument("--postgres", action="store_true", help="run a PostgreSQL per Flexible Server; needs root")
    parser.add_argument("--git-host", action="append", default=[], help="host name that serves the git repositories")
    given = parser.parse_args()
    if (given.public or given.postgres) and not (given.sandbox and given.oidc_issuer):
        parser.error("--public and --postgres need --sandbox and --oidc-issuer")
    return given


def _public(service: Service, given: argparse.Namespace, servers: PostgresServers | None) -> Public:
    address, _, port = given.public.partition(":")
    cluster = ClusterFolder(given.sandbox / "cluster")
    issuer = TrustedIssuer(given.oidc_issuer, cluster.service_account_keys.certificate)
    authority = TokenAuthority(given.sandbox / "entra")
    apps: dict[str, ASGIApp] = {
        AUTHORITY_HOST: entra_app(service, authority, issuer),
        vault.SUFFIX: vault.vault_app(service, authority),
    }
    git = git_server.app(given.sandbox / "git")
    apps |= dict.fromkeys(given.git_host, git)
    apps[forecast.HOST] = forecast.app()
    background = [mirror_accounts(cluster)]
    if given.azurite:
        contents = Contents(service.world, Azurite(given.sandbox), given.azurite)
        apps[SUFFIX] = BlobProxy(service, authority, contents)
        background.append(contents.keep())
    if servers:
        background.append(SignIn(servers, authority, partial(identities, service.world)).serve())
    hosts = Hosts(apps)
    return Public(
        app=hosts,
        listener=listen(address, int(port or PORT)),
        certificates=Certificates(cluster.pki, hosts),
        background=(*background, publish(hosts, service.world, HostNames(given.sandbox), address)),
    )


if __name__ == "__main__":
    sys.exit(main())
