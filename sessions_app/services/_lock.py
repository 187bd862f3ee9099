"""The lock of a conversation: what moves it away from its session asks twice."""

from __future__ import annotations

from sessions_app.errors import ConversationLockedError
from sessions_app.models import Conversation


def lock_check(conversation: Conversation, *, typed_key: str, reason: str) -> None:
    """Refuse to move a locked conversation, unless its key was typed and a reason given.

    Raises:
        ConversationLockedError: it is locked, and one of them is missing or wrong; details {sessionKey, needs: [str]}.
    """
    if not conversation.locked:
        return
    needs = []
    if typed_key.strip() != conversation.key:
        needs.append("typedKey")
    if not reason.strip():
        needs.append("reason")
    if needs:
        words = {"typedKey": f"type its key {conversation.key}", "reason": "give a reason"}
        asked = " and ".join(words[name] for name in needs)
        raise ConversationLockedError(
            f"This conversation is locked. To go on, {asked}. Nothing was changed.",
            sessionKey=conversation.key,
            needs=needs,
        )
