from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollout import alerts, budget, conditions, metrics, rules
from rollout.management.commands.waffle_flag import share


class Command(BaseCommand):
    help = "Go or no-go (check), the alerts, all figures (metrics), and which share of requests is compared."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        check = deeds.add_parser("check", help="All conditions for letting more people in; exit code 1: no-go.")
        check.add_argument("--least", type=int, default=100, help="So many comparisons are wanted (default 100).")
        deeds.add_parser("alerts", help="All alerts; exit code 1 when one fires or cannot be asked.")
        deeds.add_parser("metrics", help="Everything that /metrics tells, for a look without it.")
        deeds.add_parser("rules", help="The alerts as rules for Prometheus.")
        compare = deeds.add_parser("compare", help="What is compared, and what may differ.")
        compare.add_argument("--share", type=share, help="Per cent of feed requests, 0.0 to 100.0.")
        compare.add_argument("--budget", type=int, help="Mismatches of 24 hours that are put up with.")
        compare.add_argument("--afresh", action="store_true", help="Count mismatches from now on: the cause is mended.")

    def handle(self, *, deed: str, **options) -> None:
        getattr(self, f"_{deed}")(options)

    def _check(self, options: dict) -> None:
        found = list(conditions.look(least=options["least"]))
        for condition in found:
            self._line(condition.is_met, condition.name, condition.words)
        if unmet := [condition.name for condition in found if not condition.is_met]:
            raise CommandError(f"No-go: {', '.join(unmet)}.")
        self.stdout.write("Go.")

    def _alerts(self, options: dict) -> None:
        found = alerts.report()
        for alert in found:
            self._line(alert["state"] == alerts.OK, alert["name"], alert["words"])
        if loud := [alert["name"] for alert in found if alert["state"] != alerts.OK]:
            raise CommandError(f"Not quiet: {', '.join(loud)}.")

    def _rules(self, options: dict) -> None:
        self.stdout.write(rules.text(), ending="")

    def _metrics(self, options: dict) -> None:
        self.stdout.write(metrics.text()[0].decode())

    def _compare(self, options: dict) -> None:
        values = {name: options[name] for name in ("share", "budget") if options[name] is not None}
        if values:
            budget.change(by=None, **values)
        if options["afresh"]:
            budget.count_afresh(by=None)
        standing = budget.standing()
        self.stdout.write(
            f"{budget.settings().share:.1f} % of feed requests are compared; {standing.mismatches} mismatches since"
            f" {standing.since:%Y-%m-%d %H:%M} UTC, {standing.budget} are put up with."
        )

    def _line(self, is_well: bool, name: str, words: str) -> None:
        self.stdout.write(f"{'ok  ' if is_well else 'FAIL'}  {name:32}  {words}")
