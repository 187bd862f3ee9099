"""The one Django application."""

from __future__ import annotations

from django.apps import AppConfig


class SessionsAppConfig(AppConfig):
    """Configuration; `ready` registers the checks and does nothing else."""

    name = "sessions_app"
    verbose_name = "Holdfast"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our checks known to `manage.py check`."""
        from sessions_app.runtime.checks import registered  # models are not loaded before this

        registered()
