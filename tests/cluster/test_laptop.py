"""Two checkouts of a new repository, in folders with spaces, each with an `ariel dev`, on a machine without a network.

It needs no platform. Here for what it costs, and because only root can take the network from itself.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import psutil
import pytest

from cli import laptop_database
from stacks import starter
from tests.unit.cli import laptop
from tests.unit.cli.laptop import PATIENCE, Dev

_NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET of <linux/sched.h>."""
IDS: Final = {"harbour.connections", "harbour.diagnostics", "harbour.example"}
ADDED: Final = """
from airflow.sdk import dag


@dag(dag_id="harbour.added", schedule="@daily", is_paused_upon_creation=False)
def added():
    pass


added()
"""


@contextmanager
def no_network() -> Iterator[None]:
    """This thread, and whatever it starts meanwhile, reaches this machine and nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(_NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert libc.setns(before, _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        os.close(before)


@pytest.fixture(scope="module")
def devs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dev, Dev]]:
    """The first with PostgreSQL where this machine has it, the other with SQLite; started at the same moment."""
    folder = tmp_path_factory.mktemp("laptop")
    roots = [folder / "my work" / "the repository", folder / "another one"]
    for root in roots:
        starter.write(root, "harbour")
    choices = [{}, {laptop_database.DATABASE: f"sqlite:///{folder}/other.db"}]
    with no_network(), ThreadPoolExecutor() as pool:
        own = {name: value for name, value in os.environ.items() if name != laptop_database.DATABASE}
        started = [pool.submit(Dev, root, env={**own, **choice}) for root, choice in zip(roots, choices, strict=True)]
        try:
            first, other = (each.result() for each in started)
            yield first, other
        finally:
            for each in started:
                if each.exception() is None:
                    each.result().end()


def test_each_knows_every_dag_of_its_checkout_and_runs_none_by_itself(devs: tuple[Dev, Dev]) -> None:
    for dev in devs:
        dev.until(lambda dev=dev: dev.dags().keys() == IDS)  # type: ignore[misc]
        assert {each["is_paused"] for each in dev.dags().values()} == {True}
    assert len({dev.address for dev in devs}) == len(devs)


def test_postgresql_is_taken_where_it_is_installed(devs: tuple[Dev, Dev]) -> None:
    assert [" on postgresql" in dev.said for dev in devs] == [laptop.has_server(), False]


def test_a_file_added_in_one_checkout_is_seen_there_alone(devs: tuple[Dev, Dev]) -> None:
    first, other = devs
    (first.root / "dags" / "added.py").write_text(ADDED)
    first.until(lambda: "harbour.added" in first.dags())
    assert first.dags()["harbour.added"]["is_paused"]
    assert other.dags().keys() == IDS


def test_a_dag_runs_in_one_process_beside_them(devs: tuple[Dev, Dev]) -> None:
    run = laptop.ariel(devs[0].root, "dags", "run", "example")
    said, log = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, log
    assert "harbour.example: success" in said + log
    assert devs[0].get("dags/harbour.example/dagRuns")["dag_runs"] == []


def test_ctrl_c_ends_all_of_one_and_nothing_of_the_other(devs: tuple[Dev, Dev]) -> None:
    first, other = devs
    for dev in devs:
        dev.until(lambda dev=dev: len(dev.sessions()) == 4)  # type: ignore[misc]
    ended, kept = first.processes(), other.processes()
    parts = [psutil.Process(pid) for pid in other.sessions()]
    first.interrupt()
    assert laptop.running(ended) == []
    assert laptop.running(parts) == parts
    assert other.dags().keys() == IDS
    other.interrupt()
    assert laptop.running(kept) == []
