"""`python -m sandbox.arm --state DIR --port N`: the emulated ARM on the loopback interface."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sandbox.arm.app import create_app
from sandbox.arm.faults import load_schedule
from sandbox.arm.server import serve
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.world import Settings

TOKEN = "ARIEL_ARM_TOKEN"  # noqa: S105 - the name of the variable


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.arm", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the state")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--faults", type=Path, help="fault schedule and limits (JSON)")
    parser.add_argument("--operation-seconds", type=float, default=0.05, help="how long operations take")
    parser.add_argument("--oidc-issuer", help="issuer URL that clusters report")
    parser.add_argument("--cluster-kubeconfig", type=Path, help="file that clusters hand out as user credentials")
    given = parser.parse_args()
    token = os.environ.get(TOKEN, "")
    if not token:
        sys.stderr.write(
            f"{TOKEN}: not set. The service needs the bearer token that clients send. Set it and start again.\n"
        )
        return 2
    settings = Settings(
        operation_seconds=given.operation_seconds,
        tenant_id=TENANT_ID,
        oidc_issuer=given.oidc_issuer,
        kubeconfig=given.cluster_kubeconfig,
    )
    schedule = load_schedule(given.faults) if given.faults else None
    serve(create_app(given.state, token=token, settings=settings, schedule=schedule), given.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
