"""A release stays with the chart that it was installed from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes import chart_source
from sandbox.plugins.kubernetes.chart_source import Chart, ChartSource

REPOSITORY = {"repo": "https://charts.example.test"}


@pytest.fixture
def compact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "compact"
    folder.mkdir()
    (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "airflow", "version": "1.22.0"}))
    monkeypatch.setenv("ARIEL_COMPACT_CHART", str(folder))
    monkeypatch.delenv("ARIEL_AIRFLOW_CHART", raising=False)
    return folder


@pytest.fixture
def official(tmp_path: Path) -> Path:
    folder = tmp_path / "official"
    folder.mkdir()
    (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "airflow", "version": "1.22.0"}))
    return folder


def resolve(installed: str, said: list[str] | None = None) -> Chart:
    return ChartSource((said if said is not None else []).append).resolve("airflow", "1.22.0", REPOSITORY, installed)


def network(monkeypatch: pytest.MonkeyPatch, answer: Path | None) -> None:
    def pulled(*_: object) -> Path:
        if answer is None:
            raise PluginError("no network")
        return answer

    monkeypatch.setattr(chart_source, "_pulled", pulled)


def test_the_compact_chart_stays_when_the_network_comes_back(
    compact: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other chart would replace every object of a running Airflow."""
    network(monkeypatch, None)
    first = resolve("")
    assert first.path == compact
    network(monkeypatch, official)
    assert resolve(first.version) == first


def test_the_official_chart_is_not_replaced_when_the_network_goes(
    compact: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(monkeypatch, official)
    first = resolve("")
    assert first.path == official
    network(monkeypatch, None)
    with pytest.raises(PluginError, match="no network"):
        resolve(first.version)


def test_the_choice_of_the_compact_chart_is_announced_once(compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network(monkeypatch, None)
    said: list[str] = []
    resolve(resolve("", said).version, said)
    assert len(said) == 1


def test_a_chart_that_a_person_names_wins_over_what_was_installed(
    compact: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(monkeypatch, None)
    installed = resolve("").version
    monkeypatch.setenv("ARIEL_AIRFLOW_CHART", str(official))
    assert resolve(installed).path == official
