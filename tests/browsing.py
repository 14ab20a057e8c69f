"""Pages in a real browser, by Playwright with the Chromium of the system.

`chromium` is one of a module's; `visit(user)` gives a page of a person's own, signed in by a session, and fails the
test at its end where the page's console complained. `violations(page)` is what axe-core finds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.waiting import PATIENCE

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
expect.set_options(timeout=PATIENCE * 1000)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def program() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found and os.environ.get("CALLBOARD_REQUIRE_BROWSER"):
        pytest.fail("Chromium is required and not here")
    return found or pytest.skip("Chromium is not here: the pages were not looked at in a browser")


@pytest.fixture(scope="module")
def chromium() -> Browser:
    executable = program()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop on this thread, beside which Django would refuse to ask the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        yield browser
        browser.close()


def signed_in(user) -> dict:
    """A session as the sign-in form makes it."""
    client = Client()
    client.force_login(user)
    return {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}


@pytest.fixture
def visit(chromium) -> Callable[..., Page]:
    """`visit(address, user, viewport=NARROW, color_scheme="dark")`: each call is a browser of its own to the site."""
    contexts, wrong = [], []

    def open_page(address: str, user=None, **options) -> Page:
        context = chromium.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        if user:
            # For the whole site: beside a longer address it would be a cookie of that folder.
            context.add_cookies([signed_in(user) | {"url": "/".join(address.split("/")[:3])}])
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(address)
        return page

    # What a test expects to be refused (a 409, say) it takes out of this list itself.
    open_page.wrong = wrong
    yield open_page
    for context in contexts:
        context.close()
    assert wrong == [], "the browser's console complained"


def violations(page: Page) -> list[str]:
    """Each with the element it is about; a policy against foreign scripts does not stop the check."""
    # Sheets that a sheet brings are not fetched a second time: axe would look for them beside the page.
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
