"""The way to tell a subscriber, by its kind."""

from __future__ import annotations

from pathlib import Path

from sessions_app.runtime.hooks.command import CommandSender
from sessions_app.runtime.hooks.config import Subscriber, WebhookSettings
from sessions_app.runtime.hooks.letters import Sender
from sessions_app.runtime.hooks.webhook import WebhookSender


def sender_for(settings: Subscriber, *, directory: Path | None) -> Sender:
    """The sender of a subscriber; it opens nothing before its first letter.

    Args:
        settings: its section of hooks.toml.
        directory: where commands start.
    """
    if isinstance(settings, WebhookSettings):
        return WebhookSender(settings)
    return CommandSender(settings, directory)
