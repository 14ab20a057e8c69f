"""A deploy without a gap meets both: the code from before the newest migration, and the new one, on the schema that the
migration made. In the long form alone: it needs the history, and two web processes."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from config.environment import REPOSITORY
from tests.messaging.conftest import start
from tests.web import Web, web_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PASSWORD = "tortoise-on-a-fence"
ROUNDS = 25


def git(*words: str) -> bytes:
    ran = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, check=False)
    if ran.returncode:
        pytest.skip(f"the history is not here: {ran.stderr.decode().strip() or 'git said nothing'}")
    return ran.stdout


@pytest.fixture(scope="module")
def old_code(tmp_path_factory) -> Path:
    """As it stood before the commit that brought the newest migration."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("the history is not here: this is no clone")
    newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", "*/migrations/0*.py").decode().strip()
    if not newest:
        pytest.skip("the history is not here: the clone is shallow")
    place = tmp_path_factory.mktemp("old") / "callboard"
    with tarfile.open(fileobj=io.BytesIO(git("archive", f"{newest}^"))) as packed:
        # As Python's manual has it for those that know of no filters yet, 3.11.3 and older.
        packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        packed.extractall(place)
    # What it lacks is what the commit brought.
    brought = git("diff", "--name-only", "--diff-filter=A", f"{newest}^", newest, "--", "*/migrations/0*.py")
    assert [name for name in brought.decode().split() if (place / name).exists()] == []
    return place


class Calls:
    """Made by turns to the one and the other; what was not answered as it should be."""

    def __init__(self, cast, api):
        self.made, self.failed, self.event = 0, [], cast.event.id
        self.headers = {
            name: api(getattr(cast, name)).headers for name in ("attendee", "mvp_dealer", "moderator", "organizer")
        }

    def __call__(self, web: Web, who: str, asked: str, body=None, *, expected: int = 200, **headers):
        method, _, path = asked.partition(" ")
        answer = web.ask(method, f"/api/v1{path}", body, **{**self.headers[who], **headers})
        self.made += 1
        if answer.status != expected:
            self.failed.append(f"{asked}: {answer.status} {answer.body[:300]!r}")
        return answer.json if answer.body else {}


def signs_in(call: Calls, one: Web, other: Web) -> None:
    """A token of the one is good for the other, and gone where it was given up at either."""
    given = call(one, "attendee", "POST /auth/login", {"username": "attendee", "password": PASSWORD})
    mine = {"Authorization": f"Bearer {given.get('token')}"}
    call(other, "attendee", "GET /me", **mine)
    call(other, "attendee", "POST /auth/logout", expected=204, **mine)
    call(one, "attendee", "GET /me", expected=401, **mine)


def talks(call: Calls, one: Web, other: Web, talk, number: int) -> None:
    """A key that the one has met is known to the other; what the one is told, the other tells as well."""
    path, said = f"/conversations/{talk.id}/messages", {"content": f"Number {number}"}
    key = {"Idempotency_Key": f"key {number}"}
    first = call(one, "mvp_dealer", f"POST {path}", said, expected=201, **key)
    again = call(other, "mvp_dealer", f"POST {path}", said, expected=201, **key)
    if first.get("id") != again.get("id"):
        call.failed.append("a repeat at the other wrote another message")
    for asked in (path, f"/events/{call.event}/feed", "/conversations"):
        shown = [[item.get("id", item.get("message_id")) for item in call(web, "attendee", f"GET {asked}")["items"]]
                 for web in (one, other)]  # fmt: skip
        if shown[0] != shown[1]:
            call.failed.append(f"{asked}: the one shows {shown[0]}, the other {shown[1]}")
    call(one, "attendee", f"POST /conversations/{talk.id}/read", {"message_id": first.get("id")}, expected=204)
    if call(other, "attendee", f"GET /conversations/{talk.id}")["unread_count"]:
        call.failed.append("what was read at the one is not read at the other")


def announces_and_moderates(call: Calls, one: Web, other: Web, talk) -> None:
    body = {"kind": "announcement", "content": "Doors open", "roles": ["attendee"]}
    made = call(one, "mvp_dealer", f"POST /events/{call.event}/broadcasts", body, expected=201)
    call(other, "mvp_dealer", f"GET /broadcasts/{made.get('id')}")
    said = call(one, "mvp_dealer", f"POST /conversations/{talk.id}/messages", {"content": "Buy gold"}, expected=201)
    call(other, "attendee", f"POST /messages/{said.get('id')}/reports", {"reason": "spam"}, expected=201)
    (case, *_) = call(one, "moderator", "GET /moderation/reports?status=pending")["items"]
    call(other, "moderator", f"POST /moderation/reports/{case['id']}/claim")
    decision = {"decision": "actioned", "actions": [{"type": "remove_message"}], "note": "", "version": 2}
    call(one, "moderator", f"POST /moderation/reports/{case['id']}/decide", decision)
    call(other, "moderator", f"POST /messages/{said.get('id')}/restore")
    call(one, "mvp_dealer", f"DELETE /messages/{said.get('id')}", expected=204)


if os.environ.get("CALLBOARD_TEST_LONG"):

    def test_old_and_new_code_serve_side_by_side_on_the_new_schema(old_code, transactional_db, cast, api, figure):
        cast.attendee.set_password(PASSWORD)
        cast.attendee.save()
        call, talk = Calls(cast, api), start(cast, cast.mvp_dealer, cast.attendee)
        with web_process(old_code, CALLBOARD_WEB_WORKERS="1") as old, web_process(CALLBOARD_WEB_WORKERS="1") as new:
            for number in range(ROUNDS):
                for one, other in ((old, new), (new, old)):
                    # As often as an account may within minutes.
                    if number < 2:
                        signs_in(call, one, other)
                    talks(call, one, other, talk, 2 * number + (one is new))
                    announces_and_moderates(call, one, other, talk)
        figure("calls of old and new", call.made)
        figure("failed requests of old and new", len(call.failed))
        assert call.failed == []
