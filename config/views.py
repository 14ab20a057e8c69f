from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from api.views import read_only
from events import demo

# What each of the demo's people is there to try.
PARTS = {
    "attendee": gettext_lazy("Reads, asks for help, writes to MVP dealers"),
    "attendee_2": gettext_lazy("The same, from another hall"),
    "dealer": gettext_lazy("Reads along and may ask for help"),
    "mvp_dealer": gettext_lazy("Writes to attendees, announces to them"),
    "organizer": gettext_lazy("Announces, watches it arrive, looks after members"),
    "moderator": gettext_lazy("Writes to everyone, keeps the peace"),
    "staff": gettext_lazy("Works on reports in the console"),
    "support": gettext_lazy("Looks up what became of texts"),
    "administrator": gettext_lazy("Sees and sets everything in the console"),
}
DOORS = {"organizer": "/desk", **dict.fromkeys(("staff", *demo.CREW), "/admin/")}


@read_only
def front_page(request: HttpRequest) -> HttpResponse:
    cast = [
        {**person, "does": PARTS[part], "door": DOORS.get(part, "/inbox")}
        for part, person in zip(demo.PARTS | demo.CREW, demo.sign_ins(), strict=True)
        if settings.DEMO
    ]
    example = cast[0] if cast else {"username": "your-name", "password": "your-password"}
    shown = {
        "public_url": settings.PUBLIC_URL,
        "cast": cast,
        "example": example,
        "has_phones": settings.SMS_BACKEND == "simulator",
    }
    return render(request, "front_page.html", shown)
