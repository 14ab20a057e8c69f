from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from api import translations


class Command(BaseCommand):
    help = (
        "Brings the catalogues in locale/ up to date with the code: new texts are added, gone ones taken out, and the"
        " files that are loaded are made. Ends with 1 while something is not translated."
    )

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true", help="Only say whether they are; write nothing.")

    def handle(self, *args, **options):
        missing = []
        for language, _ in settings.LANGUAGES:
            if language != settings.LANGUAGE_CODE:
                missing += [f"{language}: {text}" for text in self._bring(language, is_check=options["check"])]
        if missing:
            raise CommandError("Not translated or not current:\n" + "\n".join(missing))
        self.stdout.write("Every text of the pages is translated.")

    def _bring(self, language: str, *, is_check: bool) -> list[str]:
        """What is missing afterwards."""
        folder = settings.LOCALE_PATHS[0] / language / "LC_MESSAGES"
        source, loaded = folder / "django.po", folder / "django.mo"
        known = translations.read(source.read_text()) if source.exists() else {}
        entries = []
        for text, plural in sorted(translations.wanted(settings.REPOSITORY).items()):
            before = known.get(text)
            entries.append(translations.Entry(text, plural, before.said if before else ()))
        catalogue = translations.written(language, entries)
        form = translations.compiled(language, entries)
        missing = [entry.text for entry in entries if not entry.is_whole]
        if not is_check:
            folder.mkdir(parents=True, exist_ok=True)
            source.write_text(catalogue)
            loaded.write_bytes(form)
        elif not source.exists() or source.read_text() != catalogue or loaded.read_bytes() != form:
            missing.append(f"{source} or {loaded.name} is not current: run manage.py translations")
        return missing
