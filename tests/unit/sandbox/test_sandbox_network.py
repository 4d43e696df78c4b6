"""The addresses of a sandbox: chosen once, apart from everything that the machine routes already."""

from __future__ import annotations

import ipaddress
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import network as module
from sandbox.network import NUMBERS, SandboxNetwork, network, routed
from stacks.errors import MachineError

HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@pytest.fixture
def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the routes of the machine, as the kernel lists them."""
    file = tmp_path / "route"
    monkeypatch.setattr(module, "_ROUTES", file)
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))

    def write(*ranges: str) -> None:
        lines = []
        for text in ranges:
            wanted = ipaddress.IPv4Network(text)
            numbers = (int(wanted.network_address), int(wanted.netmask))
            destination, mask = (number.to_bytes(4, "little").hex().upper() for number in numbers)
            lines.append(f"eth0\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        file.write_text(HEADER + "".join(lines))

    write("0.0.0.0/0", "192.0.2.0/24")
    return write


def test_no_two_addresses_of_a_sandbox_are_the_same_and_all_are_in_its_ranges() -> None:
    plan = SandboxNetwork(7)
    held = [*plan.host_addresses, plan.node]
    assert len(set(held)) == len(held)
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(plan.link_range) for address in held)
    assert {plan.gateway, plan.services, plan.postgres(0), plan.postgres(31)} <= set(plan.host_addresses)
    in_services = ipaddress.ip_network(plan.service_range)
    assert {ipaddress.ip_address(plan.first_service), ipaddress.ip_address(plan.cluster_dns)} <= set(
        in_services.hosts()
    )


def test_sandboxes_of_two_numbers_never_meet() -> None:
    one, other = (
        [ipaddress.ip_network(text) for text in (plan.link_range, plan.service_range, plan.pod_range)]
        for plan in (SandboxNetwork(1), SandboxNetwork(2))
    )
    assert not any(mine.overlaps(theirs) for mine in one for theirs in other)


@pytest.mark.parametrize("number", [NUMBERS.start, NUMBERS.stop - 1])
def test_the_name_of_the_interface_is_one_that_the_kernel_takes(number: int) -> None:
    """The link's other end gets one more letter, and the kernel takes 15."""
    assert len(SandboxNetwork(number).interface) < 15


@pytest.mark.parametrize("index", [-1, 32])
def test_more_databases_than_addresses_are_refused(index: int) -> None:
    with pytest.raises(ValueError, match="32 PostgreSQL servers"):
        SandboxNetwork(1).postgres(index)


def test_a_sandbox_keeps_its_number(tmp_path: Path, routes: Callable[..., None]) -> None:
    chosen = network(tmp_path / "stack")
    routes(chosen.link_range, chosen.service_range, chosen.pod_range)
    assert network(tmp_path / "stack") == chosen


def test_two_sandboxes_choose_apart_also_when_neither_runs(
    tmp_path: Path, routes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PostgreSQL server without a node beside it holds its address where no route shows it."""
    monkeypatch.setattr(secrets, "choice", min)
    assert network(tmp_path / "one") != network(tmp_path / "two")


def test_a_sandbox_that_is_gone_gives_its_number_back(
    tmp_path: Path, routes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "choice", min)
    first = network(tmp_path / "one")
    shutil.rmtree(tmp_path / "one")
    assert network(tmp_path / "two") == first


def test_when_every_number_is_claimed_that_of_a_stopped_sandbox_is_taken(
    tmp_path: Path, routes: Callable[..., None]
) -> None:
    routes(*(SandboxNetwork(number).service_range for number in NUMBERS if number != 99))
    assert {network(tmp_path / "one").number, network(tmp_path / "two").number} == {99}


def test_the_only_number_that_nobody_uses_is_found(tmp_path: Path, routes: Callable[..., None]) -> None:
    routes(*(SandboxNetwork(number).service_range for number in NUMBERS if number != 99))
    assert network(tmp_path / "stack").number == 99


def test_a_vpn_that_claims_everything_is_said_with_what_to_do(tmp_path: Path, routes: Callable[..., None]) -> None:
    routes("10.0.0.0/8")
    with pytest.raises(MachineError) as error:
        network(tmp_path / "stack")
    assert error.value.problems[0].action


@pytest.mark.parametrize("taken", ["10.213.5.0/24", "10.214.5.128/25", "10.215.0.0/16"])
def test_a_number_is_taken_when_one_of_its_ranges_is_routed(taken: str, routes: Callable[..., None]) -> None:
    routes(taken)
    assert routed(5)


def test_the_default_route_takes_no_number(routes: Callable[..., None]) -> None:
    assert not any(routed(number) for number in NUMBERS)
