from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from accounts.models import User
from events.rules import Role

SLUG_LENGTH = 100
SLUG_PATTERN = r"^[A-Za-z0-9_-]{1,100}\Z"
SLUG_MEANING = f"1 to {SLUG_LENGTH} letters (a to z), digits, - or _"
EVENT_NAME_LENGTH = 200
TAG_LENGTH = 50
TITLE_LENGTH = 200
DETAILS_LENGTH = 1000
# Where broadcasts are made for testing; nobody is in it, and no list shows it.
CHECK_EVENT = UUID("00000000-0000-7000-8000-0000000c4ec0")


class EventQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> EventQuerySet:
        """Those of which the person is a member now; staff see all."""
        if user.is_staff:
            return self.exclude(id=CHECK_EVENT)
        return self.filter(models.Exists(Membership.objects.current().filter(event=models.OuterRef("pk"), user=user)))


class Event(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=SLUG_LENGTH, help_text="Names it for good.")
    name = models.CharField(max_length=EVENT_NAME_LENGTH)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=64, default="UTC", help_text="Such as Europe/Berlin.")
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="No texts from this hour on, in its time zone. Empty: as set for all events."
    )
    quiet_until = models.TimeField(null=True, blank=True, help_text="Texts go out again from this hour on.")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            # Provisioning and the demo find an event by it.
            models.UniqueConstraint(
                fields=["slug"], name="event_slug_unique", violation_error_message="Another event has this slug."
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN),
                name="event_slug_shape",
                violation_error_message=f"Give {SLUG_MEANING}.",
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S"),
                name="event_name_not_empty",
                violation_error_message="Give a name.",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="event_ends_after_it_starts",
                violation_error_message="An event ends after it starts.",
            ),
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(
                    ~models.Q(quiet_from=models.F("quiet_until")), quiet_from__isnull=False, quiet_until__isnull=False
                ),
                name="event_quiet_hours_are_whole",
                violation_error_message="Quiet hours have a beginning and another end.",
            ),
        ]
        indexes = [
            # GET /events for staff, and the admin's list: newest first.
            models.Index(fields=["-created_at", "-id"], name="event_created_at"),
        ]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet):
    def current(self) -> MembershipQuerySet:
        return self.filter(removed_at__isnull=True)

    def named(self, words: str) -> MembershipQuerySet:
        """Whose name holds each of these words, in capitals or not."""
        return self.filter(*(models.Q(user__name__icontains=word) for word in words.split()))

    def shown(self) -> MembershipQuerySet:
        """With what a list of members shows of each: no column that the API's role may not read."""
        return self.select_related("user").only(
            "event_id", "role", "removed_at", "created_at", "user__id", "user__name", "user__avatar_url"
        )


class Membership(models.Model):
    """A person in an event. Whoever is removed keeps the row, and sanctions stay on it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    role = models.CharField(max_length=20, choices=Role)
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), default=list, blank=True)
    joined_at = models.DateTimeField(default=now)
    removed_at = models.DateTimeField(null=True, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    suspended_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            # Every call into an event finds the person's membership by it.
            models.UniqueConstraint(
                fields=["event", "user"],
                name="membership_event_user_unique",
                violation_error_message="This person is a member of this event already.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
            # A null would match nothing and be shown as one.
            models.CheckConstraint(
                condition=models.lookups.IsNull(
                    models.Func("tags", function="array_position", template="%(function)s(%(expressions)s, NULL)"), True
                ),
                name="membership_tags_hold_no_null",
            ),
        ]
        indexes = [
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="membership_created_at"),
            # GET /events/{id}/members, newest first.
            models.Index(
                fields=["event", "-created_at", "-id"],
                name="membership_event_created_at",
                condition=models.Q(removed_at__isnull=True),
            ),
            # The same with ?role=, and whom a broadcast to roles concerns.
            models.Index(
                fields=["event", "role", "-created_at", "-id"],
                name="membership_event_role_created",
                condition=models.Q(removed_at__isnull=True),
            ),
            # A person's own: GET /events, GET /me, and the event in common that a block needs.
            models.Index(
                fields=["user", "event"],
                name="membership_user_event",
                condition=models.Q(removed_at__isnull=True),
            ),
            # Whom a channel concerns, by any of its tags.
            GinIndex(fields=["tags"], name="membership_tags"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.event_id}"


class HelpRequestQuerySet(models.QuerySet):
    def shown(self) -> HelpRequestQuerySet:
        return self.select_related("requester").only(
            "event_id",
            "title",
            "details",
            "status",
            "created_at",
            *(f"requester__{name}" for name in User.SHOWN_FIELDS),
        )


class HelpRequest(models.Model):
    class Status(models.TextChoices):
        OPEN = "open", "Open"
        IN_PROGRESS = "in_progress", "In progress"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="help_requests", db_index=False)
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="help_requests", db_index=False)
    title = models.CharField(max_length=TITLE_LENGTH)
    details = models.CharField(max_length=DETAILS_LENGTH)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = HelpRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["open", "in_progress", "closed"]), name="helprequest_status_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(title__regex=r"\S") & models.Q(details__regex=r"\S"),
                name="helprequest_is_not_empty",
            ),
        ]
        indexes = [
            # GET /events/{id}/help-requests, newest first.
            models.Index(fields=["event", "-created_at", "-id"], name="helprequest_event_created_at"),
            # The same with ?status=.
            models.Index(fields=["event", "status", "-created_at", "-id"], name="helprequest_event_status"),
            # What one person asked for; and the foreign key.
            models.Index(fields=["requester"], name="helprequest_requester"),
        ]

    def __str__(self) -> str:
        return self.title


class BlockQuerySet(models.QuerySet):
    def shown(self) -> BlockQuerySet:
        return self.select_related("blocked").only("created_at", *(f"blocked__{name}" for name in User.SHOWN_FIELDS))


class Block(models.Model):
    """One person wants no private messages from another, in any event. Row-level security: only its maker sees it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    blocker = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    blocked = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blocks_by_others", db_index=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = BlockQuerySet.as_manager()

    class Meta:
        constraints = [
            # One block of a pair; and "did I block these?".
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_pair_unique"),
            models.CheckConstraint(condition=~models.Q(blocker=models.F("blocked")), name="block_is_not_of_oneself"),
        ]
        indexes = [
            # GET /blocks, newest first.
            models.Index(fields=["blocker", "-created_at", "-id"], name="block_blocker_created_at"),
            # "Did any of these block me?"
            models.Index(fields=["blocked", "blocker"], name="block_blocked_blocker"),
        ]

    def __str__(self) -> str:
        return f"{self.blocker_id} blocks {self.blocked_id}"
