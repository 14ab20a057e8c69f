"""The ledger of texts: where each one stands, how it came there, and what the provider and the phones told us."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Text(models.Model):
    """One delivery's text, and the outbox at once: a worker finds here what is due, and its row alone decides.

    Made by the statement that writes the delivery. What happens to `state` is told to the delivery, to the steps and to
    the stream's log by triggers, whoever moves it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        UNKNOWN = "unknown", "Unknown"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        UNDELIVERED = "undelivered", "Undelivered"
        FAILED = "failed", "Failed"
        SUPPRESSED = "suppressed", "Suppressed"

    # Of the delivery; no foreign keys, like there.
    delivery_id = models.BigIntegerField(primary_key=True)
    message_id = models.UUIDField()
    event_id = models.UUIDField()
    user_id = models.UUIDField()
    sender_id = models.UUIDField()
    state = models.TextField(choices=State.choices, db_default="queued")
    # Why it was suppressed or failed, in one word; the provider's code of what went wrong.
    reason = models.TextField(null=True)  # noqa: DJ001
    code = models.PositiveIntegerField(null=True)
    # What moved it last: a claim, an answer, a callback, …
    cause = models.TextField(db_default="fan_out")
    # The provider's name for it.
    sid = models.TextField(null=True)  # noqa: DJ001
    # To where the last call went; a person's phone may change.
    phone = models.TextField(null=True)  # noqa: DJ001
    # Calls to the provider that were begun, and when the last one was.
    attempts = models.PositiveSmallIntegerField(db_default=0)
    began_at = models.DateTimeField(null=True)
    # Queued: not before. Unknown or sent: when the provider is asked next.
    next_at = models.DateTimeField(db_default=Now())
    # Times the provider was asked what became of it.
    looks = models.PositiveSmallIntegerField(db_default=0)
    valid_until = models.DateTimeField(null=True)
    # Counted against the limits of its event and destination; empty until then.
    cost = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("see_phone", "Can see the phone that a text went to")]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "queued", "sending", "unknown", "sent", "delivered", "undelivered", "failed", "suppressed",
                    ]
                ),
                name="text_state_is_known",
            ),
            # Whoever sends it holds a lease, and nobody else does.
            models.CheckConstraint(
                condition=Q(state="sending", lease_token__isnull=False, lease_until__isnull=False)
                | Q(~Q(state="sending"), lease_token=None, lease_until=None),
                name="text_lease_fits_state",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="suppressed",
                    reason__isnull=False,
                    reason__in=[
                        "opted_out", "no_phone", "not_member", "suspended", "message_removed", "country",
                        "quiet_hours", "expired", "spend_limit",
                    ],
                )
                | ~Q(state="suppressed"),
                name="text_suppressed_says_why",
            ),
            # Nobody was called without a phone and a time.
            models.CheckConstraint(
                condition=Q(began_at=None) | Q(attempts__gt=0, phone__isnull=False), name="text_call_is_whole"
            ),
        ]  # fmt: skip
        indexes = [
            # Workers: what is due.
            models.Index(fields=["next_at", "delivery_id"], condition=Q(state="queued"), name="text_due"),
            # The sweep: what a worker left behind.
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="text_leased"),
            # Reconciliation, and `sms stuck`.
            models.Index(fields=["next_at"], condition=Q(state__in=["unknown", "sent"]), name="text_unsettled"),
            # Callbacks without our id, and whose a message at the provider is.
            models.Index(fields=["sid"], condition=Q(sid__isnull=False), name="text_sid"),
            # Several at once to one phone that nobody knows of.
            models.Index(fields=["phone"], condition=Q(state__in=["sending", "unknown"]), name="text_unsettled_phone"),
            # The ledger in the admin, by state, event and broadcast; newest first.
            models.Index(fields=["state", "-delivery_id"], name="text_state"),
            models.Index(fields=["event_id", "-delivery_id"], name="text_event"),
            models.Index(fields=["message_id", "-delivery_id"], name="text_message"),
            models.Index(fields=["code", "-delivery_id"], condition=Q(code__isnull=False), name="text_code"),
            # The figures of a day and of a week.
            BrinIndex(fields=["created_at"], name="text_created_at"),
        ]

    def __str__(self) -> str:
        return f"text {self.delivery_id}"


