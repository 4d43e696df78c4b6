-- What Azure adds to PostgreSQL: the role of administrators and the functions for Entra principals.
-- Run once, as the superuser, in database postgres; there and nowhere else do the functions exist.
-- Source: Microsoft, "Manage Microsoft Entra roles in Azure Database for PostgreSQL".

CREATE ROLE azure_pg_admin NOLOGIN;
GRANT pg_monitor, pg_read_all_settings, pg_read_all_stats, pg_stat_scan_tables, pg_signal_backend, pg_checkpoint
    TO azure_pg_admin;
ALTER DATABASE postgres OWNER TO azure_pg_admin;

CREATE SCHEMA pgaadauth;
REVOKE ALL ON SCHEMA pgaadauth FROM PUBLIC;

-- By the role's oid: a role that is dropped and made again is not the principal's any more.
CREATE TABLE pgaadauth.principal (
    role oid PRIMARY KEY,
    object_id uuid NOT NULL,
    type text NOT NULL CHECK (type IN ('user', 'group', 'service')),
    admin boolean NOT NULL,
    mfa boolean NOT NULL
);

CREATE FUNCTION pgaadauth.map(role_name text, object_id uuid, kind text, is_admin boolean, is_mfa boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM pgaadauth.principal WHERE role NOT IN (SELECT oid FROM pg_roles);
    INSERT INTO pgaadauth.principal VALUES (to_regrole(quote_ident(role_name)), object_id, kind, is_admin, is_mfa)
        ON CONFLICT (role) DO UPDATE SET object_id = excluded.object_id, type = excluded.type,
            admin = excluded.admin, mfa = excluded.mfa;
    IF is_admin THEN
        EXECUTE format('ALTER ROLE %I LOGIN CREATEDB CREATEROLE', role_name);
        EXECUTE format('GRANT azure_pg_admin TO %I', role_name);
    END IF;
END $$;

CREATE FUNCTION pg_catalog.pgaadauth_create_principal_with_oid(
    rolename text, objectid text, objecttype text, isadmin boolean, ismfa boolean)
RETURNS text LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF lower(objecttype) NOT IN ('user', 'group', 'service') THEN
        RAISE EXCEPTION 'objectType "%" is not one of user, group, service', objecttype
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('CREATE ROLE %I LOGIN', rolename);
    PERFORM pgaadauth.map(rolename, objectid::uuid, lower(objecttype), isadmin, ismfa);
    -- Since PostgreSQL 16 CREATEROLE alone gives no power over roles that somebody else, here the owner, has made.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        EXECUTE format('GRANT %I TO %I WITH ADMIN OPTION', rolename, session_user);
    END IF;
    RETURN format('Created role for "%s"', rolename);
END $$;

-- Looks the name up among the identities of the sandbox, as they were at the last sign-in; Azure asks Microsoft Graph.
CREATE FUNCTION pg_catalog.pgaadauth_create_principal(rolename text, isadmin boolean, ismfa boolean)
RETURNS text LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    object_id text := pg_read_file('/var/lib/postgresql/directory.json')::jsonb ->> rolename;
BEGIN
    IF object_id IS NULL THEN
        RAISE EXCEPTION 'principal "%" was not found in the directory', rolename USING ERRCODE = 'undefined_object';
    END IF;
    RETURN pgaadauth_create_principal_with_oid(rolename, object_id, 'service', isadmin, ismfa);
END $$;

CREATE FUNCTION pg_catalog.pgaadauth_list_principals(isadminvalue boolean)
RETURNS TABLE (rolname name, principaltype text, objectid text, tenantid text, ismfa integer, isadmin integer)
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.rolname, p.type, p.object_id::text, current_setting('pgaadauth.tenant_id', true), p.mfa::int, p.admin::int
    FROM pgaadauth.principal p JOIN pg_roles r ON r.oid = p.role
    WHERE p.admin OR NOT isadminvalue
    ORDER BY r.rolname
$$;

REVOKE ALL ON FUNCTION pg_catalog.pgaadauth_create_principal_with_oid(text, text, text, boolean, boolean),
    pg_catalog.pgaadauth_create_principal(text, boolean, boolean),
    pg_catalog.pgaadauth_list_principals(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_catalog.pgaadauth_create_principal_with_oid(text, text, text, boolean, boolean),
    pg_catalog.pgaadauth_create_principal(text, boolean, boolean),
    pg_catalog.pgaadauth_list_principals(boolean) TO azure_pg_admin;
