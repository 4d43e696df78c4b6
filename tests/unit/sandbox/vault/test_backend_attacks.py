"""One tenant after another's secrets: what the vault refuses, what our names refuse, and what neither does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, AirflowSecretsBackendAccessDenied
from ariel_runtime import secrets
from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Vault
from ariel_runtime.secrets.desk import Desk
from ariel_runtime.secrets.names import Kind
from azure.core.exceptions import HttpResponseError

from stacks.roles import VAULT_WRITER
from tests.unit.runtime.tenants import tenant
from tests.unit.sandbox.vault.conftest import Task
from tests.unit.sandbox.vault.running_vaults import OFFICER, READER, USER, Asked, RunningVaults, host, url

RunAs = Callable[[str], None]
VALUE = "what-only-fares-set"
NAMES = {kind: f"fares--{kind}s-{kind}-of-fares" for kind in Kind}
"""Kind -> the name of what fares keeps in the vault that it shares with trips."""
NOT_AUTHORIZED = "Caller is not authorized to perform action on resource"


@pytest.fixture(scope="module", autouse=True)
def shared(running: RunningVaults) -> None:
    """A vault of two tenants, each of which may read it, with the secrets of one of them."""
    running.open("shared")
    for slug in ("trips", "fares"):
        running.admit(slug, USER, to="shared")
    running.admit("desks", READER, VAULT_WRITER, to="shared")
    running.admit("weathers-officer", OFFICER, to="weather")


@pytest.fixture(autouse=True)
def fares_has_secrets(vaults: RunningVaults, run_as: RunAs) -> None:
    run_as("desks")
    fares = desk("fares")
    fares.set_value(Kind.CONNECTION, "connection-of-fares", f"http://{VALUE}")
    for kind in (Kind.VARIABLE, Kind.SECRET):
        fares.set_value(kind, f"{kind}-of-fares", VALUE)
    assert {each.name for each in fares.entries()} == set(NAMES.values())


def desk(slug: str) -> Desk:
    return Desk(tenant(slug, vault=Vault(url=url("shared"), shared=True)))


@pytest.mark.parametrize("kind", Kind)
def test_in_a_shared_vault_azures_own_client_gives_a_tenant_the_secrets_of_the_others(
    vaults: RunningVaults, kind: Kind
) -> None:
    """The prefix keeps names apart, not readers: Key Vault's roles know none (docs/secrets.md, shared vault)."""
    assert VALUE in (vaults.client("trips", "shared").get_secret(NAMES[kind]).value or "")


def spellings(kind: Kind) -> list[str]:
    """Ids by which somebody might hope to reach what fares has."""
    own, name = f"{kind}-of-fares", NAMES[kind]
    return [
        own,
        own.upper(),
        f"fares--{own}",
        name,
        name.upper(),
        f"FARES--{own}",
        name.replace("--", "-"),
        name.replace("--", "----"),
        name.replace("--", "%2d%2d"),
        name.replace("--", "--2d--2d"),
        name.replace("--", "\u2010\u2010"),
        name.replace("--", "-\u200b-"),
        f"--66{name[1:]}",
        f"../{name}",
        f"..%2f{name}",
        f"/secrets/{name}",
        f"{url('shared')}secrets/{name}",
        f"x/../../secrets/{name}?",
        f"{name}#",
        f"{name}/",
        f" {name}",
        f"{name}\n",
        "fares",
        "",
    ]


LOOK_UPS: dict[Kind, Callable[[str], object]] = {
    Kind.CONNECTION: Connection.get,
    Kind.VARIABLE: Variable.get,
    Kind.SECRET: secrets.get,
}
NONE_OR_REFUSED = (
    AirflowNotFoundException,
    AirflowRuntimeError,
    AirflowSecretsBackendAccessDenied,
    secrets.SecretMissingError,
)


@pytest.mark.parametrize("kind", Kind)
def test_in_a_shared_vault_no_id_of_a_tenants_reaches_the_secrets_of_the_others(
    vaults: RunningVaults, task: Task, kind: Kind
) -> None:
    task("trips", shares="shared")
    asked = Asked(vaults)
    for spelling in spellings(kind):
        with pytest.raises(NONE_OR_REFUSED) as refused:
            LOOK_UPS[kind](spelling)
        assert VALUE not in str(refused.value)
    paths = asked.paths("shared")
    assert len(paths) > 5, "the spellings were not asked for"
    assert all(path.startswith(f"/secrets/trips--{kind}s-") and path.count("/") == 3 for path in paths), paths
    task("fares", shares="shared")
    LOOK_UPS[kind](f"{kind}-of-fares")


def test_in_a_shared_vault_a_tenants_desk_neither_lists_nor_replaces_what_is_of_the_others(
    vaults: RunningVaults, task: Task, run_as: RunAs
) -> None:
    run_as("desks")
    trips = desk("trips")
    made = set()
    for kind in Kind:
        for spelling in spellings(kind):
            try:
                made.add(trips.set_value(kind, spelling, "of-trips").name)
            except RefusedError:
                continue
    listed = {each.name for each in trips.entries()}
    assert listed == made
    assert len(made) > 5
    assert all(name.startswith("trips--") for name in listed)
    assert {each.name for each in desk("fares").entries()} == set(NAMES.values())
    task("fares", shares="shared")
    assert Variable.get("variable-of-fares") == VALUE


def test_a_tenant_that_asks_another_tenants_vault_is_refused_in_the_vaults_own_words(vaults: RunningVaults) -> None:
    vaults.client("weathers-officer", "weather").set_secret("airflow-variables-closed", VALUE)
    mobility = vaults.client("mobility", "weather")
    refusals: dict[str, Callable[[], object]] = {
        "getSecret": lambda: mobility.get_secret("airflow-variables-closed"),
        "readMetadata": lambda: list(mobility.list_properties_of_secrets()),
        "setSecret": lambda: mobility.set_secret("airflow-variables-closed", "another"),
    }
    for action, refused in refusals.items():
        with pytest.raises(HttpResponseError, match=NOT_AUTHORIZED) as error:
            refused()
        assert error.value.status_code == 403
        assert f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}/action'" in str(error.value)
        assert VALUE not in str(error.value)


def test_a_backend_that_is_pointed_at_another_tenants_vault_says_so_after_one_request(
    vaults: RunningVaults, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CLOSED", "of the environment")
    vaults.client("weathers-officer", "weather").set_secret("airflow-variables-closed", VALUE)
    task("mobility", owns="weather")
    asked = Asked(vaults)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match=NOT_AUTHORIZED) as refused:
        Variable.get("closed", default="of the DAG")
    assert host("weather") in str(refused.value)
    assert VALUE not in str(refused.value)
    assert asked.statuses("weather") == [403]


def test_no_id_leads_out_of_a_tenants_own_vault(vaults: RunningVaults, task: Task) -> None:
    name = "airflow-variables-closed"
    vaults.client("weathers-officer", "weather").set_secret(name, VALUE)
    task("mobility")
    asked = Asked(vaults)
    for spelling in (
        f"{url('weather')}secrets/{name}",
        f"//{host('weather')}/secrets/{name}",
        f"@{host('weather')}/{name}",
        f"\\{host('weather')}\\{name}",
        f"../../{host('weather')}/secrets/{name}",
        f"x\r\nHost: {host('weather')}",
        f"weather--{name}",
    ):
        with pytest.raises(NONE_OR_REFUSED):
            Variable.get(spelling)
    assert asked.paths("weather") == []
    assert asked.statuses("mobility")
