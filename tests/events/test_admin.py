"""Events, memberships, help requests and blocks in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from events.models import Block, Event, HelpRequest, Membership
from tests.conftest import make_user


@pytest.fixture
def admin(cast, client):
    """A client signed in as staff with all rights on this app; `admin.user` is the person."""
    client.user = make_user("boss", is_staff=True)
    client.user.user_permissions.set(Permission.objects.filter(content_type__app_label="events"))
    client.force_login(client.user)
    return client


@pytest.fixture
def onlooker(cast, client):
    client.user = make_user("onlooker", is_staff=True)
    client.user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="events", codename__startswith="view_")
    )
    client.force_login(client.user)
    return client


def errors(answer) -> dict:
    return {field: list(map(str, told)) for field, told in answer.context["adminform"].form.errors.items()}


def event_form(**fields) -> dict:
    return {
        "slug": "second",
        "name": "Second",
        "starts_at_0": "2027-07-04",
        "starts_at_1": "10:00",
        "ends_at_0": "2027-07-05",
        "ends_at_1": "18:00",
        "timezone": "Europe/Berlin",
        **fields,
    }


LISTS = ("event", "membership", "helprequest", "block")


@pytest.mark.parametrize("kind", LISTS)
def test_lists_and_searches_show(admin, cast, kind):
    HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="Sleeves", details="d")
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    for query in ("", "?q=attendee", "?q=a'b"):
        assert admin.get(f"/admin/events/{kind}/{query}").status_code == 200


@pytest.mark.parametrize("kind", LISTS)
def test_one_of_each_shows(admin, cast, kind):
    HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="Sleeves", details="d")
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    models = {"event": Event, "membership": Membership, "helprequest": HelpRequest, "block": Block}
    row = models[kind].objects.first()
    assert admin.get(f"/admin/events/{kind}/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize("query", ["?role__exact=dealer", "?presence=current", "?presence=removed"])
def test_memberships_are_filtered(admin, cast, query):
    expected = {"?role__exact=dealer": 1, "?presence=current": 6, "?presence=removed": 1}[query]
    assert admin.get(f"/admin/events/membership/{query}").context["cl"].result_count == expected
    by_event = admin.get(f"/admin/events/membership/?event__id__exact={cast.event.id}")
    assert by_event.context["cl"].result_count == 7


def test_event_is_added_and_changed_with_a_trace(admin, audited):
    assert admin.post("/admin/events/event/add/", event_form()).status_code == 302
    event = Event.objects.get(slug="second")
    assert (event.name, event.timezone) == ("Second", "Europe/Berlin")
    changed = {**event_form(name="Third"), "slug": "moved"}
    assert admin.post(f"/admin/events/event/{event.id}/change/", changed).status_code == 302
    event.refresh_from_db()
    assert (event.name, event.slug) == ("Third", "second")
    assert audited("event_added") == [(admin.user.id, str(event.id), {})]
    assert audited("event_changed") == [(admin.user.id, str(event.id), {"fields": ["name"]})]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"name": "a\u202eb"}, "name"),
        ({"slug": "a b"}, "__all__"),
        ({"slug": "show"}, "__all__"),
        ({"ends_at_0": "2027-07-03"}, "__all__"),
    ],
)
def test_wrong_event_is_refused(admin, unchanged, wrong, field):
    with unchanged():
        answer = admin.post("/admin/events/event/add/", event_form(**wrong))
    assert (answer.status_code, list(errors(answer))) == (200, [field])


def member_form(cast, user, **fields) -> dict:
    return {"event": str(cast.event.id), "user": str(user.id), "role": "dealer", "tags": "hall-a\n crew \n\n", **fields}


def test_member_is_added_changed_and_removed_with_a_trace(admin, cast, audited):
    admin.post("/admin/events/membership/add/", member_form(cast, cast.stranger))
    added = Membership.objects.get(user=cast.stranger)
    assert (added.role, added.tags, added.removed_at) == ("dealer", ["hall-a", "crew"], None)
    answer = admin.post(f"/admin/events/membership/{added.id}/change/", {"role": "organizer", "tags": "crew"})
    assert answer.status_code == 302
    added.refresh_from_db()
    assert (added.role, added.tags) == ("organizer", ["crew"])
    chosen = {"action": "remove", "_selected_action": [str(added.id)]}
    assert admin.post("/admin/events/membership/", chosen).status_code == 302
    added.refresh_from_db()
    assert added.removed_at is not None
    person = {"user_id": str(cast.stranger.id)}
    me, row = admin.user.id, str(added.id)
    assert audited("membership_added") == [(me, row, {**person, "role": "dealer"})]
    assert audited("membership_changed") == [(me, row, {**person, "role": "organizer", "fields": ["role", "tags"]})]
    assert audited("membership_removed") == [(me, row, person)]


def test_who_was_removed_is_added_again_on_the_same_row_with_the_sanction_that_runs(admin, cast):
    until = timezone.now() + timedelta(days=1)
    Membership.objects.filter(user=cast.removed).update(muted_until=until)
    before = Membership.objects.get(user=cast.removed)
    assert admin.post("/admin/events/membership/add/", member_form(cast, cast.removed)).status_code == 302
    after = Membership.objects.get(user=cast.removed)
    assert (after.id, after.removed_at, after.role, after.muted_until) == (before.id, None, "dealer", until)
    assert after.joined_at > before.joined_at


def test_who_is_a_member_is_not_added_again(admin, cast, unchanged):
    with unchanged():
        answer = admin.post("/admin/events/membership/add/", member_form(cast, cast.attendee))
    assert errors(answer) == {"__all__": ["This person is a member of this event already."]}


def test_wrong_tag_is_refused(admin, cast, unchanged):
    with unchanged():
        answer = admin.post("/admin/events/membership/add/", member_form(cast, cast.stranger, tags="x" * 51))
    assert list(errors(answer)) == ["tags"]


def test_removed_member_is_shown_and_not_changed(admin, cast, unchanged):
    row = Membership.objects.get(user=cast.removed)
    with unchanged():
        answer = admin.post(f"/admin/events/membership/{row.id}/change/", {"role": "organizer", "tags": ""})
    assert answer.status_code == 403


def test_removing_twice_is_once(admin, cast, unchanged):
    row = Membership.objects.get(user=cast.removed)
    with unchanged():
        admin.post("/admin/events/membership/", {"action": "remove", "_selected_action": [str(row.id)]})


def test_nothing_is_deleted_and_evidence_is_not_written(admin, cast):
    request = HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="t", details="d")
    block = Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    member = Membership.objects.first()
    for address in (
        f"event/{cast.event.id}/delete/",
        f"membership/{member.id}/delete/",
        f"helprequest/{request.id}/delete/",
        f"block/{block.id}/delete/",
        "helprequest/add/",
        "block/add/",
    ):
        assert admin.get(f"/admin/events/{address}").status_code == 403


def test_who_may_only_look_changes_nothing(onlooker, cast, unchanged):
    member = Membership.objects.get(user=cast.attendee)
    with unchanged():
        assert onlooker.post("/admin/events/event/add/", event_form()).status_code == 403
        assert onlooker.post(f"/admin/events/event/{cast.event.id}/change/", event_form()).status_code == 403
        assert onlooker.post("/admin/events/membership/add/", member_form(cast, cast.stranger)).status_code == 403
        address = f"/admin/events/membership/{member.id}/change/"
        assert onlooker.post(address, {"role": "organizer", "tags": ""}).status_code == 403
        onlooker.post("/admin/events/membership/", {"action": "remove", "_selected_action": [str(member.id)]})


def test_member_of_an_event_does_not_enter(cast, client):
    client.force_login(cast.mvp_dealer)
    assert client.get("/admin/events/event/").status_code == 403
