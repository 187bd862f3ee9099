"""Django's admin pages: for looking, and for accounts. History and the audit log are read-only, for superusers too.

Nothing here writes sessions: whoever wants to reset or restore uses the pages, where it is asked, checked and audited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from sessions_app.models import AuditEvent, Checkpoint, Conversation, Session, User

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin  # at run time it takes no parameter

admin.site.site_header = "Holdfast"
admin.site.site_title = "Holdfast"


class ReadOnlyAdmin(_Admin):
    """Lists and details; no add, no change, no delete, whoever asks."""

    show_full_result_count = False
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see everybody's sessions sees them here too."""
        return request.user.is_active and request.user.has_perm("sessions_app.view_any")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As for viewing."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ("seq", "created_at", "type", "outcome", "actor_label", "trigger", "session_key")
    list_filter = ("type", "outcome", "trigger")
    search_fields = ("actor_label", "session_key")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may read the audit log."""
        return request.user.is_active and request.user.has_perm("sessions_app.view_audit")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """What session keys name."""

    list_display = ("key", "title", "kind", "owner", "pinned", "locked", "session_count", "updated_at")
    list_filter = ("kind", "locked")
    search_fields = ("key", "title")


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Transcripts, current and archived."""

    list_display = ("id", "conversation", "messages", "started_at", "start_reason", "ended_at", "end_reason")
    list_filter = ("start_reason", "end_reason")
    list_select_related = ("conversation",)
    search_fields = ("conversation__key",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Bookmarks."""

    list_display = ("label", "conversation", "seq", "kind", "actor", "created_at")
    list_select_related = ("conversation",)
    search_fields = ("label", "conversation__key")


@admin.register(User)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts. Changes go through commands and pages, which audit them."""

    list_display = ("username", "is_active", "is_superuser", "is_staff", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("username",)
    fieldsets = (
        ("Account", {"fields": ("username", "theme", "is_active", "last_login", "date_joined")}),
        ("What it may do", {"fields": ("is_superuser", "is_staff", "groups", "user_permissions")}),
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may manage people."""
        return request.user.is_active and request.user.has_perm("sessions_app.manage")
