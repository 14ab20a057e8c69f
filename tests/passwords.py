from django.contrib.auth.hashers import Argon2PasswordHasher


class CheapHasher(Argon2PasswordHasher):
    """The same, without the work that makes guessing dear."""

    time_cost, memory_cost, parallelism = 1, 8, 1
