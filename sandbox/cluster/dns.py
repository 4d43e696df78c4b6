"""CoreDNS: the names of the cluster, those of the sandbox (`sandbox.names`), and the rest from the host's resolver.

It runs on the host, so that it reaches the host's resolver wherever that is; pods reach it through a service.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Final

from sandbox.cluster.component import Component
from sandbox.cluster.folder import ClusterFolder
from sandbox.network import SandboxNetwork

RESOLVER_FILE: Final = Path("/etc/resolv.conf")
_ASK_SECONDS: Final = 1.0
_ROOT_SERVERS: Final = bytes.fromhex("61720100000100000000000000000200" + "01")
"""A query for the name servers of the root, which every resolver answers (RFC 1035, section 4)."""

# That a name does not exist is remembered for a second only: the sandbox may give it in the next one.
_FORWARD: Final = f"""forward . {RESOLVER_FILE}
    cache 30 {{
        success 9984 30 0
        denial 9984 1 0
    }}"""
_NOTHING_ELSE: Final = """template ANY ANY {
        rcode NXDOMAIN
    }"""


def write(folder: ClusterFolder, network: SandboxNetwork) -> None:
    """Write the Corefile; whether the host's resolver answers is found out now."""
    folder.dns.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.hosts.parent.mkdir(parents=True, exist_ok=True)
    folder.hosts.touch()
    (folder.dns / "Corefile").write_text(corefile(folder, network, resolver=resolver_answers()))


def corefile(folder: ClusterFolder, network: SandboxNetwork, *, resolver: bool) -> str:
    """The configuration; without a `resolver` a name that nobody here knows does not exist, which is said at once."""
    port = folder.ports.get("coredns")
    outside = _FORWARD if resolver else _NOTHING_ELSE
    return f"""\
cluster.local:{port} in-addr.arpa:{port} {{
    bind {network.gateway}
    errors
    ready 127.0.0.1:{port}
    kubernetes {{
        kubeconfig {json.dumps(str(folder.component_kubeconfig("coredns")))}
        pods insecure
        ttl 1
    }}
}}
.:{port} {{
    bind {network.gateway}
    errors
    hosts {json.dumps(str(folder.hosts))} {{
        reload 1s
        ttl 1
        fallthrough
    }}
    {outside}
}}
"""


def resolver_answers(file: Path = RESOLVER_FILE) -> bool:
    """Whether the first name server of the file answers a question."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    servers = [fields[1] for fields in lines if len(fields) > 1 and fields[0] == "nameserver"]
    if not servers:
        return False
    family = socket.AF_INET6 if ":" in servers[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as question:
        question.settimeout(_ASK_SECONDS)
        try:
            question.connect((servers[0], 53))
            question.send(_ROOT_SERVERS)
            return bool(question.recv(4096))
        except OSError:
            return False


COREDNS: Final = Component(
    name="coredns",
    arguments=lambda folder: ["-conf", str(folder.dns / "Corefile")],
    health=lambda folder: f"http://127.0.0.1:{folder.ports.get('coredns')}/ready",
    stop_seconds=5,
)
