"""Server parameters of PostgreSQL Flexible Server that an Airflow database needs: type, range, default."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """`allowed` is a range "a-b" for numbers, "a,b,c" for enumerations and sets, or a pattern for text.

    `dynamic` parameters act at once, others after a restart; `read_only` ones cannot be set.
    """

    default: str
    kind: str
    allowed: str
    dynamic: bool = True
    read_only: bool = False

    def takes(self, value: str) -> bool:
        if self.kind in ("Integer", "Numeric"):
            low, high = re.fullmatch(r"(-?[\d.]+)-([\d.]+)", self.allowed).groups()  # type: ignore[union-attr]
            return bool(re.fullmatch(r"-?\d+(\.\d+)?", value)) and float(low) <= float(value) <= float(high)
        choices = [choice.lower() for choice in self.allowed.split(",")]
        if self.kind in ("Boolean", "Enumeration"):
            return value.lower() in choices
        if self.kind == "Set":
            return all(item.strip().lower() in choices for item in value.split(",") if item.strip())
        return bool(re.fullmatch(self.allowed, value))


def _switch(default: str, *, dynamic: bool = True) -> Parameter:
    return Parameter(default=default, kind="Boolean", allowed="on,off", dynamic=dynamic)


def _number(default: int, low: int, high: int, *, dynamic: bool = True, read_only: bool = False) -> Parameter:
    return Parameter(
        default=str(default), kind="Integer", allowed=f"{low}-{high}", dynamic=dynamic, read_only=read_only
    )


EXTENSIONS = "btree_gin,btree_gist,citext,hstore,pg_stat_statements,pg_trgm,pgaudit,pgcrypto,plpgsql,uuid-ossp,vector"
LEVELS = "debug5,debug4,debug3,debug2,debug1,log,info,notice,warning,error,fatal,panic"
PRELOADS = "auto_explain,azure_storage,pg_cron,pg_stat_statements,pgaudit,pglogical,timescaledb,wal2json"

# Source: Azure Database for PostgreSQL, "Server parameters" (17); max_connections has its default by SKU.
PARAMETERS: dict[str, Parameter] = {
    "azure.extensions": Parameter(default="", kind="Set", allowed=EXTENSIONS),
    "azure.accepted_password_auth_method": Parameter(
        default="md5,scram-sha-256", kind="Set", allowed="md5,scram-sha-256"
    ),
    "autovacuum": _switch("on"),
    "autovacuum_max_workers": _number(3, 1, 262143, dynamic=False),
    "autovacuum_naptime": _number(60, 1, 2147483),
    "checkpoint_timeout": _number(600, 30, 86400),
    "client_min_messages": Parameter(default="notice", kind="Enumeration", allowed=LEVELS),
    "connection_throttle.enable": _switch("on"),
    "data_checksums": Parameter(default="on", kind="Boolean", allowed="on,off", dynamic=False, read_only=True),
    "deadlock_timeout": _number(1000, 1, 2147483647),
    "effective_cache_size": _number(393216, 1, 2147483647),
    "idle_in_transaction_session_timeout": _number(0, 0, 2147483647),
    "idle_session_timeout": _number(0, 0, 2147483647),
    "lock_timeout": _number(0, 0, 2147483647),
    "log_checkpoints": _switch("on"),
    "log_connections": _switch("off"),
    "log_disconnections": _switch("off"),
    "log_duration": _switch("off"),
    "log_error_verbosity": Parameter(default="default", kind="Enumeration", allowed="terse,default,verbose"),
    "log_line_prefix": Parameter(default="%t-%c-", kind="String", allowed=r"[^']*"),
    "log_lock_waits": _switch("off"),
    "log_min_duration_statement": _number(-1, -1, 2147483647),
    "log_min_error_statement": Parameter(default="error", kind="Enumeration", allowed=LEVELS),
    "log_min_messages": Parameter(default="warning", kind="Enumeration", allowed=LEVELS),
    "log_statement": Parameter(default="none", kind="Enumeration", allowed="none,ddl,mod,all"),
    "log_temp_files": _number(-1, -1, 2147483647),
    "logfiles.download_enable": _switch("off"),
    "logfiles.retention_days": _number(3, 1, 7),
    "maintenance_work_mem": _number(65536, 1024, 2097151),
    "max_connections": _number(859, 25, 5000, dynamic=False),
    "max_locks_per_transaction": _number(64, 10, 8388608, dynamic=False),
    "max_prepared_transactions": _number(0, 0, 262143, dynamic=False),
    "max_wal_size": _number(2048, 32, 65536),
    "max_worker_processes": _number(8, 0, 262143, dynamic=False),
    "metrics.collector_database_activity": _switch("off"),
    "password_encryption": Parameter(default="scram-sha-256", kind="Enumeration", allowed="md5,scram-sha-256"),
    "pg_qs.query_capture_mode": Parameter(default="none", kind="Enumeration", allowed="none,top,all"),
    "pg_stat_statements.track": Parameter(default="none", kind="Enumeration", allowed="none,top,all"),
    "pgaudit.log": Parameter(default="none", kind="Set", allowed="none,read,write,function,role,ddl,misc,misc_set,all"),
    "pgbouncer.default_pool_size": _number(50, 1, 4950),
    "pgbouncer.enabled": Parameter(default="false", kind="Boolean", allowed="true,false"),
    "pgbouncer.max_client_conn": _number(5000, 1, 50000),
    "pgbouncer.pool_mode": Parameter(
        default="transaction", kind="Enumeration", allowed="session,transaction,statement"
    ),
    "require_secure_transport": _switch("on"),
    "row_security": _switch("on"),
    "shared_buffers": _number(131072, 16, 1073741823, dynamic=False),
    "shared_preload_libraries": Parameter(
        default="pg_cron,pg_stat_statements", kind="Set", allowed=PRELOADS, dynamic=False
    ),
    "ssl_max_protocol_version": Parameter(default="", kind="Enumeration", allowed=",tlsv1.2,tlsv1.3"),
    "ssl_min_protocol_version": Parameter(default="TLSv1.2", kind="Enumeration", allowed="tlsv1.2,tlsv1.3"),
    "statement_timeout": _number(0, 0, 2147483647),
    "tcp_keepalives_count": _number(9, 0, 2147483647),
    "tcp_keepalives_idle": _number(120, 0, 2147483647),
    "tcp_keepalives_interval": _number(30, 0, 2147483647),
    "timezone": Parameter(default="UTC", kind="String", allowed=r"[A-Za-z0-9/_+-]+"),
    "track_io_timing": _switch("off"),
    "wal_level": Parameter(default="replica", kind="Enumeration", allowed="replica,logical", dynamic=False),
    "work_mem": _number(4096, 4096, 2097151),
}

# Source: Azure Database for PostgreSQL, "Limits": max_connections by memory of the SKU; (vCores, GiB per vCore) decide.
_BURSTABLE_CONNECTIONS = {"B1ms": 50, "B2s": 429, "B2ms": 859, "B4ms": 1718, "B8ms": 3437}
_PER_CORE = {"D": 429.5, "E": 859.0}
MOST_CONNECTIONS = 5000


def max_connections(sku: str) -> int:
    """Default of max_connections for a SKU such as Standard_D4ds_v5."""
    size = sku.removeprefix("Standard_")
    if size.startswith("B"):
        return _BURSTABLE_CONNECTIONS.get(size, MOST_CONNECTIONS)
    cores = int(re.match(r"[DE](\d+)", size)[1])  # type: ignore[index]
    return min(MOST_CONNECTIONS, int(cores * _PER_CORE[size[0]]))
