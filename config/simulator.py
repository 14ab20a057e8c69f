"""The process that stands in for Twilio (python -m config.simulator): only where CALLBOARD_SMS_BACKEND is simulator."""

import os
from pathlib import Path

import uvicorn
from django.conf import settings

from config import home
from config.environment import Misconfigured, exit_clearly, read, whole_number
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
    try:
        simulator = application()
        socket_path = read("CALLBOARD_SIMULATOR_SOCKET", str, None)
        port = read("CALLBOARD_SIMULATOR_PORT", whole_number(1, 65535), 8002)
    except Misconfigured as error:
        exit_clearly(error)
    uvicorn.run(
        simulator,
        uds=socket_path,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        log_config=settings.LOGGING,
    )


if __name__ == "__main__":
    main()
