"""Tasks that run in another image or under another interpreter, written like any other task (ADR 21).

`IsolatedOperator` and `@task.isolated` are what a DAG file names; which back end carries them out is the environment's.
"""

from ariel_runtime.isolated.operator import IsolatedOperator

__all__ = ["IsolatedOperator"]
