"""The loop without a PgBouncer: what it writes, in which order it learns, and what it keeps when something fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.registry import Snapshot, parse
from ariel_runtime.token_refresher.configuration import Database
from ariel_runtime.token_refresher.console import Console
from ariel_runtime.token_refresher.metrics import RefresherMetrics
from ariel_runtime.token_refresher.refresher import Place, Refresher
from ariel_runtime.tokens import Token, TokenUnavailableError
from prometheus_client import CollectorRegistry, generate_latest

from tests.unit.runtime.api_server import document

SHARED = "ariel_runtime"


class Bench:
    """A refresher whose clock, tokens and registry the test sets; PgBouncer does not run."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        self.length = 100
        self.asked: list[str] = []
        self.down: set[str] = set()
        self.snapshot: Snapshot | None = None
        self.shared = folder / "shared"
        self.shared.mkdir()
        self.base, self.roles = folder / "base.ini", folder / "role.json"
        self.base.write_text("[pgbouncer]\nlisten_port = 6432\n")
        login = document()["roles"]["ariel_dagproc_weather"]
        self.roles.write_text(json.dumps({SHARED: {**login, "clientId": "shared"}}))
        self.console = Console(self.shared, 6432)

    def fetch(self, client_id: str) -> Token:
        self.asked.append(client_id)
        if client_id in self.down:
            raise TokenUnavailableError("AADSTS90033")
        value = f"{client_id}-{len(self.asked)}-".ljust(self.length, "x")
        return Token(value=value, expires_on=self.now + 3_600, refresh_on=None)

    def refresher(self, **options: Any) -> Refresher:
        place = Place(
            database=Database("server", "airflow"),
            base_file=self.base,
            shared_roles_file=self.roles,
            folder=self.shared,
        )
        clock: Callable[[], float] = lambda: self.now  # noqa: E731
        return Refresher(place, self.console, lambda: self.snapshot, fetch=self.fetch, clock=clock, **options)

    def tenants(self, *slugs: str) -> None:
        self.snapshot = Snapshot({slug: parse(json.dumps(document(slug))) for slug in slugs}, {})

    def aliases(self) -> list[str]:
        text = (self.shared / "pgbouncer.ini").read_text()
        return [line.split(" ")[0] for line in text.partition("[databases]\n")[2].splitlines()]

    def ini(self) -> str:
        return (self.shared / "pgbouncer.ini").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_shared_role_is_served_before_the_registry_has_been_read(bench: Bench) -> None:
    refresher = bench.refresher()
    assert not refresher.usable
    refresher.turn()
    assert bench.aliases() == [SHARED]
    assert refresher.usable


def test_tenants_come_and_go(bench: Bench) -> None:
    refresher = bench.refresher()
    bench.tenants("mobility", "weather")
    refresher.turn()
    assert bench.aliases() == ["ariel_dagproc_mobility", "ariel_dagproc_weather", SHARED]
    bench.tenants("mobility")
    refresher.turn()
    assert bench.aliases() == ["ariel_dagproc_mobility", SHARED]
    assert "weather" not in (bench.shared / "refresher.json").read_text()


def test_nothing_is_written_and_nothing_ready_without_a_first_token(bench: Bench) -> None:
    bench.down = {"shared"}
    refresher = bench.refresher()
    refresher.turn()
    assert list(bench.shared.iterdir()) == []
    assert not refresher.usable


def test_one_tenants_failing_identity_delays_nobody_else(bench: Bench) -> None:
    bench.down = {"c"}
    bench.tenants("weather")
    refresher = bench.refresher()
    refresher.turn()
    assert bench.aliases() == [SHARED]
    assert refresher.usable


def test_a_token_is_renewed_once_half_of_its_life_is_over_and_not_before(bench: Bench) -> None:
    refresher = bench.refresher()
    refresher.turn()
    bench.now += 1_500
    refresher.turn()
    assert len(bench.asked) == 1
    bench.now += 400
    refresher.turn()
    assert "shared-2-" in bench.ini()
    assert "shared-1-" not in bench.ini()


def test_the_old_token_stays_while_no_new_one_comes_and_readiness_ends_with_it(bench: Bench) -> None:
    refresher = bench.refresher()
    refresher.turn()
    bench.down = {"shared"}
    bench.now += 3_599
    refresher.turn()
    assert "shared-1-" in bench.ini()
    assert refresher.usable
    bench.now += 1
    refresher.turn()
    assert not refresher.usable
    assert bench.aliases() == [SHARED]
    bench.down = set()
    bench.now += 60
    refresher.turn()
    assert refresher.usable


@pytest.mark.parametrize(("version", "limit"), [(None, 2_047), ("1.24.1", 2_047), ("1.26.0", 65_531)])
def test_a_token_that_does_not_fit_is_never_written(bench: Bench, version: str | None, limit: int) -> None:
    bench.length = limit
    refresher = bench.refresher(assumed_version=version)
    refresher.turn()
    before = bench.ini()
    bench.length = limit + 1
    bench.now += 1_900
    refresher.turn()
    assert bench.ini() == before
    assert refresher.renewals.roles[SHARED].refused_length == limit + 1


def test_a_restarted_sidecar_keeps_what_the_former_wrote(bench: Bench) -> None:
    bench.tenants("weather")
    bench.refresher().turn()
    before = bench.ini()
    bench.snapshot, bench.down = None, {"shared", "c"}
    refresher = bench.refresher()
    refresher.turn()
    assert bench.ini() == before
    assert refresher.usable


def test_a_damaged_role_file_leaves_the_roles_that_were_read_before(bench: Bench) -> None:
    refresher = bench.refresher()
    refresher.turn()
    bench.roles.write_text("{")
    refresher.turn()
    assert bench.aliases() == [SHARED]
    assert refresher.usable


def test_new_base_settings_are_taken_over(bench: Bench) -> None:
    refresher = bench.refresher()
    refresher.turn()
    bench.base.write_text("[pgbouncer]\nlisten_port = 6432\nmax_client_conn = 7\n")
    refresher.turn()
    assert "max_client_conn = 7" in bench.ini()


def test_while_a_replica_leaves_its_configuration_is_left_alone(bench: Bench) -> None:
    refresher = bench.refresher(draining=lambda: True)
    refresher.turn()
    assert list(bench.shared.iterdir()) == []


def test_metrics_tell_of_each_role_and_of_a_pgbouncer_that_is_away(bench: Bench) -> None:
    bench.down = {"c"}
    bench.tenants("weather")
    refresher = bench.refresher()
    refresher.turn()
    registry = CollectorRegistry()
    registry.register(RefresherMetrics(refresher, bench.console, lambda: bench.snapshot))
    text = generate_latest(registry).decode()
    assert f'ariel_token_rotations_total{{role="{SHARED}"}} 1.0' in text
    assert f'ariel_token_length_bytes{{role="{SHARED}"}} 100.0' in text
    assert 'ariel_token_failures_total{role="ariel_dagproc_weather"} 1.0' in text
    assert 'ariel_token_usable{role="ariel_dagproc_weather"} 0.0' in text
    assert 'ariel_token_age_seconds{role="ariel_dagproc_weather"}' not in text
    assert "ariel_pgbouncer_up 0.0" in text
    assert "xxxx" not in text
