"""A team's webhook on a running platform: what its key brings, and that the key opens once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cluster.running_platform import STACK, RunningPlatform

TEAM: Final = "weather"
DAG_ID: Final = f"{TEAM}.webhook"
FILE: Final = "dags/webhook_proof.py"
MARK: Final = "webhook_proof.txt"
SOURCE: Final = f"""
import json
import urllib.error
import urllib.request

from airflow.configuration import conf
from airflow.sdk import DAG, task
from ariel_runtime import secrets


def post(url, key):
    request = urllib.request.Request(url, method="POST", headers={{"X-Webhook-Key": key}})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]


@task(retries=0)
def announces():
    server = conf.get("core", "execution_api_server_url").partition("/execution")[0]
    url, key = f"{{server}}/ariel/webhook/{TEAM}", secrets.get("webhook-key")
    return [post(url, key), post(url, key), post(url.replace("{TEAM}", "absent"), key)]


with DAG("{DAG_ID}", schedule=None):
    announces()
"""


@pytest.fixture(scope="module", autouse=True)
def dag(platform: RunningPlatform) -> Iterator[None]:
    platform.push(TEAM, {FILE: SOURCE})
    issued = platform.ariel("webhook", "issue", "--tenant", TEAM, "--env", STACK)
    assert issued.returncode == 0, issued.stderr
    yield
    platform.push(TEAM, {FILE: None, MARK: None})


def state(platform: RunningPlatform) -> dict[str, Any]:
    told = platform.ariel("webhook", "status", "--tenant", TEAM, "--env", STACK, "--json")
    assert told.returncode == 0, told.stderr
    return dict(json.loads(told.stdout))


def test_a_key_brings_what_was_pushed_and_opens_once(platform: RunningPlatform) -> None:
    platform.unpause(DAG_ID)
    pushed = platform.push(TEAM, {MARK: secrets.token_hex(8)})
    run_id = platform.start_run(DAG_ID)
    assert platform.ended(DAG_ID, run_id) == "success"
    first, again, absent = platform.returned(DAG_ID, run_id, "announces")
    assert first == [200, {"tenant": TEAM, "revision": pushed, "parse_asked": True}]
    assert again[0] == 403
    assert again == absent

    def fetched() -> dict[str, Any] | None:
        told = state(platform)
        # It says nothing of a mirror that did not answer at once.
        return told if told["fetched"] == pushed and told["mirror"] else None

    told = platform.until(fetched, "it is fetched")
    assert told["mirror"]["commit"] == pushed
    assert [told["deliveries"][0][name] for name in ("sender", "revision", "result")] == ["key", pushed, "fetched"]


def test_the_database_holds_no_key(platform: RunningPlatform) -> None:
    """Its columns are all that could hold one."""
    columns = platform.sql(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'ariel' AND starts_with(table_name, 'webhook') ORDER BY 1"
    )
    assert [name for (name,) in columns] == [
        "webhook.salt",
        "webhook.sequence",
        "webhook.slug",
        "webhook_delivery.at",
        "webhook_delivery.proof",
        "webhook_delivery.result",
        "webhook_delivery.revision",
        "webhook_delivery.sender",
        "webhook_delivery.slug",
    ]
