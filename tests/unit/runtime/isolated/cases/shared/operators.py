"""Operators as a team has them; the DAG names them by text only."""

from __future__ import annotations

import time
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseBranchOperator, BaseOperator
from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.sdk.timezone import utcnow


class Steps(BaseOperator):
    """Says when it is called, and knows arguments, template fields and file endings of its own."""

    template_fields = ("text",)
    template_ext = (".txt",)

    def __init__(self, *, text: str, plain: str = "", image: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text, self.plain, self.image = text, plain, image

    def pre_execute(self, context: Any) -> None:
        print("step: before")

    def execute(self, context: Any) -> dict[str, Any]:
        print("step: execute")
        return {
            "text": self.text,
            "plain": self.plain,
            "image": self.image,
            "task": self.task_id,
            "dag": self.dag.dag_id,
            "context": context["ti"].task_id,
            "retries": self.retries,
        }

    def post_execute(self, context: Any, result: Any = None) -> None:
        print("step: after")


class Unreadable(BaseOperator):
    def execute(self, context: Any) -> object:
        return object()


class Deferring(BaseOperator):
    def execute(self, context: Any) -> None:
        from datetime import timedelta

        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="execute")


class Rescheduling(BaseOperator):
    def execute(self, context: Any) -> None:
        raise AirflowRescheduleException(utcnow())


class Endless(BaseOperator):
    """Says that it was killed."""

    def execute(self, context: Any) -> None:
        time.sleep(600)

    def on_kill(self) -> None:
        print("killed:", self.task_id)


class OwnBranch(BaseBranchOperator):
    """Its name tells nothing."""

    def choose_branch(self, context: Any) -> str:
        return "none"
