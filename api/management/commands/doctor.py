from django.core.management.base import BaseCommand, CommandError, CommandParser

from api import doctor

MARKS = {doctor.GOOD: "ok   ", doctor.NOTE: "note ", doctor.WARNING: "WARN ", doctor.FAULT: "FAULT"}


class Command(BaseCommand):
    help = (
        "One screen: what is configured, reachable, behind and unsafe, and what to do. Exit code 1 with a fault, and"
        " with a warning where --strict is given."
    )
    # It has to look where things are wrong, too.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help="A warning is as bad as a fault.")
        parser.add_argument("--all", action="store_true", help="What is well, too, each on its line.")

    def handle(self, *, strict: bool, all: bool, **_) -> None:
        sections = doctor.report()
        for section in sections:
            self._show(section, all)
        counted = {level: sum(f.level == level for s in sections for f in s.findings) for level in doctor.LEVELS}
        self.stdout.write("\n" + ", ".join(f"{number} {level}" for level, number in counted.items()))
        if counted[doctor.FAULT] or (strict and counted[doctor.WARNING]):
            raise CommandError("Something is wrong: see above.")

    def _show(self, section: doctor.Section, is_whole: bool) -> None:
        well = [finding.name for finding in section.findings if finding.level == doctor.GOOD]
        self.stdout.write(f"\n{section.title}")
        if well and not is_whole:
            self.stdout.write(f"  {MARKS[doctor.GOOD]}  {', '.join(well)}")
        for finding in section.findings:
            if is_whole or finding.level != doctor.GOOD:
                self.stdout.write(f"  {MARKS[finding.level]}  {finding.name}: {finding.words}")
                if finding.remedy:
                    self.stdout.write(f"         → {finding.remedy}")
