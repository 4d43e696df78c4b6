"""`@task.isolated`: a function beside the DAG, run in another image or by another interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from ariel_runtime.isolated.backends import pod_image
from ariel_runtime.isolated.images import placed
from ariel_runtime.isolated.operator import IsolatedOperator


class _IsolatedTask(DecoratedOperator, IsolatedOperator):  # type: ignore[misc]
    """Both hold the function and its arguments; the source of the one leaves out the decorator."""

    template_fields = ("op_args", "op_kwargs")
    template_fields_renderers = {"op_args": "py", "op_kwargs": "py"}
    custom_operator_name = "@task.isolated"

    def __init__(self, *, python_callable: Callable[..., Any], op_args: Any, op_kwargs: Any, **kwargs: Any) -> None:
        function = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(**function, kwargs_to_upstream=function, **kwargs)


def isolated_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> Any:
    """`image`, `environment`, `connections` and `variables` as of IsolatedOperator; the rest as of `@task`."""

    def decorated(function: Callable[..., Any]) -> Any:
        # A mapped task is asked for its pod without an operator being made, so the image is named here already.
        image = pod_image(kwargs.get("image"))
        config = placed(kwargs.get("executor_config"), image, function.__code__.co_filename)
        return task_decorator_factory(
            python_callable=function,
            multiple_outputs=multiple_outputs,
            decorated_operator_class=_IsolatedTask,
            **{**kwargs, "executor_config": config},
        )

    return decorated if python_callable is None else decorated(python_callable)
