"""Content rules at the terminal: `moderation rules`, `try-rule`, `switch-on`, `switch-off`."""

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError

from api.errors import ApiError
from api.fields import parse_id
from moderation import content_rules
from moderation.models import ContentRule


class Command(BaseCommand):
    help = "Lists content rules, tries one on what was said before, and switches it on or off."

    def add_arguments(self, parser):
        steps = parser.add_subparsers(dest="step", required=True)
        steps.add_parser("rules", help="lists them")
        trial = steps.add_parser("try-rule", help="counts what one would have caught")
        trial.add_argument("rule", help="its id or name")
        trial.add_argument("--days", type=int, default=content_rules.LOOK_BACK.days, help="how far to look back")
        for step in ("switch-on", "switch-off"):
            steps.add_parser(step).add_argument("rule", help="its id or name")

    def handle(self, step, **options):
        if step == "rules":
            for rule in ContentRule.objects.select_related("event").order_by("name", "id"):
                self._list(rule)
            return
        rule = self._find(options["rule"])
        try:
            if step == "try-rule":
                self._try(rule, options["days"])
            else:
                {"switch-on": content_rules.switch_on, "switch-off": content_rules.switch_off}[step](rule, by=None)
                self._list(rule)
        except ApiError as error:
            raise CommandError(error.detail) from None

    def _find(self, wanted: str) -> ContentRule:
        found = list(ContentRule.objects.filter(**({"id": wanted} if parse_id(wanted) else {"name": wanted})))
        if len(found) != 1:
            raise CommandError(f"{len(found)} rules are called {wanted}; name one by its id")
        return found[0]

    def _try(self, rule: ContentRule, days: int) -> None:
        trial = content_rules.try_rule(rule, by=None, look_back=timedelta(days=days))
        self.stdout.write(
            f"{rule.name}: would have caught {trial.caught} of {trial.tried_on} messages in {days} days,"
            f" by {trial.senders} people"
        )
        for message_id in trial.examples:
            self.stdout.write(f"  {message_id}")

    def _list(self, rule: ContentRule) -> None:
        where = rule.event.slug if rule.event else "every event"
        state = "on" if rule.is_active else "off"
        tried = (
            "never tried" if rule.tried_at is None else f"would have caught {rule.would_have_caught}/{rule.tried_on}"
        )
        self.stdout.write(f"{state:<4}{rule.kind:<18}{rule.outcome:<8}{where:<20}{rule.name} ({tried}) {rule.id}")
