"""Which image stands behind a short name: what `ariel images build` wrote into the repository's `images/lock.json`.

The lock holds a tag for each name and no registry, so the same commit is right in every environment; the executor puts
the name into the place that the tenant's allowed images name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ariel_runtime.pod_request import KEY
from ariel_runtime.refusal import Problem, RefusedError

LOCK: Final = Path("images", "lock.json")


def placed(executor_config: object, image: str | None, dag_file: str | None) -> dict[str, Any]:
    """The author's `executor_config` with the image asked for as well. Raises RefusedError."""
    config = dict(executor_config) if isinstance(executor_config, Mapping) else {}
    if image is None:
        return config
    asked, named = config.get(KEY, {}), reference(image, dag_file)
    if asked.get("image", named) != named:
        raise RefusedError(
            [
                Problem(
                    path=f"executor_config.{KEY}.image",
                    value=asked["image"],
                    rule="named once",
                    action="leave it out, or leave `image` out",
                )
            ]
        )
    return {**config, KEY: {**asked, "image": named}}


def reference(image: str, dag_file: str | None) -> str:
    """`name:tag` of a short name; what has a tag, a digest or a registry stays as it is. Raises RefusedError."""
    if dag_file is None or set(image) & set("/:@"):
        return image
    lock = next((file for each in Path(dag_file).parents if (file := each / LOCK).is_file()), None)
    if lock is None:
        return image
    tags = json.loads(lock.read_text(encoding="utf-8"))
    if image not in tags:
        raise RefusedError(
            [
                Problem(
                    path="image",
                    value=image,
                    rule=f"one of {', '.join(sorted(tags))}, the images of {LOCK}" if tags else f"an image of {LOCK}",
                    action=f"write images/{image}/, then run `ariel images build --push` and commit {LOCK}",
                )
            ]
        )
    return f"{image}:{tags[image]}"
