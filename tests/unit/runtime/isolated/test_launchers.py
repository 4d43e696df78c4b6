"""What Kubernetes and Docker are asked for, and that what they are asked to start does the work."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
from ariel_runtime.isolated import launchers
from ariel_runtime.isolated.interpreted import InterpretedOperator
from ariel_runtime.isolated.launchers import DockerRunner, KubernetesPodRunner
from ariel_runtime.isolated.package import Package, of_function
from ariel_runtime.isolated.work import Work
from ariel_runtime.refusal import RefusedError


def double(number: int) -> int:
    return 2 * number


PACKAGE = Package(
    script=of_function("double", inspect.getsource(double)),
    given=json.dumps({"args": [], "kwargs": {"number": 21}, "root": "/elsewhere"}),
)


def asked(monkeypatch: pytest.MonkeyPatch, runner: Any, kind: type, answer: Any, work: Work) -> tuple[Any, Any]:
    """The real operator as far as its execution, and what the runner makes of the answer."""
    made: list[Any] = []
    monkeypatch.setattr(kind, "execute", lambda self, context: made.append(self) or answer)
    with DAG("weather.launched") as dag:
        task = InterpretedOperator(task_id="double", runner=lambda operator: runner(work, operator), work=work, dag=dag)
    result = task._runner.run(PACKAGE, {})
    return made[0], result


WORK = Work(python_callable=double, image="old:1", environment="python3")


def test_a_pod_is_asked_for_with_the_package_and_no_rights_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ARIEL__ISOLATED_REGISTRY", "cr.example/weather")
    pod, result = asked(monkeypatch, KubernetesPodRunner, KubernetesPodOperator, 42, WORK)
    assert (pod.image, pod.cmds, result) == (
        "cr.example/weather/old:1",
        ["python", "-m", "ariel_runtime.isolated.child"],
        42,
    )
    assert (pod.arguments, pod.do_xcom_push) == (["/airflow/xcom/return.json"], True)
    assert (pod.automount_service_account_token, pod.volumes) == (False, [])
    assert set(pod.env_vars) == {"ARIEL_PACKAGE", "ARIEL_ENVIRONMENT_NAME"}


def test_a_container_is_asked_for_without_a_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    container, result = asked(monkeypatch, DockerRunner, DockerOperator, "42", WORK)
    assert (container.image, container.command, result) == (
        "old:1",
        ["python", "-m", "ariel_runtime.isolated.child"],
        42,
    )
    assert (container.mounts, container.mount_tmp_dir, container.auto_remove) == ([], False, "force")
    assert container.environment == {}, "shown on the task's page"


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (Work(script="x", image="old", environment="sh", connections=("c",)), "connections: 'c'"),
        (Work(script="x", image="old", environment="sh", variables=("v",)), "connections: 'v'"),
        (Work(script="x", environment="sh"), "this back end starts a container"),
    ],
)
def test_a_container_is_never_given_a_secret(monkeypatch: pytest.MonkeyPatch, work: Work, message: str) -> None:
    """Its environment is read by whoever may read pods, or containers."""
    with pytest.raises(RefusedError, match=message):
        asked(monkeypatch, DockerRunner, DockerOperator, "42", work)


def test_a_missing_provider_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.docker.operators.docker", None)
    with pytest.raises(RefusedError, match=r"add airflow\.providers\.docker to the image"):
        launchers._imported("airflow.providers.docker.operators.docker", "DockerOperator")


def test_what_the_container_starts_runs_the_package() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ariel_runtime.isolated.child"],
        env={**os.environ, "ARIEL_PACKAGE": PACKAGE.as_text(), "ARIEL_ENVIRONMENT_NAME": "python3"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout.splitlines()[-1:] == ["42"], ended.stderr
