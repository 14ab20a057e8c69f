from __future__ import annotations

import sys
from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from api.fields import parse_id
from events.models import Event
from legacy import backfill, bridge, standing, verifying

BAR = 40
LISTED = 20
DIFFERS, REFUSED = 1, 2


class Command(BaseCommand):
    help = "Leaves the old messenger's tables behind, one step at a time, and back: see docs/legacy.md."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        attach = steps.add_parser("attach", help="Keeps the old tables and one event in step from now on.")
        attach.add_argument("--event", required=True, metavar="SLUG", help="Its slug, or its id.")
        steps.add_parser("status", help="Where the bridge stands; changes nothing.")
        back = steps.add_parser("backfill", help="Brings what was said before to both sides; goes on where it was.")
        back.add_argument("--rate", type=_number, default=backfill.RATE, help="Rows a second at most; 0 is no limit.")
        back.add_argument("--anew", action="store_true", help="From the beginning.")
        verify = steps.add_parser(
            "verify",
            help="Compares both sides; goes on where it was.",
            description=f"Ends with 0 where nothing differs, with {DIFFERS} where something does, with {REFUSED} where"
            " there is nothing to compare.",
        )
        verify.add_argument("--anew", action="store_true", help="From the beginning.")
        verify.add_argument("--list", type=_number, default=LISTED, help=f"How many differences are listed; {LISTED}.")
        steps.add_parser("cutover", help="Makes the old tables read-only.")
        steps.add_parser("rollback", help="Undoes the last step.")
        steps.add_parser("retire", help="Drops everything old. There is no way back.")
        for name in ("attach", "backfill", "verify", "cutover", "rollback", "retire"):
            steps.choices[name].add_argument("--by", metavar="USERNAME", help="Who does this, for the history.")

    def handle(self, *, step, **options) -> None:
        if by := options.get("by"):
            options["by"] = _person(by)
        try:
            getattr(self, f"_{step}")(**options)
        except bridge.Refused as refused:
            raise CommandError(str(refused), returncode=REFUSED) from None

    def _attach(self, *, event, by, **options) -> None:
        found = _event(event)
        bridge.attach(found, by=by, announce=self.stderr.write)
        self.stdout.write(
            f"Attached to {found.slug}: both sides are in step from here on. Next: backfill brings what was before."
        )

    def _status(self, **options) -> None:
        for name, said in standing.lines():
            self.stdout.write(f"{name:<22}{said}")

    def _backfill(self, *, rate, anew, by, **options) -> None:
        bar = Bar(self.stderr)
        try:
            done = backfill.run(by=by, rate=rate, anew=anew, announce=bar.backfilled)
        finally:
            bar.end()
        self.stdout.write(f"Backfilled: {done:,} rows were looked at. Next: verify.")

    def _verify(self, *, anew, by, **options) -> None:
        bar = Bar(self.stderr)
        try:
            found = verifying.run(by=by, anew=anew, announce=bar.compared)
        finally:
            bar.end()
        for (subject, what), number in verifying.counts().items():
            self.stdout.write(f"{number:>10,}  {subject}: {what}")
        for subject, id, what in verifying.find(options["list"]):
            self.stdout.write(f"  {subject} {id}: {what}")
        if found:
            raise CommandError(f"{found:,} differences.", returncode=DIFFERS)
        compared = bridge.find().compared
        self.stdout.write(f"Nothing differs: {compared:,} rows were compared.")

    def _cutover(self, *, by, **options) -> None:
        bridge.cutover(by=by, announce=self.stderr.write)
        self.stdout.write("Cut over: the old tables are read-only, and go on showing what is said by Callboard.")

    def _rollback(self, *, by, **options) -> None:
        state = bridge.rollback(by=by, announce=self.stderr.write)
        self.stdout.write(f"Rolled back: the bridge is {state}.")

    def _retire(self, *, by, **options) -> None:
        bridge.retire(by=by, announce=self.stderr.write)
        self.stdout.write("Retired: everything old is gone. The app legacy can be taken out of settings and deleted.")


class Bar:
    """On a terminal one line that fills; elsewhere a line for every tenth."""

    def __init__(self, output):
        self.output, self.tenths = output, -1

    def backfilled(self, progress: backfill.Progress) -> None:
        left = "" if progress.left is None else f", about {progress.left:.0f} s left"
        self._show(progress.done, progress.total, f"{progress.seconds:.0f} s{left}")

    def compared(self, standing) -> None:
        if sys.stderr.isatty():
            self.output.write(f"\r{standing.compared:,} rows compared", ending="")

    def _show(self, done: int, total: int, more: str) -> None:
        share = min(done / total, 1) if total else 1
        text = f"[{'#' * int(BAR * share):<{BAR}}] {share:4.0%}  {done:,} of {total:,} rows  {more}"
        if sys.stderr.isatty():
            self.output.write(f"\r{text}", ending="")
        elif int(share * 10) > self.tenths:
            self.tenths = int(share * 10)
            self.output.write(text)

    def end(self) -> None:
        if sys.stderr.isatty():
            self.output.write("")


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise ArgumentTypeError("give a number")


def _event(name: str) -> Event:
    event = Event.objects.filter(slug=name).first()
    if event is None and (found := parse_id(name)):
        event = Event.objects.filter(id=found).first()
    if event is None:
        raise CommandError(f"There is no event {name}.", returncode=REFUSED)
    return event


def _person(username: str) -> User:
    person = User.objects.filter(username=username).first()
    if person is None:
        raise CommandError(f"There is nobody called {username}.", returncode=REFUSED)
    return person
