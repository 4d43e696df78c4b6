"""An operation of the emulated ARM ends when its work in the real world has, and fails when that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from sandbox.arm.app import create_app
from sandbox.arm.backing import Work
from sandbox.arm.errors import ArmError
from sandbox.arm.faults import Schedule
from sandbox.arm.resource import Resource
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.types.postgresql import DATABASE, SERVER
from sandbox.arm.world import Settings, World
from tests.engine.arm.cloud import GROUP, PLENTY, TOKEN, Cloud

NAME = f"{GROUP}/providers/{SERVER}/psql-files"
BODY = {
    "location": "westeurope",
    "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
    "properties": {"version": "17", "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"}},
}


@dataclass
class Files:
    """Backs a type by one file per resource, as slowly as `gate` is closed; `broken` is what it fails with."""

    folder: Path
    gate: threading.Event = field(default_factory=threading.Event)
    broken: Exception | None = None

    def put(self, _: World, resource: Resource) -> Work:
        return lambda: self._work(lambda: (self.folder / resource.name).write_text("stands"))

    def delete(self, _: World, resource: Resource) -> Work:
        return lambda: self._work((self.folder / resource.name).unlink)

    def act(self, _: World, resource: Resource, effect: str) -> Work:
        return lambda: self._work(lambda: (self.folder / resource.name).write_text(effect))

    def _work(self, effect: Callable[[], object]) -> None:
        assert self.gate.wait(10)
        if self.broken is not None:
            raise self.broken
        effect()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.gate.set()
    return made


@contextmanager
def served(files: Files) -> Iterator[Cloud]:
    settings = Settings(tenant_id=TENANT_ID, operation_seconds=0.0)
    backings = {SERVER: files, DATABASE: files}
    app = create_app(
        files.folder / "arm", token=TOKEN, settings=settings, schedule=Schedule(limits=PLENTY), backings=backings
    )
    with TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield Cloud(client)
    files.gate.set()
    app.state.service.close()


@pytest.fixture
def cloud(files: Files) -> Iterator[Cloud]:
    with served(files) as made:
        made.made(GROUP, {"location": "westeurope"})
        yield made


def status(cloud: Cloud, answer: Any) -> dict[str, Any]:
    return dict(cloud.client.get(answer.headers["Azure-AsyncOperation"]).json())


def act(cloud: Cloud, action: str, body: Any = None) -> Any:
    return cloud.client.post(f"{NAME}/{action}", params={"api-version": "2025-08-01"}, json=body)


def test_a_creation_is_under_way_until_the_real_thing_stands(cloud: Cloud, files: Files) -> None:
    files.gate.clear()
    answer = cloud.send("PUT", NAME, BODY)
    time.sleep(0.05)
    assert status(cloud, answer)["status"] == "InProgress"
    assert cloud.send("PUT", NAME, BODY).json()["error"]["code"] == "ServerIsBusy"
    files.gate.set()
    assert cloud.wait(answer) == "Succeeded"
    assert (files.folder / "psql-files").exists()


@pytest.mark.parametrize(
    ("broken", "code"),
    [(ArmError(400, "InvalidParameterValue", "no"), "InvalidParameterValue"), (OSError("full"), "InternalServerError")],
)
def test_a_failure_of_the_real_thing_is_the_error_of_the_operation(
    cloud: Cloud, files: Files, broken: Exception, code: str
) -> None:
    files.broken = broken
    answer = cloud.send("PUT", NAME, BODY)
    assert cloud.wait(answer) == "Failed"
    assert status(cloud, answer)["error"]["code"] == code
    files.broken = None
    assert cloud.put(NAME, BODY).status_code in (200, 201)


def test_a_server_takes_its_databases_along(cloud: Cloud, files: Files) -> None:
    cloud.made(NAME, BODY)
    cloud.made(f"{NAME}/databases/airflow", {"properties": {}})
    assert cloud.delete(GROUP).status_code == 202
    assert not (files.folder / "psql-files").exists()
    assert (files.folder / "airflow").exists(), "a database goes with its server and is not asked to go alone"


def test_a_deletion_that_fails_keeps_the_resource(cloud: Cloud, files: Files) -> None:
    cloud.made(NAME, BODY)
    files.broken = OSError("busy")
    assert cloud.wait(cloud.send("DELETE", NAME)) == "Failed"
    assert cloud.get(NAME).status_code == 200


def test_work_that_a_restart_of_the_service_cut_off_is_done_after_it(files: Files) -> None:
    with served(files) as first:
        first.made(GROUP, {"location": "westeurope"})
        files.broken = OSError("the process ends here")
        answer = first.send("PUT", NAME, BODY)
    files.broken = None
    with served(files) as second:
        assert second.wait(answer) == "Succeeded"
        assert (files.folder / "psql-files").exists()


def test_a_fault_that_fails_the_operation_makes_nothing_real(cloud: Cloud, files: Files) -> None:
    rule = {"match": {"type": SERVER}, "action": "lro-fail", "code": "Broken", "message": "by schedule"}
    cloud.client.put("/_sandbox/faults", json={"rules": [rule]})
    assert cloud.wait(cloud.send("PUT", NAME, BODY)) == "Failed"
    assert not (files.folder / "psql-files").exists()


def test_stopping_and_starting_reach_the_real_thing_and_show(cloud: Cloud, files: Files) -> None:
    cloud.made(NAME, BODY)
    for action, state in (("stop", "Stopped"), ("start", "Ready")):
        assert cloud.wait(act(cloud, action)) == "Succeeded"
        assert (files.folder / "psql-files").read_text() == action
        assert cloud.get(NAME).json()["properties"]["state"] == state


def test_a_server_without_a_standby_does_not_fail_over(cloud: Cloud, files: Files) -> None:
    cloud.made(NAME, BODY)
    refused = act(cloud, "restart", {"restartWithFailover": True})
    assert refused.json()["error"]["code"] == "HighAvailabilityNotEnabled"
    assert (files.folder / "psql-files").read_text() == "stands"


def test_an_update_does_not_start_a_stopped_server(cloud: Cloud) -> None:
    cloud.made(NAME, BODY)
    cloud.wait(act(cloud, "stop"))
    assert cloud.made(NAME, {**BODY, "tags": {"a": "b"}})["properties"]["state"] == "Stopped"
