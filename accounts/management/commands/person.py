from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from accounts import personal
from accounts.models import User
from api.answers import encode
from api.fields import parse_id


class Command(BaseCommand):
    help = "All that is a person's: export as JSON, or erase. Who it is: an id, a username or a phone."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        export = deeds.add_parser("export", help="One JSON document, to standard output or a file.")
        export.add_argument("person")
        export.add_argument("--output", type=Path, help="A file, made readable for you alone.")
        erase = deeds.add_parser("erase", help="For good: what they wrote, their name, phone and tokens.")
        erase.add_argument("person")
        erase.add_argument("--yes", action="store_true", help="Without it, says what would be erased.")

    def handle(self, *, deed: str, person: str, **options: Any) -> None:
        found = Q(username=person) | Q(phone=person)
        if person_id := parse_id(person):
            found |= Q(id=person_id)
        users = list(User.objects.filter(found)[:2])
        if not users:
            raise CommandError("There is nobody of this id, username or phone.")
        if len(users) > 1:
            raise CommandError("This is one person's id and another's username: say which by phone or username.")
        getattr(self, f"_{deed}")(users[0], options)

    def _export(self, user: User, options: dict) -> None:
        with _opened(options["output"], self.stdout) as write:
            write("{")
            for number, (name, value) in enumerate(personal.document(user)):
                write(("," if number else "") + f'\n"{name}": ')
                _write_value(write, value)
            write("\n}\n")

    def _erase(self, user: User, options: dict) -> None:
        for said in personal.left_alone(user):
            self.stdout.write(self.style.WARNING(said))
        if not options["yes"]:
            self.stdout.write(f"This would erase {user.id} ({user.username}) for good. Repeat it with --yes.")
            return
        try:
            erased = personal.erase(user, by=None)
        except personal.Refused as refused:
            raise CommandError(str(refused)) from None
        for name, number in erased.items():
            self.stdout.write(f"{name:12} {number:8}")
        self.stdout.write(f"{user.id} is now {personal.FORMER_MEMBER}. Evidence, audit and opt-outs stay.")


def _write_value(write, value: Any) -> None:
    """Long ones row by row: a person may have been handed a hundred thousand messages."""
    if not isinstance(value, Iterator):
        write(encode(value).decode())
        return
    write("[")
    for number, row in enumerate(value):
        write(("," if number else "") + "\n  " + encode(row).decode())
    write("]")


@contextmanager
def _opened(path: Path | None, stdout: IO[str]) -> Iterator:
    if path is None:
        yield lambda text: stdout.write(text, ending="")
        return
    try:
        with open(path, "x", encoding="utf-8") as file:
            path.chmod(0o600)
            yield file.write
    except FileExistsError:
        raise CommandError(f"{path} is there already.") from None
    sys.stderr.flush()
