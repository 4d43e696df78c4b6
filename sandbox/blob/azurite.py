"""The Azurite process of one sandbox: its accounts and their keys, its port, its life.

It knows no roles and listens on the loopback interface only; whoever has no account key gets nothing from it.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from sandbox import ports
from sandbox.pki import write_private
from sandbox.ports import KeptPorts
from sandbox.processes import OwnedProcess

NAME: Final = "azurite"
KEEP_ALIVE_SECONDS: Final = 60
_STOP_SECONDS: Final = 5.0


class Azurite:
    """Azurite over `<root>/blob`. The process outlives the one that started it."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "blob"
        self._ports = KeptPorts(root / "ports.json")
        self.process = OwnedProcess(NAME, root / "run" / f"{NAME}.json", root / "logs" / f"{NAME}.log")

    @property
    def endpoint(self) -> str:
        """URL without a trailing slash; an account is the first segment of a path."""
        return f"http://127.0.0.1:{self._ports.get(NAME)}"

    def key(self, account: str) -> bytes:
        """The shared key of an account; always the same in one sandbox."""
        file = self._folder / "key"
        if not file.exists():
            write_private(file, secrets.token_bytes(32))
        return hmac.digest(file.read_bytes(), account.encode(), "sha512")

    def serves(self, accounts: Collection[str]) -> bool:
        """Whether it runs with exactly these accounts."""
        return self.process.running() and self._served() == sorted(accounts)

    def start(self, script: Path, accounts: Collection[str]) -> None:
        """Start it with these accounts, after ending one that runs with others. Data is kept."""
        self.stop()
        if ports.busy(self._ports.get(NAME)):
            self._ports.choose(NAME)
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [shutil.which("node") or "node", str(script), "--blobHost", "127.0.0.1"]
        command += ["--blobPort", str(self._ports.get(NAME)), "--blobKeepAliveTimeout", str(KEEP_ALIVE_SECONDS)]
        # The SDK's service version is newer than the one that Azurite knows; the host name is not the account's.
        command += ["--location", str(data), "--skipApiVersionCheck", "--disableProductStyleUrl"]
        command += ["--disableTelemetry", "--silent"]
        keys = (f"{account}:{base64.b64encode(self.key(account)).decode()}" for account in accounts)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder),
            "AZURITE_ACCOUNTS": ";".join(keys),
        }
        self._record.write_text(json.dumps(sorted(accounts)))
        self.process.start(command, folder=data, environment=environment)

    def stop(self) -> None:
        """End the process; its data stays."""
        self.process.stop(_STOP_SECONDS)

    @property
    def _record(self) -> Path:
        return self._folder / "accounts.json"

    def _served(self) -> list[str]:
        return list(json.loads(self._record.read_text())) if self._record.exists() else []
