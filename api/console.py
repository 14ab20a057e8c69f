"""What the pages of the console have in common: lists without counting all, no path around the functions.

Every model's admin is one of these. Who may what is asked of `User.has_perm`, which only staff have; an app further
left widens that to people with a role in an event.
"""

from __future__ import annotations

from functools import cached_property

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode


class UncountedPaginator(Paginator):
    """Counting all of a big table takes longer than anything on the page: this stops at what nobody leafs through.

    A list that fits its first page is not counted at all.
    """

    MOST = 1000

    @cached_property
    def count(self) -> int:
        if len(self._begin) <= self.per_page:
            return len(self._begin)
        return self.object_list.order_by()[: self.MOST + 1].count()

    @cached_property
    def _begin(self) -> list:
        return list(self.object_list[: self.per_page + 1])

    @property
    def is_cut(self) -> bool:
        return self.count > self.MOST

    def page(self, number: int) -> Page:
        """None is read from beyond what was counted."""
        if (int(number) - 1) * self.per_page > self.MOST:
            raise EmptyPage
        if int(number) == 1:
            return Page(self._begin[: self.per_page], 1, self)
        return super().page(number)


class ConsoleAdmin(admin.ModelAdmin):
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # A page of actions at the bottom is the same once more.
    actions_on_bottom = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing of Callboard is deleted in the console: it is switched off, removed, revoked, lifted."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By what the list shows or offers as a filter: any other field could be guessed, letter by letter, from
        what is found.
        """
        offered = [one[0] if isinstance(one, tuple) else one for one in self.get_list_filter(request)]
        known = {getattr(one, "parameter_name", one) for one in (*offered, *self.get_list_display(request))}
        first = lookup.partition(LOOKUP_SEP)[0]
        is_field = first == "pk" or first in {field.name for field in self.opts.get_fields()}
        return (first in known or not is_field) and super().lookup_allowed(lookup, value, request)

    def log_addition(self, request: HttpRequest, obj: Model, message: object) -> None:
        """The audit says it, by ids and states; Django's own log would keep names and texts."""

    def log_change(self, request: HttpRequest, obj: Model, message: object) -> None:
        """The same."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        """What the audit says of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        where = reverse("admin:accounts_auditentry_changelist")
        return HttpResponseRedirect(f"{where}?{urlencode({'q': object_id})}")


class ReadOnly:
    """A log or evidence: looked at here, written elsewhere."""

    def has_add_permission(self, *_) -> bool:
        return False

    def has_change_permission(self, *_) -> bool:
        return False

    def has_delete_permission(self, *_) -> bool:
        return False


class OnlyShown(ReadOnly, ConsoleAdmin):
    pass
