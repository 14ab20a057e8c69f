from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from api.views import read_only
from events import demo


@read_only
def front_page(request: HttpRequest) -> HttpResponse:
    cast = demo.sign_ins() if settings.DEMO else []
    example = cast[0] if cast else {"username": "your-name", "password": "your-password"}
    shown = {
        "public_url": settings.PUBLIC_URL,
        "cast": cast,
        "example": example,
        "has_phones": settings.SMS_BACKEND == "simulator",
    }
    return render(request, "front_page.html", shown)
