"""`python -m sandbox.ingress --kubeconfig FILE --pki DIR --port N --ingress-class NAME`: the proxy, until SIGTERM."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

import uvicorn

from sandbox.certificates import CertificatesByName
from sandbox.ingress.proxy import proxy
from sandbox.ingress.server import ADDRESS
from sandbox.ingress.watcher import Watcher
from sandbox.pki import Authority
from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.transport import ApiServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.ingress", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="reads Ingresses and Services, writes status")
    parser.add_argument("--pki", type=Path, required=True, help="folder of the authority that signs certificates")
    parser.add_argument("--port", type=int, required=True, help=f"port on {ADDRESS}")
    parser.add_argument("--ingress-class", required=True, help="class of the Ingresses that are served")
    given = parser.parse_args()
    connection = kubeconfig.connection(kubeconfig.parse(kubeconfig.text_of(str(given.kubeconfig))))
    watcher = Watcher(ApiServer(connection, threading.Event()), given.ingress_class, ADDRESS)
    authority = Authority(given.pki, "ariel sandbox")
    default = authority.server("ingress", "localhost", ["localhost", ADDRESS])
    certificates = CertificatesByName(authority, default, lambda name: watcher.routes.knows(name))
    uvicorn.run(
        proxy(watcher),
        host=ADDRESS,
        port=given.port,
        ssl_context_factory=lambda _config, _default: certificates.listening(),
        ws="none",
        # Longer than any client keeps an idle connection, which would else send into one that is just being closed.
        timeout_keep_alive=75,
        # Every client is on this machine: uvicorn would believe what they say of themselves.
        proxy_headers=False,
        # The headers of the Service's answer are passed on as they are.
        server_header=False,
        date_header=False,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
