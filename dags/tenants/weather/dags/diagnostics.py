"""`weather.diagnostics`: shows that a task of the team runs, with a text and a picture; no network, no secret."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(dag_id="weather.diagnostics", schedule=None, catchup=False, tags=["diagnostics"])
def diagnostics() -> None:
    @task
    def report() -> dict[str, str]:
        """The text and the picture (SVG) that the page `/hello/` shows."""
        import platform

        from airflow.sdk.configuration import conf
        from weather.observations import observations
        from weather.picture import line_chart

        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        environment = conf.get("api", "instance_name", fallback="") or "an environment without a name"
        found = observations()
        warmest = max(found, key=lambda each: each.celsius)
        text = (
            f"{environment}: weather.diagnostics ran at {now} in {platform.node()}, "
            f"Python {platform.python_version()}.\n"
            f"{len(found)} observations; warmest: {warmest.celsius} degrees in {warmest.station} at {warmest.hour}:00."
        )
        print(text)
        stations = {each.station: [] for each in found}
        for each in found:
            stations[each.station].append((each.hour, each.celsius))
        return {"text": text, "picture": line_chart("Degrees Celsius by hour", f"{environment}, {now}", stations)}

    report()


diagnostics()
