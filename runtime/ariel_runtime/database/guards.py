"""What ariel adds to Airflow's schema: schema `ariel` with the tenants and their webhooks, row security, guards.

Guards are triggers, for all roles: Airflow itself lets the last parser own a DAG id, and any team overwrite a variable.
Functions run as their owner with a fixed search path, and ask `session_user`, which nobody can set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from ariel_runtime.database.access import RUNTIME, TABLES, Kind, Privilege, Table

SCHEMA: Final = "ariel"
_DEFINER: Final = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
_GROUPS: Final = ", ".join(Kind)


@dataclass(frozen=True)
class SqlObject:
    """One object of ours. Its comment in the database is a digest of the statement, so an equal one is left alone."""

    target: str
    """As `COMMENT ON` and `DROP` name it."""
    create: str
    """Makes or replaces it."""
    table: str | None = None
    """Of Airflow, to which it belongs."""

    @property
    def mark(self) -> str:
        return f"ariel:{sha256(self.create.encode()).hexdigest()[:16]}"


def _function(name: str, returns: str, body: str) -> SqlObject:
    target = f"FUNCTION {SCHEMA}.{name}()"
    return SqlObject(
        target,
        f"CREATE OR REPLACE {target} RETURNS {returns} {_DEFINER} AS $${body}$$; REVOKE ALL ON {target} FROM PUBLIC",
    )


def _for_runtime(name: str, columns: str) -> SqlObject:
    """A table of ours that the API server reads and writes, and no tenant's role."""
    target = f"TABLE {SCHEMA}.{name}"
    made = f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{name} ({columns})"
    return SqlObject(target, f"{made}; GRANT {', '.join(Privilege)} ON {target} TO {RUNTIME}")


def _of_own_tenant(name: str, expression: str) -> SqlObject:
    body = f" SELECT {expression} FROM ariel.member JOIN ariel.tenant USING (slug) WHERE role = session_user "  # noqa: S608
    function = _function(name, "text LANGUAGE sql STABLE", body)
    return replace(function, create=f"{function.create}; GRANT EXECUTE ON {function.target} TO {_GROUPS}")


def _trigger(name: str, table: str, when: str, function: str, arguments: str = "") -> SqlObject:
    return SqlObject(
        f"TRIGGER {name} ON public.{table}",
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {when} ON public.{table}"
        f" FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.{function}({arguments})",
        table,
    )


def _policy(name: str, table: str, roles: str, condition: str) -> SqlObject:
    target = f"POLICY {name} ON public.{table}"
    return SqlObject(
        target,
        f"DROP POLICY IF EXISTS {name} ON public.{table};"
        f" CREATE {target} TO {roles} USING ({condition}) WITH CHECK ({condition})",
        table,
    )


_KEEP_DAG_BUNDLE: Final = """
DECLARE
    owner record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.bundle_name = OLD.bundle_name AND NEW.dag_id = OLD.dag_id THEN
            RETURN NEW;
        END IF;
        SELECT slug INTO owner FROM ariel.tenant WHERE bundle = OLD.bundle_name;
        IF FOUND THEN
            RAISE EXCEPTION 'DAG "%" belongs to bundle "%" of tenant "%" and cannot move to bundle "%"',
                OLD.dag_id, OLD.bundle_name, owner.slug, NEW.bundle_name USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    SELECT slug, bundle INTO owner FROM ariel.tenant WHERE starts_with(NEW.dag_id, slug || '.');
    IF FOUND AND owner.bundle <> NEW.bundle_name THEN
        RAISE EXCEPTION 'DAG id "%" is reserved for bundle "%" of tenant "%": bundle "%" cannot hold it',
            NEW.dag_id, owner.bundle, owner.slug, NEW.bundle_name
            USING ERRCODE = 'check_violation', HINT = 'Begin the DAG id with the slug of your own tenant and a dot.';
    END IF;
    SELECT slug INTO owner FROM ariel.tenant WHERE bundle = NEW.bundle_name;
    IF FOUND AND NOT starts_with(NEW.dag_id, owner.slug || '.') THEN
        RAISE EXCEPTION 'DAG id "%" of bundle "%" must begin with "%."', NEW.dag_id, NEW.bundle_name, owner.slug
            USING ERRCODE = 'check_violation', HINT = 'Rename the DAG.';
    END IF;
    RETURN NEW;
END
"""

