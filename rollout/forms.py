from __future__ import annotations

from django import forms

from rollout import flags
from rollout.models import Flag, Sampling

REACHES = [("", "By share and list"), ("true", "On for everyone"), ("false", "Off for everyone")]


class FlagForm(forms.ModelForm):
    everyone = forms.TypedChoiceField(
        label="Who has it",
        choices=REACHES,
        required=False,
        empty_value=None,
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        help_text="On and off go before all else. Off is the kill switch: it counts at once, in every process.",
    )

    class Meta:
        model = Flag
        fields = ("everyone", "percent", "staff", "superusers", "users", "groups", "note")
        labels = {"percent": "Share, per cent", "staff": "All staff", "superusers": "All superusers"}
        widgets = {"percent": forms.NumberInput(attrs={"step": "0.1", "min": "0", "max": "100"})}
        help_texts = {
            "percent": "0.0 to 100.0 of each event's people, by a hash that stays. Raising it takes nobody out.",
            "staff": "",
            "superusers": "",
            "users": "They have it whatever the share.",
            "groups": "Their people have it whatever the share.",
            "note": "",
        }

    def get_initial_for_field(self, field: forms.Field, field_name: str):
        found = super().get_initial_for_field(field, field_name)
        return {True: "true", False: "false", None: ""}[found] if field_name == "everyone" else found

    def clean(self) -> dict:
        found = super().clean()
        if self.errors:
            return found
        wanted = Flag(percent=found["percent"], everyone=found["everyone"], authenticated=self.instance.authenticated)
        if flags.reach(wanted) > flags.reach(Flag.objects.get(pk=self.instance.pk)):
            self._refuse_if_guarded()
        return found

    def _refuse_if_guarded(self) -> None:
        if reason := flags.against_raising(self.instance.name):
            self.add_error("percent" if "percent" in self.changed_data else "everyone", f"Not raised: {reason}")


class SamplingForm(forms.ModelForm):
    class Meta:
        model = Sampling
        fields = ("share", "budget")
        labels = {"share": "Compared, per cent of requests", "budget": "Mismatches put up with in 24 hours"}
        widgets = {"share": forms.NumberInput(attrs={"step": "0.1", "min": "0", "max": "100"})}
        help_texts = {
            "share": "Of so many feed requests a worker computes the other model's answer too.",
            "budget": "With more of them, no share of people is raised.",
        }
