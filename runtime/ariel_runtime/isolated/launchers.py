"""Back ends that start a container for one function or script: what Kubernetes or Docker is asked for.

The container is of a child image, so it has this package, and starts `ariel_runtime.isolated.child`. It gets the
package in its environment, which whoever may read pods can read: named connections and variables are refused. It has no
checkout, so `include/` and `shared/` are the image's or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from ariel_runtime.isolated.images import reference
from ariel_runtime.isolated.package import Package
from ariel_runtime.isolated.work import Work
from ariel_runtime.refusal import Problem, RefusedError

PACKAGE: Final = "ARIEL_PACKAGE"
ENVIRONMENT: Final = "ARIEL_ENVIRONMENT_NAME"
XCOM_FILE: Final = "/airflow/xcom/return.json"
"""Where the Kubernetes provider's sidecar looks for a result."""
_CHILD: Final = ["python", "-m", "ariel_runtime.isolated.child"]
_OWN_PYTHON: Final = "python"
_LARGEST: Final = 96 * 1024
"""Bytes; Linux takes 128 KiB for one variable."""


class KubernetesPodRunner:
    """A second pod, made with the rights of the task's own account."""

    def __init__(self, work: Work, operator: BaseOperator) -> None:
        self._work, self._operator = work, operator
        self._pod: BaseOperator | None = None

    def run(self, package: Package, context: Any) -> Any:
        make = _imported("airflow.providers.cncf.kubernetes.operators.pod", "KubernetesPodOperator")
        self._pod = make(
            **_of_every_operator(self._operator),
            image=_image(self._work, self._operator.dag.fileloc),
            cmds=_CHILD,
            arguments=[XCOM_FILE],
            env_vars=_variables(self._work, package),
            automount_service_account_token=False,
            in_cluster=True,
        )
        return self._pod.execute(context)

    def kill(self) -> None:
        if self._pod is not None:
            self._pod.on_kill()


class DockerRunner:
    """A container of this machine's Docker; the last line that it prints is the result."""

    def __init__(self, work: Work, operator: BaseOperator) -> None:
        self._work, self._operator = work, operator
        self._container: BaseOperator | None = None

    def run(self, package: Package, context: Any) -> Any:
        make = _imported("airflow.providers.docker.operators.docker", "DockerOperator")
        self._container = make(
            **_of_every_operator(self._operator),
            image=_image(self._work, self._operator.dag.fileloc),
            command=_CHILD,
            private_environment=_variables(self._work, package),
            mount_tmp_dir=False,
            auto_remove="force",
        )
        return json.loads(self._container.execute(context))

    def kill(self) -> None:
        if self._container is not None:
            self._container.on_kill()


def _of_every_operator(operator: BaseOperator) -> dict[str, Any]:
    """The inner operator takes the task's place, as one of a mapped task does."""
    return {"task_id": operator.task_id, "dag": operator.dag, "do_xcom_push": True, "_airflow_from_mapped": True}


def _variables(work: Work, package: Package) -> dict[str, str]:
    text = package.as_text()
    if work.connections or work.variables:
        raise RefusedError([_not_carried("connections", ", ".join((*work.connections, *work.variables)), "none")])
    if len(text) > _LARGEST:
        raise RefusedError([_not_carried("op_kwargs", f"{len(text)} bytes", f"at most {_LARGEST} bytes in all")])
    return {PACKAGE: text, ENVIRONMENT: work.environment or _OWN_PYTHON}


def _image(work: Work, dag_file: str) -> str:
    """In the registry of `[ariel] isolated_registry`; the machine's own where none is set."""
    if work.image is None:
        raise RefusedError([_not_carried("image", None, "an image: this back end starts a container")])
    image = reference(work.image, dag_file)
    registry = conf.get("ariel", "isolated_registry", fallback="")
    return image if "/" in image or not registry else f"{registry}/{image}"


def _not_carried(path: str, value: object, rule: str) -> Problem:
    return Problem(path=path, value=value, rule=rule, action="run it where `[ariel] isolated_backend` is 'cluster'")


def _imported(module: str, name: str) -> Callable[..., BaseOperator]:
    """Only when asked for: the platform's image has no Docker provider. Raises RefusedError."""
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise RefusedError(
            [
                Problem(
                    path="[ariel] isolated_backend",
                    value=f"{name}: {error}",
                    rule="a back end whose provider the image has",
                    action=f"add {'.'.join(module.split('.')[:-2])} to the image, or choose another back end",
                )
            ]
        ) from error
