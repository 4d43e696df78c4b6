"""The migration job runs once per image tag."""

from __future__ import annotations

import re

import pytest

from components.migration import Migration, MigrationArgs, job_name
from components.namespace import PLATFORM
from tests.harness import Graph, record
from tests.pod_rules import credentials_in_env, not_hardened

TAGS = (
    "3.3.2-r1",
    "3-3-2-r1",
    "v1",
    "A_b.C",
    "a-b-c",
    "x" * 128,
    "x" * 127 + "y",
    "Release_2026.11",
    "1-",
)


def recorded(tag: str) -> Graph:
    args = MigrationArgs(
        namespace=PLATFORM,
        image=f"registry.example.org/airflow:{tag}",
        image_tag=tag,
        client_id="client",
        database_host="db.example.org",
        database_name="airflow",
        database_range="10.40.17.0/28",
    )
    return record(lambda: Migration("migration", args))


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_gives_a_legal_name(tag: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", job_name(tag))


def test_no_two_tags_share_a_job() -> None:
    assert len({job_name(tag) for tag in TAGS}) == len(set(TAGS))


def test_a_legal_tag_can_be_read_in_the_name() -> None:
    assert job_name("r12") == "migrate-r12"


def test_another_tag_makes_another_job_and_keeps_the_logical_name() -> None:
    one, two = (recorded(tag).one("batch/v1:Job", "migration") for tag in ("r1", "r2"))
    assert one.urn == two.urn
    assert one.inputs["metadata"]["name"] != two.inputs["metadata"]["name"]


def test_a_finished_job_is_not_made_again_by_the_next_run() -> None:
    assert "ttlSecondsAfterFinished" not in recorded("r1").one("batch/v1:Job", "migration").inputs["spec"]


def test_the_job_is_hardened_and_carries_no_credential() -> None:
    specs = {"Job": recorded("r1").one("batch/v1:Job", "migration").inputs["spec"]["template"]["spec"]}
    assert not_hardened(specs) == []
    assert credentials_in_env(specs) == []


def test_the_job_signs_in_as_the_owner_by_an_identity_of_its_own() -> None:
    graph = recorded("r1")
    account = graph.one("ServiceAccount", "migration").inputs
    assert account["metadata"]["annotations"] == {"azure.workload.identity/client-id": "client"}
    template = graph.one("batch/v1:Job", "migration").inputs["spec"]["template"]
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    variables = {each["name"]: each["value"] for each in template["spec"]["containers"][0]["env"]}
    assert variables["ARIEL_DATABASE_ROLE"] == "ariel_owner"
    assert variables["CONNECTION_CHECK_MAX_COUNT"] == "0"


def test_the_way_to_the_database_is_open_before_the_job_starts() -> None:
    graph = recorded("r1")
    assert graph.one("NetworkPolicy", "migration").urn in graph.before(graph.one("batch/v1:Job", "migration"))
