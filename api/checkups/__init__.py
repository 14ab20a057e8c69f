"""What the doctor looks at: settings, servers, and the database's own catalogue."""

from __future__ import annotations

from api import doctor
from api.checkups import catalogue, servers, settings


def register() -> None:
    doctor.register(doctor.CONFIGURED, settings.keys)
    doctor.register(doctor.CONFIGURED, settings.addresses)
    doctor.register(doctor.CONFIGURED, settings.limits)
    doctor.register(doctor.CONFIGURED, settings.watching)
    doctor.register(doctor.REACHABLE, servers.parts)
    doctor.register(doctor.REACHABLE, servers.versions)
    doctor.register(doctor.REACHABLE, servers.clocks)
    doctor.register(doctor.BEHIND, servers.migrations)
    doctor.register(doctor.BEHIND, catalogue.indexes)
    doctor.register(doctor.BEHIND, catalogue.constraints)
    doctor.register(doctor.SAFE, catalogue.owner)
    doctor.register(doctor.SAFE, catalogue.role)
    doctor.register(doctor.SAFE, catalogue.policies)
    doctor.register(doctor.SAFE, catalogue.durability)
    doctor.register(doctor.SAFE, catalogue.server_log)
