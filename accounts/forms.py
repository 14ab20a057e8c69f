from __future__ import annotations

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from accounts import audit, console, logins, names, phones
from accounts.models import User
from api.errors import ApiError, NotAuthenticated
from api.requests import client_address


class SignInForm(AdminAuthenticationForm):
    """The admin's sign-in through the same door as the API's, with the same counts."""

    def clean(self) -> dict:
        if {"username", "password"} <= self.cleaned_data.keys():
            try:
                self.user_cache = logins.verified(
                    identifier=self.cleaned_data["username"],
                    password=self.cleaned_data["password"],
                    address=client_address(self.request),
                )
            except NotAuthenticated:
                raise self.get_invalid_login_error() from None
            except ApiError as error:
                raise forms.ValidationError(console.told(error), code=error.code) from None
            self.confirm_login_allowed(self.user_cache)
            audit.record(by=self.user_cache, action="admin_login", target=self.user_cache)
        return self.cleaned_data

    def confirm_login_allowed(self, user: User) -> None:
        """Also who organizes or moderates an event."""
        if not console.may_enter(user):
            raise self.get_invalid_login_error()


class PersonFields(forms.ModelForm):
    # Wider than the column: it is kept in E.164, however it is typed.
    phone = forms.CharField(
        required=False, max_length=50, empty_value=None, help_text=User._meta.get_field("phone").help_text
    )

    def clean_name(self) -> str:
        return _cleaned(names.shown, self.cleaned_data["name"])

    def clean_phone(self) -> str | None:
        phone = self.cleaned_data["phone"]
        return phone and _cleaned(phones.normalized, phone)


class PersonForm(PersonFields, UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  (the admin's fieldsets choose)
        field_classes = {}


class NewPersonForm(PersonFields, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("username", "name", "phone")
        field_classes = {}


def _cleaned(rule, raw: str) -> str:
    try:
        return rule(raw)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
