from django.core.management.base import BaseCommand, CommandError

from accounts import second_factor
from accounts.models import User


class Command(BaseCommand):
    help = "Takes away a person's second factor: they set up another at their next sign-in to the console."

    def add_arguments(self, parser):
        parser.add_argument("deed", choices=["reset"])
        parser.add_argument("username")

    def handle(self, deed: str, username: str, **options):
        person = User.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"nobody is called {username}")
        done = second_factor.reset(person, by=None)
        self.stdout.write("reset; their sessions are over" if done else "there was none")
