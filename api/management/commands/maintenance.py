from django.core.management.base import BaseCommand

from api import maintenance


class Command(BaseCommand):
    help = "Switches writing off for everyone (on), back on (off), or says how it stands (status)."

    def add_arguments(self, parser):
        parser.add_argument("state", choices=["on", "off", "status"])

    def handle(self, *, state, **options):
        if state == "on":
            changed = maintenance.switch_on()
        elif state == "off":
            changed = maintenance.switch_off()
        else:
            changed = True
        standing = maintenance.current()
        already = "" if changed else " (it was already)"
        if standing:
            since = f"{standing.since:%Y-%m-%d %H:%M:%S} UTC"
            self.stdout.write(f"Maintenance is on since {since}{already}: writes answer 503, reads go on.")
        else:
            self.stdout.write(f"Maintenance is off{already}: everything is served.")
