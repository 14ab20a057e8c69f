"""The database's own word on who may do what, and on what is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import connection

from api.doctor import Finding, fault, good, unless, warning

# Tables whose rows belong to somebody; each app names its own.
_guarded: list[str] = []

MORE = "docs/database-role.md says how."


def guard(*tables: str) -> None:
    """Row-level security has to be forced on these, with a policy for the owner and one for the role."""
    _guarded.extend(table for table in tables if table not in _guarded)


def guarded() -> list[str]:
    return list(_guarded)


def _rows(statement: str, values: list[Any] | None = None) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or [])
        return cursor.fetchall()


def owner() -> Iterator[Finding]:
    ((name, is_super, bypasses),) = _rows(
        "SELECT current_user::text, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    words = f"{name} is {'a superuser' if is_super else 'a role with BYPASSRLS'}: no policy holds for it"
    unsafe = fault("database user", words, f"Use a role of its own that owns the database. {MORE}")
    yield unless(not (is_super or bypasses), unsafe, f"{name}, bound by policies")


def role() -> Iterator[Finding]:
    found = _rows(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb, rolcanlogin,"
        " pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'callboard_api'"
    )
    if not found:
        yield fault("callboard_api", "is not there: every call fails", f"Run manage.py migrate. {MORE}")
        return
    ((is_mighty, can_login, is_ours),) = found
    unsafe = fault(
        "callboard_api", "may do more than read what it is granted", "ALTER ROLE callboard_api NOSUPERUSER …"
    )
    yield unless(not is_mighty, unsafe, "has no rights but those granted")
    if can_login:
        yield warning("callboard_api", "can log in", "ALTER ROLE callboard_api NOLOGIN")
    if not is_ours:
        yield fault("callboard_api", "is not granted to our user: every call fails", f"GRANT callboard_api. {MORE}")


def policies() -> Iterator[Finding]:
    found = {
        name: (is_forced, policies or [])
        for name, is_forced, policies in _rows(
            "SELECT relname::text, relrowsecurity AND relforcerowsecurity,"
            " (SELECT array_agg(polname::text) FROM pg_policy WHERE polrelid = pg_class.oid)"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY(%s)",
            [guarded()],
        )
    }
    loose = [finding for name in sorted(guarded()) for finding in _loose(name, *found.get(name, (False, [])))]
    open_to_all = list(_open_to_all())
    yield from [*loose, *open_to_all]
    if not loose and not open_to_all:
        yield good("row-level security", f"in force on {len(found)} tables")


# One lets its owner in, at least one says what the role sees.
LEAST_POLICIES = 2


def _loose(name: str, is_forced: bool, policies: list[str]) -> Iterator[Finding]:
    if not is_forced:
        words = "has no row-level security in force: a forgotten filter shows everybody's rows"
        yield fault(name, words, f"ALTER TABLE {name} ENABLE and FORCE ROW LEVEL SECURITY. {MORE}")
    elif len(policies) < LEAST_POLICIES:
        words = f"has lost a policy ({', '.join(policies) or 'none'} left): calls see nothing of it"
        yield fault(name, words, f"Make it again as its migration does. {MORE}")


def _open_to_all() -> Iterator[Finding]:
    """Policies add up: one that lets everything through for the API's role undoes all beside it."""
    for name, policy in _rows(
        "SELECT tablename::text, policyname::text FROM pg_policies WHERE schemaname = 'public'"
        " AND permissive = 'PERMISSIVE' AND (qual = 'true' OR with_check = 'true')"
        " AND roles && ARRAY['callboard_api', 'public']::name[] ORDER BY 1, 2"
    ):
        words = f"its policy {policy} lets everybody's rows through"
        yield fault(name, words, f"Drop it; where a migration made it, make it again as that does. {MORE}")


def indexes() -> Iterator[Finding]:
    broken = _rows(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " WHERE relnamespace = 'public'::regnamespace AND NOT (indisvalid AND indisready) ORDER BY 1"
    )
    for (name,) in broken:
        yield fault(
            name, "is an invalid index: it costs writes and serves nobody", f"REINDEX INDEX CONCURRENTLY {name}"
        )
    if not broken:
        yield good("indexes", "all valid")


def constraints() -> Iterator[Finding]:
    loose = _rows(
        "SELECT conname::text, conrelid::regclass::text FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND NOT convalidated ORDER BY 1"
    )
    for name, table in loose:
        yield warning(name, "was never checked for old rows", f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    if not loose:
        yield good("constraints", "all validated")


def durability() -> Iterator[Finding]:
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        ((value,),) = _rows("SELECT current_setting(%s)", [name])
        lossy = fault(name, f"{value}: what was answered may be lost", f"Set {name} = on in postgresql.conf.")
        yield unless(value not in ("off",), lossy, value)


# What keeps rows and values out of PostgreSQL's own log.
QUIET_LOG = {
    "log_error_verbosity": ("terse",),
    "log_min_error_statement": ("panic",),
    "log_parameter_max_length_on_error": ("0",),
}


def server_log() -> Iterator[Finding]:
    loud = [
        name for name, wanted in QUIET_LOG.items() if _rows("SELECT current_setting(%s)", [name])[0][0] not in wanted
    ]
    host = settings.DATABASES["default"].get("HOST") or "this machine"
    wanted = ", ".join(f"{name} = {QUIET_LOG[name][0]}" for name in loud)
    words = f"PostgreSQL at {host} may write rows into its own log when a statement fails"
    yield unless(not loud, warning("server log", words, f"Set {wanted}."), "quotes no rows")
