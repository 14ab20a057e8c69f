"""A fresh database for each promise: migrated once, then copied, which takes a second rather than half a minute.

python -m tests.promises.database make | copy | drop
"""

from __future__ import annotations

import sys

import django
import psycopg
from django.core.management import call_command
from django.db import connection


def address_of(name: str) -> str:
    parameters = {**connection.get_connection_params(), "dbname": name}
    known = ("dbname", "user", "password", "host", "port")
    return psycopg.conninfo.make_conninfo(**{key: parameters[key] for key in known if parameters.get(key)})


def run(*statements: str) -> None:
    with psycopg.connect(address_of("postgres"), autocommit=True) as opened:
        for statement in statements:
            opened.execute(statement)


def main(what: str) -> None:
    tests, own = connection.creation._get_test_db_name(), connection.settings_dict["NAME"]
    model = f"{own}_promises"
    if what == "make":
        run(f'DROP DATABASE IF EXISTS "{model}" WITH (FORCE)', f'CREATE DATABASE "{model}"')
        connection.settings_dict["NAME"] = model
        call_command("migrate", verbosity=0)
    elif what == "copy":
        run(f'DROP DATABASE IF EXISTS "{tests}" WITH (FORCE)', f'CREATE DATABASE "{tests}" TEMPLATE "{model}"')
    else:
        run(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in (tests, model)))


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
