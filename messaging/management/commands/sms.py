"""Texts at the terminal: where they stand, what is stuck, asking the provider, and folding kept callbacks anew."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Min, Q
from django.utils import timezone

from accounts import phones
from messaging.models import OptOut, Text
from messaging.sms import callbacks, claims, conditions, reconciliation, signs

State = Text.State


class Command(BaseCommand):
    help = "Texts: status | reconcile | stuck | replay-callbacks."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        status = deeds.add_parser(
            "status", help="How many stand where, the age of the outbox, and why some did not go."
        )
        status.add_argument(
            "--hours", type=int, default=24, help="Of deliveries written in so many hours (default 24)."
        )
        reconcile = deeds.add_parser("reconcile", help="Takes over from dead workers and asks the provider, now.")
        reconcile.add_argument("--rounds", type=int, default=20, help="Of 50 texts each (default 20).")
        stuck = deeds.add_parser("stuck", help="Texts that do not get on; exit code 1 when there are any.")
        stuck.add_argument("--minutes", type=int, default=15, help="For longer than this (default 15).")
        stuck.add_argument("--limit", type=int, default=50)
        replay = deeds.add_parser("replay-callbacks", help="Folds what the provider told once more; nothing goes back.")
        replay.add_argument("--hours", type=int, default=24, help="Heard within so many hours (default 24).")

    def handle(self, *, deed: str, **options) -> None:
        getattr(self, f"_{deed.replace('-', '_')}")(options)

    def _status(self, options: dict) -> None:
        since = timezone.now() - timedelta(hours=options["hours"])
        made = Text.objects.filter(created_at__gte=since)
        counts = dict(made.values_list("state").annotate(number=Count("*")).order_by())
        self._line("provider", settings.SMS_BACKEND or "none: texts wait")
        self._line("outbox", f"the oldest that is due has waited for {signs.outbox_age():.0f} s")
        self.stdout.write(f"Texts of {options['hours']} hours: {sum(counts.values())}")
        for state in State.values:
            self._line(f"  {state}", str(counts.get(state, 0)))
        self._reasons(made)
        standing = OptOut.objects.filter(lifted_at=None).exclude(cause=OptOut.Cause.UNUSABLE).count()
        self._line("opted out", f"{standing} phones")
        for words in (conditions.volume().words, conditions.success().words):
            self.stdout.write(words)

    def _reasons(self, made) -> None:
        ended = made.filter(Q(reason__isnull=False) | Q(code__isnull=False))
        why = ended.values_list("state", "reason", "code").annotate(number=Count("*")).order_by("-number")
        for state, reason, code, number in why:
            self._line(f"    {state}", f"{number}  {reason or ''}{f' ({code})' if code else ''}".rstrip())

    def _reconcile(self, options: dict) -> None:
        if settings.SMS_BACKEND is None:
            raise CommandError("No provider is set.")
        for state, number in claims.take_over().items():
            self._line("taken over", f"{number} {state}")
        self._line("asked for now", str(reconciliation.hurry()))
        sums: dict[str, int] = {}
        for _ in range(options["rounds"]):
            found = reconciliation.run()
            if not found:
                break
            for outcome, number in found.items():
                sums[outcome] = sums.get(outcome, 0) + number
        for outcome, number in sorted(sums.items()):
            self._line(outcome, str(number))
        left = Text.objects.filter(state=State.UNKNOWN).aggregate(number=Count("*"), oldest=Min("began_at"))
        self._line("unknown now", f"{left['number']}{self._since(left['oldest'])}")

    def _stuck(self, options: dict) -> None:
        before = timezone.now() - timedelta(minutes=options["minutes"])
        waiting = Text.objects.filter(
            Q(state=State.UNKNOWN, moved_at__lt=before)
            | Q(state=State.SENDING, lease_until__lt=before)
            | Q(state=State.QUEUED, next_at__lt=before)
        )
        found = list(waiting.order_by("moved_at")[: options["limit"] + 1])
        for text in found[: options["limit"]]:
            self.stdout.write(
                f"{text.delivery_id:>12}  {text.state:<8}  since {text.moved_at:%Y-%m-%d %H:%M:%S}"
                f"  calls {text.attempts}  looks {text.looks}  {phones.masked(text.phone)}  message {text.message_id}"
            )
        if len(found) > options["limit"]:
            self.stdout.write("… and more")
        if found:
            raise CommandError(f"Stuck for over {options['minutes']} minutes. `sms reconcile` asks the provider.")
        self.stdout.write(f"Nothing is stuck for over {options['minutes']} minutes.")

    def _replay_callbacks(self, options: dict) -> None:
        found = callbacks.replay(timezone.now() - timedelta(hours=options["hours"]))
        self.stdout.write(f"{found['callbacks']} callbacks folded anew, {found['moved']} texts moved.")

    def _since(self, at) -> str:
        return f", the oldest since {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""

    def _line(self, name: str, words: str) -> None:
        self.stdout.write(f"{name:<24}{words}")
