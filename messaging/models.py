from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast, Now
from uuid_utils.compat import uuid7

MOST_CHARACTERS = 1000
MOST_PEOPLE = 50


def _transaction_number(*of: Func, function: str) -> Cast:
    """One of PostgreSQL's transaction numbers (xid8, which never come again) as a whole number."""
    return Cast(Cast(Func(*of, function=function), models.TextField()), models.BigIntegerField())


CURRENT_TRANSACTION = _transaction_number(function="pg_current_xact_id")
OLDEST_RUNNING = _transaction_number(Func(function="pg_current_snapshot"), function="pg_snapshot_xmin")


class Conversation(models.Model):
    """Two people, a group, or a help request and one helper; made together with its first message."""

    class Kind(models.TextChoices):
        DIRECT = "direct"
        GROUP = "group"
        HELP = "help"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    title = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001
    help_request = models.ForeignKey(
        "events.HelpRequest", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # The two people in order, so that a pair is one key whoever began; null in a group.
    low_id = models.UUIDField(null=True, editable=False)
    high_id = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    # Every send writes both: the row's lock puts the messages of a conversation in order. Not indexed, so that
    # the update stays in its page.
    last_message_id = models.UUIDField(null=True, editable=False)
    last_message_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # One direct conversation per pair and event, whoever starts it and however often at once.
            models.UniqueConstraint(
                fields=["event", "low_id", "high_id"], condition=Q(kind="direct"), name="conversation_pair_unique"
            ),
            # One help conversation per request and helper; also a help request's my_conversation_id.
            models.UniqueConstraint(
                fields=["help_request", "maker"], condition=Q(kind="help"), name="conversation_helper_unique"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["direct", "group", "help"]), name="conversation_kind_is_known"
            ),
            # A pair has an order; a group has none. What is not null says so: a comparison with null lets all pass.
            models.CheckConstraint(
                condition=Q(kind="group", low_id=None, high_id=None)
                | Q(
                    kind__in=["direct", "help"],
                    low_id__isnull=False,
                    high_id__isnull=False,
                    low_id__lt=models.F("high_id"),
                ),
                name="conversation_pair_is_ordered",
            ),
            models.CheckConstraint(
                condition=Q(kind="help", help_request__isnull=False) | Q(~Q(kind="help"), help_request__isnull=True),
                name="conversation_help_has_request",
            ),
            # Only a group has a name.
            models.CheckConstraint(condition=Q(title=None) | Q(kind="group"), name="conversation_title_is_a_groups"),
        ]


class Participant(models.Model):
    """A person in a conversation, and how far they have read. Leaving removes the row."""

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="participants", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    joined_at = models.DateTimeField(db_default=Now())
    # The marker: the message read last, its place in the conversation, and when that was said.
    read_message_id = models.UUIDField(null=True, editable=False)
    read_upto = models.DateTimeField(null=True, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            # Nobody is in a conversation twice; who is in it, for every send.
            models.UniqueConstraint(fields=["conversation", "user"], name="participant_unique"),
            models.CheckConstraint(
                condition=Q(read_message_id=None, read_upto=None, read_at=None)
                | Q(read_message_id__isnull=False, read_upto__isnull=False, read_at__isnull=False),
                name="participant_marker_is_whole",
            ),
        ]
        indexes = [
            # A person's conversations: the policies of every table here, and GET /conversations.
            models.Index(fields=["user", "conversation"], name="participant_user_conversation"),
        ]


class Expected(models.Model):
    """Somebody who is in a conversation from its first message on, of which they do not know while that is held.

    They become participants when something in it is let out, or passes; until then nothing shows them that it is there.
    """

    id = models.BigAutoField(primary_key=True)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="expected", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        constraints = [
            # Nobody is expected twice; whom a conversation waits for.
            models.UniqueConstraint(fields=["conversation", "user"], name="expected_unique"),
        ]


class Message(models.Model):
    """What was said: in a conversation, to the event at large, or to the members with certain tags."""

    class Type(models.TextChoices):
        DIRECT = "direct"
        ANNOUNCEMENT = "announcement"
        CHANNEL = "channel"

    class Deleter(models.TextChoices):
        SENDER = "sender"
        MODERATOR = "moderator"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without foreign keys to events and people: thousands of sends would all lock the same few rows.
    event = models.ForeignKey(
        "events.Event", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, null=True, blank=True, related_name="messages", db_index=False
    )
    message_type = models.CharField(max_length=12, choices=Type.choices)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    content = models.TextField()
    # Whom an announcement or channel message concerns; empty is everyone.
    roles = ArrayField(models.TextField(), default=list, blank=True)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, editable=False)
    deleted_by_kind = models.CharField(max_length=10, null=True, choices=Deleter.choices, editable=False)  # noqa: DJ001
    held_at = models.DateTimeField(null=True, editable=False)
    # Taken over from an older system, whose texts are not judged.
    is_bridged = models.BooleanField(db_default=False, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(message_type="direct", conversation__isnull=False)
                | Q(message_type__in=["announcement", "channel"], conversation__isnull=True),
                name="message_type_fits_place",
            ),
            # Counted in code points, as the API does.
            models.CheckConstraint(
                condition=Q(is_bridged=True)
                | Q(
                    models.lookups.GreaterThanOrEqual(models.functions.Length("content"), 1),
                    models.lookups.LessThanOrEqual(models.functions.Length("content"), MOST_CHARACTERS),
                ),
                name="message_content_length",
            ),
            # Only what goes to members at large has roles and tags.
            models.CheckConstraint(
                condition=~Q(message_type="direct") | Q(roles=[], tags=[]), name="message_roles_and_tags_at_large"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None, deleted_by_kind=None)
                | Q(
                    deleted_at__isnull=False, deleted_by_kind__isnull=False, deleted_by_kind__in=["sender", "moderator"]
                ),
                name="message_deletion_is_whole",
            ),
        ]
        indexes = [
            # A conversation by page, its unread and its last message.
            models.Index(
                fields=["conversation", "-created_at", "-id"],
                condition=Q(conversation__isnull=False),
                name="message_conversation_latest",
            ),
            # The feed's own messages.
            models.Index(fields=["event", "sender", "-created_at", "-id"], name="message_own_latest"),
            # The feed's announcements and channel messages under v2.
            models.Index(
                fields=["event", "-created_at", "-id"],
                condition=Q(conversation__isnull=True),
                name="message_at_large_latest",
            ),
        ]

    @property
    def sender_name(self) -> str:
        return self.sender.name

    @property
    def sender_avatar_url(self) -> str | None:
        return self.sender.avatar_url


