from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from api import diagrams

FOLDER = settings.REPOSITORY / "docs"


class Command(BaseCommand):
    help = "Draws the diagrams of states from their tables into docs/; --check says whether they are up to date."

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true")

    def handle(self, *, check, **options):
        for name, diagram in diagrams.registered.items():
            file, drawn = FOLDER / f"{name}.svg", diagrams.svg(diagram)
            if not check:
                file.write_text(drawn)
            elif not file.exists() or file.read_text() != drawn:
                raise CommandError(f"docs/{name}.svg is not what its table says: run manage.py diagrams")
