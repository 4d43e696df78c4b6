"""Ids of Airflow as names in a vault: all different, plain ones readable, and nobody's as another team's."""

from __future__ import annotations

import itertools
import re

import pytest
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.names import LONGEST, Kind, identifier, owner_prefix, secret_name

OWN = owner_prefix(None)
ALLOWED = re.compile(r"[0-9a-zA-Z-]{1,127}")
LETTERS = "a2-._A%é"


@pytest.mark.parametrize(
    ("conn_id", "name"),
    [
        ("slack-ic-os-rollout", "slack-ic-os-rollout"),
        ("slack.ic_os_rollout", "slack--2eic--5fos--5frollout"),
        ("Warehouse", "--57arehouse"),
        ("a-", "a--2d"),
        ("größe", "gr--c3--b6--c3--9fe"),
    ],
)
def test_plain_ids_are_readable_and_others_are_spelt(conn_id: str, name: str) -> None:
    assert secret_name(OWN, Kind.CONNECTION, conn_id) == f"airflow-connections-{name}"


def test_no_two_ids_share_a_name_and_each_name_gives_its_id_back() -> None:
    names: dict[str, str] = {}
    for length in range(1, 6):
        for letters in itertools.product(LETTERS, repeat=length):
            if "--" in (text := "".join(letters)):
                continue
            name = secret_name(OWN, Kind.VARIABLE, text)
            assert name is not None
            assert ALLOWED.fullmatch(name)
            assert identifier(OWN, Kind.VARIABLE, name.upper()) == text
            # Key Vault does not tell upper from lower case.
            assert names.setdefault(name.lower(), text) == text
    assert len(names) > 30_000


def test_an_id_with_the_separator_of_teams_is_refused() -> None:
    with pytest.raises(RefusedError, match="that separates a team from its names"):
        secret_name(owner_prefix("weather"), Kind.CONNECTION, "mobility--warehouse")


def test_an_id_that_no_vault_can_hold_has_no_name() -> None:
    start = len("airflow-variables-")
    assert secret_name(OWN, Kind.VARIABLE, "a" * (LONGEST - start)) is not None
    assert secret_name(OWN, Kind.VARIABLE, "a" * (LONGEST - start + 1)) is None
    assert secret_name(OWN, Kind.VARIABLE, "") is None


@pytest.mark.parametrize(
    "name",
    [
        "airflow-connections-",
        "airflow-variables-warehouse",
        "weather--connections-warehouse",
        "airflow-connections---2e-a",
        "airflow-connections-a--2d--2db",
        "airflow-connections---ff",
        "airflow-connections---zz",
        "warehouse",
    ],
)
def test_a_name_that_is_not_the_owners_has_no_id(name: str) -> None:
    assert identifier(OWN, Kind.CONNECTION, name) is None


def test_in_a_shared_vault_no_teams_names_begin_as_anothers_do() -> None:
    slugs = ("a-b", "a-b-c", "airflow", "connections", "weather")
    starts = [owner_prefix(slug) for slug in slugs]
    assert [(one, other) for one, other in itertools.permutations(starts, 2) if one.startswith(other)] == []
