"""Rows, constraints and indexes. No behaviour lives here; verbs are in `services`, reads in `selectors`."""

from __future__ import annotations

from sessions_app.models.adoption import AdoptedBlock, AdoptedPlace, AdoptedSource, AdoptedStrand
from sessions_app.models.audit import AuditEvent, AuditHead
from sessions_app.models.conversation import Conversation, Session
from sessions_app.models.event import Event, Receipt
from sessions_app.models.hook import HookCursor, HookDelivery, HookEvent
from sessions_app.models.imports import ImportedAudit, ImportedConversation, ImportedSession
from sessions_app.models.people import ApiToken, SignInLink, User
from sessions_app.models.run import Run, ServerInstance, Span
from sessions_app.models.search import SearchRow, SearchState
from sessions_app.models.transcript import Checkpoint, Entry

__all__ = [
    "AdoptedBlock",
    "AdoptedPlace",
    "AdoptedSource",
    "AdoptedStrand",
    "ApiToken",
    "AuditEvent",
    "AuditHead",
    "Checkpoint",
    "Conversation",
    "Entry",
    "Event",
    "HookCursor",
    "HookDelivery",
    "HookEvent",
    "ImportedAudit",
    "ImportedConversation",
    "ImportedSession",
    "Receipt",
    "Run",
    "SearchRow",
    "SearchState",
    "ServerInstance",
    "Session",
    "SignInLink",
    "Span",
    "User",
]
