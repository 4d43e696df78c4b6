"""The cluster's service accounts, mirrored into the ConfigMap that the workload-identity policy reads.

Owns that part of the ConfigMap. Does not own the policy (`sandbox.workload_identity`).
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

from sandbox.cluster.folder import ClusterFolder

_MANAGER: Final = "ariel-service-accounts"
_ACCOUNTS: Final = "/api/v1/serviceaccounts"
_CONFIG_MAP: Final = "/api/v1/namespaces/kube-system/configmaps/workload-identity"
_CLIENT_ID: Final = "azure.workload.identity/client-id"
_EXPIRATION: Final = "azure.workload.identity/service-account-token-expiration"
_DEFAULT_SECONDS: Final = "3600"
_RETRY_SECONDS: Final = 0.5


async def mirror_accounts(folder: ClusterFolder) -> None:
    """Keep the ConfigMap equal to the cluster's service accounts, until cancelled; also while there is no cluster yet.

    The policy refuses a pod whose account is not in it, so that no pod starts with another identity than its account's.
    """
    while True:
        try:
            async with _client(folder) as client:
                await _follow(client)
        except (OSError, httpx.HTTPError):
            # Not started, stopped, or starting again: the sandbox's own commands say so where it matters.
            pass
        await asyncio.sleep(_RETRY_SECONDS)


async def _follow(client: httpx.AsyncClient) -> None:
    """List, then watch until the API server ends the watch."""
    answer = await client.get(_ACCOUNTS)
    listed = answer.raise_for_status().json()
    accounts = dict(_entry(account) for account in listed["items"])
    await _write(client, accounts)
    watch = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
    async with client.stream("GET", _ACCOUNTS, params=watch) as stream:
        stream.raise_for_status()
        async for line in stream.aiter_lines():
            event = json.loads(line)
            if event["type"] == "ERROR":
                return  # The version is too old to go on from; list again.
            key, value = _entry(event["object"])
            before = dict(accounts)
            if event["type"] == "DELETED":
                accounts.pop(key, None)
            else:
                accounts[key] = value
            if accounts != before:
                await _write(client, accounts)


def _entry(account: Mapping[str, Any]) -> tuple[str, str]:
    """Key and value in the ConfigMap; a namespace has no dot, so the key names one account only."""
    metadata = account["metadata"]
    annotations = metadata.get("annotations") or {}
    value = f"{annotations.get(_CLIENT_ID, '')} {annotations.get(_EXPIRATION, _DEFAULT_SECONDS)}"
    return f"{metadata['namespace']}.{metadata['name']}", value


async def _write(client: httpx.AsyncClient, accounts: Mapping[str, str]) -> None:
    answer = await client.patch(
        _CONFIG_MAP,
        params={"fieldManager": _MANAGER, "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        json={"apiVersion": "v1", "kind": "ConfigMap", "data": accounts},
    )
    answer.raise_for_status()


def _client(folder: ClusterFolder) -> httpx.AsyncClient:
    server = json.loads(folder.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    context = ssl.create_default_context(cafile=folder.authority)
    pair = folder.pair("administrator")
    context.load_cert_chain(pair.certificate, pair.key)
    # A watch is silent for as long as nothing changes.
    timeout = httpx.Timeout(10, read=None)
    return httpx.AsyncClient(base_url=server, verify=context, timeout=timeout, trust_env=False)
