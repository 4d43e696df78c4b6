"""Helm releases by the kubernetes plug-in: the real helm binary against a real API server."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import toolchain
from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.kubernetes.chart_source import ChartSource
from sandbox.plugins.values import UNKNOWN, Secret
from tests.engine.plugins.kubernetes_driver import Driver, Made

RELEASE = "helm.sh/v3:Release"
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-settings"}
data: {word: {{ .Values.word | quote }}, random: {{ randAlphaNum 8 | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "example.test/web:1"}]}
"""


@pytest.fixture(scope="module", autouse=True)
def _helm_on_path() -> Iterator[None]:
    folder = toolchain.ensure(["helm"])["helm"].parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(autouse=True)
def _own_helm_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_CACHE_HOME", str(tmp_path / "helm-cache"))
    monkeypatch.delenv("ARIEL_AIRFLOW_CHART", raising=False)
    monkeypatch.delenv("ARIEL_COMPACT_CHART", raising=False)


@pytest.fixture
def driver(cluster: Any) -> Driver:
    return Driver(cluster.kubeconfig)


@pytest.fixture
def space(driver: Driver) -> Iterator[str]:
    made = driver.namespace()
    yield made.id
    path = f"/api/v1/namespaces/{made.id}"
    driver.send("DELETE", path, None)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write_chart(tmp_path / "web", "1.0.0")


def write_chart(folder: Path, version: str, template: str = TEMPLATE, name: str = "web") -> Path:
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    meta = {"apiVersion": "v2", "name": name, "version": version, "appVersion": "9"}
    (folder / "Chart.yaml").write_text(json.dumps(meta))
    (folder / "values.yaml").write_text("word: default\n")
    (folder / "templates" / "all.yaml").write_text(template)
    return folder


def release(chart: Path, space: str, **more: Any) -> dict[str, Any]:
    values = {"word": Secret("hunter22"), **more.pop("values", {})}
    return {"chart": str(chart), "name": "demo", "namespace": space, "values": values, "compat": "true", **more}


def test_a_release_is_installed_with_its_values_and_its_state_hides_the_secret_ones(
    driver: Driver, chart: Path, space: str
) -> None:
    made = driver.create(RELEASE, release(chart, space))
    live = driver.live(f"/api/v1/namespaces/{space}/configmaps/demo-settings")
    assert live is not None
    assert live["data"]["word"] == "hunter22"
    assert "hunter22" not in json.dumps(made.outputs, default=repr)
    status = {"name": "demo", "namespace": space, "revision": 1, "status": "deployed"}
    assert made.plain["status"] == {**status, "chart": "web", "version": "1.0.0", "appVersion": "9"}
    assert made.plain["resourceNames"]["Deployment.apps/apps/v1"] == ["demo-web"]
    driver.delete(made)
    assert driver.refresh(made) is None
    driver.delete(made)


def test_random_values_in_a_template_cause_no_diff_and_a_new_chart_version_does(
    driver: Driver, chart: Path, space: str, cluster: Any
) -> None:
    made = driver.create(RELEASE, release(chart, space))
    assert not driver.diff(made, release(chart, space)).diffs
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert not driver.diff(refreshed, release(chart, space)).diffs
    write_chart(chart, "1.1.0")
    later = Driver(cluster.kubeconfig)
    assert list(later.diff(made, release(chart, space)).detailedDiff) == ["version"]
    upgraded = later.update(made, release(chart, space))
    assert upgraded.plain["status"]["revision"] == 2
    assert not later.diff(upgraded, release(chart, space)).diffs


def test_a_release_changed_past_pulumi_is_drift(driver: Driver, chart: Path, space: str, cluster: Any) -> None:
    made = driver.create(RELEASE, release(chart, space))
    write_chart(chart, "2.0.0")
    command = ["helm", "upgrade", "demo", str(chart), "-n", space, "--set", "word=other", "--kubeconfig"]
    subprocess.run([*command, str(cluster.kubeconfig)], check=True, capture_output=True)
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert set(driver.diff(refreshed, release(chart, space)).detailedDiff) == {"values.word", "version"}


