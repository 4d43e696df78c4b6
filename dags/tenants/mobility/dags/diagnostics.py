"""`mobility.diagnostics`: shows that a task of the team runs, with a text and a picture; no network, no secret."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(dag_id="mobility.diagnostics", schedule=None, catchup=False, tags=["diagnostics"])
def diagnostics() -> None:
    @task
    def report() -> dict[str, str]:
        """The text and the picture (SVG) that the page `/hello/` shows."""
        import platform

        from airflow.sdk.configuration import conf
        from mobility.picture import bar_chart
        from mobility.trips import lines, trips

        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        environment = conf.get("api", "instance_name", fallback="") or "an environment without a name"
        counted = {line: trips(line) for line in lines()}
        text = (
            f"{environment}: mobility.diagnostics ran at {now} in {platform.node()}, "
            f"Python {platform.python_version()}.\n{sum(counted.values())} trips on {len(counted)} lines."
        )
        print(text)
        return {"text": text, "picture": bar_chart("Trips by line", f"{environment}, {now}", counted)}

    report()


diagnostics()
