"""Callboard's own settings, and two empty calls to compare with."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
