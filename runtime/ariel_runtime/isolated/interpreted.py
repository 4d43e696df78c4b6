"""The operator behind a function or a script for another interpreter: it renders and packs, and a runner runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.bases.decorator import determine_kwargs

from ariel_runtime.isolated.package import (
    Package,
    as_json,
    named_connections,
    named_variables,
    of_function,
    plain_context,
)
from ariel_runtime.isolated.process import Process
from ariel_runtime.isolated.work import Work


class Runner(Protocol):
    """Where a package is run."""

    def run(self, package: Package, context: Any) -> Any:
        """The result."""

    def kill(self) -> None:
        """End what runs."""


class InterpretedOperator(BaseOperator):
    """A function with its source, or a script; made at run time by a back end, never in a DAG file.

    The function's parameters that its caller leaves out are filled by their names from the context, and from the named
    connections and variables, as Airflow does with the context for a function of its own.
    """

    template_fields = ("op_args", "op_kwargs")

    def __init__(
        self,
        *,
        runner: Callable[[BaseOperator], Runner],
        work: Work,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._runner, self._work = runner(self), work
        self.op_args, self.op_kwargs, self.script = work.op_args, work.op_kwargs, work.script

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: Any
    ) -> None:
        """Also the script, which alone may be the name of a file: an argument that ends like one is a text."""
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if self.script is not None:
            self.template_ext = _ending(self.script)
            self.script = self.render_template(self.script, context, jinja_env)

    def execute(self, context: Any) -> Any:
        return self._runner.run(self._package(context), context)

    def on_kill(self) -> None:
        self._runner.kill()

    def _package(self, context: Any) -> Package:
        known: dict[str, Any] = {
            "context": plain_context(context),
            "connections": named_connections(self._work.connections),
            "variables": named_variables(self._work.variables),
            "root": repository(context, self.dag.fileloc),
        }
        function = self._work.python_callable
        if function is None:
            assert self.script is not None
            given = {"args": list(self.op_args), "kwargs": dict(self.op_kwargs), **known}
            return Package(script=self.script, given=as_json(given))
        offered = {**known["context"], "connections": known["connections"], "variables": known["variables"]}
        filled = determine_kwargs(function, self.op_args, {**offered, **self.op_kwargs})
        assert self._work.source is not None
        return Package(
            script=of_function(function.__name__, self._work.source()),
            given=as_json({"args": list(self.op_args), "kwargs": dict(filled), **known}),
        )


def repository(context: Any, dag_file: str) -> str:
    """Root of the repository at the run's commit; where there is no bundle, what of Python's path holds the DAG."""
    if bundle := getattr(context["ti"], "bundle_instance", None):
        return str(bundle.path)
    above = [str(folder) for folder in Path(dag_file).parents]
    return next((folder for folder in reversed(above) if folder in sys.path), above[0])


def _ending(script: str) -> tuple[str, ...]:
    suffix = "" if "\n" in script else Path(script).suffix
    return (suffix,) if suffix else ()


class ProcessRunner:
    """An interpreter in the task's own pod."""

    def __init__(self, environment: str, operator: BaseOperator) -> None:
        self._process = Process(environment, operator.log.info)

    def run(self, package: Package, context: Any) -> Any:
        return self._process.run(package.script, package.given)

    def kill(self) -> None:
        self._process.kill()