def test_another_name_or_namespace_replaces(driver: Driver, chart: Path, space: str) -> None:
    made = driver.create(RELEASE, release(chart, space))
    assert list(driver.diff(made, release(chart, space) | {"name": "other"}).replaces) == ["name"]


def test_a_release_of_somebody_else_is_not_taken_over(driver: Driver, chart: Path, space: str) -> None:
    driver.create(RELEASE, release(chart, space))
    with pytest.raises(PluginError, match=r"exists with status deployed.*import it"):
        driver.create(RELEASE, release(chart, space))


@pytest.mark.parametrize("revision", [1, 2])
def test_a_release_that_a_killed_run_left_pending_is_repaired(
    driver: Driver, chart: Path, space: str, revision: int
) -> None:
    made = driver.create(RELEASE, release(chart, space))
    if revision == 2:
        made = driver.update(made, release(chart, space, values={"more": 1}))
    status = "pending-install" if revision == 1 else "pending-upgrade"
    leave_pending(driver, space, revision, status)
    if revision == 1:
        repaired = driver.create(RELEASE, release(chart, space))
    else:
        repaired = driver.update(made, release(chart, space, values={"more": 2}))
    assert repaired.plain["status"]["status"] == "deployed"


def leave_pending(driver: Driver, space: str, revision: int, status: str) -> None:
    """Write the status that Helm writes before it starts, into the record that it keeps."""
    path = f"/api/v1/namespaces/{space}/secrets/sh.helm.release.v1.demo.v{revision}"
    record = driver.live(path)
    assert record is not None
    stored = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"]))))
    stored["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(stored).encode()))).decode()
    change = {"metadata": {"labels": {"status": status}}, "data": {"release": packed}}
    driver.send("PATCH", path, change, content_type="application/merge-patch+json")


def test_a_failed_install_says_what_helm_said_without_the_values(driver: Driver, tmp_path: Path, space: str) -> None:
    broken = write_chart(tmp_path / "broken", "1.0.0", '{{ fail (printf "no good: %s" .Values.word) }}')
    with pytest.raises(PluginError, match=r"Release t-.*/demo: helm: .*no good: \[secret\]"):
        driver.create(RELEASE, release(broken, space))


def test_objects_that_the_server_refuses_leave_a_failed_release_that_the_next_run_upgrades(
    driver: Driver, tmp_path: Path, space: str
) -> None:
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'Bad Name'}\n"
    folder = write_chart(tmp_path / "bad", "1.0.0", bad)
    with pytest.raises(IncompleteError, match="Bad Name") as caught:
        driver.create(RELEASE, release(folder, space))
    made = Made(driver.urn(RELEASE), f"{space}/demo", dict(caught.value.inputs), dict(caught.value.properties))
    write_chart(folder, "1.0.0")
    assert driver.update(made, release(folder, space)).plain["status"]["status"] == "deployed"


def test_a_release_whose_pods_do_not_start_fails_in_the_given_time_names_them_and_stays_in_the_state(
    driver: Driver, chart: Path, space: str
) -> None:
    """Of a release that was forgotten the next run would say that it belongs to somebody else."""
    begun = time.monotonic()
    with (
        driver.node(),
        pytest.raises(IncompleteError, match=r"Deployment demo-web: 0 of 1 pods are available") as caught,
    ):
        driver.create(RELEASE, release(chart, space), seconds=3)
    assert time.monotonic() - begun < 60
    made = Made(driver.urn(RELEASE), f"{space}/demo", dict(caught.value.inputs), dict(caught.value.properties))
    assert made.plain["status"]["status"] == "failed"
    again = Driver(driver.plugin._settings.kubeconfig)
    assert again.update(made, release(chart, space)).plain["status"]["status"] == "deployed"


