"""Accounts, programs' tokens and one-time sign-in links. Secrets are stored as SHA-256 only."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """An account. `theme` is how its pages look: system, light or dark."""

    theme = models.CharField(max_length=6, default="system", choices=[(t, t) for t in ("system", "light", "dark")])


class ApiToken(models.Model):
    """What a program shows instead of a password.

    `prefix` are the first characters, enough to recognise it in a list; `scopes` are words split by commas.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    scopes = models.CharField(max_length=50)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignInLink(models.Model):
    """A link that signs one person in, once, for a short time."""

    user = models.ForeignKey(User, models.PROTECT, related_name="sign_in_links")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.user}"
