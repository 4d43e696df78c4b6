"""The names that pods resolve: each owner replaces its own, and no name has two addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.names import HostNames


def test_the_file_has_one_line_per_name(tmp_path: Path) -> None:
    names = HostNames(tmp_path)
    names.set("databases", {"Weather.postgres.example": "10.213.1.32"})
    names.set("azure", {"login.example": "10.213.1.3"})
    assert names.hosts.read_text().splitlines() == [
        "10.213.1.3\tlogin.example",
        "10.213.1.32\tweather.postgres.example",
    ]


def test_an_owner_replaces_its_own_names_and_leaves_those_of_others(tmp_path: Path) -> None:
    names = HostNames(tmp_path)
    names.set("databases", {"gone.example": "10.213.1.32"})
    names.set("azure", {"login.example": "10.213.1.3"})
    names.set("databases", {"new.example": "10.213.1.33"})
    assert names.names() == {"login.example": "10.213.1.3", "new.example": "10.213.1.33"}


def test_another_owner_cannot_take_a_name_over(tmp_path: Path) -> None:
    """A database would otherwise answer for the sign-in."""
    names = HostNames(tmp_path)
    names.set("azure", {"login.example": "10.213.1.3"})
    with pytest.raises(ValueError, match=r"login\.example: given by azure"):
        names.set("databases", {"LOGIN.example": "10.213.1.32"})
    names.set("databases", {"login.example": "10.213.1.3"})


@pytest.mark.parametrize(
    "name", ["", "with space", "two\nlines", "dot.at.end.", "-dash.example", "a" * 64, "x." * 127 + "y"]
)
def test_what_is_no_host_name_never_reaches_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not host names"):
        HostNames(tmp_path).set("azure", {name: "10.213.1.3"})
    assert not HostNames(tmp_path).hosts.exists()


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        HostNames(tmp_path).set("azure", {"login.example": "localhost"})


def test_owners_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def give(index: int) -> None:
        HostNames(tmp_path).set(f"owner-{index}", {f"name-{index}.example": f"10.213.1.{index}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(give, range(32)))
    assert len(HostNames(tmp_path).hosts.read_text().splitlines()) == 32
