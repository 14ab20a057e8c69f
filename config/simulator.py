"""The process that stands in for Twilio (python -m config.simulator): only where CALLBOARD_SMS_BACKEND is simulator."""

import os
from pathlib import Path

from django.conf import settings

from config import home
from config.asgi import serve
from config.environment import Misconfigured
from messaging.simulator.account import SENDER, Account
from messaging.simulator.app import Simulator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def application() -> Simulator:
    if settings.SMS_BACKEND != "simulator":
        raise Misconfigured("CALLBOARD_SMS_BACKEND is not simulator: there is nothing to simulate")
    account = Account(
        sid=settings.TWILIO_ACCOUNT_SID,
        auth_token=settings.TWILIO_AUTH_TOKEN,
        public_url=settings.PUBLIC_URL,
        sender=settings.TWILIO_FROM or SENDER,
    )
    return Simulator(account, folder(), settings.ALLOWED_HOSTS)


def folder() -> Path | None:
    """Where texts are kept over a restart: in a home, where there is one."""
    return home.path() / "simulator" if home.path().is_dir() else None


def main() -> None:
    serve(application, "SIMULATOR", 8002)


if __name__ == "__main__":
    main()
