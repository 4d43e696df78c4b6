"""`ariel smoke` on a running platform: what it says of each tenant and part."""

from __future__ import annotations

import json

from tests.cluster.running_platform import STACK, RunningPlatform


def test_a_platform_that_works_is_said_to_work_part_by_part(platform: RunningPlatform) -> None:
    told = platform.ariel("smoke", "--env", STACK, "--json")
    found = {(each["tenant"], each["part"]): each for each in json.loads(told.stdout)["checks"]}
    assert told.returncode == 0, [each for each in found.values() if each["state"] == "failed"]
    assert "recorded example" in found["weather", "forecast"]["text"]
    assert found["mobility", "forecast"]["state"] == "absent"
    for tenant in platform.session.settings.tenants:
        held = {part for (owner, part), each in found.items() if owner == tenant and each["state"] == "ok"}
        assert {"execution", "identity", "database", "log", "picture"} <= held, found
