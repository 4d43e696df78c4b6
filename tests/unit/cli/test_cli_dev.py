"""`ariel dev`: one real start of Airflow, and what an author sees of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from cli.dev import is_running
from cli.repository import repository_at
from tests.unit.cli import laptop
from tests.unit.cli.laptop import PATIENCE, Dev

EDITED = """
from airflow.sdk import dag


@dag(dag_id="weather.second", schedule=None, description="DESCRIPTION")
def second():
    pass


second()
"""

FORCED = "Bundles being force refreshed: weather"
"""What the DAG processor logs where files were asked for."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    running = Dev(laptop.make(tmp_path_factory.mktemp("dev") / "with a space"))
    yield running
    running.process.terminate()
    running.process.wait(60)


def test_the_pages_of_the_platform_open_for_whoever_sits_here(dev: Dev) -> None:
    assert dev.address.startswith("http://127.0.0.1:")
    for page in ("/", "/hello/", "/ariel/secrets/"):
        assert dev.client.get(page).status_code == httpx.codes.OK, page


def test_only_the_repositorys_dags_are_known_and_none_runs_by_itself(dev: Dev) -> None:
    dev.until(lambda: bool(dev.dags()))
    assert {dag_id: each["is_paused"] for dag_id, each in dev.dags().items()} == {"weather.first": True}


def test_a_second_one_in_the_same_checkout_is_refused_and_says_where_the_first_is(dev: Dev) -> None:
    second = laptop.ariel(dev.root, "dev")
    _, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert dev.address in said
    assert is_running(repository_at(dev.root))


def test_a_run_by_the_scheduler_finds_the_laptops_secrets_and_the_teams_pool(dev: Dev) -> None:
    dev.client.patch("/api/v2/dags/weather.first", json={"is_paused": False}).raise_for_status()
    runs = "dags/weather.first/dagRuns"
    dev.client.post(f"/api/v2/{runs}", json={"logical_date": None}).raise_for_status()
    dev.until(lambda: dev.get(runs)["dag_runs"][0]["state"] in ("success", "failed"))
    assert dev.get(runs)["dag_runs"][0]["state"] == "success"
    path = f"{runs}/{dev.get(runs)['dag_runs'][0]['dag_run_id']}/taskInstances"
    assert {each["pool"] for each in dev.get(path)["task_instances"]} == {"weather"}


def test_airflows_own_command_asks_the_same_database(dev: Dev) -> None:
    listing = laptop.ariel(dev.root, "airflow", "dags", "list")
    said, complaint = listing.communicate(timeout=PATIENCE)
    assert listing.returncode == 0, complaint
    assert "weather.first" in said


def test_a_reload_has_every_file_parsed_before_its_time(dev: Dev) -> None:
    """By itself the processor parses each again and again, but refreshes no bundle by force."""
    (dev.root / "dags" / "second.py").write_text(EDITED)
    dev.until(lambda: len(dev.dags()) == 2)
    log = dev.root / ".ariel" / "dev" / "dag-processor.log"
    assert FORCED not in log.read_text()
    before = {dag_id: each["last_parsed_time"] for dag_id, each in dev.dags().items()}
    reload = laptop.ariel(dev.root, "dags", "reload")
    said = reload.communicate(timeout=PATIENCE)
    assert reload.returncode == 0, said
    dev.until(lambda: FORCED in log.read_text())
    dev.until(lambda: all(each["last_parsed_time"] > before[dag_id] for dag_id, each in dev.dags().items()))


def test_an_edit_is_seen_and_a_broken_file_is_said_until_it_is_mended(dev: Dev) -> None:
    file = dev.root / "dags" / "second.py"
    for text in ("as first written", "as edited"):
        file.write_text(EDITED.replace("DESCRIPTION", text))
        dev.until(lambda text=text: dev.dags().get("weather.second", {}).get("description") == text)  # type: ignore[misc]
    file.write_text(EDITED.replace("weather.second", "mobility.second"))
    dev.until(lambda: "rename the DAG to 'weather.mobility.second'" in dev.said)
    file.unlink()
    dev.until(lambda: "mended" in dev.said)


def test_nothing_is_left_of_a_dag_that_no_file_has_any_more(dev: Dev) -> None:
    """Of the one of the test before, whose file was removed."""
    deletion = laptop.ariel(dev.root, "dags", "delete", "second", "--yes")
    said = deletion.communicate(timeout=PATIENCE)
    assert deletion.returncode == 0, said
    assert dev.client.get("/api/v2/dags/weather.second/details").status_code == httpx.codes.NOT_FOUND


def test_ctrl_c_stops_all_of_it(dev: Dev) -> None:
    dev.until(lambda: len(dev.sessions()) == 4)
    processes = dev.processes()
    assert len(processes) >= 4
    dev.interrupt()
    assert laptop.running(processes) == []
    with pytest.raises(httpx.TransportError):
        dev.client.get("/")
    assert not is_running(repository_at(dev.root))
