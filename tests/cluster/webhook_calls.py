"""Calls of a team's webhook, as from outside: through the ingress, with what the team's vault holds."""

from __future__ import annotations

import hmac
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx

from stacks.naming import parse_namespace
from tests.cluster.running_platform import LONG, STACK, RunningPlatform

_READ = (
    "import sys\n"
    "from azure.identity import DefaultAzureCredential\n"
    "from azure.keyvault.secrets import SecretClient\n"
    "client = SecretClient(sys.argv[1], DefaultAzureCredential())\n"
    "print(*(client.get_secret(f'airflow-secrets-webhook-{name}').value for name in sys.argv[2:]), sep='\\n')\n"
)


class WebhookCaller:
    """One team's. `issue` once; then the vault holds the rest."""

    def __init__(self, platform: RunningPlatform, slug: str) -> None:
        self._platform, self._slug = platform, slug

    def issue(self) -> None:
        done = self._platform.ariel("webhook", "issue", "--tenant", self._slug, "--env", STACK)
        assert done.returncode == 0, done.stderr

    def secrets(self, *names: str) -> list[str]:
        """Of the vault, as an identity of the team's own reads them: `url`, `key`, `github-secret`."""
        vault = str(self._platform.airflow.call("GET", f"/ariel/secrets/{self._slug}")["vault"])
        command = ("python", "-c", _READ, vault, *names)
        printed = self._platform.run_in(parse_namespace(self._slug), "deploy/triggerer", *command)
        return printed.splitlines()[-len(names) :]

    def by_key(self, url: str, key: str) -> dict[str, Any]:
        """As the template's workflow calls it."""
        return self._post(url, {"X-Webhook-Key": key})

    def by_signature(self, url: str, secret: str, branch: str, commit: str) -> dict[str, Any]:
        """As GitHub does after a push; its secret is the same for every call."""
        body = json.dumps({"ref": f"refs/heads/{branch}", "after": commit}).encode()
        signature = f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"
        return self._post(url, {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}, body)

    def _post(self, url: str, headers: dict[str, str], body: bytes = b"") -> dict[str, Any]:
        parts, ingress = urlsplit(url), self._platform.session.sandbox.ingress
        answer = httpx.post(
            f"https://127.0.0.1:{ingress.port}{parts.path}",
            headers={"Host": f"{parts.hostname}:{ingress.port}", **headers},
            content=body,
            verify=ssl.create_default_context(cafile=ingress.authority),
            timeout=LONG,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())
