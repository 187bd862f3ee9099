"""What came from another Holdfast by an import (docs/export.md): where it belonged, and its audit events, word for word.

Imported audit events cannot join the chain of this place, as if they had happened here; each carries the hash it had there.
"""

from __future__ import annotations

from django.db import models

from sessions_app.models.conversation import Conversation, Session


class ImportedConversation(models.Model):
    """What an import knew of a conversation: who owned it there, whom it was given to, and what is left to do.

    `wants_current` shall become current when all of it is here; `set_aside` is the empty session that was current before.
    """

    conversation = models.OneToOneField(Conversation, models.PROTECT, primary_key=True, related_name="imported")
    owner_name = models.CharField(max_length=150)
    given_to = models.BigIntegerField()
    facts = models.JSONField(default=dict)
    wants_current = models.UUIDField(null=True)
    set_aside = models.UUIDField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.conversation_id} of {self.owner_name}"


class ImportedSession(models.Model):
    """A session that an import brought: the id and digest it had there, whether it was open, and whether all of it is here."""

    session = models.OneToOneField(Session, models.PROTECT, primary_key=True, related_name="imported")
    source_id = models.UUIDField()
    source_digest = models.CharField(max_length=64, blank=True)
    was_open = models.BooleanField()
    is_whole = models.BooleanField(default=False)
    imported_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.session_id} from {self.source_id}"


class ImportedAudit(models.Model):
    """An audit event of another place: `line` is what the export said, `hash` the link it was in the chain there.

    The two session ids are those the sessions have here; in the line stand those they had there.
    """

    hash = models.CharField(max_length=64, unique=True)
    session_key = models.CharField(max_length=200)
    old_session_id = models.UUIDField(null=True)
    new_session_id = models.UUIDField(null=True)
    line = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["session_key", "id"], name="imported_audit_by_key")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.session_key} {self.hash[:8]}"
