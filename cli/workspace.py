"""The folder that the engine works in.

In the sandbox that is a copy of the project's two files below `.ariel/<stack>`: the engine writes the salt of its
encryption into a stack's file, and the salt of a throw-away state has no place in a committed one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ruamel.yaml import YAML

from cli.project import PROJECT_FILE

SALT = "encryptionsalt"


def stack_file(root: Path, stack: str) -> Path:
    return root / f"Pulumi.{stack}.yaml"


def sandbox_workspace(root: Path, folder: Path, stack: str) -> Path:
    """Brings `folder` up to date with the project's files in `root`, keeps the salt, and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    copy = stack_file(folder, stack)
    salt = yaml.load(copy).get(SALT) if copy.exists() else None
    content = yaml.load(stack_file(root, stack))
    if salt is not None:
        content[SALT] = salt
    with copy.open("w") as stream:
        yaml.dump(content, stream)
    project = yaml.load(root / PROJECT_FILE)
    project.pop("main", None)
    with (folder / PROJECT_FILE).open("w") as stream:
        yaml.dump(project, stream)
    shutil.copymode(stack_file(root, stack), copy)
    return folder
