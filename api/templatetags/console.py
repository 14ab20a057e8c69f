from django import template
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.utils.html import strip_tags
from django.utils.safestring import mark_safe

register = template.Library()


@register.simple_tag(takes_context=True)
def shown(context, field) -> str:
    """What a field that is only shown says; a link only to what this person may open."""
    said = field.contents()
    try:
        related = field.model_admin.opts.get_field(field.field["field"]).related_model
    except (FieldDoesNotExist, TypeError):
        return said
    if related is None or not hasattr(related, "_meta"):
        return said
    kept = admin.site._registry.get(related)
    if kept and kept.has_view_permission(context["request"]):
        return said
    # Escaped already by what made it.
    return mark_safe(strip_tags(said))  # noqa: S308
