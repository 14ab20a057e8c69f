"""The organizers' orders in the admin: found by filters, one page each with its deliveries, and cancelled there."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from api.models import WebhookNotice, WebhookReceiver
from api.outgoing import sending, signing
from broadcasts import admin as pages
from broadcasts.models import Broadcast, Quota
from messaging.models import Delivery
from tests.broadcasts.conftest import accept, finish, fresh, schedule, used
from tests.conftest import join, make_user

LIST = "admin:broadcasts_broadcast_changelist"
PAGE = "admin:broadcasts_broadcast_change"
RECEIVERS = "admin:api_webhookreceiver_changelist"
NOTICES = "admin:api_webhooknotice_changelist"


@pytest.fixture
def root(cast):
    user = make_user("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def reader(cast):
    """May look at everything here, and do nothing."""
    user = make_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


def act(client, address: str, action: str, *objects):
    data = {"action": action, "_selected_action": [str(one.pk) for one in objects]}
    return client.post(reverse(address), data, follow=True)


def test_the_list_and_its_filters(cast, root):
    first, second = finish(accept(cast, content="Doors open")), schedule(cast, kind="channel", content="Crew meets")
    for query, shown, hidden in [
        ("", ["Doors open", "Crew meets"], []),
        ("?status__exact=scheduled", ["Crew meets"], ["Doors open"]),
        ("?kind__exact=announcement", ["Doors open"], ["Crew meets"]),
        ("?sms__exact=1", [], ["Doors open", "Crew meets"]),
        (f"?event__id__exact={cast.event.id}", ["Doors open", "Crew meets"], []),
        (f"?q={first.message_id}", ["Doors open"], ["Crew meets"]),
        (f"?q={second.id}", ["Crew meets"], ["Doors open"]),
        ("?q=organizer", ["Doors open", "Crew meets"], []),
        ("?q=nobody", [], ["Doors open", "Crew meets"]),
    ]:
        response = root.get(reverse(LIST) + query)
        assert response.status_code == 200
        text = response.content.decode()
        assert [word in text for word in shown] == [True] * len(shown), query
        assert [word in text for word in hidden] == [False] * len(hidden), query


def test_its_own_page_shows_progress_and_deliveries_in_pages(cast, root):
    for number in range(pages.DELIVERIES_A_PAGE + 10):
        join(cast.event, make_user(f"extra_{number:03}"))
    broadcast = finish(accept(cast))
    response = root.get(reverse(PAGE, args=[broadcast.id]))
    assert response.status_code == 200
    assert response.context["progress"]["delivered"] == 65 == Delivery.objects.count()
    seen, more = [], ""
    while more is not None:
        context = root.get(f"{reverse(PAGE, args=[broadcast.id])}?{more}").context
        seen += [row.reader.username for row in context["deliveries"]]
        more = context["more"]
    assert len(seen) == len(set(seen)) == 65
    assert "organizer" not in seen


def test_a_page_costs_the_same_for_many(cast, root):
    def queries(broadcast) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert root.get(reverse(PAGE, args=[broadcast.id])).status_code == 200
        return len(captured)

    few = finish(accept(cast, roles=["dealer"]))
    queries(few)
    for number in range(20):
        join(cast.event, make_user(f"extra_{number:03}"))
    assert queries(finish(accept(cast))) == queries(few)


def test_one_that_waits_has_no_deliveries_and_hostile_text_is_escaped(cast, root):
    broadcast = schedule(cast, content="<script>alert(1)</script>")
    text = root.get(reverse(PAGE, args=[broadcast.id])).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "None." in text


@pytest.mark.parametrize("after", ["x", "0", "0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d"])
def test_a_wrong_place_in_the_deliveries_is_no_fault(cast, root, after):
    broadcast = finish(accept(cast))
    assert root.get(f"{reverse(PAGE, args=[broadcast.id])}?after={after}").status_code == 200


def test_scheduled_ones_are_cancelled_by_the_same_function(cast, root):
    waiting, out = schedule(cast), accept(cast)
    text = act(root, LIST, "cancel", waiting, out).content.decode()
    assert "1 cancelled." in text
    assert "Its present state does not allow this." in text
    assert (fresh(waiting).status, fresh(out).status, used(cast.organizer)) == ("cancelled", "publishing", 1)
    entry = AuditEntry.objects.get(action="broadcast_cancelled")
    assert (entry.actor_id, entry.object_id) == (root.user.id, str(waiting.id))


def test_who_may_only_look_changes_nothing(cast, reader):
    waiting = schedule(cast)
    assert reader.get(reverse(LIST)).status_code == reader.get(reverse(PAGE, args=[waiting.id])).status_code == 200
    act(reader, LIST, "cancel", waiting)
    assert fresh(waiting).status == "scheduled"
    assert reader.post(reverse(PAGE, args=[waiting.id]), {"content": "Other"}).status_code == 403
    for view in ("add", "delete"):
        arguments = [waiting.id] if view == "delete" else []
        assert reader.get(reverse(f"admin:broadcasts_broadcast_{view}", args=arguments)).status_code == 403


def test_nobody_edits_one_not_even_who_may_everything(cast, root):
    waiting = schedule(cast)
    assert root.post(reverse(PAGE, args=[waiting.id]), {"content": "Other"}).status_code == 403
    assert Broadcast.objects.get().content == "Doors open at nine."


@pytest.mark.parametrize("who", ["staff", "organizer"])
def test_without_the_right_nothing_is_shown(cast, who):
    broadcast = finish(accept(cast))
    client = Client()
    client.force_login(getattr(cast, who))
    for address in (reverse(LIST), reverse(PAGE, args=[broadcast.id]), reverse(RECEIVERS), reverse(NOTICES)):
        assert client.get(address).status_code in (302, 403)


def test_quotas_are_shown_as_they_count_now(cast, root):
    accept(cast)
    accept(cast)
    accept(cast, cast.mvp_dealer, roles=["attendee"])
    address = reverse("admin:broadcasts_quota_changelist")
    assert root.get(address).content.decode().count('class="field-used_now"') == 2
    assert root.get(f"{address}?used=some").content.decode().count('class="field-used_now"') == 2
    assert root.get(f"{address}?used=up").content.decode().count('class="field-used_now"') == 1
    shown = [
        root.get(reverse("admin:broadcasts_quota_change", args=[each.id])).content.decode()
        for each in Quota.objects.all()
    ]
    assert sorted("no limit" in page for page in shown) == [False, True]


# --- Webhooks --------------------------------------------------------------------------------


def test_a_receiver_is_set_up_and_sees_its_secret(cast, root):
    values = {"name": "Board", "url": "https://board.example/hook", "types": ["broadcast.failed"], "is_active": "on"}
    response = root.post(reverse("admin:api_webhookreceiver_add"), values)
    assert response.status_code == 302, response.content
    receiver = WebhookReceiver.objects.get()
    assert (receiver.types, receiver.is_active) == (["broadcast.failed"], True)
    page = root.get(reverse("admin:api_webhookreceiver_change", args=[receiver.id])).content.decode()
    assert signing.secret(receiver) in page
    assert AuditEntry.objects.get(action="webhook_receiver_added").actor_id == root.user.id


def test_its_address_is_checked_and_changes_are_in_the_audit(cast, root):
    values = {"name": "Board", "url": "https://127.0.0.1/", "is_active": "on"}
    assert "Give a public address." in root.post(reverse("admin:api_webhookreceiver_add"), values).content.decode()
    receiver = WebhookReceiver.objects.create(name="Board", url="https://board.example/")
    address = reverse("admin:api_webhookreceiver_change", args=[receiver.id])
    root.post(address, {"name": "Board", "url": "https://other.example/"})
    receiver.refresh_from_db()
    assert (receiver.url, receiver.is_active) == ("https://other.example/", False)
    assert AuditEntry.objects.get(action="webhook_receiver_changed").data == {"fields": ["is_active", "url"]}


def test_its_secret_changes_and_a_test_is_sent(cast, root):
    receiver = WebhookReceiver.objects.create(name="Board", url="https://board.example/")
    act(root, RECEIVERS, "change_secret", receiver)
    act(root, RECEIVERS, "send_test", receiver)
    receiver.refresh_from_db()
    assert (receiver.secret_version, receiver.old_secret_until is None) == (2, False)
    assert WebhookNotice.objects.get().type == "webhook.test"


def test_the_log_shows_each_attempt_and_dead_ones_are_revived(cast, root):
    receiver = WebhookReceiver.objects.create(name="Board", url="https://127.0.0.1/")
    act(root, RECEIVERS, "send_test", receiver)
    sending.send_due()
    notice = WebhookNotice.objects.get()
    page = root.get(reverse("admin:api_webhooknotice_change", args=[notice.id])).content.decode()
    assert "private" in page
    assert f"{notice.log.get().began_at:%Y-%m-%d %H:%M:%S}" in page
    notice.refresh_from_db()
    assert f'<div class="readonly">{notice.next_attempt_at:%Y-%m-%d %H:%M}</div>' in page
    WebhookNotice.objects.update(status="dead")
    assert "1 to be sent again." in act(root, NOTICES, "send_again", notice).content.decode()
    assert WebhookNotice.objects.get().status == "waiting"


def test_who_may_only_look_sees_no_secret_and_sends_nothing(cast, reader):
    receiver = WebhookReceiver.objects.create(name="Board", url="https://board.example/")
    page = reader.get(reverse("admin:api_webhookreceiver_change", args=[receiver.id])).content.decode()
    assert "https://board.example/" in page
    assert "whsec_" not in page
    for action in ("change_secret", "send_test"):
        act(reader, RECEIVERS, action, receiver)
    receiver.refresh_from_db()
    assert (receiver.secret_version, WebhookNotice.objects.count()) == (1, 0)
