"""What a worker of the web process serves, and what it does besides."""

from api import logs
from config.wsgi import application  # noqa: F401  (sets Django up)
from rollout import watchdog

logs.gather()
watchdog.begin()
