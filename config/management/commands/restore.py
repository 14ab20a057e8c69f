from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from api.progress import Bar
from config import backups
from config.postgres_programs import Failed

NEXT = """Writing is off in it, so that you can look first (`manage.py maintenance off` ends that).
{texts}
{migrations}"""
ENDED = "{} texts that waited to go out were ended there: some may have gone out after the backup (--keep-texts)."
KEPT = (
    "Texts that waited were left waiting (--keep-texts): they go out when maintenance ends, also those that had gone."
)


class Command(BaseCommand):
    help = (
        "Makes a database of a backup: a new one beside the present (--into NAME), or in its place (--replace), which"
        " is then kept under another name. Whole or not at all; compared with what was counted when it was made."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--into", metavar="NAME", help="a new database on the same server")
        where.add_argument(
            "--replace", action="store_true", help="in place of the present one; stop every process first"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before replacing")
        parser.add_argument(
            "--keep-texts", action="store_true", help="leave texts waiting that may have gone out since"
        )

    def handle(self, *, file, into, replace, yes, keep_texts, **options):
        try:
            manifest = backups.Manifest.of(file)
            pending = backups.pending(manifest)
            self.stdout.write(f"{file}: {sum(manifest.rows.values()):,} rows, of {manifest.made_at}.")
            if replace:
                backups.refuse_in_use()
                if not yes:
                    self._ask(manifest)
            else:
                backups.refuse_taken(into)
            with backups.for_now() as name:
                self._load(file, manifest, name)
                ended = backups.settle(name, keep_texts=keep_texts)
                self.stdout.write(f"The database {into or 'made of it'} has every row that was counted.")
                if replace:
                    kept = backups.put_in_place(name)
                    self.stdout.write(f"It took the place of the present one, which is kept as {kept}.")
                else:
                    backups.keep_as(into, name)
        except Failed as error:
            raise CommandError(str(error)) from None
        texts = KEPT if keep_texts else ENDED.format(ended)
        migrations = f"{len(pending)} migrations are newer than it: run `manage.py migrate`." if pending else ""
        self.stdout.write(NEXT.format(texts=texts, migrations=migrations).rstrip())

    def _load(self, file, manifest, name):
        bar = Bar("tables restored")
        try:
            backups.load(file, manifest, name, progress=bar.show)
        finally:
            bar.end()

    def _ask(self, manifest):
        words = f"What was written after {manifest.made_at} will not be there. Type the database's name to go on: "
        try:
            typed = input(words)
        except EOFError:
            typed = ""
        if typed.strip() != backups.present():
            raise Failed("nothing was changed: that is not its name")
