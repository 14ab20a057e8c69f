"""Reports, the cases that they make, what was decided, and the sanctions that follow.

The API's role sees a person's own reports, sanctions and appeals, and nothing else of this (row-level security); what
moderators do is checked in Python and done as the owner, in the same transaction.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from messaging.models import MOST_CHARACTERS

REASONS = ("spam", "harassment", "hate", "scam", "sexual", "violence", "other")
OUTCOMES = ("actioned", "dismissed")
ACTIONS = ("remove_message", "restore_message", "warn", "mute", "suspend", "remove_member", "revoke_reporting")
# Those that stay with a person, and the fewer of these that end.
SANCTIONS = ("warn", "mute", "suspend", "remove_member", "revoke_reporting")
TIMED = ("mute", "suspend")


def _person(**options) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, **options
    )


def _is_known(field: str, values: tuple[str, ...], name: str, **also) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": list(values)}, **also), name=name)


def _length(field: str, least: int, name: str) -> models.CheckConstraint:
    counted = models.functions.Length(field)
    return models.CheckConstraint(
        condition=models.lookups.GreaterThanOrEqual(counted, least)
        & models.lookups.LessThanOrEqual(counted, MOST_CHARACTERS),
        name=name,
    )


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
    sender = _person()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    # Goes up with every step, and when there is something new to look at: who decides by an older one is told.
    version = models.PositiveIntegerField(default=1)
    # What is to be judged: the latest text that was reported.
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_reported_at = models.DateTimeField()
    # Since when nobody has moved it: opened, reopened or claimed.
    waiting_since = models.DateTimeField()
    claimed_by = _person(null=True)
    claimed_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, null=True)  # noqa: DJ001
    decided_by = _person(null=True)
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
    reporter = _person()
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
            _is_known("reason", REASONS, "report_reason_is_known"),
            _length("details", 1, "report_details_length"),
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
    moderator = _person()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            _length("note", 0, "decision_note_length"),
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
    user = _person()
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="sanctions", db_index=False)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="sanctions", db_index=False)
    moderator = _person()
    type = models.CharField(max_length=20, choices=[(name, name.replace("_", " ").capitalize()) for name in SANCTIONS])
    reason = models.CharField(max_length=12, help_text="What it was for, as the person concerned sees it.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = _person(null=True)
    lift_reason = models.TextField(null=True)  # noqa: DJ001
    created_at = models.DateTimeField()

    objects = SanctionQuerySet.as_manager()

    class Meta:
        permissions = [("lift_sanction", "Can lift sanctions")]
        constraints = [
            _is_known("type", SANCTIONS, "sanction_type_is_known"),
            _is_known("reason", REASONS, "sanction_reason_is_known"),
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
    user = _person()
    # As the sanction says: so that the database can hold that somebody else decides.
    imposed_by = _person()
    text = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    # Empty where it was granted by the sanction being lifted.
    decided_by = _person(null=True)
    note = models.TextField(blank=True)

    class Meta:
        permissions = [("decide_appeal", "Can decide appeals")]
        constraints = [
            _length("text", 1, "appeal_text_length"),
            _length("note", 0, "appeal_note_length"),
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


class TranscriptLook(models.Model):
    """That a moderator read more of a private conversation than a case shows, and why. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="looks", db_index=False)
    moderator = _person()
    reason = models.TextField()
    # Which part: as many messages before this place, or the latest.
    before = models.DateTimeField(null=True)
    messages = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [_length("reason", 1, "transcriptlook_reason_length")]
        indexes = [
            # A case's looks, and the foreign key.
            models.Index(fields=["case", "created_at"], name="transcriptlook_case"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ContentRule(models.Model):
    """What is looked for in a text before it stands, and what becomes of one in which it is found."""

    class Kind(models.TextChoices):
        REPEATED_TEXT = "repeated_text", "Repeated text"
        NEW_MEMBER_LINKS = "new_member_links", "Links from new members"
        BLOCKED_WORDS = "blocked_words", "Blocked words"
        FLOOD = "flood", "Flood"

    class Outcome(models.TextChoices):
        FLAG = "flag", "Flag: it goes out, and a case is opened"
        HOLD = "hold", "Hold: it waits for a moderator"
        REFUSE = "refuse", "Refuse: it is not taken"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    event = models.ForeignKey(
        "events.Event", on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False,
        help_text="Empty is every event.",
    )  # fmt: skip
    kind = models.CharField(max_length=20, choices=Kind.choices)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    words = models.JSONField(default=list, blank=True, help_text="Blocked words: words or phrases.")
    most = models.PositiveIntegerField(
        null=True, blank=True, help_text="Repeated text, flood: how many pass in that time."
    )
    seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="Repeated text, flood: the time looked back. Links: how long somebody is new."
    )
    is_active = models.BooleanField(default=False)
    # The last try on past messages; nothing is switched on before it was tried as it is now.
    tried_at = models.DateTimeField(null=True)
    tried_on = models.PositiveIntegerField(null=True)
    would_have_caught = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("switch_contentrule", "Can switch content rules on and off")]
        constraints = [
            models.CheckConstraint(
                condition=Q(name__regex=r"\S"),
                name="contentrule_name_not_empty",
                violation_error_message="Give a name.",
            ),
            _is_known("outcome", ("flag", "hold", "refuse"), "contentrule_outcome_is_known"),
            models.CheckConstraint(
                condition=Q(kind="blocked_words", most=None, seconds=None) & ~Q(words=[])
                | Q(kind="new_member_links", words=[], most=None, seconds__isnull=False, seconds__gt=0)
                | Q(
                    kind__in=["repeated_text", "flood"],
                    words=[],
                    most__isnull=False,
                    most__gt=0,
                    seconds__isnull=False,
                    seconds__gt=0,
                ),
                name="contentrule_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(tried_at__isnull=False, tried_on__isnull=False),
                name="contentrule_was_tried",
            ),
        ]
        indexes = [
            # The foreign key, and an event's rules.
            models.Index(fields=["event"], name="contentrule_event"),
        ]

    def __str__(self) -> str:
        return self.name


class RuleHit(models.Model):
    """That a rule found something in a message that stands; why there is a case without a report."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="hits", db_index=False)
    rule = models.ForeignKey(ContentRule, on_delete=models.PROTECT, related_name="hits", db_index=False)
    outcome = models.CharField(max_length=10)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Once for each rule and message, however often it is sent again; and a case's hits.
            models.UniqueConstraint(fields=["case", "rule"], name="rulehit_unique"),
        ]
        indexes = [
            # What a rule has caught, and the foreign key.
            models.Index(fields=["rule", "-created_at"], name="rulehit_rule"),
        ]


class CaseAlert(models.Model):
    """That moderators are to hear of a case by e-mail: when it is opened, and once for each period that it waits."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        OVERDUE = "overdue"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="alerts", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    waiting_since = models.DateTimeField()
    period = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, editable=False)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Where two beats meet: one alert for each period.
            models.UniqueConstraint(fields=["case", "kind", "waiting_since", "period"], name="casealert_once"),
            _is_known("kind", ("opened", "overdue"), "casealert_kind_is_known"),
        ]
        indexes = [
            # What is to be sent.
            models.Index(fields=["next_attempt_at", "id"], condition=Q(sent_at=None), name="casealert_due"),
        ]
