"""Vaults behind their host names in a running Azure, and who may do what with one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from azure.identity import WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

from sandbox.arm.tenant import TENANT_ID
from stacks.roles import BUILT_IN, CUSTOM, VAULT_WRITER, VAULT_WRITER_MAY
from tests.engine.arm.cloud import GROUP, PLENTY, Cloud
from tests.engine.arm.examples import (
    ENDPOINTS,
    HERE,
    NETWORK,
    VAULT_ZONE,
    VNET,
    assignment,
    endpoint_body,
    grant,
    subnet,
    vault_body,
)
from tests.unit.sandbox.entra.running_azure import RunningAzure, federate

USER, OFFICER, READER = "Key Vault Secrets User", "Key Vault Secrets Officer", "Key Vault Reader"
_ALWAYS = 1000
_WRITER = {
    "properties": {
        "roleName": VAULT_WRITER,
        "type": "CustomRole",
        "assignableScopes": [GROUP],
        "permissions": [{"dataActions": [VAULT_WRITER_MAY]}],
    }
}


def vault(name: str) -> str:
    """Its id in ARM."""
    return f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-{name}"


def host(name: str) -> str:
    return f"kv-{name}.vault.azure.net"


def url(name: str) -> str:
    return f"https://{host(name)}/"


class RunningVaults:
    """One process of the emulated Azure with vaults, and identities with the environment that a pod has from them."""

    def __init__(self, azure: RunningAzure, folder: Path) -> None:
        self.azure, self._folder = azure, folder
        self.cloud: Cloud = azure.start()
        self._identities: dict[str, dict[str, Any]] = {}
        self._granted: dict[tuple[str, str, str], str] = {}
        self.cloud.made(GROUP, HERE)
        self.cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
        self.cloud.made(ENDPOINTS, subnet("10.0.0.0/24"))
        self.cloud.made(VAULT_ZONE, {"location": "global"})
        self.cloud.made(f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM[VAULT_WRITER]}", _WRITER)

    def open(self, name: str) -> None:
        """A vault with a private endpoint and its name in DNS."""
        private = f"{NETWORK}/privateEndpoints/pe-{name}"
        self.cloud.made(vault(name), vault_body())
        self.cloud.made(private, endpoint_body(vault(name), "vault"))
        zone = {"name": "vault", "properties": {"privateDnsZoneId": VAULT_ZONE}}
        group = {"properties": {"privateDnsZoneConfigs": [zone]}}
        self.cloud.made(f"{private}/privateDnsZoneGroups/default", group)
        self.azure.await_name(host(name))

    def admit(self, who: str, *roles: str, to: str) -> None:
        """The identity `who`, made at its first admission, has these roles at that vault from now on."""
        if who not in self._identities:
            self._identities[who] = federate(self.cloud, self.azure, f"id-{who}", _subject(who))
        principal = self._identities[who]["principalId"]
        for role in roles:
            # Files of tests admit the same; Azure refuses to assign a role twice.
            if (who, role, to) not in self._granted:
                self._granted[who, role, to] = where = assignment(vault(to), len(self._granted))
                self.cloud.made(where, grant(principal, (BUILT_IN | CUSTOM)[role]))

    def environment(self, who: str) -> dict[str, str]:
        """What workload identity writes into a pod of that identity's service account."""
        return {
            "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
            "AZURE_TENANT_ID": TENANT_ID,
            "AZURE_CLIENT_ID": self._identities[who]["clientId"],
            "AZURE_FEDERATED_TOKEN_FILE": str(self._assertion(who)),
        }

    def client(self, who: str, name: str) -> SecretClient:
        """Azure's own client of that vault as that identity, with nothing of ours in between."""
        credential = WorkloadIdentityCredential(
            tenant_id=TENANT_ID,
            client_id=self._identities[who]["clientId"],
            token_file_path=str(self._assertion(who)),
        )
        return SecretClient(url(name), credential, retry_total=0)

    def fault(
        self, action: str, *, kind: str = "Microsoft.KeyVault/secrets", times: int = _ALWAYS, **settings: Any
    ) -> None:
        """Each request of that kind goes wrong so, until the test ends or it has happened so often."""
        self._times = times
        rule = {"match": {"type": kind}, "times": times, "action": action, **settings}
        answer = self.cloud.client.put("/_sandbox/faults", json={"rules": [rule]})
        assert answer.status_code == 200, answer.text

    def struck(self) -> int:
        """How many requests have gone wrong so far; the log has some of them later, once they have ended."""
        return self._times - int(self.cloud.client.get("/_sandbox/faults").json()["rules"][0]["times"])

    def write_without_limit(self) -> None:
        """ARM takes any number of writes until the test ends."""
        assert self.cloud.client.put("/_sandbox/faults", json={"limits": asdict(PLENTY)}).status_code == 200

    def log(self) -> list[dict[str, Any]]:
        return list(self.cloud.client.get("/_sandbox/requests").json())

    def _assertion(self, who: str) -> Path:
        file = self._folder / who
        file.write_text(self.azure.assertion(_subject(who)))
        return file


class Asked:
    """What has reached the emulated Azure since this was made."""

    def __init__(self, vaults: RunningVaults) -> None:
        self._vaults, self._since = vaults, len(vaults.log())

    def paths(self, name: str) -> list[str]:
        """Of each request to that vault, in order. Without the SDK's first, which asks where to sign in."""
        return [each["path"] for each in self._of(host(name))]

    def statuses(self, name: str) -> list[int]:
        """As `paths`; 0 where there was no answer."""
        return [each["status"] for each in self._of(host(name))]

    def signed_in(self) -> list[int]:
        """Statuses of the requests for a token."""
        return [each["status"] for each in self._of("login.microsoftonline.com") if each["path"].endswith("/token")]

    def _of(self, name: str) -> list[dict[str, Any]]:
        found = [each for each in self._vaults.log()[self._since :] if each.get("host") == name]
        first = [each for each in found if each["status"] == 401]
        assert len(first) <= 1, "the SDK asks once where to sign in"
        return [each for each in found if each["status"] != 401]


def _subject(who: str) -> str:
    return f"system:serviceaccount:tests:{who}"
