from django.core.management.base import BaseCommand

from broadcasts import quotas


class Command(BaseCommand):
    help = "reset: does by hand what happens each night at 02:00 UTC, for everyone at once."

    def add_arguments(self, parser):
        parser.add_argument("action", choices=["reset"])

    def handle(self, *, action, **options):
        changed = quotas.reset_by_hand()
        self.stdout.write(f"{changed} {'row' if changed == 1 else 'rows'} changed.")
