"""manage.py provision."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, Token, User
from events.models import Event, Membership
from events.provision import Unreadable, provision

pytestmark = pytest.mark.django_db

SHOW = {
    "slug": "card-show",
    "name": "Card Show",
    "starts_at": "2027-07-04T10:00:00+02:00",
    "ends_at": "2027-07-05T18:00:00+02:00",
    "timezone": "Europe/Berlin",
}
ANN = {"username": "ann", "name": "Ann", "phone": "+49 151 12345678"}
BOB = {"username": "bob"}
ANN_IN = {"event": "card-show", "username": "ann", "role": "mvp_dealer", "tags": ["hall-a", "crew"]}
BOB_IN = {"event": "card-show", "username": "bob", "role": "attendee"}


def whole(**parts) -> dict:
    return {"events": [SHOW], "users": [ANN, BOB], "memberships": [ANN_IN, BOB_IN], **parts}


def bring(content, **options):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return provision(raw, **options)


def refusals(content, **options) -> list[tuple[str, str]]:
    return [(refusal["pointer"], refusal["detail"]) for refusal in bring(content, **options).refused]


def pointers(content, **options) -> list[str]:
    return [pointer for pointer, _ in refusals(content, **options)]


def rows() -> tuple:
    return tuple(
        sorted(map(str, model.objects.values_list())) for model in (Event, User, Membership, Token, AuditEntry)
    )


def counts(report) -> dict:
    return {key: number for key, number in report.counts.items() if number}


# --- What it makes ---------------------------------------------------------------------------


def test_whole_file_stands():
    before = timezone.now()
    report = bring(whole())
    event, ann, bob = Event.objects.get(), User.objects.get(username="ann"), User.objects.get(username="bob")
    assert report.refused == []
    assert counts(report) == {("events", "added"): 1, ("users", "added"): 2, ("memberships", "added"): 2}
    assert (event.slug, event.name, event.timezone) == ("card-show", "Card Show", "Europe/Berlin")
    assert event.starts_at == datetime(2027, 7, 4, 8, tzinfo=UTC)
    assert (ann.name, ann.phone, ann.has_usable_password()) == ("Ann", "+4915112345678", False)
    assert (bob.name, bob.phone, bob.is_staff) == ("bob", None, False)
    mine = Membership.objects.get(user=ann)
    assert (mine.event, mine.role, mine.tags, mine.removed_at) == (event, "mvp_dealer", ["hall-a", "crew"], None)
    assert before <= mine.joined_at <= timezone.now()
    assert Membership.objects.get(user=bob).tags == []


def test_same_file_again_changes_nothing():
    bring(whole())
    before = rows()
    report = bring(whole())
    assert rows() == before
    assert counts(report) == {("events", "unchanged"): 1, ("users", "unchanged"): 2, ("memberships", "unchanged"): 2}


def test_later_file_changes_what_it_names_and_keeps_the_rest():
    bring(whole())
    joined_at = Membership.objects.get(user__username="ann").joined_at
    report = bring(
        {
            "events": [{**SHOW, "name": "Bigger Show", "ends_at": "2027-07-06T18:00:00Z"}],
            "users": [{"username": "ann", "name": "Anna"}],
            "memberships": [{**BOB_IN, "role": "organizer"}, {**ANN_IN, "tags": []}],
        }
    )
    assert counts(report) == {("events", "changed"): 1, ("users", "changed"): 1, ("memberships", "changed"): 2}
    assert Event.objects.get().name == "Bigger Show"
    ann = User.objects.get(username="ann")
    assert (ann.name, ann.phone) == ("Anna", "+4915112345678")
    mine = Membership.objects.get(user=ann)
    assert (mine.role, mine.tags, mine.joined_at) == ("mvp_dealer", [], joined_at)
    assert Membership.objects.get(user__username="bob").role == "organizer"


def test_field_left_out_keeps_its_value_and_null_clears_it():
    bring(whole(memberships=[{**ANN_IN, "removed_at": "2026-01-01T00:00:00Z"}]))
    bring(
        {"users": [{"username": "ann"}], "memberships": [{"event": "card-show", "username": "ann", "role": "dealer"}]}
    )
    mine = Membership.objects.select_related("user").get()
    assert mine.removed_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (mine.role, mine.tags, mine.user.phone) == ("dealer", ["hall-a", "crew"], "+4915112345678")
    bring({"users": [{"username": "ann", "phone": None}], "memberships": [{**ANN_IN, "removed_at": None}]})
    mine = Membership.objects.select_related("user").get()
    assert (mine.removed_at, mine.user.phone) == (None, None)


def test_event_without_a_time_zone_is_in_utc_and_a_later_file_keeps_it():
    bring({"events": [{name: value for name, value in SHOW.items() if name != "timezone"}]})
    assert Event.objects.get().timezone == "UTC"
    bring({"events": [SHOW]})
    bring({"events": [{name: value for name, value in SHOW.items() if name != "timezone"}]})
    assert Event.objects.get().timezone == "Europe/Berlin"


def test_texts_are_kept_clean():
    bring(
        {
            "events": [{**SHOW, "name": "  Cafe\u0301  "}],
            "users": [{"username": " ann ", "name": " Ann\u00a0"}],
            "memberships": [{**ANN_IN, "tags": [" a ", "a", "b"]}],
        }
    )
    assert Event.objects.get().name == "Café"
    assert User.objects.get().name == "Ann"
    assert Membership.objects.get().tags == ["a", "b"]


def test_password_is_hashed_and_the_same_again_is_kept():
    bring({"users": [{**ANN, "password": "correct horse"}]})
    user = User.objects.get()
    assert user.password.startswith("argon2")
    assert user.check_password("correct horse")
    bring({"users": [{**ANN, "password": "correct horse"}]})
    assert User.objects.get().password == user.password
    bring({"users": [ANN]})
    assert User.objects.get().password == user.password


def test_other_password_ends_the_tokens_got_with_the_old(audited):
    report = bring({"users": [{**ANN, "password": "correct horse"}]}, wants_tokens=True)
    assert Token.objects.live().count() == 1
    bring({"users": [{"username": "ann", "password": "battery staple"}]})
    assert Token.objects.live().count() == 0
    assert User.objects.get().check_password("battery staple")
    assert len(audited("password_changed")) == 1
    assert list(report.tokens) == ["ann"]


def test_tokens_sign_in(api):
    report = bring(whole(), wants_tokens=True)
    caller = api()
    caller.headers["Authorization"] = f"Bearer {report.as_json()['users']['ann']['token']}"
    assert caller.get("/me").json()["username"] == "ann"


def test_phone_passes_from_one_to_another_in_one_file():
    bring({"users": [ANN, BOB]})
    report = bring({"users": [{"username": "ann", "phone": None}, {"username": "bob", "phone": ANN["phone"]}]})
    assert report.refused == []
    assert dict(User.objects.values_list("username", "phone")) == {"ann": None, "bob": "+4915112345678"}
    bring({"users": [{"username": "bob", "phone": "+4915112345679"}, {"username": "new", "phone": ANN["phone"]}]})
    assert User.objects.get(username="new").phone == "+4915112345678"


def test_changes_are_in_the_audit(audited):
    bring(whole())
    bring({"memberships": [{**BOB_IN, "role": "organizer"}]})
    bob, mine = User.objects.get(username="bob"), Membership.objects.get(user__username="bob")
    assert audited("membership_changed") == [
        (None, str(mine.id), {"user_id": str(bob.id), "role": "organizer", "fields": ["role"]})
    ]
    assert len(audited("membership_added")) == len(audited("user_created")) == 2
    assert len(audited("event_added")) == 1


# --- What it refuses -------------------------------------------------------------------------

WRONG_EVENTS = [
    ({**SHOW, "slug": "a b"}, "slug"),
    ({**SHOW, "slug": ""}, "slug"),
    ({**SHOW, "slug": "x" * 101}, "slug"),
    ({**SHOW, "slug": None}, "slug"),
    ({**SHOW, "name": " "}, "name"),
    ({**SHOW, "name": "a\u202eb"}, "name"),
    ({**SHOW, "name": "x" * 201}, "name"),
    ({**SHOW, "name": 7}, "name"),
    ({**SHOW, "timezone": "Europe/Atlantis"}, "timezone"),
    ({**SHOW, "timezone": ""}, "timezone"),
    ({**SHOW, "timezone": "../etc/passwd"}, "timezone"),
    ({**SHOW, "starts_at": "2027-07-04T10:00:00"}, "starts_at"),
    ({**SHOW, "starts_at": "2027-07-04"}, "starts_at"),
    ({**SHOW, "starts_at": "2027-13-04T10:00:00Z"}, "starts_at"),
    ({**SHOW, "starts_at": 1}, "starts_at"),
    ({**SHOW, "ends_at": SHOW["starts_at"]}, "ends_at"),
    ({**SHOW, "ends_at": "2027-07-04T07:59:59Z"}, "ends_at"),
    ({**SHOW, "place": "Berlin"}, "place"),
]
WRONG_USERS = [
    ({"username": ""}, "username"),
    ({"username": "a b"}, "username"),
    ({"username": "+491234"}, "username"),
    ({"username": "ä"}, "username"),
    ({"username": "x" * 65}, "username"),
    ({"username": "\ud800"}, "username"),
    ({"username": 7}, "username"),
    ({"name": "No one"}, "username"),
    ({"username": "u", "name": ""}, "name"),
    ({"username": "u", "name": None}, "name"),
    ({"username": "u", "name": "\u0000"}, "name"),
    ({"username": "u", "phone": "12345"}, "phone"),
    ({"username": "u", "phone": ""}, "phone"),
    ({"username": "u", "phone": "+49151"}, "phone"),
    ({"username": "u", "password": ""}, "password"),
    ({"username": "u", "password": None}, "password"),
    ({"username": "u", "is_staff": True}, "is_staff"),
    ({"username": "u", "id": "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41"}, "id"),
]
WRONG_MEMBERSHIPS = [
    ({**ANN_IN, "role": "guest"}, "role"),
    ({**ANN_IN, "role": None}, "role"),
    ({**ANN_IN, "role": ["dealer"]}, "role"),
    ({**ANN_IN, "event": "elsewhere"}, "event"),
    ({**ANN_IN, "event": "\u0000"}, "event"),
    ({**ANN_IN, "username": "nobody"}, "username"),
    ({**ANN_IN, "tags": "hall-a"}, "tags"),
    ({**ANN_IN, "tags": None}, "tags"),
    ({**ANN_IN, "tags": [None]}, "tags"),
    ({**ANN_IN, "tags": [""]}, "tags"),
    ({**ANN_IN, "tags": ["x" * 51]}, "tags"),
    ({**ANN_IN, "tags": ["a\nb"]}, "tags"),
    ({**ANN_IN, "joined_at": "yesterday"}, "joined_at"),
    ({**ANN_IN, "joined_at": None}, "joined_at"),
    ({**ANN_IN, "removed_at": "2020-01-01T00:00:00"}, "removed_at"),
    ({**ANN_IN, "removed_at": "2999-01-01T00:00:00Z"}, "removed_at"),
    ({**ANN_IN, "muted_until": None}, "muted_until"),
]
WRONG = [
    *(("events", row, field) for row, field in WRONG_EVENTS),
    *(("users", row, field) for row, field in WRONG_USERS),
    *(("memberships", row, field) for row, field in WRONG_MEMBERSHIPS),
]


@pytest.mark.parametrize(("part", "row", "field"), WRONG)
def test_wrong_row_is_refused_whole_and_the_others_stand(part, row, field):
    right = {"events": {**SHOW, "slug": "second"}, "users": {"username": "cleo"}, "memberships": BOB_IN}[part]
    base = whole(memberships=[]) if part == "memberships" else {}
    assert pointers({**base, part: [row, right]}) == [f"#/{part}/0/{field}"]
    bring({**base, part: [right]})
    before = rows()
    report = bring({**base, part: [row, right]})
    assert (rows(), report.refused_rows) == (before, 1)
    assert report.counts[part, "unchanged"] == 1


REQUIRED = {
    "events": ["ends_at", "name", "slug", "starts_at"],
    "users": ["username"],
    "memberships": ["event", "role", "username"],
}


@pytest.mark.parametrize("part", REQUIRED)
def test_required_fields_are_named(part):
    assert sorted(pointers({part: [{}]})) == [f"#/{part}/0/{field}" for field in REQUIRED[part]]


@pytest.mark.parametrize("row", [None, [], "x", 7, True])
def test_row_that_is_no_object_is_refused(row):
    assert pointers({"users": [row, BOB]}) == ["#/users/0"]
    assert User.objects.count() == 1


def test_doubles_within_the_file_are_refused_and_the_first_stands():
    other = {**SHOW, "name": "Other"}
    report = bring(
        {
            "events": [SHOW, other],
            "users": [ANN, {"username": "ann", "name": "Other"}, {"username": "bob", "phone": "+4915112345678"}],
            "memberships": [ANN_IN, {**ANN_IN, "role": "dealer"}],
        }
    )
    assert [(refusal["pointer"], refusal["detail"]) for refusal in report.refused] == [
        ("#/events/1/slug", "There is a row of this event already: #/events/0."),
        ("#/users/1/username", "There is a row of this username already: #/users/0."),
        ("#/users/2/phone", "A phone belongs to one person. #/users/0 gives it to ann already."),
        ("#/memberships/1/username", "There is a row of this membership already: #/memberships/0."),
    ]
    assert Event.objects.get().name == "Card Show"
    assert User.objects.get().name == "Ann"
    assert Membership.objects.get().role == "mvp_dealer"


def test_event_and_person_of_one_name_are_no_doubles():
    same = {"events": [{**SHOW, "slug": "x"}], "users": [{"username": "x"}]}
    assert refusals({**same, "memberships": [{"event": "x", "username": "x", "role": "dealer"}]}) == []


def test_password_of_a_double_does_not_reach_the_first():
    bring({"users": [{**ANN, "password": "first one"}, {"username": "ann", "password": "second one"}]})
    assert User.objects.get().check_password("first one")


def test_phone_of_somebody_else_is_refused():
    bring({"users": [ANN]})
    told = [("#/users/0/phone", "A phone belongs to one person. It is ann's.")]
    assert refusals({"users": [{"username": "bob", "phone": "+49 (151) 123-45678"}]}) == told
    assert User.objects.count() == 1


def test_membership_of_a_refused_user_or_event_is_refused_too():
    content = whole(
        events=[{**SHOW, "slug": "second"}, {**SHOW, "timezone": "Mars/Base"}],
        users=[{**ANN, "phone": "1"}, BOB],
        memberships=[{**ANN_IN, "event": "second"}, BOB_IN, {**BOB_IN, "event": "second"}],
    )
    assert pointers(content) == [
        "#/events/1/timezone",
        "#/users/0/phone",
        "#/memberships/0/username",
        "#/memberships/1/event",
    ]
    assert Membership.objects.get().user.username == "bob"


def test_refused_row_of_a_user_who_is_there_does_not_hold_up_their_membership():
    bring(whole())
    content = {"users": [{**ANN, "name": ""}], "memberships": [{**ANN_IN, "role": "dealer"}]}
    assert pointers(content) == ["#/users/0/name"]
    assert Membership.objects.get(user__username="ann").role == "dealer"


def test_all_that_is_wrong_in_a_row_is_told():
    row = {"event": "a b", "username": "", "role": "guest", "x": 1}
    assert sorted(pointers({"memberships": [row]})) == [
        f"#/memberships/0/{field}" for field in ("event", "role", "username", "x")
    ]


# --- CSV -------------------------------------------------------------------------------------

HEADER = "event,username,name,phone,role,tags\n"


@pytest.fixture
def show():
    bring({"events": [SHOW]})
    return Event.objects.get()


def line(*lines: str) -> bytes:
    return (HEADER + "".join(f"{one}\n" for one in lines)).encode()


def test_csv_makes_users_and_memberships(show):
    raw = line("card-show,ann,Ann,+4915112345678,mvp_dealer,hall-a; crew ;", 'card-show,bob,"Bob, Jr.",,attendee,')
    report = bring(raw, name="members.csv")
    assert report.refused == []
    assert counts(report) == {("users", "added"): 2, ("memberships", "added"): 2}
    ann = Membership.objects.select_related("user").get(user__username="ann")
    assert (ann.role, ann.tags, ann.user.phone) == ("mvp_dealer", ["hall-a", "crew"], "+4915112345678")
    assert User.objects.get(username="bob").name == "Bob, Jr."


def test_csv_again_changes_nothing_and_empty_cells_keep_what_is_there(show):
    bring(line("card-show,ann,Ann,+4915112345678,mvp_dealer,hall-a"))
    before = rows()
    bring(line("card-show,ann,,,mvp_dealer,"))
    assert rows() == before


def test_csv_as_spreadsheets_write_it(show):
    raw = "\ufeffrole,username,event\r\ndealer,ann,card-show\r\n,,\r\ndealer,bob,card-show\r\n".encode()
    assert counts(bring(raw)) == {("users", "added"): 2, ("memberships", "added"): 2}


def test_csv_wrong_lines_are_named_by_line_and_column(show):
    raw = line(
        "card-show,ann,Ann,,guest,",
        "",
        '"elsewhere",bob,"Bob',
        'the Second",,dealer,',
        "card-show,cleo,Cleo,1,dealer,",
        "card-show,dan,Dan,,dealer,,more",
        "card-show,,,,dealer,",
        "card-show,eve,Eve,,dealer," + "x" * 51,
        "card-show,fay,Fay,,dealer,",
    )
    assert pointers(raw) == [
        "line 2, role",
        "line 4, name",
        "line 6, phone",
        "line 7",
        "line 8, username",
        "line 9, tags",
    ]
    assert list(User.objects.values_list("username", flat=True)) == ["fay"]
    assert pointers(line("elsewhere,gil,,,dealer,")) == ["line 2, event"]
    assert not User.objects.filter(username="gil").exists()


def test_csv_person_may_have_a_line_in_each_event_but_must_be_the_same(show):
    bring({"events": [{**SHOW, "slug": "second"}]})
    raw = line(
        "card-show,ann,Ann,+4915112345678,attendee,",
        "second,ann,Ann,+4915112345678,dealer,",
        "second,bob,Bob,,dealer,",
        "card-show,bob,Robert,,dealer,",
        "card-show,ann,Ann,,dealer,",
        "card-show,cleo,Cleo,+4915112345678,dealer,",
    )
    assert refusals(raw) == [
        ("line 5, name", "line 4 gives this person another name."),
        ("line 6, username", "There is a row of this membership already: line 2."),
        ("line 7, phone", "A phone belongs to one person. line 2 gives it to ann already."),
    ]
    assert Membership.objects.count() == 3


# --- Files that cannot be read ---------------------------------------------------------------

UNREADABLE = [
    (b"", "", "It is empty."),
    (b" \n\t", "", "It is empty."),
    (b"\xff\xfe", "", "It is not UTF-8 (line 1)."),
    (b"{\n\xe4}", "x.json", "It is not UTF-8 (line 2)."),
    (b"{", "", "It is not JSON"),
    (b"event,username,role", "x.json", "It is not JSON"),
    (b"[]", "", "It is no JSON object"),
    (b"7", "x.json", "It is no JSON object"),
    (b"[" * 100_000, "x.json", "nested too deep"),
    (b'{"users": {}}', "", "#/users is no list."),
    (b'{"users": null}', "", "#/users is no list."),
    (b'{"people": []}', "", "is none of events, users and memberships"),
    (b"username,name\nann,Ann\n", "", "Line 1 names no column event."),
    (b"event|username|role\n", "", "Line 1 names a column"),
    (b"event,username,role,role\n", "", "Line 1 names a column twice."),
    (b"{}", "x.csv", "Line 1 names a column"),
    (b'event,username,role\na,"b"c,d\n', "", "It is not CSV"),
    (b'event,username,role\na,"b,c\n', "", "It is not CSV"),
]


@pytest.mark.parametrize(("raw", "name", "told"), UNREADABLE)
def test_unreadable_file_changes_nothing(raw, name, told):
    before = rows()
    with pytest.raises(Unreadable) as error:
        bring(raw, name=name)
    assert told in str(error.value)
    assert rows() == before


# --- The command -----------------------------------------------------------------------------


def command(*arguments, content=None, monkeypatch=None) -> tuple[int, str]:
    if monkeypatch:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(content).encode())))
    out = io.StringIO()
    try:
        call_command("provision", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


def test_command_prints_the_report_as_json(tmp_path):
    path = tmp_path / "all.json"
    path.write_text(json.dumps(whole(memberships=[ANN_IN, {**BOB_IN, "role": "guest"}])))
    status, shown = command(path, "--json")
    assert status == 1
    ids = dict(User.objects.values_list("username", "id"))
    assert json.loads(shown) == {
        "events": {"card-show": str(Event.objects.get().id)},
        "users": {"ann": {"id": str(ids["ann"])}, "bob": {"id": str(ids["bob"])}},
        "refused": [
            {
                "pointer": "#/memberships/1/role",
                "detail": "Give one of attendee, dealer, mvp_dealer, organizer, moderator.",
            }
        ],
    }


def test_command_reads_standard_input_and_ends_with_0(monkeypatch):
    status, shown = command("-", "--json", "--tokens", content=whole(), monkeypatch=monkeypatch)
    found = json.loads(shown)
    assert (status, found["refused"]) == (0, [])
    assert all(user["token"].startswith("cb_") for user in found["users"].values())


def test_command_prints_a_table(tmp_path):
    path = tmp_path / "all.json"
    path.write_text(json.dumps(whole(users=[ANN, BOB, {"username": "a b"}])))
    status, shown = command(path)
    assert status == 1
    assert "users                 2        0          0" in shown
    assert "1 row refused:\n  #/users/2/username: Give 1 to 64 letters" in shown


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_command_ends_with_2_for_a_file_that_is_not_there(tmp_path, name):
    status, told = command(tmp_path / name)
    assert status == 2
    assert told.endswith("Nothing was changed.")


def test_command_ends_with_2_for_an_unreadable_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{")
    status, told = command(path)
    assert status == 2
    assert told.startswith(f"{path} cannot be read. It is not JSON")


# --- Speed -----------------------------------------------------------------------------------


def many(number: int, name: str = "User") -> dict:
    return {
        "events": [SHOW],
        "users": [{"username": f"u{i}", "name": f"{name} {i}"} for i in range(number)],
        "memberships": [{"event": "card-show", "username": f"u{i}", "role": "attendee"} for i in range(number)],
    }


def test_reading_takes_the_same_queries_for_many_rows():
    def queries(number: int) -> int:
        bring(many(number))
        with CaptureQueriesContext(connection) as captured:
            bring(many(number))
        return len(captured)

    assert queries(1) == queries(400)


def test_joined_at_is_kept_to_the_microsecond():
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC) - timedelta(hours=1)
    bring(whole(memberships=[{**ANN_IN, "joined_at": moment.isoformat()}]))
    assert Membership.objects.get().joined_at == moment
