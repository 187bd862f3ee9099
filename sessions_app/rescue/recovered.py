"""Turns that only traces have, as transcripts of their own."""

from __future__ import annotations

from sessions_app.rescue.index import agent_of
from sessions_app.rescue.intake import transcript_closed
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import raw_lines
from sessions_app.rescue.names import FileKind
from sessions_app.rescue.places import opened
from sessions_app.rescue.reading import Reading
from sessions_app.rescue.trajectories import lost_turns


def turns_recovered(ledger: Ledger) -> None:
    """Turns that only a trace has become a transcript of their own, in a spool file."""
    for session, key, is_gone, lines in list(lost_turns(ledger)):
        spool = ledger.spool()
        spool.write_bytes(b"".join(line + b"\n" for line in lines))
        file = ledger.add(
            "file",
            path=f"recovered/{session}",
            part="recovered",
            agent=agent_of(key),
            kind=str(FileKind.TRAJECTORY),
            base=session,
            size=0,
            modified=0.0,
            place=str(spool),
            header_id=session,
            facts={"isGone": is_gone},
        )
        strand = ledger.add("strand", file=file, part="recovered", facts={})
        reading = Reading(ledger, file, strand)
        with opened(str(spool)) as stream:
            reading.read(raw_lines(stream))
        transcript_closed(ledger, reading, header_id=session)
        ledger.finding("turn-only-in-trajectory", session_id=session, key=key, detail=f"{len(lines)} messages")
