"""The clients of docs/stream.md, run as they stand there: through the front, as anybody's would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading

import pytest

from accounts import tokens
from config.environment import REPOSITORY
from messaging import conversations
from messaging.stream import client_states
from tests.streams import site
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENT = (REPOSITORY / "docs" / "stream.md").read_text()


def client(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def address(django_db_setup, _own_redis_database):
    with tempfile.TemporaryDirectory(prefix="site", dir="/tmp") as folder, site(folder) as address:
        yield address


@pytest.fixture
def say(transactional_db, cast):
    talk = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).conversation
    return lambda words: conversations.send(talk.id, words, by=cast.mvp_dealer)


def until_heard(say, heard, words: str) -> None:
    """Said again and again, until the client has begun to listen."""

    def repeat() -> bool:
        say(words)
        return words in heard()

    wait_until(repeat)


def test_curl_listens(address, cast, say):
    token = tokens.issue(user=cast.attendee)[1]
    environment = {**os.environ, "BASE": address, "TOKEN": token, "SECONDS_TO_LISTEN": "20"}
    with tempfile.TemporaryFile("w+") as output:
        curl = subprocess.Popen(["bash", "-euc", client("bash")], env=environment, stdout=output)

        def heard() -> str:
            output.seek(0)
            return output.read()

        until_heard(say, heard, "by curl")
        assert "event: message.created" in heard()
        curl.terminate()
        curl.wait()


def test_python_listens_and_is_told_that_it_may_not(address, cast, say):
    code = client("python") + (
        "\nimport sys\nfor kind, data in events(*sys.argv[1:]):\n"
        "    print(kind, data.get('item', {}).get('content'), flush=True)\n"
    )
    token = tokens.issue(user=cast.attendee)[1]
    heard: list[str] = []
    listening = subprocess.Popen([sys.executable, "-c", code, address, token], stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: heard.extend(listening.stdout), daemon=True).start()
    until_heard(say, lambda: "".join(heard), "by python")
    assert "message.created by python\n" in heard
    listening.terminate()
    listening.wait()
    refused = subprocess.run(
        [sys.executable, "-c", code, address, "nonsense"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "RuntimeError: not_authenticated" in refused.stderr


@pytest.mark.browser
def test_a_browser_listens_with_its_session(address, cast, say, visit):
    page = visit(f"{address}/", cast.attendee)
    page.evaluate(
        "window.heard = []; window.show = (item) => heard.push(item.content);"
        "window.readEverythingAnew = window.signInAgain = () => {};" + client("javascript")
    )
    until_heard(say, lambda: page.evaluate("heard"), "by a browser")


def test_each_state_of_a_client_is_left_again():
    moves = {(begin, end) for step in client_states.TRANSITIONS.values() for begin, end in step.items()}
    assert {begin for begin, _ in moves} == {end for _, end in moves}
