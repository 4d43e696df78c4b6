"""Airflow's own command for an environment, `airflowctl`: it asks the REST API, so with the person's own rights.

The command `airflow` would need the environment's database, which nobody but the platform reaches; in a pod of the
platform it would have the platform's rights.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from cli.session import Session
from stacks.errors import MachineError, Problem

_CREDENTIALS: Final = "ariel"
"""What airflowctl calls the environment whose address and token it is given."""


def airflowctl(session: Session, arguments: Sequence[str]) -> int:
    """Status of the command, which speaks to the person itself. Raises MachineError, UsageError, PlatformError."""
    program = shutil.which("airflowctl")
    if program is None:
        rule, action = "Airflow's command for its REST API", "install it, such as by `pipx install apache-airflow-ctl`"
        raise MachineError([Problem(path="airflowctl", value="not on PATH", rule=rule, action=action)])
    platform = session.running_platform()
    here = {}
    if platform is session.platform:
        host = httpx.URL(platform.url).host
        _know(host)
        here = {"SSL_CERT_FILE": str(session.sandbox.ingress.authority), "NO_PROXY": host, "no_proxy": host}
    with TemporaryDirectory() as home:
        (Path(home) / f"{_CREDENTIALS}.json").write_text(json.dumps({"api_url": platform.url}))
        given = {"AIRFLOW_HOME": home, "AIRFLOW_CLI_ENVIRONMENT": _CREDENTIALS, "AIRFLOW_CLI_TOKEN": platform.token()}
        return subprocess.run([program, *arguments], env=os.environ | here | given, check=False).returncode


def _know(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        rule, action = "a name that this machine knows", f"add `127.0.0.1 {host}` to /etc/hosts"
        raise MachineError([Problem(path="host", value=host, rule=rule, action=action)]) from None
