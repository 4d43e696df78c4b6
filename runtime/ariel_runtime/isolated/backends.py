"""How an environment carries out isolated tasks: `[ariel] isolated_backend`, one of four. A DAG does not say which.

    cluster         the task's own pod is in the image, and an interpreter runs in that pod. The default
    interpreter     no pods: an interpreter on this machine, by the name of `environment`, or else of `image`
    kubernetes_pod  a second pod by the Kubernetes provider, for a cluster where a task's account may create pods
    docker          a container by the Docker provider

A laptop's commands and tests set `interpreter`; nothing else sets any, and no task's account may create pods (ADR 21).
Each makes an ordinary operator where the task runs, which renders, executes and is killed as Airflow has it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from ariel_runtime.isolated.interpreted import InterpretedOperator, ProcessRunner, Runner
from ariel_runtime.isolated.launchers import DockerRunner, KubernetesPodRunner
from ariel_runtime.isolated.work import TALKS_BACK, Work, talks_back
from ariel_runtime.refusal import Problem, RefusedError

CLUSTER: Final = "cluster"
SECTION, OPTION = "ariel", "isolated_backend"
_PYTHON_OPERATOR: Final = "airflow.providers.standard.operators.python.PythonOperator"

Made = tuple[type[BaseOperator], dict[str, Any]]
"""A class of operator, and the arguments that it has beside those of every operator."""


def chosen() -> str:
    """Name of this environment's back end. Raises RefusedError."""
    name = conf.get(SECTION, OPTION, fallback=CLUSTER)
    if name not in BACKENDS:
        raise RefusedError(
            [
                Problem(
                    path=f"[{SECTION}] {OPTION}",
                    value=name,
                    rule=f"one of {', '.join(BACKENDS)}",
                    action="have the platform's configuration corrected",
                )
            ]
        )
    return str(name)


def pod_image(image: str | None) -> str | None:
    """The image that the executor is asked for: none, where a pod of the task's own is not how it is isolated."""
    return image if chosen() == CLUSTER else None


def made(work: Work) -> Made:
    """What does the work in this environment; called where the task runs. Raises RefusedError."""
    return BACKENDS[chosen()](work)


def _cluster(work: Work) -> Made:
    if work.operator is not None:
        return _imported(work.operator), dict(work.arguments)
    if work.environment is None:
        of_function = {"python_callable": work.python_callable, "op_args": work.op_args, "op_kwargs": work.op_kwargs}
        return _imported(_PYTHON_OPERATOR), of_function
    return _interpreted(work, partial(ProcessRunner, work.environment))


def _interpreter(work: Work) -> Made:
    return _interpreted(work, partial(ProcessRunner, str(work.environment or work.image)))


def _kubernetes_pod(work: Work) -> Made:
    return _interpreted(work, partial(KubernetesPodRunner, work))


def _docker(work: Work) -> Made:
    return _interpreted(work, partial(DockerRunner, work))


BACKENDS: Final = MappingProxyType(
    {CLUSTER: _cluster, "interpreter": _interpreter, "kubernetes_pod": _kubernetes_pod, "docker": _docker}
)


def _interpreted(work: Work, runner: Callable[[BaseOperator], Runner]) -> Made:
    if work.operator is not None:
        raise RefusedError(
            [
                Problem(
                    path="operator",
                    value=work.operator,
                    rule=f"a function or a script for the back end {chosen()!r}: an operator runs in the cluster only",
                    action="run it on the platform, or write a function or a script for an `environment`",
                )
            ]
        )
    return InterpretedOperator, {"runner": runner, "work": work}


def _imported(path: str) -> type[BaseOperator]:
    """The class, which only this image need have. Raises RefusedError."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RefusedError([_not_here(path, str(error))]) from error
    if not (isinstance(found, type) and issubclass(found, BaseOperator)):
        raise RefusedError([_not_here(path, "it is no class of operator")])
    for base in found.__mro__:
        if base.__name__ in TALKS_BACK:
            raise RefusedError([talks_back(path, base.__name__)])
    return found


def _not_here(path: str, reason: str) -> Problem:
    return Problem(
        path="operator",
        value=path,
        rule=f"a class of operator in this task's image: {reason}",
        action="add its package to images/<name>/requirements.txt, build the image, and name it by `image`",
    )
