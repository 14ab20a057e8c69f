from django.db import models


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
