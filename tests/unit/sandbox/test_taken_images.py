"""What a node is given of a team's image, and what it is not given twice."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import cast

from sandbox.cluster import Cluster
from sandbox.report import LineReport
from sandbox.rootfs.images import BuiltImage
from sandbox.workloads import registry, take_child
from stacks.load import load, read_file
from stacks.settings import Settings

ROOT = Path(__file__).parents[3]


class Node:
    """Keeps names as containerd does; an archive has the name of its image."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.imported: list[Path] = []

    def images(self) -> set[str]:
        return set(self.names)

    def import_image(self, archive: Path) -> None:
        self.imported.append(archive)
        self.names.add(str(archive))

    def name_image(self, image: str, name: str) -> None:
        assert image in self.names
        self.names.add(name)


def built(name: str, foundation: BuiltImage | None = None) -> BuiltImage:
    archive = Path(f"localhost/{name}:1")
    return BuiltImage(name=name, repository=name, version_tag="1", archive=archive, foundation=foundation)


def settings() -> Settings:
    return load("local", read_file(ROOT / "Pulumi.local.yaml"))


def test_a_team_finds_its_image_below_its_slug_and_the_node_takes_each_archive_once() -> None:
    node, said = Node(), StringIO()
    airflow = built("airflow", built("foundation"))
    image = built("weather/legacy", airflow)

    def take(tag: str) -> str:
        return take_child(settings(), cast(Cluster, node), image, tag, LineReport(said))

    name = take("3.3.2-a")
    assert name == f"{registry(settings())}/weather/legacy:3.3.2-a"
    assert name in node.names
    assert node.imported == [part.archive for part in image.parts()]
    first = said.getvalue()
    assert take("3.3.2-a") == name
    assert said.getvalue() == first, "an unchanged image was handled again"
    assert take("3.3.2-b") in node.names, "a new tag of the same content has no name in the node"
    assert len(node.imported) == 3
