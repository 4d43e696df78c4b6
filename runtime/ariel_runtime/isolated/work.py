"""What an isolated task is to do, as its author wrote it, and what of that can be refused while the DAG is parsed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Final

from ariel_runtime.refusal import Problem, RefusedError

TALKS_BACK: Final = frozenset(
    (
        "TriggerDagRunOperator",
        "ExternalTaskSensor",
        "ExternalTaskMarker",
        "LatestOnlyOperator",
        "HITLOperator",
        "SkipMixin",
        "BaseBranchOperator",
        "BranchDateTimeOperator",
        "BranchDayOfWeekOperator",
        "BranchExternalPythonOperator",
        "BranchPythonOperator",
        "BranchPythonVirtualenvOperator",
        "BranchSQLOperator",
        "ShortCircuitOperator",
        "ApprovalOperator",
        "HITLBranchOperator",
        "HITLEntryOperator",
    )
)
"""Classes that ask Airflow for other tasks or decide over them; whatever is derived from one is found in the image."""

_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_IMAGE: Final = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]*")
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Work:
    """One of `operator`, `python_callable` and `script`, and where it runs."""

    operator: str | None = None
    """Dotted path of a class that only the image has to know."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of that class."""
    python_callable: Callable[..., Any] | None = None
    source: Callable[[], str] | None = None
    """Gives the text of that function, without the task's decorator."""
    op_args: Sequence[Any] = ()
    op_kwargs: Mapping[str, Any] = field(default_factory=dict)
    script: str | None = None
    """Text for the interpreter, or the name of a file with it beside the DAG."""
    image: str | None = None
    """Name of a child image, or a full reference."""
    environment: str | None = None
    """Name of an interpreter: one that was built into the image, or a command such as `ruby`."""
    connections: Sequence[str] = ()
    variables: Sequence[str] = ()
    """Ids that an interpreter is given; an operator looks its own up."""

    def check(self) -> None:
        """Raises RefusedError with all that is wrong, whatever the back end is."""
        problems = [*self._of_form(), *self._of_place()]
        if problems:
            raise RefusedError(problems)

    def _of_form(self) -> Iterator[Problem]:
        forms = {"operator": self.operator, "python_callable": self.python_callable, "script": self.script}
        given = [name for name, value in forms.items() if value is not None]
        if len(given) != 1:
            yield Problem(
                path="IsolatedOperator",
                value=", ".join(given) or None,
                rule=f"exactly one of {', '.join(forms)}",
                action="say what is to run: a class by its dotted path, a function, or a script",
            )
        if self.operator is not None:
            yield from _of_class(self.operator)
        elif self.arguments:
            yield Problem(
                path="IsolatedOperator",
                value=", ".join(self.arguments),
                rule="arguments of the class that `operator` names",
                action="leave them out, or name the class",
            )
        if self.environment is not None and self.python_callable is not None and not _has_source(self.python_callable):
            yield Problem(
                path="python_callable",
                value=getattr(self.python_callable, "__name__", self.python_callable),
                rule="a function written with `def`: its source is sent to the interpreter",
                action="write a function beside the DAG, without `yield`",
            )

    def _of_place(self) -> Iterator[Problem]:
        if self.image is None and self.environment is None:
            yield Problem(
                path="image",
                value=None,
                rule="`image`, `environment` or both",
                action="name where the task runs; without either, write the plain operator",
            )
        for path, value, legal in (("image", self.image, _IMAGE), ("environment", self.environment, _ENVIRONMENT)):
            if value is not None and not legal.fullmatch(value):
                yield Problem(
                    path=path, value=value, rule="a name of letters, digits, '.', '_', '-'", action="correct it"
                )
        if self.script is not None and self.environment is None:
            yield Problem(
                path="environment",
                value=None,
                rule="the interpreter of the script",
                action='name it, for instance environment="ruby"',
            )
        if self.operator is not None and self.environment is not None:
            yield Problem(
                path="environment",
                value=self.environment,
                rule="none: an operator needs Airflow, which an image has and a bare interpreter has not",
                action="give `image`, or write a function or a script",
            )
        if self.environment is None and (self.connections or self.variables):
            yield Problem(
                path="connections",
                value=", ".join((*self.connections, *self.variables)),
                rule="for an `environment`, whose interpreter cannot ask for them",
                action="leave it out: what runs in an image looks them up as everywhere",
            )


def talks_back(operator: str, found: str) -> Problem:
    """The refusal of an operator because of the class `found`."""
    return Problem(
        path="operator",
        value=operator,
        rule=f"one that keeps to itself; {found} decides over or waits for other tasks, by what this Airflow knows",
        action="write it as a plain task before or after the isolated one, and pass it the result by XCom",
    )


def _of_class(operator: str) -> Iterator[Problem]:
    if not _DOTTED.fullmatch(operator):
        yield Problem(
            path="operator",
            value=operator,
            rule="the dotted path of a class, as text: this process need not have it",
            action='write it as in operator="airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator"',
        )
    elif (name := operator.rpartition(".")[2]) in TALKS_BACK:
        yield talks_back(operator, name)


def _has_source(function: Callable[..., Any]) -> bool:
    return (
        isinstance(function, FunctionType)
        and function.__name__ != "<lambda>"
        and not inspect.isgeneratorfunction(function)
    )