class TextStep(models.Model):
    """Each move of a text, written by a trigger and never changed."""

    id = models.BigAutoField(primary_key=True)
    delivery_id = models.BigIntegerField()
    at = models.DateTimeField()
    begin = models.TextField()
    end = models.TextField()
    cause = models.TextField()
    reason = models.TextField(null=True)  # noqa: DJ001
    code = models.PositiveIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField()
    sid = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        indexes = [
            # A text's history.
            models.Index(fields=["delivery_id", "id"], name="textstep_text"),
        ]


class Callback(models.Model):
    """What the provider told us, as it came: a text's status, or a text from a phone. Only ever added to."""

    class Kind(models.TextChoices):
        STATUS = "status", "Status"
        INBOUND = "inbound", "From a phone"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    received_at = models.DateTimeField(db_default=Now())
    sid = models.TextField()
    # Of what it was said, where the address named it.
    delivery_id = models.BigIntegerField(null=True)
    attempt = models.PositiveSmallIntegerField(null=True)
    fields = models.JSONField()
    # Of everything in it: the same again is no news.
    digest = models.BinaryField()

    class Meta:
        constraints = [
            # Twice is once, also when it is played back later.
            models.UniqueConstraint(fields=["digest"], name="callback_unique"),
            # A phone's text is heard once, whatever else the provider says with it.
            models.UniqueConstraint(fields=["sid"], condition=Q(kind="inbound"), name="callback_inbound_unique"),
        ]
        indexes = [
            # A text's history.
            models.Index(fields=["delivery_id", "id"], condition=Q(delivery_id__isnull=False), name="callback_text"),
            # `sms replay-callbacks` since a time, and the admin's list.
            models.Index(fields=["received_at"], name="callback_received_at"),
        ]


class OptOut(models.Model):
    """A phone that gets no texts. It names nobody, and outlives whoever had it."""

    class Cause(models.TextChoices):
        STOP = "stop", "Asked to stop"
        PROVIDER = "provider", "The provider says so"
        STAFF = "staff", "Entered by staff"
        UNUSABLE = "unusable", "Takes no texts"

    id = models.BigAutoField(primary_key=True)
    phone = models.TextField()
    cause = models.TextField(choices=Cause.choices)
    since = models.DateTimeField(db_default=Now())
    # Once lifted it stays here, for whoever asks what was wanted when.
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "opt-out"
        constraints = [
            # One row for a phone, whatever was said of it; and whether a text may go there.
            models.UniqueConstraint(fields=["phone"], name="optout_phone_unique"),
            models.CheckConstraint(condition=Q(phone__regex=r"^[+][1-9][0-9]{4,14}\Z"), name="optout_phone_e164"),
            models.CheckConstraint(
                condition=Q(cause__in=["stop", "provider", "staff", "unusable"]), name="optout_cause_is_known"
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | Q(lifted_at__gte=F("since")), name="optout_lifted_after"
            ),
        ]
        indexes = [
            # The admin's list, newest first.
            models.Index(fields=["-since"], name="optout_since"),
        ]

    def __str__(self) -> str:
        from accounts import phones

        return phones.masked(self.phone)


class Spend(models.Model):
    """What texts have cost in a day, by event and by destination; where it would go past its limit, none goes out."""

    pk = models.CompositePrimaryKey("day", "of", "name")
    day = models.DateField()
    of = models.TextField()
    name = models.TextField()
    amount = models.DecimalField(max_digits=12, decimal_places=4)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(of__in=["event", "destination"]), name="spend_of_is_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="spend_is_not_negative"),
        ]
