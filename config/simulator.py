"""The process that stands in for Twilio (python -m config.simulator): only where CALLBOARD_SMS_BACKEND is simulator."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from config import home
from config.environment import (
    Misconfigured,
    exit_clearly,
    host_names,
    one_of,
    public_url,
    read,
    sms_backend,
    whole_number,
)
from messaging.simulator.account import SENDER, Account
from messaging.simulator.app import Simulator
from messaging.sms.account import simulated_account


def account() -> Account:
    """Known to both sides without being told: from the secret, unless the environment names it."""
    secret = read("SECRET_KEY", str, None) or home.secret()
    if not secret:
        raise Misconfigured("SECRET_KEY is not set: give the one that the other processes have")
    own = simulated_account(secret)
    port = read("PORT", whole_number(1, 65535), 8000)
    return Account(
        sid=read("TWILIO_ACCOUNT_SID", str, own.sid),
        auth_token=read("TWILIO_AUTH_TOKEN", str, own.auth_token),
        public_url=read("CALLBOARD_PUBLIC_URL", public_url, f"http://127.0.0.1:{port}"),
        sender=read("TWILIO_FROM", str, SENDER),
    )


def folder() -> Path | None:
    """Where texts are kept over a restart: in a home, where there is one."""
    return home.path() / "simulator" if home.path().is_dir() else None


def application() -> Simulator:
    if sms_backend() != "simulator":
        raise Misconfigured("CALLBOARD_SMS_BACKEND is not simulator: nothing is simulated")
    found = account()
    return Simulator(found, folder(), hosts(found))


def hosts(found: Account) -> list[str]:
    return read("ALLOWED_HOSTS", host_names, [urlsplit(found.public_url).hostname])


def main() -> None:
    try:
        made = application()
        socket_path = read("CALLBOARD_SIMULATOR_SOCKET", str, None)
        port = read("CALLBOARD_SIMULATOR_PORT", whole_number(1, 65535), 8002)
        logs = read("CALLBOARD_LOGS", one_of("json", "readable"), "json")
    except Misconfigured as error:
        exit_clearly(error)
    uvicorn.run(
        made,
        uds=socket_path,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        log_config=logging_settings(logs),
    )


def logging_settings(form: str) -> dict:
    formatter = {"json": "api.logs.JsonFormatter", "readable": "api.logs.ReadableFormatter"}[form]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {form: {"()": formatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": "INFO"},
    }


if __name__ == "__main__":
    os.umask(0o077)
    main()
