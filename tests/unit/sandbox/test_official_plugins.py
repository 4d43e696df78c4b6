"""Which plug-ins of their publishers a sandbox takes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sandbox import official_plugins
from sandbox.official_plugins import OfficialPlugins
from sandbox.report import LineReport
from stacks.versions import AIRFLOW_CHART_REPOSITORY


@pytest.fixture
def pulumi(tmp_path: Path) -> Path:
    """One that installs every plug-in."""
    file = tmp_path / "pulumi"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("node", "charts", "taken"),
    [(True, True, {"kubernetes", "random"}), (False, True, {"random"}), (True, False, {"random"})],
)
def test_the_published_kubernetes_plug_in_is_taken_only_where_it_can_finish(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: bool, charts: bool, taken: set[str]
) -> None:
    """Without a node it waits ten minutes for every workload; without the official chart it has no Airflow."""
    monkeypatch.setattr(official_plugins, "_reachable", lambda url: charts or url != AIRFLOW_CHART_REPOSITORY)
    plugins = OfficialPlugins(tmp_path / "home")
    plugins.choose(pulumi, LineReport(io.StringIO()), node=node)
    assert plugins.installed() == taken


def test_a_stack_that_began_without_a_node_keeps_its_plug_in(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official_plugins, "_reachable", lambda url: True)
    for node in (False, True):
        OfficialPlugins(tmp_path / "home").choose(pulumi, LineReport(io.StringIO()), node=node)
    assert OfficialPlugins(tmp_path / "home").installed() == {"random"}
