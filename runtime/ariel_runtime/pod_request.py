"""What an author may ask for a task's pod, `executor_config={"ariel": {...}}`, read and judged as plain data.

    identity   a DAG group of the tenant, whose account `task-<identity>` the pod takes on
    image      one of the tenant's allowed images
    size       a name in SIZES
    labels     {name: value}; on the pod each name stands below `task.ariel.dev/`

Everything else is refused: a pod override or template would be carried out with the scheduler's rights. Whether the
tenant has this identity and image, `placement` knows. Imports neither Airflow nor Kubernetes: each DAG processor
reads this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ariel_runtime.refusal import Problem, RefusedError

KEY: Final = "ariel"
REFUSED: Final = "refused"
"""Key under which a refused configuration is kept in the database, as the text of its refusal."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a task's container is given. The limit of memory equals its request; a CPU limit is the namespace's."""

    cpu: str
    memory: str


SIZES: Final[Mapping[str, Size]] = MappingProxyType(
    {
        "S": Size(cpu="250m", memory="512Mi"),
        "M": Size(cpu="500m", memory="2Gi"),
        "L": Size(cpu="1", memory="4Gi"),
    }
)
"""The template's own size counts where none is asked for. A tenant's quota may be smaller than the larger ones."""

_IDENTITY: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_IMAGE: Final = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}")
_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_MOST_LABELS: Final = 16


@dataclass(frozen=True, kw_only=True)
class PodRequest:
    """What one task asks for; what is None is left to the platform."""

    identity: str | None = None
    image: str | None = None
    size: Size | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def pod_request(executor_config: object) -> PodRequest:
    """The request in a task's `executor_config`. Raises RefusedError, and nothing else, whatever it is given."""
    if executor_config is None:
        return PodRequest()
    if not isinstance(executor_config, dict):
        raise RefusedError([_not_a_dictionary("executor_config", executor_config, (KEY,))])
    if isinstance(text := executor_config.get(REFUSED), str):
        raise RefusedError(text)
    problems = _unknown("executor_config", executor_config, (KEY,))
    asked = executor_config.get(KEY, {})
    if not isinstance(asked, dict):
        raise RefusedError([*problems, _not_a_dictionary(f"executor_config.{KEY}", asked, _RULES)])
    problems += _unknown(f"executor_config.{KEY}", asked, _RULES)
    problems += [
        Problem(path=f"executor_config.{KEY}.{key}", value=asked[key], rule=rule, action="correct it or leave it out")
        for key, (holds, rule) in _RULES.items()
        if key in asked and not holds(asked[key])
    ]
    if problems:
        raise RefusedError(problems)
    return PodRequest(
        identity=asked.get("identity"),
        image=asked.get("image"),
        size=SIZES.get(asked.get("size", "")),
        labels=dict(asked.get("labels", {})),
    )


def _matches(pattern: re.Pattern[str], value: object, longest: int | None = None) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None and (longest is None or len(value) <= longest)


def _are_labels(value: object) -> bool:
    return (
        type(value) is dict
        and len(value) <= _MOST_LABELS
        and all(_matches(_LABEL_NAME, name) and _matches(_LABEL_VALUE, text) for name, text in value.items())
    )


_RULES: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "identity": (lambda value: _matches(_IDENTITY, value, 20), "the name of a DAG group of the tenant"),
    "image": (lambda value: _matches(_IMAGE, value), "an image: registry/repository, with a tag or digest"),
    "size": (lambda value: type(value) is str and value in SIZES, f"one of {', '.join(SIZES)}"),
    "labels": (
        _are_labels,
        f"at most {_MOST_LABELS} texts by name, both of letters, digits, '-', '_' and '.', at most 63 characters",
    ),
}
"""Key -> whether a value is legal, and the same in words."""


def _unknown(path: str, given: Mapping[Any, object], known: Any) -> list[Problem]:
    return [
        Problem(
            path=f"{path}.{key}" if type(key) is str else path,
            value=value if type(key) is str else key,
            rule=f"only {', '.join(repr(each) for each in known)}: the platform makes the pod",
            action=f"""ask by executor_config={{"{KEY}": {{...}}}}: {", ".join(_RULES)}""",
        )
        for key, value in given.items()
        if key not in known
    ]


def _not_a_dictionary(path: str, value: object, known: Any) -> Problem:
    return Problem(
        path=path,
        value=value,
        rule=f"a dictionary that may hold {', '.join(repr(each) for each in known)}",
        action="write a dictionary or leave it out",
    )
