from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.timezone import now
from uuid_utils.compat import uuid7


class KeptAnswer(models.Model):
    """The first answer to a POST that carried an Idempotency-Key, kept for a day."""

    digest = models.BinaryField(primary_key=True, help_text="sha256 of person, method, path and key")
    fingerprint = models.BinaryField(help_text="sha256 of the body as JSON")
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The hourly purge finds what has expired.
            models.Index(fields=["expires_at"], name="keptanswer_expires_at"),
        ]


class Maintenance(models.Model):
    """One row while writing is switched off; none otherwise."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="maintenance_is_one_row"),
        ]


class WebhookReceiver(models.Model):
    """Another system that is told of what happens here. Its secrets are derived, and stand nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    types = ArrayField(models.CharField(max_length=64), default=list, blank=True, help_text="Empty is everything.")
    is_active = models.BooleanField(default=True)
    secret_version = models.PositiveIntegerField(default=1)
    # Until then notices carry a signature by the secret before as well.
    old_secret_until = models.DateTimeField(null=True)
    # It did not answer at all a moment ago: nothing is tried before this.
    paused_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S"),
                name="webhookreceiver_name_not_empty",
                violation_error_message="Give a name.",
            ),
            models.CheckConstraint(
                condition=models.Q(url__regex=r"^https?://[^\s/@]+(/\S*)?\Z"),
                name="webhookreceiver_url_is_http",
                violation_error_message="Give an address that begins with https://.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookNotice(models.Model):
    """One thing that one receiver is told, until it has taken it or three days are over."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Dead"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    receiver = models.ForeignKey(WebhookReceiver, on_delete=models.CASCADE, related_name="notices", db_index=False)
    type = models.CharField(max_length=64)
    body = models.TextField(help_text="As it is sent: ids and states, no texts, names or phones.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # When it is tried next; while it is being tried, when that is given up.
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["waiting", "delivered", "dead"]), name="webhooknotice_status_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status="delivered", delivered_at__isnull=False)
                | models.Q(~models.Q(status="delivered"), delivered_at=None),
                name="webhooknotice_delivery_is_whole",
            ),
        ]
        indexes = [
            # What is due.
            models.Index(
                fields=["next_attempt_at", "id"], condition=models.Q(status="waiting"), name="webhooknotice_due"
            ),
            # The admin's list, newest first; and the purge.
            models.Index(fields=["-created_at", "-id"], name="webhooknotice_created_at"),
            # The foreign key.
            models.Index(fields=["receiver"], name="webhooknotice_receiver"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookAttempt(models.Model):
    """The log: how one try went."""

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(WebhookNotice, on_delete=models.CASCADE, related_name="log", db_index=False)
    began_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    fault = models.CharField(max_length=20, blank=True, help_text="Why there was no answer, in a word.")

    class Meta:
        indexes = [
            # How a notice went; the foreign key.
            models.Index(fields=["notice", "id"], name="webhookattempt_notice"),
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S}"
