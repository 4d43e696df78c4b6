"""Which of Azure's names exist: those that lead somewhere, from the moment that they do."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from starlette.responses import Response

from sandbox.public_endpoints import Hosts, listen
from tests.engine.arm.cloud import GROUP, Cloud, running
from tests.engine.arm.examples import ENDPOINT, build

APP = Response("here")
HOSTS = Hosts({"login.microsoftonline.com": APP, ".vault.azure.net": APP})
NAME = "kv-ariel-test.vault.azure.net"


def _names(cloud: Cloud, hosts: Hosts = HOSTS) -> set[str]:
    return set(hosts.names(cloud.client.app.state.service.world))  # type: ignore[attr-defined]


def test_a_vault_has_a_name_once_its_zone_group_is_made_and_not_before(tmp_path: Path) -> None:
    with running(tmp_path) as cloud:
        build(cloud, until=f"{ENDPOINT}/privateDnsZoneGroups/default")
        assert _names(cloud) == {"login.microsoftonline.com"}
    with running(tmp_path, operation_seconds=3600) as slow:
        zone = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.vaultcore.azure.net"
        config = {"name": "vault", "properties": {"privateDnsZoneId": zone}}
        group = {"properties": {"privateDnsZoneConfigs": [config]}}
        assert slow.send("PUT", f"{ENDPOINT}/privateDnsZoneGroups/default", group).status_code == 201
        assert _names(slow) == {"login.microsoftonline.com"}


def test_a_name_for_which_nobody_answers_does_not_exist(tmp_path: Path) -> None:
    with running(tmp_path) as cloud:
        build(cloud)
        assert NAME in _names(cloud)
        assert NAME not in _names(cloud, Hosts({"login.microsoftonline.com": APP}))


def test_only_one_label_stands_before_a_familys_name() -> None:
    assert HOSTS.answering("KV1.vault.azure.net") is APP
    assert HOSTS.answering("vault.azure.net") is None
    assert HOSTS.answering("a.b.vault.azure.net") is None
    assert HOSTS.answering("kv1.vault.azure.net.example.com") is None


def test_it_listens_on_an_address_that_the_machine_does_not_have_yet() -> None:
    with listen("10.213.255.3", 0) as made:
        assert made.getsockname()[0] == "10.213.255.3"


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            listen("127.0.0.1", port)


def test_no_answer_waits_for_the_acknowledgement_of_its_first_part() -> None:
    """A client acknowledges 40 ms late: so long would be each answer on a connection that is kept."""

    async def accepted() -> int:
        connection: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own: socket.socket = writer.get_extra_info("socket")
            connection.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(note, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return await connection

    assert asyncio.run(accepted())
