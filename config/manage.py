"""Django's commands, with the embedded servers running around them where the environment names no others.

`manage.py` uses a home that is there; `script/manage` (python -m config.manage) makes one.
"""

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from config import servers
from config.home import Unusable


def main(*, make: bool = False) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave by way of finally: the servers may be ours
    if make:
        servers.set_defaults()
    try:
        with servers.in_use(make=make):
            try:
                execute_from_command_line(sys.argv)
            finally:
                # Also where it ends with an exit code: what `provision` refused is refused, and the others stand.
                _note_position()
    except (ImproperlyConfigured, Unusable) as error:
        servers.say(str(error))
        sys.exit(2)
    except OperationalError as error:
        servers.say(f"the database does not answer: {str(error).splitlines()[0]}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _note_position() -> None:
    """What a command changed (a flag, who is in an event), no call is answered from before it."""
    from api import replica

    if replica.IS_ON:
        from api.database import note_position

        note_position()


if __name__ == "__main__":
    main(make=True)
