"""Waffle's command, for Callboard's flags: fractions and 100 per cent, and only what is named is changed."""

from argparse import ArgumentTypeError, BooleanOptionalAction
from decimal import Decimal, InvalidOperation

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from rollout import flags
from rollout.models import Flag


def share(text: str) -> Decimal:
    try:
        found = Decimal(text)
        if 0 <= found <= 100 and found == found.quantize(Decimal("0.1")):
            return found
    except InvalidOperation:
        pass
    raise ArgumentTypeError("give a number from 0.0 to 100.0, with one digit after the point at most")


class Command(BaseCommand):
    help = "Shows and changes flags. What is not named stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="The flag; without one, all are listed.")
        parser.add_argument("--list", "-l", action="store_true", help="Lists all flags.")
        parser.add_argument("--percent", "-p", type=share, help="The share, 0.0 to 100.0; lifts --everyone.")
        reach = parser.add_mutually_exclusive_group()
        reach.add_argument("--everyone", action="store_true", help="On for everyone, whatever else is set.")
        reach.add_argument("--deactivate", action="store_true", help="Off for everyone, whatever else is set.")
        for name in ("staff", "superusers", "authenticated"):
            parser.add_argument(f"--{name}", action=BooleanOptionalAction, help=f"Whether it is on for {name}.")
        parser.add_argument("--user", "-u", action="append", metavar="USERNAME", help="On for these people alone.")
        parser.add_argument("--group", "-g", action="append", metavar="GROUP", help="On for these groups alone.")
        parser.add_argument("--append", action="store_true", help="Keeps people and groups that are listed already.")
        parser.add_argument("--create", action="store_true", help="Makes the flag if there is none, off.")
        parser.add_argument("--by", metavar="USERNAME", help="Who does this, for the history.")

    def handle(self, *args, **options) -> None:
        if options["list"] or not options["name"]:
            for flag in Flag.objects.all():
                self.stdout.write(self._line(flag))
            return
        by = _person(options["by"]) if options["by"] else None
        if options["create"] and not Flag.objects.filter(name=options["name"]).exists():
            flags.add(options["name"], by=by)
        try:
            flag = flags.change(options["name"], by=by, **_values(options))
        except Flag.DoesNotExist:
            raise CommandError(f"There is no flag {options['name']}.") from None
        except flags.Refused as refused:
            raise CommandError(f"Not raised: {refused}") from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(self._line(flag))

    def _line(self, flag: Flag) -> str:
        ways = [name for name in ("staff", "superusers", "authenticated") if getattr(flag, name)]
        ways += [f"user {username}" for username in flag.users.values_list("username", flat=True)]
        ways += [f"group {name}" for name in flag.groups.values_list("name", flat=True)]
        says = {True: "on for everyone", False: "off for everyone", None: f"{flag.percent:.1f} %"}[flag.everyone]
        return f"{flag.name}: {says}" + (f"; also {', '.join(ways)}" if ways and flag.everyone is None else "")


def _values(options: dict) -> dict:
    values = {name: options[name] for name in ("staff", "superusers", "authenticated") if options[name] is not None}
    if options["percent"] is not None:
        # A share counts only where nothing is said for everyone.
        values |= {"percent": options["percent"], "everyone": None}
    if options["everyone"] or options["deactivate"]:
        values["everyone"] = options["everyone"]
    listed = Flag.objects.filter(name=options["name"]).first() if options["append"] else None
    if options["user"]:
        found = [_person(username) for username in options["user"]]
        values["users"] = {*found, *(listed.users.all() if listed else [])}
    if options["group"]:
        found = [_group(name) for name in options["group"]]
        values["groups"] = {*found, *(listed.groups.all() if listed else [])}
    return values


def _person(username: str) -> User:
    if found := User.objects.filter(username=username).first():
        return found
    raise CommandError(f"There is nobody called {username}.")


def _group(name: str) -> Group:
    if found := Group.objects.filter(name=name).first():
        return found
    raise CommandError(f"There is no group {name}.")
