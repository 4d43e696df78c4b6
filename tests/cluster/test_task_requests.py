"""What a task may ask of its pod and what it may not: by honest files, and by files that switch the policies off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import mistakes
from tests.cluster.running_platform import RunningPlatform

SLIPPED = {**mistakes.REQUESTS, "executor": mistakes.EXECUTOR}
HONEST = {name: request for name, request in SLIPPED.items() if not request.parsed}
ATTACK = "weather.attack"
ASKED = "mobility.asked"
LABEL = "task.ariel.dev/purpose"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one push of everything: the run of the attack, and the run that asked for what it may."""

    attack: str
    asked: str
    states: dict[str, str]
    """Task of the attack -> its state at the end."""
    pods: list[dict[str, Any]]
    """Every state of every pod of the cluster meanwhile."""
    before: dict[str, tuple[str, int]]
    after: dict[str, tuple[str, int]]
    """Uid and restarts of all pods but those of tasks."""

    def pods_of(self, dag_id: str) -> list[dict[str, Any]]:
        return [pod for pod in self.pods if pod["metadata"].get("annotations", {}).get("dag_id") == dag_id]


def platform_image(platform: RunningPlatform) -> str:
    scheduler = platform.get("pods", "airflow", "component=scheduler")[0]
    return str(scheduler["spec"]["containers"][0]["image"])


def accepted(image: str) -> str:
    """A DAG whose task asks for one of each thing that an author may choose."""
    asks = {"identity": "counts", "image": image, "size": "S", "labels": {"purpose": "counting"}}
    return mistakes.dag_file(ASKED, arguments=f"executor_config={ {'ariel': asks}!r}")


@pytest.fixture(scope="module")
def outcome(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    before = platform.restarts()
    attack = mistakes.request_file(ATTACK, SLIPPED, mistakes.WITHOUT_POLICIES)
    files = {
        f"dags/asks_{name}.py": mistakes.request_file(f"weather.asks_{name}", {name: request})
        for name, request in HONEST.items()
    }
    try:
        with platform.watched_pods(tmp_path_factory.mktemp("pods") / "watch") as pods:
            platform.push("weather", {"dags/attack.py": attack, **files})
            platform.push("mobility", {"dags/asked.py": accepted(platform_image(platform))})
            attacked, asked = platform.start_run(ATTACK), platform.start_run(ASKED)
            platform.ended(ATTACK, attacked)
            platform.ended(ASKED, asked)
        states = {name: task["state"] for name, task in platform.task_instances(ATTACK, attacked).items()}
        yield Outcome(attack=attacked, asked=asked, states=states, pods=pods, before=before, after=platform.restarts())
    finally:
        platform.push("weather", dict.fromkeys(["dags/attack.py", *files]))
        platform.push("mobility", {"dags/asked.py": None})
        platform.until(lambda: not own_errors(platform), "the import errors are gone")


def own_errors(platform: RunningPlatform) -> dict[str, str]:
    return {file: text for file, text in platform.import_errors().items() if "/asks_" in file}


@pytest.mark.parametrize("request_", HONEST)
def test_an_author_reads_at_once_why_a_request_is_not_taken(
    platform: RunningPlatform, outcome: Outcome, request_: str
) -> None:
    def message() -> str:
        return next((text for file, text in own_errors(platform).items() if f"asks_{request_}.py" in file), "")

    text = platform.until(message, f"the import error of {request_}")
    assert [part for part in HONEST[request_].says if part not in text] == [], text
    assert platform.dag(f"weather.asks_{request_}") == {}


@pytest.mark.parametrize("task", mistakes.REQUESTS)
def test_a_request_that_slipped_through_fails_the_task_with_the_reason_in_its_log(
    platform: RunningPlatform, outcome: Outcome, task: str
) -> None:
    assert outcome.states[task] == "failed"
    log = platform.task_log(ATTACK, outcome.attack, task)
    assert [part for part in mistakes.REQUESTS[task].says if part not in log] == [], log


def test_no_refused_request_ever_has_a_pod(outcome: Outcome) -> None:
    tasks = {pod["metadata"]["annotations"]["task_id"] for pod in outcome.pods_of(ATTACK)}
    assert tasks == {"executor"}, "only the task whose executor was left out may run"
    assert outcome.states["executor"] == "success"


def test_no_pod_of_a_task_is_in_another_namespace_or_under_another_account(outcome: Outcome) -> None:
    tasks = [pod for pod in outcome.pods if pod["metadata"]["namespace"].startswith("tasks-")]
    places = {
        (
            pod["metadata"]["annotations"]["dag_id"].partition(".")[0],
            pod["metadata"]["namespace"],
            pod["spec"]["serviceAccountName"],
        )
        for pod in tasks
    }
    assert {("weather", "tasks-weather", "task"), ("mobility", "tasks-mobility", "task-counts")} <= places
    assert {place for place in places if place[1] != f"tasks-{place[0]}" or not place[2].startswith("task")} == set()
    elsewhere = [pod for pod in outcome.pods if pod not in tasks and "dag_id" in pod["metadata"].get("annotations", {})]
    assert elsewhere == []


def test_a_task_has_the_identity_image_size_and_labels_that_it_asked_for(
    platform: RunningPlatform, outcome: Outcome
) -> None:
    assert platform.run_state(ASKED, outcome.asked) == "success"
    pod = outcome.pods_of(ASKED)[0]
    (container,) = (each for each in pod["spec"]["containers"] if each["name"] == "base")
    assert pod["spec"]["serviceAccountName"] == "task-counts"
    assert pod["metadata"]["labels"][LABEL] == "counting"
    assert container["resources"]["requests"].items() >= {"cpu": "250m", "memory": "512Mi"}.items()
    assert container["image"] == platform_image(platform)


def test_neither_scheduler_nor_any_other_part_restarts_over_it(outcome: Outcome) -> None:
    assert outcome.after == outcome.before
