"""Sanctions, and the appeals against them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from moderation.models.base import REASONS, SANCTIONS, TIMED, is_known, length, person
from moderation.models.cases import Case, Decision


class SanctionQuerySet(models.QuerySet):
    def standing(self, now) -> SanctionQuerySet:
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now), lifted_at=None)

    def shown(self) -> SanctionQuerySet:
        """With what the person concerned may see: all that the API's role can read."""
        return self.select_related("appeal").only(
            *Sanction.SHOWN_FIELDS, *(f"appeal__{name}" for name in Appeal.SHOWN_FIELDS)
        )


class Sanction(models.Model):
    """What a decision laid on a person in an event. It ends by its time, or by being lifted; nothing has to run."""

    SHOWN_FIELDS = (
        "id", "event_id", "user_id", "case_id", "type", "reason", "starts_at", "ends_at", "lifted_at", "created_at"
    )  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    user = person()
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="sanctions", db_index=False)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="sanctions", db_index=False)
    moderator = person()
    type = models.CharField(max_length=20, choices=[(name, name.replace("_", " ").capitalize()) for name in SANCTIONS])
    reason = models.CharField(max_length=12, help_text="What it was for, as the person concerned sees it.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = person(null=True)
    lift_reason = models.TextField(null=True)  # noqa: DJ001
    created_at = models.DateTimeField()

    objects = SanctionQuerySet.as_manager()

    class Meta:
        permissions = [("lift_sanction", "Can lift sanctions")]
        constraints = [
            is_known("type", SANCTIONS, "sanction_type_is_known"),
            is_known("reason", REASONS, "sanction_reason_is_known"),
            # A mute and a suspension end; what else there is does not.
            models.CheckConstraint(
                condition=Q(type__in=TIMED, ends_at__isnull=False, ends_at__gt=F("starts_at"))
                | Q(~Q(type__in=TIMED), ends_at=None),
                name="sanction_end_fits_type",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None, lift_reason=None)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False, lift_reason__isnull=False),
                name="sanction_lift_is_whole",
            ),
            # Each action of a decision works once.
            models.UniqueConstraint(fields=["decision", "type"], name="sanction_decision_type_unique"),
        ]
        indexes = [
            # GET /sanctions, newest first; a person's history.
            models.Index(fields=["user", "-created_at", "-id"], name="sanction_user_created_at"),
            # What stands against a person in an event.
            models.Index(fields=["user", "event", "type"], condition=Q(lifted_at=None), name="sanction_standing"),
            # The console's list, newest first, of all and of an event.
            models.Index(fields=["-created_at", "-id"], name="sanction_created_at"),
            models.Index(fields=["event", "-created_at", "-id"], name="sanction_event_created_at"),
            # A case's sanctions, and the foreign key.
            models.Index(fields=["case"], name="sanction_case"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Appeal(models.Model):
    """One per sanction, by the person concerned; decided by another moderator than the sanction's."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        GRANTED = "granted", "Granted"
        REJECTED = "rejected", "Rejected"

    SHOWN_FIELDS = ("sanction_id", "user_id", "text", "status", "created_at", "decided_at")

    sanction = models.OneToOneField(Sanction, on_delete=models.PROTECT, primary_key=True, related_name="appeal")
    user = person()
    # As the sanction says: so that the database can hold that somebody else decides.
    imposed_by = person()
    text = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    # Empty where it was granted by the sanction being lifted.
    decided_by = person(null=True)
    note = models.TextField(blank=True)

    class Meta:
        permissions = [("decide_appeal", "Can decide appeals")]
        constraints = [
            length("text", 1, "appeal_text_length"),
            length("note", 0, "appeal_note_length"),
            models.CheckConstraint(
                condition=Q(status="pending", decided_at=None, decided_by=None)
                | Q(status="granted", decided_at__isnull=False)
                | Q(status="rejected", decided_at__isnull=False, decided_by__isnull=False),
                name="appeal_decision_fits_status",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("imposed_by")) & ~Q(decided_by=F("user")),
                name="appeal_is_decided_by_another",
            ),
        ]
        indexes = [
            # The console's queue of appeals, oldest first.
            models.Index(fields=["created_at"], condition=Q(status="pending"), name="appeal_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.sanction_id}"
