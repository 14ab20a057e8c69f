from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Length
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThanOrEqual
from uuid_utils.compat import uuid7

from messaging.models import MOST_CHARACTERS
from messaging.publishing import FIRST


class Phase(models.TextChoices):
    """Where an event stands; each phase has a quota of its own."""

    PRE_EVENT = "pre_event", "Before the event"
    POST_EVENT = "post_event", "From its start on"


class Broadcast(models.Model):
    """An order to publish an announcement or a channel message, now or later."""

    class Kind(models.TextChoices):
        ANNOUNCEMENT = "announcement", "Announcement"
        CHANNEL = "channel", "Channel"

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHING = "publishing", "Publishing"
        PUBLISHED = "published", "Published"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    content = models.TextField()
    roles = ArrayField(models.TextField(), default=list, blank=True)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    sms = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices)
    created_at = models.DateTimeField()
    send_at = models.DateTimeField(null=True, help_text="Empty where it was to go out at once.")
    valid_until = models.DateTimeField(null=True, help_text="It does not go out after this.")
    published_at = models.DateTimeField(null=True, help_text="When the last delivery was written.")
    message = models.ForeignKey(
        "messaging.Message", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    audience = models.PositiveIntegerField(null=True, help_text="Members concerned when it was published.")
    failure_reason = models.TextField(null=True)  # noqa: DJ001
    # What it took, so that it is given back to that count and no later one.
    quota_phase = models.CharField(max_length=10, choices=Phase.choices)
    quota_period = models.PositiveIntegerField()
    is_refunded = models.BooleanField(default=False)
    # The fan-out: who works on it until when, and up to which member it has come.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    upto = models.UUIDField(default=FIRST, editable=False)
    # Faults in a row; the next try waits longer each time.
    faults = models.PositiveSmallIntegerField(default=0)
    # How many rows the log had of its message when its author last heard what became of its texts.
    texts_told = models.BigIntegerField(db_default=0, editable=False)
    # Of the call that ordered it, so that what comes of it can be found in the logs.
    request_id = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001
    # Writing was switched off when it was due: what it is told when that made it too late.
    met_maintenance = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["announcement", "channel"]), name="broadcast_kind_is_known"),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Length("content"), 1)
                & LessThanOrEqual(Length("content"), MOST_CHARACTERS),
                name="broadcast_content_length",
            ),
            # Two broadcasts never stand for one message.
            models.UniqueConstraint(fields=["message"], condition=Q(message__isnull=False), name="broadcast_message"),
            # What went out has a message, and what did not has none. Every status there is stands here.
            models.CheckConstraint(
                condition=Q(status__in=["publishing", "published"], message__isnull=False, audience__isnull=False)
                | Q(status__in=["scheduled", "cancelled", "expired"], message=None, audience=None)
                | Q(status="failed"),
                name="broadcast_message_fits_status",
            ),
            models.CheckConstraint(
                condition=Q(status="published", published_at__isnull=False)
                | Q(~Q(status="published"), published_at=None),
                name="broadcast_published_at_fits_status",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["failed", "expired"], failure_reason__isnull=False)
                | Q(~Q(status__in=["failed", "expired"]), failure_reason=None),
                name="broadcast_reason_fits_status",
            ),
            # Only what waits for its time has one to wait for.
            models.CheckConstraint(
                condition=~Q(status__in=["scheduled", "cancelled", "expired"]) | Q(send_at__isnull=False),
                name="broadcast_scheduled_has_time",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(GreaterThan(F("valid_until"), Coalesce("send_at", "created_at"))),
                name="broadcast_is_valid_for_a_while",
            ),
            # Nothing that went out is given back.
            models.CheckConstraint(
                condition=Q(is_refunded=False) | Q(status__in=["cancelled", "failed", "expired"], message=None),
                name="broadcast_refund_fits_status",
            ),
            models.CheckConstraint(
                condition=Q(lease_token=None) | Q(status="publishing", lease_until__isnull=False),
                name="broadcast_lease_is_whole",
            ),
        ]
        indexes = [
            # GET /events/{id}/broadcasts of who sees all, and the admin's by event; newest first.
            models.Index(fields=["event", "-created_at", "-id"], name="broadcast_event_created_at"),
            # The same with ?status=.
            models.Index(fields=["event", "status", "-created_at", "-id"], name="broadcast_event_status"),
            # The same of an author; and the foreign key.
            models.Index(fields=["sender", "event", "-created_at", "-id"], name="broadcast_sender_created_at"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="broadcast_created_at"),
            # The sweep: what is due.
            models.Index(fields=["send_at", "id"], condition=Q(status="scheduled"), name="broadcast_due"),
            # The sweep: whose texts may have moved.
            models.Index(fields=["created_at"], condition=Q(sms=True, message__isnull=False), name="broadcast_texted"),
            # The sweep: fan-outs under way, and those left behind.
            models.Index(fields=["lease_until"], condition=Q(status="publishing"), name="broadcast_publishing"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.id}"


class Quota(models.Model):
    """What a person has used of the broadcasts of one phase of an event since they were counted anew."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    phase = models.CharField(max_length=10, choices=Phase.choices)
    used = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField(null=True, help_text="As it was at the last one; empty is without a limit.")
    period = models.PositiveIntegerField(default=1, help_text="Goes up with every reset.")
    counted_since = models.DateTimeField()

    class Meta:
        constraints = [
            # Where parallel sends meet; and a person's quota.
            models.UniqueConstraint(fields=["user", "event", "phase"], name="quota_unique"),
            models.CheckConstraint(condition=Q(phase__in=["pre_event", "post_event"]), name="quota_phase_is_known"),
            # Behind the condition of the statement that takes one.
            models.CheckConstraint(
                condition=Q(allowed=None) | Q(used__lte=F("allowed")), name="quota_is_never_exceeded"
            ),
        ]
        indexes = [
            # The nightly reset: what was used before it.
            models.Index(fields=["counted_since"], condition=Q(used__gt=0), name="quota_used"),
            # The foreign key.
            models.Index(fields=["event"], name="quota_event"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.event}: {self.get_phase_display().lower()}"
