"""`SLUG.diagnostics`: shows that a task of the team runs. Needs no network and no secret."""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(dag_id="SLUG.diagnostics", schedule=None, catchup=False, tags=["diagnostics"])
def diagnostics() -> None:
    @task
    def report() -> str:
        import platform

        text = f"SLUG.diagnostics ran in {platform.node()}, Python {platform.python_version()}"
        print(text)
        return text

    report()


diagnostics()
