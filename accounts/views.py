from functools import partial

from django.http import HttpRequest, HttpResponse

from accounts import logins, profile, sessions, shapes, tokens
from accounts.serializers import LoginBody, LoginShape, MeShape
from api import answers
from api.endpoints import Endpoint
from api.requests import client_address
from api.schema import operation

ATTENDEE = {
    "id": "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10",
    "username": "attendee",
    "name": "Attendee One",
    "avatar_url": None,
}


class Login(Endpoint):
    needs_person = False
    is_replayable = False

    @operation(
        "Sign in",
        description="By username or phone. Ten attempts a minute are counted for an account, a hundred for an address.",
        tag="People",
        body=LoginBody,
        answers={200: LoginShape},
        problems=("not_authenticated",),
        takes_key=False,
        is_open=True,
        example={
            "body": {"username": "attendee", "password": "correct horse battery staple"},
            "answer": {
                "token": "cb_Zk3vQ0m9yZr1tHnq7x2dV5cJ8bLwUe4sGfXaPoRiTyM",
                "expires_at": "2026-08-01T09:00:00Z",
                "user": ATTENDEE,
            },
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = self.body()
        user, token, secret = logins.login(
            identifier=body["username"],
            password=body["password"],
            address=client_address(request),
            counted=partial(setattr, request, "allowance"),
        )
        return answers.ok({"token": secret, "expires_at": token.expires_at, "user": shapes.user(user)})


class Logout(Endpoint):
    is_replayable = False
    survives_maintenance = True

    @operation(
        "Sign out",
        description="Ends the token that this call carries, or its page's session; other devices stay signed in.",
        tag="People",
        answers={204: None},
        problems=("validation_error", "unsupported_media_type", "payload_too_large"),
        takes_key=False,
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        self.body()
        if request.auth is sessions.SESSION:
            sessions.end(request)
        else:
            tokens.sign_out(request.auth, by=request.user)
        return answers.no_content()


class Me(Endpoint):
    @operation(
        "Who I am, and what I am a member of",
        tag="People",
        answers={200: MeShape},
        example={
            "answer": {
                **ATTENDEE,
                "phone": "+4915112345678",
                "memberships": [
                    {
                        "event_id": "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41",
                        "role": "attendee",
                        "tags": ["early-bird"],
                        "joined_at": "2026-06-01T09:00:00Z",
                    }
                ],
            }
        },
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        return answers.ok(profile.me(request.user))
