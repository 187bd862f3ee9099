"""Answers as they stream: text that is not a transcript entry yet.

The runner appends, a late tab reads the text so far, the writer stores it before a verb that stops runs. Appending and reading may
happen in different threads: a list that only grows is safe to join at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.values import Json


@dataclass(slots=True)
class LiveAnswer:
    """One streaming answer. `sent` counts the code points that watchers were given, `saved` those in the run's row."""

    run_id: UUID
    conversation_id: UUID
    session_key: str
    session_id: UUID
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    sent: int = 0
    saved: int = 0
    _unsent_from: int = 0

    def append(self, piece: str) -> None:
        """Add what the agent said next."""
        self.pieces.append(piece)
        self.length += len(piece)

    def take_unsent(self) -> str:
        """What came since the last time, for the watchers; counts as sent."""
        text = "".join(self.pieces[self._unsent_from :])
        self._unsent_from = len(self.pieces)
        self.sent += len(text)
        return text

    def delta(self, text: str, offset: int) -> Json:
        """The event that tells watchers a part of the answer, which begins at a code point."""
        return {
            "runId": str(self.run_id),
            "sessionKey": self.session_key,
            "sessionId": str(self.session_id),
            "state": "delta",
            "deltaText": text,
            "offset": offset,
        }

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)


class LiveAnswers:
    """The answers that stream in this process, by run."""

    def __init__(self) -> None:
        self._by_run: dict[UUID, LiveAnswer] = {}

    def add(self, answer: LiveAnswer) -> None:
        """Begin to stream an answer."""
        self._by_run[answer.run_id] = answer

    def discard(self, run_id: UUID) -> None:
        """The answer became an entry, or never will."""
        self._by_run.pop(run_id, None)

    def of_conversation(self, conversation_id: UUID) -> LiveAnswer | None:
        """The answer that streams in a conversation now."""
        return next((a for a in list(self._by_run.values()) if a.conversation_id == conversation_id), None)

    def partials(self) -> Mapping[UUID, str]:
        """The text of every answer so far, by run."""
        return {run_id: answer.text for run_id, answer in list(self._by_run.items()) if answer.length}

    def __iter__(self) -> Iterator[LiveAnswer]:
        return iter(list(self._by_run.values()))

    def __len__(self) -> int:
        return len(self._by_run)
