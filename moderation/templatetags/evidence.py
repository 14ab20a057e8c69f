from django import template

from moderation import queue

register = template.Library()


@register.filter
def said(evidence) -> str:
    """What was reported, as it was frozen."""
    return queue.text_of(evidence)
