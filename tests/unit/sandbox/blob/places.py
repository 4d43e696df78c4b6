"""Where things stand in the emulated ARM of these tests."""

from __future__ import annotations

from tests.engine.arm.cloud import GROUP

NAME = "stlogs1"
HOST = f"{NAME}.blob.core.windows.net"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{NAME}"


def container(name: str) -> str:
    return f"{ACCOUNT}/blobServices/default/containers/{name}"