_KEEP_TEAM: Final = """
DECLARE
    name text := to_jsonb(NEW) ->> TG_ARGV[0];
    held text;
    stands boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        held := OLD.team_name;
        stands := true;
    ELSE
        -- Airflow overwrites with INSERT ... ON CONFLICT DO UPDATE, which leaves the team as it is. The lock makes a
        -- second writer of the same name wait, and then see the row of the first.
        PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_NAME || '.' || name, 0));
        EXECUTE format('SELECT team_name, true FROM public.%I WHERE %I = $1', TG_TABLE_NAME, TG_ARGV[0])
            INTO held, stands USING name;
    END IF;
    IF stands AND held IS DISTINCT FROM NEW.team_name THEN
        RAISE EXCEPTION '% "%" belongs to %, and % cannot take it',
            initcap(TG_TABLE_NAME), name, coalesce('team "' || held || '"', 'the platform'),
            coalesce('team "' || NEW.team_name || '"', 'the platform')
            USING ERRCODE = 'check_violation', HINT = 'Choose another name, or have its owner delete it first.';
    END IF;
    RETURN NEW;
END
"""

_SIGN_JOB: Final = """
BEGIN
    IF EXISTS (SELECT FROM ariel.member WHERE role = session_user) THEN
        NEW.unixname := session_user;
        IF TG_OP = 'INSERT' THEN
            NEW.id := nextval('public.job_id_seq');
        END IF;
    END IF;
    RETURN NEW;
END
"""

TENANTS: Final = (
    SqlObject(
        f"TABLE {SCHEMA}.tenant",
        f"CREATE TABLE IF NOT EXISTS {SCHEMA}.tenant (slug text PRIMARY KEY, bundle text NOT NULL UNIQUE,"
        " team text NOT NULL UNIQUE, pool text NOT NULL UNIQUE)",
    ),
    SqlObject(
        f"TABLE {SCHEMA}.member",
        f"CREATE TABLE IF NOT EXISTS {SCHEMA}.member (role text PRIMARY KEY,"
        f" slug text NOT NULL REFERENCES {SCHEMA}.tenant ON DELETE CASCADE)",
    ),
)
"""Who the tenants are, as the database knows them; nobody but the owner may write or read it."""

WEBHOOKS: Final = (
    _for_runtime(
        "webhook",
        f"slug text PRIMARY KEY REFERENCES {SCHEMA}.tenant ON DELETE CASCADE,"
        " salt text NOT NULL, sequence bigint NOT NULL",
    ),
    _for_runtime(
        "webhook_delivery",
        f"slug text NOT NULL REFERENCES {SCHEMA}.webhook ON DELETE CASCADE, proof text NOT NULL,"
        " at timestamptz NOT NULL, sender text NOT NULL, revision text, result text NOT NULL,"
        " PRIMARY KEY (slug, proof)",
    ),
)
"""Which key of a tenant's webhook is the next, and what came by it; see `ariel_runtime.delivery.journal`. No key."""

FUNCTIONS: Final = (
    _of_own_tenant("bundle", "bundle"),
    _of_own_tenant("team", "team"),
    _of_own_tenant("dag_prefix", "slug || '.'"),
    _function("keep_dag_bundle", "trigger LANGUAGE plpgsql", _KEEP_DAG_BUNDLE),
    _function("keep_team", "trigger LANGUAGE plpgsql", _KEEP_TEAM),
    _function("sign_job", "trigger LANGUAGE plpgsql", _SIGN_JOB),
)

GUARDS: Final = (
    _trigger("ariel_keep_bundle", "dag", "INSERT OR UPDATE OF dag_id, bundle_name", "keep_dag_bundle"),
    _trigger("ariel_keep_team", "variable", "INSERT OR UPDATE OF team_name", "keep_team", "'key'"),
    _trigger("ariel_keep_team", "connection", "INSERT OR UPDATE OF team_name", "keep_team", "'conn_id'"),
    _trigger("ariel_sign", "job", "INSERT OR UPDATE", "sign_job"),
)


def policies(table: Table) -> tuple[SqlObject, ...]:
    """Row security of one table: tenants see their rows, scheduler and API server all; the owner is never asked."""
    if table.rows is None:
        return ()
    return (
        _policy("ariel_tenant", table.name, _GROUPS, table.rows.condition),
        _policy("ariel_platform", table.name, RUNTIME, "true"),
    )


def objects() -> tuple[SqlObject, ...]:
    """All objects of ours, in the order in which they can be made."""
    return (*TENANTS, *WEBHOOKS, *FUNCTIONS, *GUARDS, *(policy for table in TABLES for policy in policies(table)))
