"""What a stack protects is not destroyed, and neither is anything else of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stacks.errors import EngineError, Problem


def refuse_protected(stack: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """`resources` as the engine's state holds them. Raises EngineError that names every protected one.

    The engine refuses these as well, but only one by one: it deletes what is not protected all the same.
    """
    problems = [
        Problem(
            path=str(resource["urn"]).rsplit("::", 1)[-1],
            value=f"protected {resource['type']} {resource.get('id', '')}".rstrip(),
            rule="a stack that protects what holds data is not destroyed, not even in part",
            action=f"if all of it may really go: `pulumi state unprotect --all --stack {stack}`, then destroy again",
        )
        for resource in resources
        if resource.get("protect")
    ]
    if problems:
        raise EngineError(problems)
