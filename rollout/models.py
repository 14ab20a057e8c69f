from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest
from uuid_utils.compat import uuid7
from waffle.models import AbstractUserFlag

from accounts.models import User
from api.fields import parse_id

# The percentage of a call that names no event.
NO_EVENT = UUID(int=0)


class Flag(AbstractUserFlag):
    """A waffle flag whose percentage is of people: by a stable hash of (flag, event, user), in the database.

    Nothing is drawn, no cookie is set, and waffle's cache is passed by: every question is one look at the row, so
    that a change counts at once in every process. Change flags with `rollout.flags.change`, which keeps the history.
    """

    percent = models.DecimalField(
        max_digits=4,
        decimal_places=1,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="0.0 to 100.0 of each event's people.",
    )
    superusers = models.BooleanField(default=False, help_text="On for superusers.")

    # Set by the database when a person or group is first listed.
    lists_people = models.BooleanField(default=False, editable=False)

    class Meta(AbstractUserFlag.Meta):
        # The admin's list.
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="flag_percent_is_a_share"),
            # Waffle's ways to switch by cookie, session and language: none of them is stable for a person.
            models.CheckConstraint(
                condition=Q(testing=False, rollout=False, languages=""), name="flag_is_stable_for_a_person"
            ),
        ]

    @classmethod
    def get(cls, name: str) -> Flag:
        return cls.objects.filter(name=name).first() or cls(name=name)

    @classmethod
    def get_all(cls) -> list[Flag]:
        return cls.get_all_from_db()

    def flush(self) -> None:
        """Nothing of a flag is in a cache."""

    def is_on(self, *, user: User | None, event_id: UUID = NO_EVENT) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rollout_is_on(%s, %s, %s)", [self.name, event_id, user and user.pk])
            return cursor.fetchone()[0]

    def is_active_for_user(self, user: User) -> bool:
        return self.is_on(user=user)

    def is_active(self, request: HttpRequest, read_only: bool = False) -> bool:
        """Waffle's door (`flag_is_active`): for the event that the address names."""
        user = getattr(request, "user", None)
        match = getattr(request, "resolver_match", None)
        event_id = parse_id(str(match.kwargs.get("event_id"))) if match else None
        return self.is_on(user=user, event_id=event_id or NO_EVENT)


class Alarm(models.Model):
    """A condition from when it was first seen until it was over; what is over is the history."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        FIRING = "firing", "Firing"
        RESOLVED = "resolved", "Resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=64)
    severity = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    words = models.TextField(help_text="Numbers and states, as they were when it was last seen.")
    value = models.FloatField(null=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_id = models.UUIDField(null=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        # The admin's list.
        ordering = ["-began_at", "-id"]
        permissions = [("acknowledge_alarm", "Can acknowledge alarms")]
        constraints = [
            # Two that look at once open one.
            models.UniqueConstraint(fields=["name"], condition=~Q(state="resolved"), name="alarm_open_unique"),
            models.CheckConstraint(
                condition=Q(state="pending", fired_at=None, resolved_at=None)
                | Q(state="firing", fired_at__isnull=False, resolved_at=None)
                | Q(state="resolved", fired_at__isnull=False, resolved_at__isnull=False),
                name="alarm_times_fit_state",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["critical", "warning", "info"]), name="alarm_severity_is_known"
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, acknowledged_by_id=None)
                | Q(acknowledged_at__isnull=False, acknowledged_by_id__isnull=False, fired_at__isnull=False),
                name="alarm_acknowledgement_is_whole",
            ),
        ]
        indexes = [
            # The admin's list, and the purge.
            models.Index(fields=["-began_at", "-id"], name="alarm_began_at"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.state}"


class Reading(models.Model):
    """What a condition was found to be in one minute."""

    pk = models.CompositePrimaryKey("at", "name")
    at = models.DateTimeField()
    name = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    value = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["firing", "ok", "unknown"]), name="reading_state_is_known"),
        ]


class AlarmMail(models.Model):
    """That operators are to be told of an alarm by e-mail, until it has gone out."""

    class Kind(models.TextChoices):
        FIRED = "fired"
        RESOLVED = "resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="mails", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    next_attempt_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, editable=False)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Told once; the foreign key.
            models.UniqueConstraint(fields=["alarm", "kind"], name="alarmmail_once"),
            models.CheckConstraint(condition=Q(kind__in=["fired", "resolved"]), name="alarmmail_kind_is_known"),
        ]
        indexes = [
            # What is due.
            models.Index(fields=["next_attempt_at"], condition=Q(sent_at=None), name="alarmmail_due"),
        ]


class LiveModel(models.Model):
    """The one row that says which read model is live."""

    class Name(models.TextChoices):
        V1 = "v1"
        V2 = "v2"

    is_only = models.BooleanField(primary_key=True, default=True, editable=False)
    live = models.CharField(max_length=2, choices=Name, default=Name.V1)
    swapped_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(is_only=True), name="livemodel_is_only"),
            models.CheckConstraint(condition=Q(live__in=["v1", "v2"]), name="livemodel_is_known"),
        ]


class Sampling(models.Model):
    """The one row that says which share of feed requests is compared, and how much may differ."""

    is_only = models.BooleanField(primary_key=True, default=True, editable=False)
    share = models.DecimalField(
        max_digits=4,
        decimal_places=1,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="Per cent of feed requests, 0.0 to 100.0.",
    )
    budget = models.PositiveIntegerField(
        default=0,
        help_text="Mismatches of 24 hours that are put up with; with more, no percentage is raised.",
    )
    # Mismatches from before do not count: their cause was mended.
    counted_from = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "sampling"
        constraints = [
            models.CheckConstraint(condition=Q(is_only=True), name="sampling_is_only"),
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=100), name="sampling_share_is_a_share"),
        ]

    def __str__(self) -> str:
        return "Share and budget"


class Comparison(models.Model):
    """What the two read models answered to one person at one moment. Ids, counts and times; never a text."""

    class Origin(models.TextChoices):
        SHADOW = "shadow", "Beside a request"
        OFFLINE = "offline", "feed compare"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now())
    origin = models.CharField(max_length=10, choices=Origin)
    event_id = models.UUIDField()
    person_id = models.UUIDField()
    role = models.CharField(max_length=20)
    in_both = models.PositiveIntegerField()
    # v1 has it and v2 lacks it, and the person's present role and tags do not say why.
    mismatches = models.PositiveIntegerField()
    # The same, where they do.
    explained = models.PositiveIntegerField()
    # v2 has it and v1 lacks it: catch-up, a gained tag, a delivery that is still to come.
    only_v2 = models.PositiveIntegerField()
    # The first hundred of each.
    mismatch_ids = ArrayField(models.UUIDField(), default=list)
    explained_ids = ArrayField(models.UUIDField(), default=list)
    only_v2_ids = ArrayField(models.UUIDField(), default=list)
    v1_ms = models.FloatField()
    v2_ms = models.FloatField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(origin__in=["shadow", "offline"]), name="comparison_origin_is_known"),
        ]
        indexes = [
            # The admin's list and chart, the retention; newest first.
            models.Index(fields=["-at", "-id"], name="comparison_at"),
            # The budget: mismatches since a moment.
            models.Index(fields=["at"], condition=Q(mismatches__gt=0), name="comparison_mismatched_at"),
        ]

    def __str__(self) -> str:
        return str(self.id)
