"""Whether a repair did what it should: the directory is scanned again."""

from __future__ import annotations

from sessions_app.rescue.index import base_of, short_id
from sessions_app.rescue.names import FileKind
from sessions_app.rescue.plan import planned
from sessions_app.rescue.scan import store_read
from sessions_app.values import Json


def verified(plan: Json) -> Json:
    """Scan the store of a plan again.

    Returns:
        {verified, problems: [words], findings: {before, after}, shown: [{path, key, sessionId, file}]}.
    """
    with store_read(plan["root"]) as store:
        transcripts = planned(store).transcripts
        rows = {(row.agent, row.key): row for row in store.rows if row.is_primary}
        problems = []
        agents = {each["path"]: each["agent"] for each in plan["directories"]}
        for wanted in plan["expects"]:
            row = rows.get((agents.get(wanted["path"], "main"), wanted["key"]))
            path = f"{wanted['path']}/{wanted['file']}".lstrip("/")
            file = next((each for each in transcripts if each.path == path and not each.part), None)
            if row is None or short_id(row) != wanted["sessionId"] or row.base != base_of(wanted["file"]):
                problems.append(f"{wanted['key']} does not show {wanted['file']}.")
            elif file is None or file.kind is not FileKind.TRANSCRIPT or not file.facts.get("hasHeader"):
                problems.append(f"{wanted['file']} is no whole transcript.")
            elif int(file.facts.get("entries", 0)) < wanted["entries"]:
                problems.append(f"{wanted['file']} has fewer lines than it should.")
        after = dict(store.ledger.rows("SELECT code, count(*) FROM finding GROUP BY code ORDER BY code"))
    shown = [{name: wanted[name] for name in ("path", "key", "sessionId", "file")} for wanted in plan["expects"]]
    findings = {"before": plan["findings"], "after": after}
    return {"verified": not problems, "problems": problems, "findings": findings, "shown": shown}
