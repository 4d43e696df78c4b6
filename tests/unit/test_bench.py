"""What the bench reads out of reports, metrics and times; a mistake here would print a wrong number without a word."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from cli.workspace import stack_file
from stacks import edit
from tests.bench import database, footprint, parsing, processes, runs
from tests.bench.project import Project
from tests.bench.result import Goal, Result, median, percentile, table
from tests.bench.side import STACK

POD = "3b0c7f6e-4b8e-4f55-9a8c-0d7f3a1e2b4c"
PGBENCH = """\
number of clients: 1000
initial connection time = 520.125 ms
tps = 1834.250000 (without initial connection time)
"""


@pytest.mark.parametrize(("value", "verdict"), [(2.0, "met"), (2.1, "missed"), (math.nan, "missed")])
def test_a_result_above_the_most_that_is_wanted_misses_its_goal(value: float, verdict: str) -> None:
    assert Result("queued -> running", value, "s", Goal(2.0)).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.75, "met"), (0.74, "missed")])
def test_a_ratio_below_the_least_that_is_wanted_misses_its_goal(value: float, verdict: str) -> None:
    assert Result("pooled / direct", value, "", Goal(0.75, at_least=True)).verdict == verdict


def test_a_percentile_lies_between_the_two_values_around_it() -> None:
    assert percentile([float(each) for each in range(101)], 95) == pytest.approx(95)
    assert percentile([1.0, 2.0], 50) == pytest.approx(1.5)
    assert math.isnan(percentile([], 50))
    assert math.isnan(median([]))


def test_throughput_and_connect_time_are_read_from_the_report_of_pgbench() -> None:
    assert database.transactions_per_second(PGBENCH) == pytest.approx(1834.25)
    assert database.connect_seconds(PGBENCH) == pytest.approx(0.520125)


def test_the_longest_silence_counts_between_answers_of_all_clients_whatever_their_order() -> None:
    assert database.longest_silence([9.0, 1.0, 4.5, 2.0]) == pytest.approx(4.5)


def test_only_changed_times_of_the_same_dag_are_intervals() -> None:
    seen = [
        ("mobility.a", "2026-11-21T10:00:00Z"),
        ("mobility.a", "2026-11-21T10:00:00Z"),
        ("mobility.b", "2026-11-21T10:00:05Z"),
        ("mobility.a", "2026-11-21T10:00:31.5Z"),
        ("mobility.b", "2026-11-21T10:00:45Z"),
    ]
    assert sorted(parsing.intervals(seen)) == [31.5, 40.0]


def test_the_parts_of_a_timeline_are_all_of_it() -> None:
    task = {
        "queued_when": "2026-11-21T10:00:01Z",
        "start_date": "2026-11-21T10:00:03.500Z",
        "end_date": "2026-11-21T12:00:04+02:00",
    }
    second = 1795255201.0
    found = runs.timeline("2026-11-21T10:00:00Z", task, pod=second + 0.25, container=second + 1)
    assert list(found.parts().values()) == pytest.approx([1, 0.25, 0.75, 1.5, 0.5])
    assert sum(found.parts().values()) == pytest.approx(found.success - found.triggered)


@pytest.mark.parametrize(
    "cgroups",
    [
        f"0::/ariel-3/kubepods/burstable/pod{POD}/{'a' * 64}\n",
        f"12:pids:/ariel-3/kubepods/pod{POD}/{'a' * 64}\n11:memory:/ariel-3/kubepods/pod{POD}/{'a' * 64}\n",
    ],
)
def test_the_pod_of_a_process_is_read_from_its_control_groups(cgroups: str) -> None:
    assert processes.pod_of(cgroups) == POD


def test_a_process_outside_of_pods_has_none() -> None:
    assert processes.pod_of("0::/user.slice/session-1.scope\n") is None


def test_a_name_with_brackets_does_not_shift_the_start_of_a_process() -> None:
    rest = " ".join(str(field) for field in range(4, 30))
    assert processes.start_ticks(f"7 (a) b (c) S {rest}\n") == 22


def test_the_start_of_this_process_lies_in_its_recent_past() -> None:
    assert 0 <= time.time() - processes.started(os.getpid()) < 24 * 3600


def test_memory_counts_the_proportional_share_and_not_its_parts() -> None:
    smaps = "Rss:   900 kB\nPss:   300 kB\nPss_Anon:   200 kB\nPss_File:   100 kB\n"
    assert processes.pss(smaps) == 300 * 1024


def test_watches_of_all_resources_count_and_other_long_requests_do_not() -> None:
    metrics = (
        'apiserver_longrunning_requests{component="apiserver",resource="pods",verb="WATCH",version="v1"} 7\n'
        'apiserver_longrunning_requests{component="apiserver",resource="pods",verb="CONNECT",version="v1"} 2\n'
        'apiserver_longrunning_requests{component="apiserver",resource="configmaps",verb="WATCH",version="v1"} 3\n'
    )
    assert footprint.watches(metrics) == 10


def test_a_count_is_shown_as_well_as_a_measure() -> None:
    shown = table([Result("processes", 12), Result("queued", 1.234, "s"), Result("never", percentile([], 50), "s")])
    assert list(shown.columns[1].cells) == ["12", "1.23", "nan"]


def test_a_bench_of_thirty_tenants_has_a_stack_file_that_is_taken(tmp_path: Path) -> None:
    Project(tmp_path, 30)
    assert len(edit.list_tenants(stack_file(tmp_path, STACK))) == 30
