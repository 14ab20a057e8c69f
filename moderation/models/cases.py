"""Evidence, cases, the reports that make them, what was decided, and who looked further."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from moderation.models.base import REASONS, is_known, length, person


class Evidence(models.Model):
    """A message and what came before it, as they were: written once, and refused every change by the database.

    `body` is JSON in one fixed form, so that its sha256 can be worked out again by whoever is shown it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey("messaging.Message", on_delete=models.PROTECT, related_name="+", db_index=False)
    body = models.TextField()
    sha256 = models.BinaryField()
    frozen_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            # The hash is that of the text beside it, whoever writes the row.
            models.CheckConstraint(
                condition=Q(
                    sha256=models.Func(
                        models.Func(F("body"), models.Value("UTF8"), function="convert_to"),
                        function="sha256",
                        output_field=models.BinaryField(),
                    )
                ),
                name="evidence_hash_is_true",
            ),
        ]
        indexes = [
            # What was frozen of a message, and the foreign key.
            models.Index(fields=["message", "-frozen_at"], name="evidence_message"),
        ]


class Case(models.Model):
    """All that was reported of one message, worked as one."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        REVIEWED = "reviewed", "Claimed"
        ACTIONED = "actioned", "Actioned"
        DISMISSED = "dismissed", "Dismissed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    message = models.ForeignKey("messaging.Message", on_delete=models.PROTECT, related_name="+", db_index=False)
    sender = person()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    # Goes up with every step, and when there is something new to look at: who decides by an older one is told.
    version = models.PositiveIntegerField(default=1)
    # What is to be judged: the latest text that was reported.
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_reported_at = models.DateTimeField()
    # Since when nobody has moved it: opened, reopened or claimed.
    waiting_since = models.DateTimeField()
    claimed_by = person(null=True)
    claimed_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, null=True)  # noqa: DJ001
    decided_by = person(null=True)
    decided_at = models.DateTimeField(null=True)
    actions = models.JSONField(default=list)

    class Meta:
        permissions = [
            ("work_case", "Can claim and decide cases"),
            ("read_transcript", "Can read more of a private conversation, with a reason"),
        ]
        constraints = [
            # One case for a message, whoever reports it and however many at once.
            models.UniqueConstraint(fields=["message"], name="case_message_unique"),
            # Who holds it and what was decided are there exactly where the status says so; every status stands here.
            models.CheckConstraint(
                condition=Q(status="pending", claimed_by=None, claimed_at=None)
                | Q(~Q(status="pending"), claimed_by__isnull=False, claimed_at__isnull=False),
                name="case_claim_fits_status",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["pending", "reviewed"], decision=None, decided_by=None, decided_at=None, actions=[]
                )
                | Q(
                    status__in=["actioned", "dismissed"],
                    decision__isnull=False,
                    decision=F("status"),
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="case_decision_fits_status",
            ),
        ]
        indexes = [
            # GET /moderation/reports of staff, oldest first; and with ?status=.
            models.Index(fields=["first_reported_at", "id"], name="case_first_reported"),
            models.Index(fields=["status", "first_reported_at", "id"], name="case_status_first_reported"),
            # The same of an event: the queue of its moderators.
            models.Index(fields=["event", "first_reported_at", "id"], name="case_event_first_reported"),
            models.Index(fields=["event", "status", "first_reported_at", "id"], name="case_event_status"),
            # What waits too long, its number and age.
            models.Index(
                fields=["waiting_since", "id"], condition=Q(status__in=["pending", "reviewed"]), name="case_waiting"
            ),
            # What a moderator has in hand.
            models.Index(fields=["claimed_by", "claimed_at"], condition=Q(status="reviewed"), name="case_claimed_by"),
            # A sender's history.
            models.Index(fields=["sender", "-first_reported_at"], name="case_sender"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.id}"


class Report(models.Model):
    """One person's complaint about one message. Its status follows its case's, by a trigger."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="reports", db_index=False)
    event = models.ForeignKey("events.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    message = models.ForeignKey("messaging.Message", on_delete=models.PROTECT, related_name="+", db_index=False)
    reporter = person()
    reason = models.CharField(max_length=12, choices=[(reason, reason.title()) for reason in REASONS])
    details = models.TextField(null=True)  # noqa: DJ001
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(max_length=10, choices=Case.Status.choices, default=Case.Status.PENDING)
    outcome = models.CharField(max_length=10, null=True)  # noqa: DJ001
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            # A person reports a message once.
            models.UniqueConstraint(fields=["message", "reporter"], name="report_message_reporter_unique"),
            is_known("reason", REASONS, "report_reason_is_known"),
            length("details", 1, "report_details_length"),
        ]
        indexes = [
            # GET /reports, newest first; a reporter's history.
            models.Index(fields=["reporter", "-created_at", "-id"], name="report_reporter_created_at"),
            # A case's reports, and the foreign key.
            models.Index(fields=["case", "created_at", "id"], name="report_case"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.id}"


class Decision(models.Model):
    """What was decided, by whom and on what evidence; a case that is reopened gets another. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    decision = models.CharField(max_length=10)
    actions = models.JSONField(default=list)
    note = models.TextField(blank=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    moderator = person()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            length("note", 0, "decision_note_length"),
            # One of the two; nothing was done about what was dismissed, and something about what was not.
            models.CheckConstraint(
                condition=Q(decision="actioned") & ~Q(actions=[])
                | Q(decision="dismissed", actions__in=[[], [{"type": "restore_message"}]]),
                name="decision_fits_actions",
            ),
        ]
        indexes = [
            # A case's history, and the foreign key.
            models.Index(fields=["case", "created_at"], name="decision_case"),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.id}"


class TranscriptLook(models.Model):
    """That a moderator read more of a private conversation than a case shows, and why. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="looks", db_index=False)
    moderator = person()
    reason = models.TextField()
    # Which part: as many messages before this place, or the latest.
    before = models.DateTimeField(null=True)
    messages = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [length("reason", 1, "transcriptlook_reason_length")]
        indexes = [
            # A case's looks, and the foreign key.
            models.Index(fields=["case", "created_at"], name="transcriptlook_case"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CaseNote(models.Model):
    """What one moderator tells the others about a case. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes", db_index=False)
    author = person()
    content = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [length("content", 1, "casenote_content_length")]
        indexes = [
            # A case's notes, and the foreign key.
            models.Index(fields=["case", "created_at"], name="casenote_case"),
        ]

    def __str__(self) -> str:
        return str(self.id)
