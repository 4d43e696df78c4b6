"""What `ariel status` shows of the tenants' runs."""

from __future__ import annotations

from cli.platform import Run
from cli.tables import of_tenants

BEGUN = {"dag_id": "weather.diagnostics", "dag_run_id": "manual__1", "state": "running"}


def test_a_tenants_last_run_is_shown_and_one_without_a_run_is_told_apart() -> None:
    run = {"dag_id": "weather.diagnostics", "run_id": "manual__1", "state": "success", "at": "2026-01-01T00:00:00Z"}
    shown = of_tenants(
        [
            {"slug": "weather", "namespace": "tasks-weather", "last_run": run},
            {"slug": "mobility", "namespace": "tasks-mobility", "last_run": None},
        ]
    )
    rows = list(zip(*([str(cell) for cell in column.cells] for column in shown.columns), strict=True))
    assert rows == [
        ("weather", "tasks-weather", "weather.diagnostics", "success", "2026-01-01T00:00:00Z"),
        ("mobility", "tasks-mobility", "-", "-", "-"),
    ]


def test_the_time_of_a_run_is_its_end_else_its_beginning_else_when_it_was_due() -> None:
    due = BEGUN | {"end_date": None, "start_date": None, "run_after": "T1"}
    assert Run.of(due).at == "T1"
    assert Run.of(due | {"start_date": "T2"}).at == "T2"
    assert Run.of(due | {"start_date": "T2", "end_date": "T3"}).as_json() == {
        "dag_id": "weather.diagnostics",
        "run_id": "manual__1",
        "state": "running",
        "at": "T3",
    }
