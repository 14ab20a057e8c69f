import json

from django.core.management.base import BaseCommand

from events import demo


class Command(BaseCommand):
    help = (
        "Loads the demo: one event that starts tomorrow, its people with their passwords, an open help request."
        " To run it again puts all of that right and makes fresh tokens."
    )

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def handle(self, **options):
        shown = demo.seed().as_json()
        if options["json"]:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        self.stdout.write(
            f"{shown['base_url']}  event {shown['event_id']}  help request {shown['help_request_id']}\n\n"
        )
        self.stdout.write(f"{'username':<20}{'password':<20}token")
        for user in shown["users"].values():
            self.stdout.write(f"{user['username']:<20}{user['password']:<20}{user['token']}")
        for key in demo.CREW:
            self.stdout.write(f"{demo.username(key):<20}{demo.password(key):<20}signs in at /admin/")
