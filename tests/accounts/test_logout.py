import os
import subprocess
import sys
import threading
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from accounts import tokens
from accounts.models import AuditEntry
from api import maintenance


@pytest.mark.django_db
def test_logout_ends_this_token_only(api, alice, refused):
    here, elsewhere = api(alice), api(alice)
    response = here.post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    refused(here.get("/me"), 401, "not_authenticated")
    refused(here.post("/auth/logout"), 401, "not_authenticated")
    assert elsewhere.get("/me").status_code == 200
    assert [(entry.action, entry.actor_id) for entry in AuditEntry.objects.all()] == [("logout", alice.id)]


@pytest.mark.django_db
def test_logout_goes_on_in_maintenance(api, alice, refused):
    here = api(alice)
    maintenance.switch_on()
    assert here.post("/auth/logout").status_code == 204
    maintenance.switch_off()
    refused(here.get("/me"), 401, "not_authenticated")


@pytest.mark.django_db
def test_logout_without_a_token(api, refused):
    refused(api().post("/auth/logout"), 401, "not_authenticated")


@pytest.mark.django_db(transaction=True)
def test_logout_reaches_another_connection(api, alice):
    _, secret = tokens.issue(user=alice)
    found = []

    def look() -> None:
        found.append(tokens.owner(secret))
        connection.close()

    for step in ("before", "after"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        if step == "before":
            assert api().post("/auth/logout", Authorization=f"Bearer {secret}").status_code == 204
    assert found[0][0] == alice
    assert found[1] is None


ANOTHER_PROCESS = """
import sys, django
django.setup()
from accounts import tokens
for line in sys.stdin:
    print("live" if tokens.owner(line.strip()) else "dead", flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_logout_reaches_another_process(api, alice):
    _, secret = tokens.issue(user=alice)
    address = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}"))
    environment = {**os.environ, "DATABASE_URL": address, "SECRET_KEY": settings.SECRET_KEY}
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS],
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def there() -> str:
            process.stdin.write(f"{secret}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert there() == "live"
        assert api().post("/auth/logout", Authorization=f"Bearer {secret}").status_code == 204
        assert there() == "dead"
