"""One event full of people, to try everything with: made, or put right, by `manage.py seed_demo`.

Apps further left add their history: `register` a callable that takes the cast and may be called again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts import audit, people, tokens
from accounts.models import User
from events import calendar, memberships
from events.models import Event, HelpRequest, Membership
from events.rules import Role

SLUG = "demo"
ZONE = "Europe/Berlin"
TITLE = "Looking for a first edition"
DETAILS = "Number 58 of the first set, played is fine. I am in hall A until noon."


@dataclass(frozen=True)
class Part:
    """Who a person of the demo is. The passwords are no secret: the demo shows them."""

    name: str
    role: str | None
    tags: tuple[str, ...] = ()
    is_staff: bool = False
    # Of those that are kept free for films and the like.
    phone: str | None = None


PARTS: dict[str, Part] = {
    "attendee": Part("Attendee One", Role.ATTENDEE, ("early-bird", "hall-a"), phone="+12025550101"),
    "attendee_2": Part("Attendee Two", Role.ATTENDEE, ("hall-b",), phone="+12025550102"),
    "dealer": Part("Dealer", Role.DEALER, ("hall-a",), phone="+12025550103"),
    "mvp_dealer": Part("MVP Dealer", Role.MVP_DEALER, ("hall-b",), phone="+12025550104"),
    "organizer": Part("Organizer", Role.ORGANIZER, ("crew",), phone="+12025550105"),
    "moderator": Part("Moderator", Role.MODERATOR, ("crew",), phone="+12025550106"),
    "staff": Part("Staff Moderator", None, is_staff=True),
}

# Staff besides, to look at the rest of the console with; the list that `seed_demo --json` prints is without them.
CREW: dict[str, Part] = {
    "support": Part("Staff Support", None, is_staff=True),
    "administrator": Part("Staff Administrator", None, is_staff=True),
}
# The group of each of the staff, made with its permissions by a migration of an app further left.
GROUPS = {"staff": "Moderator", "support": "Support", "administrator": "Administrator"}


@dataclass
class Cast:
    event: Event
    help_request: HelpRequest
    users: dict[str, User]
    # Made anew each time; those made before stay good until they expire.
    tokens: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict:
        return {
            "base_url": f"http://127.0.0.1:{settings.PORT}",
            "event_id": str(self.event.id),
            "help_request_id": str(self.help_request.id),
            "users": {
                part: {
                    "id": str(user.id),
                    "username": user.username,
                    "password": password(part),
                    "token": self.tokens[part],
                }
                for part, user in self.users.items()
            },
        }


_histories: list[Callable[[Cast], None]] = []


def register(history: Callable[[Cast], None]) -> None:
    _histories.append(history)


def username(part: str) -> str:
    return f"demo_{part}"


def password(part: str) -> str:
    return f"demo-{part.replace('_', '-')}"


def sign_ins() -> list[dict[str, str]]:
    """What a page of the demo shows; nothing is looked up."""
    return [
        {"name": part.name, "username": username(key), "password": password(key)}
        for key, part in (PARTS | CREW).items()
    ]


@transaction.atomic
def seed() -> Cast:
    """Puts the demo into the state that it is meant to begin in. Sanctions and what people wrote stay."""
    event = _event(timezone.now())
    users = {key: _user(key, part) for key, part in PARTS.items()}
    for key, part in PARTS.items():
        if part.role:
            _member(event, users[key], part)
    staff = users | {key: _user(key, part) for key, part in CREW.items()}
    for key, name in GROUPS.items():
        staff[key].groups.add(_group(name))
    cast = Cast(event, _help_request(event, users["attendee"]), users)
    for history in _histories:
        history(cast)
    cast.tokens = {key: tokens.issue(user=user, label="demo")[1] for key, user in users.items()}
    return cast


def _event(now: datetime) -> Event:
    """It starts tomorrow, whenever the demo is loaded."""
    tomorrow = now.astimezone(ZoneInfo(ZONE)).date() + timedelta(days=1)
    starts_at = datetime.combine(tomorrow, time(10), ZoneInfo(ZONE))
    values = {
        "name": "Demo Card Show",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(days=1, hours=8),
        "timezone": ZONE,
    }
    event = Event.objects.select_for_update().filter(slug=SLUG).first()
    if event is None:
        event = Event(slug=SLUG, **values)
        calendar.add(event, by=None)
    else:
        calendar.change(event, by=None, **values)
    return event


def _user(key: str, part: Part) -> User:
    wanted = {"name": part.name, "is_staff": part.is_staff, "is_superuser": False, "is_active": True}
    user = User.objects.select_for_update(no_key=True).filter(username=username(key)).first()
    # A phone is one person's: who has this one, or another, keeps it.
    if part.phone and (user is None or user.phone is None) and not User.objects.filter(phone=part.phone).exists():
        wanted["phone"] = part.phone
    if user is None:
        user = User.objects.create_user(username(key), password(key), **wanted)
        audit.record(by=None, action="user_created", target=user)
        return user
    changed = [name for name, value in wanted.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, wanted[name])
    # Who has the demo's password keeps it, and stays signed in.
    if not user.check_password(password(key)):
        user.set_password(password(key))
        people.password_changed(user, by=None)
        changed.append("password")
    if changed:
        user.save(update_fields=changed)
        audit.record(by=None, action="user_changed", target=user, fields=changed)
    return user


def _member(event: Event, user: User, part: Part) -> None:
    membership = Membership.objects.filter(event=event, user=user).first()
    if membership is None or membership.removed_at:
        memberships.add(event=event, user=user, role=part.role, tags=part.tags, by=None)
    else:
        memberships.change(membership, role=part.role, tags=part.tags, by=None)


def _help_request(event: Event, requester: User) -> HelpRequest:
    asked, is_new = HelpRequest.objects.get_or_create(
        event=event, requester=requester, title=TITLE, defaults={"details": DETAILS}
    )
    if is_new:
        audit.record(by=None, action="help_request_made", target=asked, event_id=event.id)
    elif asked.status != HelpRequest.Status.OPEN:
        before, asked.status = asked.status, HelpRequest.Status.OPEN
        asked.save(update_fields=["status"])
        audit.record(
            by=None, action="help_request_moved", target=asked, event_id=event.id, before=before, after=asked.status
        )
    return asked


def _group(name: str) -> Group:
    group, _ = Group.objects.get_or_create(name=name)
    return group
