"""The folder that the engine works in.

In the sandbox that is a copy of the project's two files below `.ariel/<stack>`: the engine writes the salt of its
encryption into a stack's file, and the salt of a throw-away state has no place in a committed one. The pods of a
sandbox run what this checkout holds, so the copy names the images by tags of their content.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from cli.project import PROJECT_FILE
from sandbox.rootfs.images import BuiltImage

SALT = "encryptionsalt"
IMAGE_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "airflow": ("ariel:airflow", "image"),
    "pgbouncer": ("ariel:images", "pgbouncer"),
    "statsd-exporter": ("ariel:images", "statsd"),
}
"""Name of an image definition -> where a stack file says which one runs."""


def stack_file(root: Path, stack: str) -> Path:
    return root / f"Pulumi.{stack}.yaml"


def sandbox_workspace(root: Path, folder: Path, stack: str, images: Mapping[str, BuiltImage]) -> Path:
    """Brings `folder` up to date with the project's files in `root`, keeps the salt, and returns it.

    `images`: name of an image definition -> what to run; none where no pod runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    copy = stack_file(folder, stack)
    salt = yaml.load(copy).get(SALT) if copy.exists() else None
    content = yaml.load(stack_file(root, stack))
    if salt is not None:
        content[SALT] = salt
    for name, image in images.items():
        place = content["config"]
        for key in IMAGE_SETTINGS[name]:
            place = place.setdefault(key, {})
        place.setdefault("repository", image.repository)
        place["tag"] = image.version_tag
    with copy.open("w") as stream:
        yaml.dump(content, stream)
    project = yaml.load(root / PROJECT_FILE)
    project.pop("main", None)
    with (folder / PROJECT_FILE).open("w") as stream:
        yaml.dump(project, stream)
    shutil.copymode(stack_file(root, stack), copy)
    return folder
