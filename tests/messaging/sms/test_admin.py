"""The ledger in the admin: found by filters, one page with everything that happened, a phone only for who may look."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from messaging.models import OptOut, Text
from messaging.sms import optouts
from tests.conftest import make_user
from tests.messaging.sms.conftest import PHONE, drain, fresh, hear, publish, to_one

LIST = "admin:messaging_text_changelist"
PAGE = "admin:messaging_text_change"
LOOK = "admin:messaging_text_phone"
OPTOUTS = "admin:messaging_optout_changelist"


def signed_in(name: str, **fields) -> Client:
    client = Client()
    client.user = make_user(name, is_staff=True, **fields)
    client.force_login(client.user)
    return client


@pytest.fixture
def root(cast) -> Client:
    return signed_in("root", is_superuser=True)


@pytest.fixture
def reader(cast) -> Client:
    client = signed_in("reader")
    client.user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return client


def shown(client: Client, query: str) -> set[str]:
    """Usernames of the list."""
    answer = client.get(reverse(LIST) + query)
    assert answer.status_code == 200
    return {text.username for text in answer.context["cl"].result_list}


def test_the_ledger_is_found_by_state_code_event_broadcast_and_age(phones, told, root):
    told.script = [(400, 21211)]
    message = publish(phones, roles=["attendee", "dealer"])
    drain()
    failed = Text.objects.get(state="failed")
    Text.objects.filter(delivery_id=failed.delivery_id).update(created_at="2020-01-01T00:00:00Z")
    name = {text.delivery_id: text.username for text in root.get(reverse(LIST)).context["cl"].result_list}
    bad, everybody = {name[failed.delivery_id]}, set(name.values())
    assert everybody == {"attendee", "attendee_2", "dealer"}
    for query, found in [
        ("?state__exact=failed", bad),
        ("?state__exact=sent", everybody - bad),
        ("?code=21211", bad),
        ("?code=any", bad),
        ("?reason=unusable_phone", bad),
        ("?age=day", everybody - bad),
        ("?age=stuck", set()),
        (f"?event={phones.event.id}", everybody),
        ("?event=01900000-0000-7000-8000-000000000000", set()),
        (f"?q={message.id}", everybody),
        (f"?q={failed.delivery_id}", bad),
        (f"?q={failed.user_id}", bad),
        ("?q=dealer", {"dealer"}),
        ("?q=nobody", set()),
        (f"?q={told.messages[0]['sid']}", {_of(told.messages[0])}),
        ("?code=none&age=x", everybody),
    ]:
        assert shown(root, query) == found, query


def _of(message: dict) -> str:
    from accounts.models import User

    return User.objects.get(phone=message["to"]).username


def test_a_broadcasts_texts_are_found_by_its_id(phones, told, root):
    from broadcasts import fanout
    from tests.broadcasts.conftest import accept

    broadcast = accept(phones, sms=True, confirm=True, roles=["dealer"])
    fanout.run(broadcast.id)
    assert shown(root, f"?q={broadcast.id}") == {"dealer"}


def test_the_list_asks_as_much_for_many_as_for_few(phones, told, root):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            root.get(reverse(LIST))
        assert not [query for query in found if 'COUNT(*) AS "__count" FROM "messaging_text"' in query["sql"]]
        return len(found)

    publish(phones, roles=["dealer"])
    queries()
    few = queries()
    for number in range(4):
        publish(phones, f"Number {number}")
    assert queries() == few


def test_one_texts_whole_history_stands_on_its_page(phones, told, root):
    told.script = [429]
    text = to_one(phones)
    drain()
    Text.objects.update(next_at="2020-01-01T00:00:00Z")
    drain()
    hear(text, "undelivered", sid=told.messages[0]["sid"], attempt=2, code=30003)
    page = root.get(reverse(PAGE, args=[text.delivery_id])).content.decode()
    for words in (
        "queued → sending", "sending → queued", "sending → sent", "sent → undelivered", "the provider said undelivered",
        "unreachable (30003)", told.messages[0]["sid"],
    ):  # fmt: skip
        assert words in page
    assert PHONE not in page
    assert "+49…01" in page


def test_a_look_at_the_phone_is_in_the_audit(phones, told, root):
    text = to_one(phones)
    drain()
    page = root.post(reverse(LOOK, args=[text.delivery_id]))
    assert PHONE in page.content.decode()
    entry = AuditEntry.objects.get(action="text_phone_seen")
    assert (entry.actor_id, entry.object_id, entry.data) == (root.user.id, str(text.delivery_id), {})


def test_support_reads_the_ledger_and_no_phone(phones, told):
    """Help for people who got no text."""
    text = to_one(phones)
    drain()
    support = signed_in("support")
    support.user.groups.add(Group.objects.get(name="Support"))
    assert shown(support, "") == {"attendee", "attendee_2"}
    page = support.get(reverse(PAGE, args=[text.delivery_id])).content.decode()
    assert "+49…01" in page
    assert PHONE not in page
    assert support.post(reverse(LOOK, args=[text.delivery_id])).status_code == 403
    assert support.get(reverse(OPTOUTS)).status_code == 200
    assert support.post(reverse("admin:messaging_optout_add"), {"phone": PHONE}).status_code == 403
    assert not OptOut.objects.exists()


def test_who_may_not_look_sees_no_phone_and_leaves_no_trace(phones, told, reader):
    text = to_one(phones)
    drain()
    page = reader.get(reverse(PAGE, args=[text.delivery_id])).content.decode()
    assert PHONE not in page
    assert "Show the phone" not in page
    assert reader.post(reverse(LOOK, args=[text.delivery_id])).status_code == 403
    assert not AuditEntry.objects.filter(action="text_phone_seen").exists()


def test_a_link_is_no_look(phones, told, root):
    text = to_one(phones)
    drain()
    assert root.get(reverse(LOOK, args=[text.delivery_id])).status_code == 403
    assert not AuditEntry.objects.filter(action="text_phone_seen").exists()


def test_the_ledger_is_only_shown(phones, told, root):
    text = to_one(phones)
    page = reverse(PAGE, args=[text.delivery_id])
    assert root.post(page, {"state": "delivered"}).status_code == 403
    assert (
        root.post(reverse("admin:messaging_text_delete", args=[text.delivery_id]), {"post": "yes"}).status_code == 403
    )
    assert root.get(reverse("admin:messaging_text_add")).status_code == 403
    assert fresh(text).state == "queued"


def test_staff_stop_texts_to_a_phone_and_take_it_back(cast, root):
    root.post(reverse("admin:messaging_optout_add"), {"phone": "+49 151 12345601"})
    optout = OptOut.objects.get()
    assert (optout.phone, optout.cause) == (PHONE, "staff")
    page = root.get(reverse(OPTOUTS)).content.decode()
    assert PHONE not in page
    assert "+49…01" in page
    root.post(reverse(OPTOUTS), {"action": "lift", "_selected_action": [optout.pk]})
    assert OptOut.objects.get().lifted_at
    actions = AuditEntry.objects.filter(object_id=str(optout.pk)).order_by("at").values_list("action", flat=True)
    assert list(actions) == ["texts_stopped", "texts_resumed"]


def test_staff_stop_texts_again_after_they_were_lifted(cast, root):
    optouts.close(PHONE, "stop")
    optouts.lift(PHONE)
    root.post(reverse("admin:messaging_optout_add"), {"phone": PHONE})
    optout = OptOut.objects.get()
    assert (optout.cause, optout.lifted_at) == ("staff", None)
    assert AuditEntry.objects.get(object_id=str(optout.pk)).action == "texts_stopped"


def test_what_stands_already_is_no_news_and_no_deed(cast, root):
    optouts.close(PHONE, "stop")
    answer = root.post(reverse("admin:messaging_optout_add"), {"phone": PHONE})
    assert answer.status_code == 200
    assert "gets no texts already" in answer.content.decode()
    assert OptOut.objects.get().cause == "stop"
    assert not AuditEntry.objects.filter(action="texts_stopped").exists()


def test_nobody_takes_back_anothers_stop(cast, root, reader):
    optouts.close(PHONE, "stop")
    (optout,) = OptOut.objects.all()
    root.post(reverse(OPTOUTS), {"action": "lift", "_selected_action": [optout.pk]})
    assert root.post(reverse("admin:messaging_optout_delete", args=[optout.pk]), {"post": "yes"}).status_code == 403
    assert reader.post(reverse("admin:messaging_optout_add"), {"phone": PHONE}).status_code == 403
    reader.post(reverse(OPTOUTS), {"action": "lift", "_selected_action": [optout.pk]})
    assert (OptOut.objects.get().cause, OptOut.objects.get().lifted_at) == ("stop", None)
