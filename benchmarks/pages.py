"""What pages weigh and how soon they are read, in Chromium without a cache; and how soon a message is with the other.

On the demo's event, through the front. Bytes and requests are the same on any machine, times are this one's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from statistics import median

from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand
from config.environment import REPOSITORY

TIMES = 7
WINDOW = {"width": 1280, "height": 860}
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
# By what the browser itself has noted.
NOTED = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const rest = performance.getEntriesByType("resource");
    const files = rest.filter((one) => !one.name.includes("/api/"));
    const calls = rest.filter((one) => one.name.includes("/api/") && !one.name.includes("/stream"));
    return {
        html: page.encodedBodySize,
        files: files.length,
        bytes: files.reduce((sum, one) => sum + one.encodedBodySize, 0),
        calls: calls.length,
        first_byte: page.responseStart,
        seen: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
    };
}"""
# When it stands there, by the clock that both windows have.
HEARD = """(text) => new Promise((done) => {
    const look = () => [...document.querySelectorAll("#messages .bubble")].some((one) => one.textContent === text);
    new MutationObserver(() => look() && done(Date.now())).observe(document.body, { childList: true, subtree: true });
    if (look()) done(Date.now());
})"""
SENT = """(text) => {
    const field = document.getElementById("text");
    field.value = text;
    const at = Date.now();
    field.form.requestSubmit();
    return at;
}"""


def run(stand: Stand, event: Event | None, *, seconds: float) -> Outcome:
    """Prints the table; nothing of it is promised, so nothing of it fails."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotReady("Playwright is not installed: script/bench --only pages needs requirements-dev.txt") from None
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise NotReady("Chromium is not here")
    demo = _demo()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            return _measured(stand, demo, lambda **more: browser.new_context(viewport=WINDOW, **more))
        finally:
            browser.close()


def _measured(stand: Stand, demo: dict, context: Callable) -> Outcome:
    base = f"http://127.0.0.1:{stand.port}"
    place, talk = f"{base}/e/{demo['event_id']}", _talk(base, demo)
    seats = {part: _signed_in(base, demo["users"][part], context) for part in ("attendee", "mvp_dealer", "organizer")}
    pages = (
        ("the front page", None, f"{base}/"),
        ("the feed", "attendee", place),
        ("a conversation", "mvp_dealer", f"{place}/messages/{talk}"),
        ("the directory", "mvp_dealer", f"{place}/people"),
        ("the desk, composing", "organizer", f"{place}/desk/compose"),
        ("figures", "organizer", f"{place}/desk/figures"),
    )
    columns = ("HTML", "files", "their bytes", "calls", "first byte", "on the screen")
    print(f"\n{'':<24}{''.join(f'{name:>16}' for name in columns)}")
    promises = []
    for name, part, address in pages:
        found = _page(address, context, seats.get(part))
        print(
            f"{name:<24}{found['html'] / 1000:>13.1f} kB{found['files']:>16.0f}{found['bytes'] / 1000:>13.1f} kB"
            f"{found['calls']:>16.0f}{found['first_byte']:>13.0f} ms{found['seen']:>13.0f} ms",
            flush=True,
        )
        promises.append(Promise(f"{name}: HTML and files", (found["html"] + found["bytes"]) / 1000, "kB"))
        promises.append(Promise(f"{name}: on the screen, median of {TIMES}", found["seen"], "ms"))
    waits = _heard(f"{place}/messages/{talk}", context, seats)
    print(f"\nfrom Enter to the other's screen: median {median(waits):.0f} ms, slowest {max(waits):.0f} ms")
    promises.append(Promise(f"from Enter to the other's screen, median of {TIMES}", median(waits), "ms"))
    return outcome(*promises, is_whole=True)


def _page(address: str, context: Callable, seat: dict | None) -> dict[str, float]:
    """Each time in a browser that has never been there."""
    found = []
    for _ in range(TIMES):
        inside = context(storage_state=seat)
        page = inside.new_page()
        page.goto(address, wait_until="load")
        # The calls that scripts make once the page stands.
        page.wait_for_timeout(700)
        found.append(page.evaluate(NOTED))
        inside.close()
    return {name: median(one[name] for one in found) for name in found[0]}


def _heard(address: str, context: Callable, seats: dict) -> list[float]:
    pages = []
    for part in ("attendee", "mvp_dealer"):
        page = context(storage_state=seats[part]).new_page()
        page.goto(address, wait_until="load")
        pages.append(page)
    mine, theirs = pages
    theirs.wait_for_timeout(1000)
    waits = []
    for number in range(TIMES):
        text = f"Is table {number} free?"
        theirs.evaluate(f"(text) => {{ window.heard = ({HEARD})(text) }}", text)
        sent = mine.evaluate(SENT, text)
        waits.append(theirs.evaluate("() => window.heard") - sent)
    for page in pages:
        page.context.close()
    return waits


def _signed_in(base: str, person: dict, context: Callable) -> dict:
    inside = context()
    page = inside.new_page()
    page.goto(f"{base}/sign-in")
    page.fill("#username", person["username"])
    page.fill("#password", person["password"])
    page.locator("form.card button").click()
    page.wait_for_url(f"{base}/e/**")
    state = inside.storage_state()
    inside.close()
    return state


def _demo() -> dict:
    command = [sys.executable, "manage.py", "seed_demo", "--json"]
    made = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True)
    if made.returncode:
        raise NotReady(f"the demo could not be loaded: {made.stderr.decode(errors='replace').strip()}")
    return json.loads(made.stdout)


def _talk(base: str, demo: dict) -> str:
    """A conversation of two, with something in it: it stands already where this ran before."""
    body = {"recipient_id": demo["users"]["mvp_dealer"]["id"], "content": "Is number 58 still there?"}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {demo['users']['attendee']['token']}"}
    address = f"{base}/api/v1/events/{demo['event_id']}/conversations"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=30) as answer:
            return json.load(answer)["conversation"]["id"]
    except urllib.error.HTTPError as error:
        found = json.load(error)
        if found.get("code") != "conversation_exists":
            raise NotReady(f"the conversation was refused: {found}") from None
        return found["conversation_id"]
