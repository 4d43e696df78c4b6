"""`ariel smoke` on a running platform: what it says of each tenant and part."""

from __future__ import annotations

import json

from tests.cluster.running_platform import STACK, RunningPlatform
from tests.http_receiver import receiver

SECRET = "T0/B0/of-weather-alone"  # noqa: S105
DEMONSTRATION = f"hunter2 for {STACK}"
HEALTH = '"GET /health HTTP/1.1"'
"""What Python's own server, by which the scheduler tells its health, says of each look."""
WRITE_JSON = {
    "api-server",
    "dag-processor",
    "git-mirror",
    "reconciler",
    "scheduler",
    "token-refresher",
    "triggerer",
}
"""Containers."""
MAY_BE_SILENT = {"reconciler"}
"""Where it finds nothing to change."""


def test_a_platform_that_works_is_said_to_work_part_by_part(platform: RunningPlatform) -> None:
    """The team weather has its channel's secret here, as it would be set by itself; mobility has no channel."""
    network = platform.session.sandbox.network
    assert network is not None
    # What earlier runs had to tell, a row each since they ended, is still tried and would arrive by the new connection.
    under_way = "SELECT id FROM callback WHERE state NOT IN ('success', 'failed')"
    platform.until(lambda: not platform.sql(under_way), "all that other runs had to tell is told or given up")
    with receiver(network.gateway) as slack:
        connection = {"conn_type": "slackwebhook", "host": f"{slack.url}/services", "password": SECRET}
        platform.set_secret("weather", "connection", "alerts", json.dumps(connection))
        platform.set_secret("weather", "secret", "demonstration", DEMONSTRATION)
        told = platform.ariel("smoke", "--env", STACK, "--json")
    assert slack.requests == [], "it was to be dry"
    found = {(each["tenant"], each["part"]): each for each in json.loads(told.stdout)["checks"]}
    assert told.returncode == 0, [each for each in found.values() if each["state"] == "failed"]
    assert "recorded example" in found["weather", "forecast"]["text"]
    assert found["mobility", "forecast"]["state"] == "absent"
    title = f"weather.diagnostics failed in {STACK}: a task failed"
    assert found["weather", "notification"]["text"] == f"slack by alerts (slackwebhook), not sent: {title}"
    assert (found["weather", "notification"]["state"], found["mobility", "notification"]["state"]) == ("ok", "absent")
    assert (found["weather", "secret"]["state"], found["mobility", "secret"]["state"]) == ("ok", "absent")
    assert SECRET not in told.stdout
    assert DEMONSTRATION not in told.stdout
    for tenant in platform.session.settings.tenants:
        held = {part for (owner, part), each in found.items() if owner == tenant and each["state"] == "ok"}
        assert {"execution", "identity", "database", "isolated", "log", "picture"} <= held, found
        assert "without Airflow and its variables" in found[tenant, "isolated"]["text"]


def test_a_components_lines_can_be_searched_by_their_fields(platform: RunningPlatform) -> None:
    read = set()
    for pod in platform.get("pods"):
        namespace, name = (pod["metadata"][key] for key in ("namespace", "name"))
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            if container["name"] in WRITE_JSON:
                written = platform.logs(namespace, name, "--container", container["name"], "--tail", "200").splitlines()
                lines = [json.loads(line) for line in written if HEALTH not in line]
                assert all(line.keys() >= {"timestamp", "level", "event"} for line in lines), name
                read |= {container["name"]} if lines else set()
    assert read | MAY_BE_SILENT == WRITE_JSON
