import json
import os
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from api.progress import Bar
from messaging import load
from messaging.invention import Sizes


class Command(BaseCommand):
    help = (
        "Loads benchmark data: an event of its own, with people, conversations and messages. Nothing that exists is"
        " touched; a batch that is there already is left as it is. The live stream waits while this runs."
    )

    def add_arguments(self, parser):
        parser.add_argument("--users", type=int, default=2_000)
        parser.add_argument("--conversations", type=int, default=20_000)
        parser.add_argument("--messages", type=int, default=1_000_000, help="in conversations")
        parser.add_argument("--broadcasts", type=int, default=40, help="announcements and channel messages")
        parser.add_argument("--seed", type=int, default=1, help="names the batch, and decides everything in it")
        parser.add_argument("--until", help="when the last message was said, in UTC, such as 2026-01-31T12:00; now")
        parser.add_argument("--tokens", type=Path, metavar="FILE", help="write sign-ins for --token-users as JSON")
        parser.add_argument("--token-users", type=int, default=100)

    def handle(self, *, seed, tokens, token_users, until, **options):
        sizes = Sizes(*(options[name] for name in ("users", "conversations", "messages", "broadcasts")))
        event = load.find(seed)
        if event is None:
            event = self._load(sizes, seed, _time(until))
        elif event.name == load.name_of(seed, sizes):
            self.stdout.write(f"{event.name}: there already, nothing was loaded.")
        else:
            raise CommandError(f"batch {seed} is there with other sizes ({event.name}); another --seed adds another")
        self.stdout.write(f"Event {event.slug}, id {event.id}; people {event.slug}-000001 and so on.")
        if tokens:
            self._write_tokens(tokens, event, token_users)
        else:
            again = f"seed_load --seed {seed} … --tokens FILE"
            self.stdout.write(f"To call the API as them: the same command again with --tokens FILE ({again}).")

    def _load(self, sizes, seed, until):
        began = time.monotonic()
        bar = Bar("messages")
        try:
            event = load.make(sizes, seed=seed, until=until, progress=lambda done: bar.show(done, sizes.messages))
        except load.NotLoaded as error:
            raise CommandError(str(error)) from None
        finally:
            bar.end()
        load.settle()
        self.stdout.write(f"{event.name}: loaded in {time.monotonic() - began:.1f} s.")
        return event

    def _write_tokens(self, file: Path, event, number):
        people = load.issue_tokens(event, number)
        found = {"base_url": f"http://127.0.0.1:{settings.PORT}", "event_id": str(event.id), "users": people}
        try:
            # Only its owner reads it: these are keys.
            with suppress(FileNotFoundError):
                file.unlink()
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
                json.dump(found, output, indent=1)
        except OSError as error:
            raise CommandError(f"--tokens {file} cannot be written: {error.strerror}") from None
        self.stdout.write(f"Tokens of {len(people)} of them are in {file}.")


def _time(given: str | None):
    if given is None:
        return timezone.now()
    try:
        moment = parse_datetime(given)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--until {given} is not a time such as 2026-01-31T12:00")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
