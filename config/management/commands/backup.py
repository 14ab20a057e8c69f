from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from api.progress import Bar
from config import backups
from config.postgres_programs import Failed


class Command(BaseCommand):
    help = (
        "Writes the whole database, as it is at one moment, to FILE, and what to check a copy by to FILE.json. Then"
        " opens a copy beside it and compares. Everybody goes on working meanwhile."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--no-check", action="store_true", help="do not open a copy (the user need not make databases then)"
        )

    def handle(self, *, file, no_check, **options):
        try:
            manifest = self._watched("tables dumped", backups.make, file)
            rows, tables = sum(manifest.rows.values()), len(manifest.rows)
            self.stdout.write(f"{file}: {rows:,} rows of {tables} tables, {manifest.bytes:,} bytes.")
            if no_check:
                self.stdout.write("No copy of it was opened (--no-check).")
                return
            self._watched("tables copied back", backups.open_copy, file, manifest)
        except Failed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            "A copy was opened: every table has as many rows as it had. SECRET_KEY is not in it: keep both."
        )

    def _watched(self, unit, work, *arguments):
        bar = Bar(unit)
        try:
            return work(*arguments, progress=bar.show)
        finally:
            bar.end()
