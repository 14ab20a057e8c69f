import json
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from events.provision import Report, Unreadable, provision
from events.provision.report import KINDS

SHOWN_FROM = 1000


class Command(BaseCommand):
    help = (
        "Brings events, people and memberships in from a file: JSON, or CSV of members with the columns"
        " event,username,name,phone,role,tags (tags parted by a semicolon). Events go by slug, people by username;"
        " a field left out keeps its value. Ends with 0, with 1 when a row was refused, with 2 when the file cannot"
        " be read, which changes nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", help="its path, or - for standard input")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--tokens", action="store_true", help="make a token for each person, and print it")

    def handle(self, *, file, tokens, **options):
        raw, name = self._read(file)
        shown = "Standard input" if file == "-" else file
        try:
            report = provision(raw, name=name, wants_tokens=tokens, progress=self._progress)
        except Unreadable as error:
            raise CommandError(f"{shown} cannot be read. {error} Nothing was changed.", returncode=2) from None
        except IntegrityError:
            told = "somebody else changed the same people meanwhile. Nothing was changed; run it again"
            raise CommandError(f"{shown}: {told}.", returncode=2) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
        else:
            self._print(report)
        if report.refused:
            sys.exit(1)

    @staticmethod
    def _read(file: str) -> tuple[bytes, str]:
        try:
            return (sys.stdin.buffer.read(), "") if file == "-" else (Path(file).read_bytes(), file)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}. Nothing was changed.", returncode=2) from None

    def _progress(self, what: str, done: int, of: int) -> None:
        if of < SHOWN_FROM and what != "passwords" or not self.stderr.isatty():
            return
        if done % 100 == 0 or done == of:
            end = "\n" if done == of else ""
            self.stderr.write(f"\r{what}: {done:,} of {of:,}{end}", style_func=str, ending="")

    def _print(self, report: Report) -> None:
        self.stdout.write(f"{'':<14}{'added':>9}{'changed':>9}{'unchanged':>11}")
        for kind in KINDS:
            added, changed, unchanged = (report.counts[kind, what] for what in ("added", "changed", "unchanged"))
            self.stdout.write(f"{kind:<14}{added:>9,}{changed:>9,}{unchanged:>11,}")
        for username, token in report.tokens.items():
            self.stdout.write(f"{username}  {token}")
        if report.refused:
            rows = report.refused_rows
            self.stdout.write(f"\n{rows:,} {'row' if rows == 1 else 'rows'} refused:")
            for refusal in report.refused:
                self.stdout.write(f"  {refusal['pointer']}: {refusal['detail']}")