def test_unknown_values_are_no_reason_to_look_for_the_chart(driver: Driver, space: str) -> None:
    inputs = release(Path("nowhere"), space, values={"later": UNKNOWN})
    assert driver.preview(RELEASE, inputs)["values"]["later"] == UNKNOWN


def test_a_chart_that_cannot_be_had_is_refused_in_the_preview(driver: Driver, space: str) -> None:
    response = driver.check(RELEASE, release(Path("./nowhere"), space))
    assert [failure.property for failure in response.failures] == ["chart"]


def test_a_repository_password_is_refused_since_helm_would_show_it_in_its_arguments(
    driver: Driver, chart: Path, space: str
) -> None:
    inputs = release(chart, space) | {
        "repositoryOpts": {"repo": "https://charts.example.test", "password": Secret("x")}
    }
    response = driver.check(RELEASE, inputs)
    assert [failure.property for failure in response.failures] == ["repositoryOpts.password"]


def official(version: str = "1.22.0") -> tuple[str, str, dict[str, str]]:
    # Port 1 of the loopback refuses at once.
    return "airflow", version, {"repo": "http://127.0.0.1:1"}


def test_the_compact_chart_steps_in_for_airflow_only_when_the_repository_is_away_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact = write_chart(tmp_path / "compact", "1.22.0", name="airflow")
    said: list[str] = []
    with pytest.raises(PluginError, match="helm pull"):
        ChartSource(said.append).resolve(*official())
    monkeypatch.setenv("ARIEL_COMPACT_CHART", str(compact))
    found = ChartSource(said.append).resolve(*official())
    assert found.path == compact
    assert len(said) == 1
    assert "compact chart" in said[0]
    with pytest.raises(PluginError, match="helm pull"):
        ChartSource(said.append).resolve("redis", "1.0.0", {"repo": "http://127.0.0.1:1"})


def test_an_edited_compact_chart_upgrades_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact = write_chart(tmp_path / "compact", "1.22.0", name="airflow")
    monkeypatch.setenv("ARIEL_COMPACT_CHART", str(compact))
    before = ChartSource(lambda _: None).resolve(*official()).version
    assert before == ChartSource(lambda _: None).resolve(*official()).version
    write_chart(compact, "1.22.0", TEMPLATE + "# edited", name="airflow")
    assert before != ChartSource(lambda _: None).resolve(*official()).version


def test_a_refresh_does_not_mistake_the_mark_of_the_compact_chart_for_drift(
    driver: Driver, tmp_path: Path, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARIEL_COMPACT_CHART", str(write_chart(tmp_path / "compact", "1.22.0", name="airflow")))
    chart, version, repository = official()
    wanted = release(Path(chart), space) | {"version": version, "repositoryOpts": repository}
    made = driver.create(RELEASE, wanted)
    assert made.plain["version"].startswith("1.22.0+compact.")
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert not driver.diff(refreshed, wanted).diffs
    later = wanted | {"values": {"word": UNKNOWN}}
    assert list(driver.diff(refreshed, later).detailedDiff) == ["values.word"]


def test_an_official_chart_on_the_machine_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_chart(tmp_path / "airflow", "1.22.0", name="airflow")
    archive = tmp_path / "airflow-1.22.0.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "airflow")
    monkeypatch.setenv("ARIEL_AIRFLOW_CHART", str(archive))
    monkeypatch.setenv("ARIEL_COMPACT_CHART", str(write_chart(tmp_path / "compact", "1.22.0")))
    found = ChartSource(lambda _: None).resolve(*official())
    assert (found.path, found.version) == (archive, "1.22.0")


def test_a_failed_pull_is_remembered_beside_the_cache(tmp_path: Path) -> None:
    for expected in ("check name, version, network", "failed a short while ago"):
        with pytest.raises(PluginError, match=expected):
            ChartSource(lambda _: None).resolve(*official())
    assert list((tmp_path / "helm-cache").rglob("*.failed"))
