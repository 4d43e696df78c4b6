"""What Prometheus reads: the tokens of each role, and the pools of PgBouncer at the moment of the question."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ariel_runtime.registry import Snapshot
from ariel_runtime.token_refresher.console import Console, ConsoleError, Pool
from ariel_runtime.token_refresher.refresher import Refresher
from ariel_runtime.token_refresher.renewal import RoleState

_TOKEN_GAUGES: dict[str, tuple[str, Callable[[RoleState, float], float | None]]] = {
    "ariel_token_usable": ("Whether the role has a token that is still valid", lambda s, now: float(s.usable(now))),
    "ariel_token_age_seconds": (
        "Since it was obtained",
        lambda s, now: now - s.obtained_at if s.token else None,
    ),
    "ariel_token_expiry_timestamp_seconds": ("When it expires", lambda s, _: s.token.expires_on if s.token else None),
    "ariel_token_length_bytes": ("Its length", lambda s, _: len(s.token.value) if s.token else None),
    "ariel_token_refused_length_bytes": ("Of a token too long to be used", lambda s, _: s.refused_length),
}
_TOKEN_COUNTERS: dict[str, tuple[str, Callable[[RoleState], int]]] = {
    "ariel_token_rotations": ("Tokens obtained", lambda s: s.rotations),
    "ariel_token_failures": ("Attempts that gave no usable token", lambda s: s.failures),
}
_POOL_GAUGES: dict[str, tuple[str, Callable[[Pool], float]]] = {
    "ariel_pgbouncer_clients_active": ("Clients that are linked to a server or idle", lambda p: p.clients_active),
    "ariel_pgbouncer_clients_waiting": ("Clients that wait for a server connection", lambda p: p.clients_waiting),
    "ariel_pgbouncer_servers_in_use": ("Server connections that serve a client", lambda p: p.servers_in_use),
    "ariel_pgbouncer_servers_idle": ("Server connections that are free", lambda p: p.servers_idle),
    "ariel_pgbouncer_longest_wait_seconds": ("Of the first client in the queue", lambda p: p.longest_wait),
}


class RefresherMetrics(Collector):
    """Computed when asked for, so nothing is stale and a role that went leaves nothing behind."""

    def __init__(self, refresher: Refresher, console: Console, latest: Callable[[], Snapshot | None]) -> None:
        self._refresher = refresher
        self._console = console
        self._latest = latest

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks PgBouncer for nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._tokens()
        yield from self._configuration()
        yield from self._pools()

    def _tokens(self) -> Iterator[Metric]:
        states, now = sorted(self._refresher.renewals.roles.items()), time.time()
        for name, (text, measure) in _TOKEN_GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["role"])
            for role, state in states:
                if (value := measure(state, now)) is not None:
                    gauge.add_metric([role], value)
            yield gauge
        for name, (text, count) in _TOKEN_COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["role"])
            for role, state in states:
                counter.add_metric([role], count(state))
            yield counter

    def _configuration(self) -> Iterator[Metric]:
        refresher, snapshot = self._refresher, self._latest()
        yield GaugeMetricFamily("ariel_token_limit_bytes", "Longest token that PgBouncer keeps", refresher.limit)
        yield CounterMetricFamily("ariel_pgbouncer_reloads", "Configurations taken over", refresher.reloads)
        yield CounterMetricFamily("ariel_pgbouncer_refusals", "Configurations refused", refresher.apply_failures)
        malformed = len(snapshot.malformed) if snapshot else 0
        yield GaugeMetricFamily("ariel_registry_malformed_entries", "Tenants whose entry is not used", malformed)
        yield GaugeMetricFamily("ariel_registry_read", "Whether it was ever read", float(snapshot is not None))

    def _pools(self) -> Iterator[Metric]:
        try:
            with self._console.open() as session:
                pools = session.pools()
        except ConsoleError:
            yield GaugeMetricFamily("ariel_pgbouncer_up", "Whether PgBouncer's console answers", 0)
            return
        yield GaugeMetricFamily("ariel_pgbouncer_up", "Whether PgBouncer's console answers", 1)
        for name, (text, measure) in _POOL_GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["alias"])
            for pool in pools:
                gauge.add_metric([pool.alias], measure(pool))
            yield gauge
