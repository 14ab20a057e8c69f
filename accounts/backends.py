from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Q

from accounts.models import User


class OneLookBackend(ModelBackend):
    """Django asks for a person's own permissions and for those of their groups; here it is one question."""

    def get_all_permissions(self, user_obj: User, obj: object | None = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        known = user_obj.__dict__.get("_perm_cache")
        if known is None:
            held = Permission.objects.filter(Q(user=user_obj) | Q(group__user=user_obj)).order_by()
            pairs = held.values_list("content_type__app_label", "codename").distinct()
            known = user_obj.__dict__["_perm_cache"] = {f"{app}.{name}" for app, name in pairs}
        return known
