"""The phones as a page: escaped, under a strict policy, for nobody else's page, and in a real browser."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from tests.browsing import violations
from tests.messaging.simulator.conftest import OTHER_PHONE, PHONE, SENDER
from tests.waiting import wait_until

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


def phone(number: str) -> str:
    return f'[data-number="{number}"]'


@pytest.mark.browser
def test_a_browser_shows_texts_as_they_come_and_runs_nothing_of_theirs(simulator, visit):
    simulator.create(body=HOSTILE)
    simulator.create(to="+49151111130003", body="Will not arrive")
    page = visit(simulator.base)
    expect(page.locator(phone("+49151111130003"))).to_contain_text("30003: Unreachable destination handset")
    expect(page.locator(phone(PHONE))).to_contain_text(HOSTILE)
    simulator.create(to="+4915112777777", body="Just now")
    expect(page.locator(phone("+4915112777777"))).to_contain_text("Just now")
    assert page.locator(".phone").first.get_attribute("data-number") == "+4915112777777"
    expect(page.locator("#heard")).to_contain_text("Just now")
    assert page.title() == "Phones · Callboard's SMS simulator"


@pytest.mark.browser
def test_a_person_answers_stop_from_a_phone(simulator, ours, visit):
    simulator.create()
    its = visit(simulator.base).locator(phone(PHONE))
    its.locator("[name=body]").fill("Stop")
    its.locator("[name=body]").press("Enter")
    expect(its.locator(".stopped")).to_have_text("said STOP")
    expect(its).to_contain_text("You have successfully been unsubscribed")
    expect(its.locator("[name=body]")).to_have_value("")
    assert [post.params["Body"] for post in ours.posted if "Body" in post.params] == ["Stop"]


@pytest.mark.browser
def test_a_person_sets_faults_and_is_told_what_is_wrong(simulator, visit):
    page = visit(simulator.base)
    page.locator("#fault-slow").fill("0.5")
    page.locator("#fault-slow").press("Enter")
    expect(page.locator("#faults .said")).to_have_text("Set.")
    assert simulator.ask("GET", "/faults")[1]["slow"] == 0.5
    page.locator("#no-faults").click()
    wait_until(lambda: simulator.ask("GET", "/faults")[1]["slow"] == 0)
    page.locator("#write-from").fill("123")
    page.locator("#write-body").fill("x")
    page.locator("#write-body").press("Control+Enter")
    page.locator("#write button[type=submit], #write button:not([type])").first.click()
    expect(page.locator("#write .said")).to_contain_text("#/from")
    expect(page.locator("#write-body")).to_have_value("x")
    visit.wrong.clear()  # the 400 that was asked for


# In the short run one pair of them; in the long run all.
WINDOWS = [(320, "dark"), (1280, "light"), (320, "light"), (1280, "dark")]


@pytest.mark.browser
def test_nothing_is_wider_than_the_window_and_everyone_can_read_it(simulator, visit):
    simulator.create(body="a" * 300)
    page = visit(simulator.base)
    expect(page.locator(phone(PHONE))).to_be_visible()
    for width, scheme in WINDOWS if os.environ.get("CALLBOARD_TEST_LONG") else WINDOWS[:2]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
