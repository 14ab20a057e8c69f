"""What every page of the console carries: its policy, and times in the zone of whoever looks."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone

PREFIX = "/admin/"

# Scripts and styles are files of ours; nothing is evaluated, and the console stands in no other page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class ConsolePolicyMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path_info.startswith(PREFIX):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ZoneMiddleware:
    """As their browser says, or as they chose."""

    COOKIE = "callboard_zone"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        with timezone.override(zone_of(request)):
            return self.get_response(request)


def zone_of(request) -> ZoneInfo:
    wanted = request.COOKIES.get(ZoneMiddleware.COOKIE, "").replace("%2F", "/")
    return ZoneInfo(wanted) if wanted in known_zones() else ZoneInfo("UTC")


@cache
def known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
