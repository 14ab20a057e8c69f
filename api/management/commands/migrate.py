"""Django's command, with an executor that stops nobody who writes; it has no other place to name one."""

from django.core.management.commands import migrate

from api.migrating import PatientExecutor

migrate.MigrationExecutor = PatientExecutor


class Command(migrate.Command):
    pass
