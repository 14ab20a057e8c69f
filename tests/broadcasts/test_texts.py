"""Broadcasts by text: who gets none is told beforehand by the same rules, and progress follows."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from broadcasts import fanout, orders, progress, tasks
from broadcasts.orders import Order
from events.models import Membership
from messaging.models import LogEntry, OptOut, Text
from messaging.sms import sending
from rollout import read_models
from tests.broadcasts.conftest import accept, finish, fresh, seat
from tests.messaging.sms.conftest import PHONES, hear, phones, told  # noqa: F401


def preview(cast) -> dict:
    order = Order(kind="announcement", content="Doors open at nine.", sms=True)
    return orders.preview(seat(cast, cast.organizer), order, by=cast.organizer)


def test_the_preview_excludes_whom_the_worker_will(phones, told):  # noqa: F811
    OptOut.objects.create(phone=PHONES["attendee"], cause="stop")
    OptOut.objects.create(phone=PHONES["attendee_2"], cause="unusable")
    Membership.objects.filter(user=phones.dealer).update(suspended_until=timezone.now() + timedelta(days=1))
    User.objects.filter(id=phones.mvp_dealer.id).update(phone="+8613812345678")
    before = preview(phones)
    assert before["recipients"] == 5
    assert before["excluded"] == {"country": 1, "no_phone": 1, "opted_out": 1, "suspended": 1}
    assert before["estimated_cost"] == {"amount": "0.09", "currency": "USD"}
    broadcast = accept(phones, sms=True, confirm=True)
    finish(broadcast)
    sending.drain(30)
    found: dict[str, int] = {}
    for reason in Text.objects.filter(state="suppressed").values_list("reason", flat=True):
        found[reason] = found.get(reason, 0) + 1
    assert found == before["excluded"]
    assert len(told.calls) == 1


def test_an_opt_out_that_was_lifted_excludes_nobody(phones, told):  # noqa: F811
    OptOut.objects.create(phone=PHONES["attendee"], cause="stop", lifted_at=timezone.now() + timedelta(seconds=1))
    assert preview(phones)["excluded"] == {}


def test_progress_follows_the_texts_to_the_end(phones, told):  # noqa: F811
    OptOut.objects.create(phone=PHONES["dealer"], cause="stop")
    broadcast = finish(accept(phones, sms=True, confirm=True))
    assert progress.of(broadcast) == numbers(total=5, queued=5)
    told.script = [(400, 21614), 500]
    sending.drain(30)
    assert progress.of(broadcast) == numbers(total=5, queued=1, sent=2, failed=1, suppressed=1)
    text = Text.objects.filter(state="sent").first()
    hear(text, "delivered", sid=text.sid)
    assert progress.of(broadcast) == numbers(total=5, queued=1, sent=1, delivered=1, failed=1, suppressed=1)


def numbers(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("total", "queued", "sent", "delivered", "failed", "suppressed"), 0), **counts}


def test_a_broadcast_takes_its_time_limit_with_it(phones, told):  # noqa: F811
    until = timezone.now() + timedelta(hours=1)
    finish(accept(phones, sms=True, confirm=True, valid_until=until))
    assert set(Text.objects.values_list("valid_until", flat=True)) == {until}


def test_the_author_hears_how_texts_get_on(phones, told, monkeypatch):  # noqa: F811
    cast = phones
    monkeypatch.setattr(progress, "SETTLED", timedelta(0))
    broadcast = finish(accept(cast, sms=True, confirm=True))

    def heard() -> list[dict]:
        entries = LogEntry.objects.filter(kind="broadcast.progress", user_id=cast.organizer.id).order_by("id")
        return [entry.data["progress"] for entry in entries]

    before = len(heard())
    sending.drain(30)
    tasks.sweep()
    tasks.sweep()
    assert heard()[before:] == [numbers(total=5, sent=5)]
    text = Text.objects.first()
    hear(text, "delivered", sid=text.sid)
    assert progress.tell_texts() == 1
    assert heard()[-1] == numbers(total=5, sent=4, delivered=1)
    assert progress.tell_texts() == 0
    assert fresh(broadcast).texts_told > 0


def test_the_same_texts_go_out_whichever_read_model_is_live(phones, told, api):  # noqa: F811
    sent = []
    for model in ("v1", "v2", "v1"):
        read_models.swap(model, by=None) if read_models.live() != model else None
        told.calls.clear()
        broadcast = accept(phones, by=phones.mvp_dealer, sms=True, confirm=True, roles=["attendee"])
        fanout.run(broadcast.id)
        read_models.swap("v2" if model == "v1" else "v1", by=None)
        sending.drain(30)
        sent.append(sorted((call["To"], call["Body"]) for call in told.calls))
        newest = api(phones.attendee).get(f"/events/{phones.event.id}/feed?limit=1").json()["items"][0]
        assert (newest["content"], newest["delivery_status"]) == ("Doors open at nine.", "sent")
    assert sent[0] == sent[1] == sent[2]
    assert [phone for phone, _ in sent[0]] == sorted([PHONES["attendee"], PHONES["attendee_2"]])