class Removal(models.Model):
    """That a moderator removed a message, and why; the message shows only that one did."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="removals", db_index=False)
    moderator_id = models.UUIDField()
    reason = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    restored_at = models.DateTimeField(null=True)
    restorer_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            # A message is removed once at a time.
            models.UniqueConstraint(fields=["message"], condition=Q(restored_at=None), name="removal_standing_unique"),
            models.CheckConstraint(
                condition=Q(restored_at=None, restorer_id=None)
                | Q(restored_at__isnull=False, restorer_id__isnull=False),
                name="removal_restoration_is_whole",
            ),
        ]
        indexes = [
            # A message's history, for whoever moderates it.
            models.Index(fields=["message", "-created_at"], name="removal_message"),
        ]


class Delivery(models.Model):
    """The ledger: this message was handed to this person. No foreign keys: they cost a fan-out its speed."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # What the message says too, so that a feed by deliveries is one range of one index.
    event_id = models.UUIDField()
    sender_id = models.UUIDField()
    message_created_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    # Of an announcement or channel message: what v2 does not read from here.
    is_at_large = models.BooleanField(db_default=False, editable=False)
    # Where its text stands; empty where none was asked for.
    sms_status = models.TextField(null=True, blank=True)  # noqa: DJ001

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            # Handed over once, however often a fan-out is repeated; who has a message, for its policy.
            models.UniqueConstraint(fields=["message", "user"], name="delivery_unique"),
            models.CheckConstraint(condition=~Q(user_id=models.F("sender_id")), name="delivery_is_never_to_the_sender"),
        ]
        indexes = [
            # The feed: v1 merges its two ranges, v2 reads that of the direct messages.
            models.Index(
                fields=["user", "event_id", "is_at_large", "-message_created_at", "-message"], name="delivery_feed"
            ),
            # What became of a person's text, for the feed under v2: few have one.
            models.Index(fields=["message", "user"], condition=Q(sms_status__isnull=False), name="delivery_texted"),
        ]


class Addressee(models.Model):
    """Whom a message at large is for, one row for each role and tag; empty stands for every role, or no tag.

    Kept by the database when a message is written, held or let out; a held one has none. A member finds their own in
    a few short ranges of the one index there is, however many others there are.
    """

    pk = models.CompositePrimaryKey("event_id", "role", "tag", "created_at", "message_id")
    event_id = models.UUIDField()
    role = models.TextField(blank=True)
    tag = models.TextField(blank=True)
    created_at = models.DateTimeField()
    message_id = models.UUIDField()

    class Meta:
        indexes = [
            # Those of a message, to take them away.
            models.Index(fields=["message_id"], name="addressee_message"),
        ]


class FeedMarker(models.Model):
    """How far a person has read the feed of an event."""

    pk = models.CompositePrimaryKey("user_id", "event_id")
    user_id = models.UUIDField()
    event_id = models.UUIDField()
    read_message_id = models.UUIDField()
    read_upto = models.DateTimeField()
    read_at = models.DateTimeField(db_default=Now())


class GateStamp(models.Model):
    """What the gate before every message goes by has become, in one row; none where nothing was ever to be judged by.

    Whoever keeps that (`messaging.gates`) writes a new stamp with each change of it.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    stamp = models.UUIDField(default=uuid7)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="gatestamp_is_one_row"),
        ]


class LogEntry(models.Model):
    """What the live stream tells, written by the transaction that did it: one row for each audience.

    The audience is a conversation, a person, or (neither) the event. A reader takes what has become visible since the
    snapshot in which it last looked, so that a transaction which commits late is not passed over, and holds up nobody.
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(db_default=CURRENT_TRANSACTION, editable=False)
    # Where a reader begins who has everything up to here: nothing older was still running.
    horizon = models.BigIntegerField(db_default=OLDEST_RUNNING, editable=False)
    kind = models.CharField(max_length=40)
    event_id = models.UUIDField()
    conversation_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    message_id = models.UUIDField(null=True)
    data = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "log entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(conversation_id=None) | Q(user_id=None), name="logentry_has_one_audience"
            ),
        ]
        indexes = [
            # The stream's reader.
            models.Index(fields=["xid", "id"], name="logentry_xid"),
            # An event's part of it, for `since`.
            models.Index(fields=["event_id", "xid", "id"], name="logentry_event"),
            # Where a message stands in it, for `since`.
            models.Index(fields=["message_id"], condition=Q(message_id__isnull=False), name="logentry_message"),
            # What was told to one person alone, for who comes back after long.
            models.Index(fields=["user_id", "xid", "id"], condition=Q(user_id__isnull=False), name="logentry_user"),
        ]


class LogFloor(models.Model):
    """Since which transaction the log is whole, in one row; none where it was never purged."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    xid = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="logfloor_is_one_row"),
        ]


from messaging.sms.models import Callback, OptOut, Spend, Text, TextStep  # noqa: E402, F401 (the ledger of texts)
