"""Where a release's chart comes from: always a folder or archive on this machine in the end.

This is the one place that puts another chart under the name that the program asks for, so that the program
need not know of the sandbox. In order:

1. `ARIEL_AIRFLOW_CHART=path` wins for a chart named `airflow`;
2. a folder or `.tgz` is taken as it is;
3. an archive pulled earlier, else `helm pull` from the repository, into Helm's cache;
4. `ARIEL_COMPACT_CHART=path` for a chart named `airflow` when the pull fails, with a warning in the engine's output.

Between 3 and 4 is chosen once per release: one that was installed with the official chart or with the compact one stays
with it, whatever the network does later.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.plugins.failures import PluginError

_AIRFLOW = "airflow"
# A pull that takes longer counts as failed; one that failed is not tried again for an hour (in the same cache folder).
_PULL_SECONDS = 8
_MEMORY_SECONDS = 3600
_DIGEST_HEX = 8
_COMPACT_MARK = "+compact."


@dataclass(frozen=True)
class Chart:
    """A chart on this machine. `version` is what the state remembers: a changed one upgrades the release."""

    path: Path
    name: str
    version: str
    app_version: str


class ChartSource:
    """Resolves charts; `announce(text)` shows a warning once per run."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._lock = threading.Lock()
        self._resolved: dict[tuple[str, ...], Chart] = {}

    def resolve(self, chart: str, version: str, repository: Mapping[str, str], installed: str = "") -> Chart:
        """The chart; `installed` is the version that the release has in the state, empty before it is made.

        Raises PluginError when the chart is nowhere to be had.
        """
        key = (chart, version, repository.get("repo", ""), _chosen(chart, installed))
        with self._lock:
            if key not in self._resolved:
                self._resolved[key] = self._find(chart, version, repository, key[-1])
            return self._resolved[key]

    def _find(self, chart: str, version: str, repository: Mapping[str, str], chosen: str) -> Chart:
        named = os.environ.get("ARIEL_AIRFLOW_CHART") if _is_airflow(chart) else None
        if named:
            return load(Path(named).expanduser(), "ARIEL_AIRFLOW_CHART")
        if Path(chart).expanduser().exists():
            return load(Path(chart).expanduser(), "chart")
        compact = os.environ.get("ARIEL_COMPACT_CHART") if _is_airflow(chart) else None
        if compact and chosen == "compact":
            return _marked(load(Path(compact).expanduser(), "ARIEL_COMPACT_CHART"))
        try:
            return load(_pulled(chart, version, repository), "chart")
        except PluginError as failure:
            if not compact or chosen:
                raise
            self._announce(
                f"The official Airflow chart {version} cannot be had ({failure}). The sandbox's compact chart is "
                "installed in its place; ARIEL_AIRFLOW_CHART=path names an official one on this machine."
            )
            return _marked(load(Path(compact).expanduser(), "ARIEL_COMPACT_CHART"))


def _is_airflow(chart: str) -> bool:
    return chart.rpartition("/")[2] == _AIRFLOW


def _chosen(chart: str, installed: str) -> str:
    """What the release was made from: `compact` or `official`; empty where nothing was chosen yet."""
    if not installed or not _is_airflow(chart):
        return ""
    return "compact" if _COMPACT_MARK in installed else "official"


def load(path: Path, setting: str) -> Chart:
    """The chart in a folder or archive; raises PluginError that names the setting."""
    try:
        meta = yaml.safe_load(_chart_yaml(path))
        return Chart(path.resolve(), str(meta["name"]), str(meta["version"]), str(meta.get("appVersion") or ""))
    except (OSError, tarfile.TarError, yaml.YAMLError, KeyError, TypeError) as failure:
        raise PluginError(
            f"{setting}: {path}: no Helm chart ({type(failure).__name__}); a folder with Chart.yaml or a .tgz of one "
            "is required"
        ) from None


def _chart_yaml(path: Path) -> bytes:
    if path.is_dir():
        return (path / "Chart.yaml").read_bytes()
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.count("/") == 1 and member.name.endswith("/Chart.yaml"):
                file = archive.extractfile(member)
                if file is not None:
                    return file.read()
    raise KeyError("Chart.yaml")


def _marked(chart: Chart) -> Chart:
    """The compact chart with a digest of its files in its version: an edited template upgrades the release."""
    digest = hashlib.sha256()
    inside = sorted(chart.path.rglob("*")) if chart.path.is_dir() else [chart.path]
    files = [file for file in inside if file.is_file() and file.suffix != ".md"]
    for file in files:
        digest.update(str(file.relative_to(chart.path)).encode() + b"\0" + file.read_bytes())
    version = f"{chart.version.partition('+')[0]}{_COMPACT_MARK}{digest.hexdigest()[:_DIGEST_HEX]}"
    return Chart(chart.path, chart.name, version, chart.app_version)


def _cache() -> Path:
    base = os.environ.get("HELM_CACHE_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "helm")
    return Path(base).expanduser()


def _pulled(chart: str, version: str, repository: Mapping[str, str]) -> Path:
    """The archive in the cache, pulled when it is not there; only an exact version is ever found there."""
    source = repository.get("repo") or chart
    folder = _cache() / "ariel" / hashlib.sha256(source.encode()).hexdigest()[:_DIGEST_HEX]
    name = chart.rpartition("/")[2]
    archive = folder / f"{name}-{version}.tgz"
    if version and archive.exists():
        return archive
    failed = folder / f"{name}-{version}.failed"
    if failed.exists() and time.time() - failed.stat().st_mtime < _MEMORY_SECONDS:
        raise PluginError(f"chart {chart}: the pull from {source} failed a short while ago; remove {failed} to try now")
    folder.mkdir(parents=True, exist_ok=True)
    problem = _pull(chart, version, repository, folder)
    if problem:
        failed.write_text(problem, encoding="utf-8")
        raise PluginError(f"chart {chart} {version}: helm pull from {source}: {problem}; check name, version, network")
    failed.unlink(missing_ok=True)
    return archive if version else max(folder.glob(f"{name}-*.tgz"), key=lambda file: file.stat().st_mtime)


def _pull(chart: str, version: str, repository: Mapping[str, str], folder: Path) -> str:
    """Runs `helm pull`; returns what went wrong, empty when nothing did."""
    given = {"--repo": repository.get("repo"), "--version": version, "--ca-file": repository.get("caFile")}
    flags = [part for flag, value in given.items() if value for part in (flag, value)]
    try:
        done = subprocess.run(
            ["helm", "pull", chart, "--destination", str(folder), *flags],
            capture_output=True,
            text=True,
            timeout=_PULL_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return "there is no helm on PATH"
    except subprocess.TimeoutExpired:
        return f"no answer within {_PULL_SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed without a message"])[-1]


def private_repository(repository: Mapping[str, Any]) -> list[str]:
    """The repository options that are refused: a password would have to be handed to helm as an argument."""
    return sorted(key for key in ("username", "password", "certFile", "keyFile") if repository.get(key))
