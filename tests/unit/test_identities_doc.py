"""docs/identities.md: its examples are taken, and its tables say what the platform and Entra do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import pytest
import yaml
from airflow.models.connection import Connection
from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
from ariel_runtime.secrets.repository_files import CONNECTIONS, read
from azure.identity import DefaultAzureCredential

from sandbox.entra import refusals
from sandbox.entra.refusals import Refusal
from sandbox.landscape import registrations
from stacks.load import load
from tests.recordings import graph_of, raw_settings
from tests.unit.stacks.samples import raw

TEXT: Final = (Path(__file__).parents[2] / "docs" / "identities.md").read_text(encoding="utf-8")
BLOCKS: Final = [
    dedent(block) for block in re.findall(r"(?:^(?: {4}.*)?\n)+", TEXT, flags=re.MULTILINE) if block.strip()
]
OF_THE_REQUEST: Final = {900144, 70003, 7000218}
"""Codes of requests that no library sends."""


def applications() -> list[Mapping[str, Any]]:
    """Of each example of a tenant's block."""
    return [yaml.safe_load(block) for block in BLOCKS if block.strip().startswith("applications:")]


def cells(heading: str) -> list[list[str]]:
    """The rows of the first table below that heading, without its head."""
    rows = re.search(r"(\|.*\n)+", TEXT.partition(f"\n## {heading}\n")[2])
    assert rows, heading
    return [[cell.strip().strip("`") for cell in row.strip("|\n").split("|")] for row in rows[0].splitlines()[2:]]


def test_each_refusal_of_entra_is_explained() -> None:
    known = {each.code for each in vars(refusals).values() if isinstance(each, Refusal)} - OF_THE_REQUEST
    explained = {int(code.removeprefix("AADSTS")) for code, *_ in cells("What Entra says")}
    assert explained == known | {90033}


def test_the_examples_are_found() -> None:
    assert (TEXT.count("\n```python\n"), len(applications())) == (3, 2)


def test_a_stack_file_takes_the_blocks_and_they_are_what_the_text_says() -> None:
    federated, by_certificate = (
        load("prod", raw("higher", {"tenants.mobility.applications": block["applications"]}))
        for block in applications()
    )
    assert federated.tenants["mobility"].applications["partner"].certificate is None
    secret = by_certificate.tenants["mobility"].applications["partner"].certificate
    assert f"ariel secrets set secret {secret} " in TEXT


def test_the_credential_that_an_owner_creates_is_the_one_that_lets_the_tasks_in() -> None:
    (written,) = (json.loads(block) for block in BLOCKS if block.strip().startswith("{"))
    federated, _ = applications()
    settings = load("prod", raw("higher", {"tenants.mobility.applications": federated["applications"]}))
    ((credential,),) = (each.body["federatedCredentials"] for each in registrations(settings, "ISSUER"))
    assert written.pop("name")
    assert written == credential


def test_the_subjects_are_those_of_the_platforms_own_accounts() -> None:
    written = {
        subject.replace("<slug>", "mobility").replace("<group>", "counts")
        for _, subject in cells("An application, federated")
    }
    assert "counts" in raw_settings("local")["tenants"]["mobility"]["identities"]
    trusted = {each.inputs["subject"] for each in graph_of("local").of("FederatedIdentityCredential")}
    assert len(written) == 3
    assert written <= trusted


def test_the_connection_of_the_example_holds_no_secret_and_opens_by_the_pods_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = (block for block in BLOCKS if block.strip().startswith("connections:"))
    (tmp_path / CONNECTIONS).write_text(block)
    found = read(tmp_path, "local").connection("partner_files", lambda name: pytest.fail(f"asks for the secret {name}"))
    assert found
    connection = Connection.from_json(found, conn_id="partner_files")
    monkeypatch.setattr(WasbHook, "get_connection", lambda *_: connection)
    client = WasbHook("partner_files").get_conn()
    assert client.url == "https://stpartner.blob.core.windows.net/"
    assert isinstance(client.credential, DefaultAzureCredential)
