"""What the engine tier runs on: real tools, a real API server, and projects of their own below temporary folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.cluster import Cluster
from sandbox.lifecycle import CLUSTER_TOOLS, ENGINE_TOOLS, NODE_VARIABLE
from sandbox.paths import REPOSITORY
from tests.workbench import Workbench


@pytest.fixture(scope="session", autouse=True)
def without_a_node() -> Iterator[None]:
    """This tier needs no root: its clusters hold objects, and no pod runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NODE_VARIABLE, "off")
        yield


@pytest.fixture(scope="session")
def tools() -> dict[str, Path]:
    """Name -> binary of every tool; fetched or built where it is missing."""
    return toolchain.ensure(ENGINE_TOOLS + CLUSTER_TOOLS)


@pytest.fixture(scope="session")
def pulumi_command(tools: dict[str, Path]) -> Path:
    return tools["pulumi"]


@pytest.fixture(scope="session")
def cluster(tools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One API server for all tests which make namespaces of their own in it; `.kubeconfig` is its path."""
    running = Cluster(tmp_path_factory.mktemp("cluster"), tools, durable=False)
    running.start()
    yield running
    running.wipe()


@pytest.fixture(scope="module")
def new_workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Workbench]]:
    """Makes projects with a sandbox each; all are stopped and removed when the module is done."""
    made: list[Workbench] = []

    def make() -> Workbench:
        root = tmp_path_factory.mktemp("project")
        for file in ("Pulumi.yaml", *(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))):
            shutil.copy(REPOSITORY / file, root / file)
        made.append(Workbench(root))
        return made[-1]

    yield make
    for workbench in made:
        workbench.remove()
