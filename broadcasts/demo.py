"""What has been broadcast at the demo event: an order for each message that has gone to its members at large.

They take nothing of anybody's quota: whoever tries the demo has all of it.
"""

from __future__ import annotations

from datetime import timedelta

from broadcasts.models import Broadcast, Phase
from events.demo import Cast
from messaging import demo
from messaging.models import Delivery, Message

# Of no count there is: nothing is ever given back to it.
NO_PERIOD = 0


def add_history(cast: Cast) -> None:
    """Once for each; a later call finds them and leaves them alone."""
    demo.add_history(cast)
    said = Message.objects.filter(event=cast.event, sender=cast.users["organizer"], conversation=None)
    ordered = Broadcast.objects.filter(event=cast.event, message__isnull=False).values("message")
    for message in said.filter(content__in=demo.texts()).exclude(id__in=ordered):
        _keep(message)


def _keep(message: Message) -> None:
    Broadcast.objects.create(
        event=message.event,
        sender=message.sender,
        kind=message.message_type,
        content=message.content,
        roles=message.roles,
        tags=message.tags,
        status=Broadcast.Status.PUBLISHED,
        created_at=message.created_at,
        published_at=message.created_at + timedelta(seconds=1),
        message=message,
        audience=Delivery.objects.filter(message=message).count(),
        quota_phase=Phase.PRE_EVENT,
        quota_period=NO_PERIOD,
    )
