"""`IsolatedOperator`: an ordinary task in the DAG, whose work is done by an operator that only its image has to know.

While a DAG is parsed the class is a text. Where the task runs, it is imported and takes the task's place the way one
of a mapped task does: with its own template fields and file endings, the DAG's default arguments, and the task's
context. Retries, time-outs, callbacks and setup or teardown are the task's, so Airflow's own.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from airflow.sdk import BaseOperator, Context
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.definitions._internal.contextmanager import DagContext
from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput
from airflow.sdk.definitions.mappedoperator import MappedOperator, OperatorPartial, prevent_duplicates
from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred

from ariel_runtime.isolated.backends import made, pod_image
from ariel_runtime.isolated.images import placed
from ariel_runtime.isolated.work import Work
from ariel_runtime.refusal import Problem, RefusedError

_OF_EVERY_OPERATOR: Final = frozenset(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
_NOT_PASSED_ON: Final = frozenset(("dag", "task_group", "task_id", "executor_config", "pre_execute", "post_execute"))
"""The task's alone, or given anew where it runs."""


class IsolatedOperator(BaseOperator):
    """Runs `operator`, `python_callable` or `script` in `image`, under `environment`, or both; see `Work`.

    All other arguments are those of every operator, or the operator's own; `arguments` takes those whose names are
    taken here. Raises RefusedError where what it says cannot be.
    """

    template_fields: Sequence[str] = ("arguments", "op_args", "op_kwargs", "script")
    template_fields_renderers = {"arguments": "py", "op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    def __init__(
        self,
        *,
        operator: str | None = None,
        python_callable: Callable[..., Any] | None = None,
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        script: str | None = None,
        image: str | None = None,
        environment: str | None = None,
        connections: Sequence[str] = (),
        variables: Sequence[str] = (),
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        every, own = _divided(kwargs)
        every["executor_config"] = _placed(every.get("executor_config"), image, every.get("dag"))
        super().__init__(**every)
        self.operator, self.arguments = operator, {**(arguments or {}), **own}
        self.python_callable, self.script = python_callable, script
        self.op_args, self.op_kwargs = list(op_args or ()), dict(op_kwargs or {})
        self.image, self.environment = image, environment
        self.connections, self.variables = tuple(connections), tuple(variables)
        self._every = {name: value for name, value in every.items() if name not in _NOT_PASSED_ON}
        self._inner: BaseOperator | None = None
        self._work().check()

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """As Airflow's, which takes only the arguments in a class's signature, and asks a mapped task for no image."""
        every, own = _divided(kwargs)
        named = {name: own.pop(name) for name in _NAMED if name in own}
        if own:
            named["arguments"] = {**named.get("arguments", {}), **own}
        every["executor_config"] = _placed(every.get("executor_config"), named.get("image"), every.get("dag"))
        begun = super().partial(**every, **named)
        begun._expand_called = True
        return _Partial(operator_class=cls, kwargs=begun.kwargs, params=begun.params)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """By the operator's own template fields."""
        self._render_inner(lambda inner: inner.render_template_fields(context, jinja_env))

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: Any
    ) -> None:
        """The same, where Airflow has unmapped a mapped task; what came by XCom (`seen_oids`) is no template."""
        self._render_inner(
            lambda inner: inner._do_render_template_fields(inner, inner.template_fields, context, jinja_env, seen_oids)
        )

    def _render_inner(self, render: Callable[[BaseOperator], None]) -> None:
        """Make the operator and render it; what it made of its arguments is what the task's page shows."""
        kind, arguments = made(self._work())
        every = {**self._every, "dag": self.dag, "task_group": self.task_group, "task_id": self.task_id}
        inner = kind(**every, **arguments, _airflow_from_mapped=True)
        render(inner)
        for name in ("op_args", "op_kwargs", "script"):
            setattr(self, name, getattr(inner, name, getattr(self, name)))
        rendered = set(self.arguments).intersection(inner.template_fields)
        self.arguments = {**self.arguments, **{name: getattr(inner, name) for name in rendered}}
        self._inner = inner

    def execute(self, context: Context) -> Any:
        """The operator's result. Raises RefusedError where it would wait elsewhere."""
        inner = self._inner
        assert inner is not None, "Airflow renders a task before it executes it"
        taking_over = ExecutorSafeguard.tracker.set(inner)
        try:
            inner.pre_execute(context)
            result = inner.execute(context)
            inner.post_execute(context, result)
        except (TaskDeferred, AirflowRescheduleException) as waiting:
            raise RefusedError([_waits_elsewhere(self.operator, waiting)]) from None
        finally:
            ExecutorSafeguard.tracker.reset(taking_over)
        return result

    def on_kill(self) -> None:
        if self._inner is not None:
            self._inner.on_kill()

    def get_python_source(self) -> str:
        """Of the function."""
        assert self.python_callable is not None
        return textwrap.dedent(inspect.getsource(self.python_callable))

    def _work(self) -> Work:
        return Work(
            operator=self.operator,
            arguments=self.arguments,
            python_callable=self.python_callable,
            source=self.get_python_source,
            op_args=self.op_args,
            op_kwargs=self.op_kwargs,
            script=self.script,
            image=self.image,
            environment=self.environment,
            connections=self.connections,
            variables=self.variables,
        )


_NAMED: Final = frozenset(inspect.signature(IsolatedOperator.__init__).parameters) - {"self", "kwargs"}


class _Partial(OperatorPartial):
    """Takes arguments of the operator that is named, whose signature is not known where a DAG is parsed."""

    def __attrs_post_init__(self) -> None:
        """Nothing to check: `partial` has divided the arguments."""

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        prevent_duplicates(self.kwargs, mapped_kwargs, fail_reason="unmappable or already specified")
        return self._expand(DictOfListsExpandInput(mapped_kwargs), strict=False)


def _divided(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What every operator has, and what only this one has."""
    every = {name: value for name, value in kwargs.items() if name in _OF_EVERY_OPERATOR}
    return every, {name: value for name, value in kwargs.items() if name not in every}


def _placed(executor_config: object, image: str | None, dag: Any) -> dict[str, Any]:
    dag = dag or DagContext.get_current()
    return placed(executor_config, pod_image(image), dag.fileloc if dag else None)


def _waits_elsewhere(operator: str | None, waiting: BaseException) -> Problem:
    deferred = isinstance(waiting, TaskDeferred)
    place = "a trigger waits in the platform's image" if deferred else "in its pod"
    return Problem(
        path="operator",
        value=operator,
        rule=f"one that waits where it runs: {place}",
        action="pass " + ("deferrable=False" if deferred else 'mode="poke"'),
    )
