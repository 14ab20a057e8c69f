"""The core of the suite once more, with PgBouncer in transaction mode between it and PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from api.database import shared_connection
from config.environment import REPOSITORY
from tests.pooler import pgbouncer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Whatever could lean on a connection's memory: roles and people, keys and their locks, one person after another on one
# connection, writes; in the long form whatever else commits.
CORE = ["tests/api/test_database.py", "tests/api/test_idempotency.py", "tests/messaging/test_one_connection.py"]
CORE += ["tests/messaging/test_sending.py"]
if os.environ.get("CALLBOARD_TEST_LONG"):
    CORE += [f"tests/accounts/test_{name}.py" for name in ("remembered_tokens", "tokens", "logout")]
    CORE += [
        f"tests/messaging/test_{name}.py" for name in ("starting", "lists", "feed", "races", "publishing", "groups")
    ]
    CORE += [f"tests/broadcasts/test_{name}.py" for name in ("fanout", "races", "quotas")]
    CORE += [f"tests/moderation/test_{name}.py" for name in ("cases", "races", "decisions", "content_rules")]
SWAPS = "10000" if os.environ.get("CALLBOARD_TEST_LONG") else "500"
# These end a server's connection and expect the client's to be gone too.
NOT_OF_A_POOL = "not connection_that_died and not server_closed"


@pytest.fixture
def a_copy_of_the_tests_database():
    """For the other run alone; named as it names its own."""
    name = f"{connection.settings_dict['NAME']}_pooled"
    own = {**connection.get_connection_params(), "dbname": "postgres"}
    maintenance = {key: own[key] for key in ("dbname", "user", "password", "host", "port") if own.get(key)}
    source = connection.settings_dict["NAME"]
    connection.close()
    shared_connection().close()
    with psycopg.connect(**maintenance, autocommit=True) as opened:
        opened.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        opened.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    yield name
    with psycopg.connect(**maintenance, autocommit=True) as opened:
        opened.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_core_of_the_suite_passes_through_it(a_copy_of_the_tests_database, figure):
    # So few server connections that everybody works on everybody else's.
    with pgbouncer(default_pool_size="3", reserve_pool_size="0") as address:
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-q",
                "-n",
                "0",
                "--reuse-db",
                "-k",
                NOT_OF_A_POOL,
                *CORE,
            ],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CALLBOARD_"))}
            | {
                "DATABASE_URL": address.format(a_copy_of_the_tests_database.removeprefix("test_")),
                "REDIS_URL": settings.REDIS_URL,
                "SECRET_KEY": settings.SECRET_KEY,
                "CALLBOARD_PREPARED_STATEMENTS": "off",
                # It empties its Redis after each test: not that of a neighbour.
                "PYTEST_XDIST_WORKER": "gw12",
                # As many as each connection of the pool is taken by each person many times over.
                "CALLBOARD_TEST_SWAPS": SWAPS,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "[100%]" in ran.stdout
    figure("tests through it", sum(len(line.split()[0]) for line in ran.stdout.splitlines() if line.endswith("%]")))
