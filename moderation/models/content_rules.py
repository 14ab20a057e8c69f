"""Content rules and what they found, and what moderators are told of."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from moderation.models.base import is_known
from moderation.models.cases import Case


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
            is_known("outcome", ("flag", "hold", "refuse"), "contentrule_outcome_is_known"),
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
            is_known("kind", ("opened", "overdue"), "casealert_kind_is_known"),
        ]
        indexes = [
            # What is to be sent.
            models.Index(fields=["next_attempt_at", "id"], condition=Q(sent_at=None), name="casealert_due"),
        ]
