from __future__ import annotations

from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from api.fields import parse_id
from api.progress import Bar
from events.models import Event
from rollout import flags, names, read_models, shadow
from rollout.models import Flag, LiveModel

DIFFERS, UNKNOWN = 1, 2
SAMPLE = 5
COLUMNS = ("members", "in both", "mismatches", "explained", "only v2", "v1 ms", "v2 ms")


class Command(BaseCommand):
    help = "Which read model the feed is read by: shows it, changes it, and compares the two."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        steps.add_parser("status", help="Which one is live, and for whom the flag says otherwise.")
        swap = steps.add_parser("swap", help="Makes one live, in one transaction, while requests go on.")
        swap.add_argument("--to", required=True, choices=LiveModel.Name.values)
        swap.add_argument("--by", metavar="USERNAME", help="Who does this, for the history.")
        compare = steps.add_parser(
            "compare",
            help="Reads whole feeds by both, for some members of each kind.",
            description=(
                "Ends with 0 where v2 lacks nothing that v1 has, but what the member's present role or tags explain;"
                f" with {DIFFERS} where it does, with {UNKNOWN} where there is no such event."
            ),
        )
        compare.add_argument("--event", required=True, metavar="SLUG", help="Its slug, or its id.")
        compare.add_argument("--sample", type=_number, default=SAMPLE, help=f"Members of each kind; {SAMPLE}.")

    def handle(self, *, step, **options) -> None:
        getattr(self, f"_{step}")(**options)

    def _status(self, **options) -> None:
        live, flag = read_models.live(), Flag.get(names.MESSAGES_READMODEL_V2)
        self.stdout.write(f"Live is {live}.")
        if live == read_models.V2:
            self.stdout.write("Everyone reads by v2.")
        else:
            says = {True: "everyone", False: "nobody", None: f"{flag.percent:.1f} % of each event"}[flag.everyone]
            self.stdout.write(f"The flag {flag.name} gives v2 to {says}, and to those whom it names.")

    def _swap(self, *, to, by, **options) -> None:
        if to == read_models.V2 != read_models.live() and (
            reason := flags.against_raising(names.MESSAGES_READMODEL_V2)
        ):
            # A swap is the operator's word, and also how one goes on in need; but nobody should overlook this.
            self.stderr.write(f"Beware, the share of people could not be raised now: {reason}")
        try:
            is_changed = read_models.swap(to, by=_person(by) if by else None, announce=self.stderr.write)
        except read_models.SwapFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Live is {to}{'' if is_changed else ', as it was before'}.")
        if to == read_models.V1:
            self.stdout.write(f"The flag {names.MESSAGES_READMODEL_V2} is at 0 %: everyone reads by v1.")

    def _compare(self, *, event, sample, **options) -> None:
        found, bar = _event(event), Bar("members")
        try:
            kinds = shadow.compare_members(found.id, sample=sample, announce=bar.show)
        finally:
            bar.end()
        self._show(kinds)
        mismatches = sum(kind.mismatches for kind in kinds)
        if mismatches:
            words = f"v2 lacks {mismatches} that v1 has; which, the comparisons in admin say."
            raise CommandError(words, returncode=DIFFERS)
        self.stdout.write("v2 lacks nothing that v1 has, but what present roles and tags explain.")

    def _show(self, kinds: list[shadow.Kind]) -> None:
        width = max((len(kind.kind) for kind in kinds), default=0)
        self.stdout.write(" " * width + "".join(f"{name:>12}" for name in COLUMNS))
        for kind, *numbers in kinds:
            cells = (f"{number:>12.2f}" if isinstance(number, float) else f"{number:>12,}" for number in numbers)
            self.stdout.write(f"{kind:<{width}}" + "".join(cells))


def _number(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise ArgumentTypeError("give a number from 1 on")


def _event(name: str) -> Event:
    wanted = {"id": found} if (found := parse_id(name)) else {"slug": name}
    event = Event.objects.filter(**wanted).first()
    if event is None:
        raise CommandError(f"There is no event {name}.", returncode=UNKNOWN)
    return event


def _person(username: str) -> User:
    person = User.objects.filter(username=username).first()
    if person is None:
        raise CommandError(f"There is nobody called {username}.", returncode=UNKNOWN)
    return person
