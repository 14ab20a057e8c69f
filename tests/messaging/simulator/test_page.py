"""The phones as a page: escaped, under a strict policy, for nobody else's page, and in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.messaging.simulator.conftest import OTHER_PHONE, PHONE, SENDER
from tests.waiting import PATIENCE, wait_until

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def page(simulator, query: str = "") -> str:
    status, body, _ = simulator.ask("GET", query)
    assert status == 200
    return body


def test_the_page_shows_the_phones_and_escapes_what_was_written(simulator):
    simulator.create(body=HOSTILE)
    simulator.write(HOSTILE, OTHER_PHONE)
    shown = page(simulator)
    assert f'data-number="{PHONE}"' in shown
    assert f'data-number="{OTHER_PHONE}"' in shown
    assert "<img" not in shown
    assert shown.count("&lt;script&gt;document.title=&#x27;taken&#x27;&lt;/script&gt;&lt;img src=x") == 2
    assert re.findall(r"<script[^>]*>", shown) == ['<script src="/simulator/page.js" defer>']
    assert not re.search(r"<style| style=| on[a-z]+=\"", shown)
    assert not re.search(r"(src|href)=\"(https?:)?//", shown)


def test_its_policy_allows_only_what_it_brings(simulator):
    _, _, headers = simulator.ask("GET", "")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    for name in re.findall(r"/simulator(/[a-z.]+)", page(simulator)):
        assert simulator.ask("GET", name)[0] == 200


def test_whose_number_begins_otherwise_is_not_shown(simulator):
    simulator.create(), simulator.create(to="+447700900123")
    shown = page(simulator, "?to=%2B44")
    assert "+447700900123" in shown
    assert f'data-number="{PHONE}"' not in shown
    assert '"&gt;&lt;b' in page(simulator, "?to=%22%3E%3Cb").replace("&quot;", '"')


def test_only_what_changed_is_given_anew(simulator):
    simulator.create(), simulator.create(to=OTHER_PHONE)
    wait_until(simulator.is_settled)
    first = simulator.ask("GET", "/phones?after=0")[1]
    assert {PHONE, OTHER_PHONE} <= set(first["changed"])
    nothing = simulator.ask("GET", f"/phones?after={first['revision']}")[1]
    assert (nothing["changed"], nothing["order"], nothing["news"]) == ({}, first["order"], "")
    simulator.write("Hello", PHONE)
    then = simulator.ask("GET", f"/phones?after={first['revision']}")[1]
    assert list(then["changed"]) == [PHONE]
    assert then["order"][0] == PHONE
    later = simulator.ask("GET", f"/phones?after={then['revision'] + 1000}")[1]
    assert set(later["changed"]) == set(later["order"]), "it was started anew since"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/messages?limit=0", "?limit"), ("/messages?limit=x", "?limit"), ("/phones?after=-1", "?after")],
)
def test_a_query_that_makes_no_sense_is_named(simulator, path, pointer):
    status, document, _ = simulator.ask("GET", path)
    assert (status, document["errors"][0]["pointer"]) == (400, pointer)


def test_lists_take_a_limit_and_a_plus_that_was_not_encoded(simulator):
    for _ in range(3):
        simulator.create()
    assert len(simulator.ask("GET", f"/messages?to={PHONE}&limit=2")[1]["items"]) == 2
    assert len(simulator.ask("GET", "/messages?limit=3")[1]["items"]) == 3


def test_another_sites_page_neither_writes_nor_reads(simulator, ours):
    text = {"from": PHONE, "to": SENDER, "body": "STOP"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        for method, path, document in (
            ("POST", "/inbound", text),
            ("PUT", "/faults", {"slow": 1}),
            ("GET", "/messages", None),
        ):
            assert simulator.ask(method, path, document, **headers)[0] == 400
    assert ours.posted == []
    assert simulator.ask("GET", "/faults")[1]["slow"] == 0
    assert simulator.ask("POST", "/inbound", text, Origin=f"http://127.0.0.1:{simulator.port}")[0] == 201


def test_what_there_is_not_and_what_is_too_much_is_a_problem(simulator):
    assert simulator.ask("GET", "/nothing")[1]["code"] == "not_found"
    assert simulator.ask("GET", "/page.html")[1]["code"] == "not_found"
    assert simulator.ask("DELETE", "/faults")[1]["code"] == "method_not_allowed"
    assert simulator.ask("DELETE", "/faults")[2]["Allow"] == "GET, PUT"
    assert simulator.ask("POST", "/inbound", b"x" * 70_000)[1]["code"] == "payload_too_large"


# --- In a browser ----------------------------------------------------------------------------


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found and os.environ.get("CALLBOARD_REQUIRE_BROWSER"):
        pytest.fail("Chromium is required and not here")
    return found or pytest.skip("Chromium is not here: the page was not looked at in a browser")


def seen(simulator, profile, *options: str) -> tuple[str, str]:
    """The page as it stands some seconds after it was opened, and what the browser's console said."""
    looked = subprocess.run(
        [
            chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--enable-logging=stderr",
            "--virtual-time-budget=5000", "--dump-dom", *options, simulator.base,
        ],
        capture_output=True, text=True, timeout=2 * PATIENCE, check=False,
    )  # fmt: skip
    return looked.stdout, "\n".join(line for line in looked.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.browser
def test_a_browser_shows_the_texts_and_runs_nothing_of_theirs(simulator, tmp_path):
    simulator.create(body=HOSTILE)
    simulator.create(to="+49151111130003", body="Will not arrive")
    simulator.write("STOP", OTHER_PHONE)
    shown, said = seen(simulator, tmp_path / "profile")
    assert said == ""
    assert "<title>Phones · Callboard" in shown
    assert "said STOP" in shown
    assert "30003: Unreachable destination handset" in shown
    assert "&lt;script&gt;document.title" in shown
    assert re.search(r'<p id="state"[^>]*></p>', shown), "its questions were answered"
    assert re.search(r'<time[^>]* title="', shown), "its script ran"
