"""Whether a repair did what it should: the directory is scanned again."""

from __future__ import annotations

from sessions_app.rescue.names import FileKind
from sessions_app.rescue.plan import planned
from sessions_app.rescue.repair.desk import INDEX, Desk
from sessions_app.rescue.repair.place import Place
from sessions_app.rescue.scan import store_read
from sessions_app.values import Json


def verified(plan: Json) -> Json:
    """Scan the store of a plan again.

    Returns:
        {verified, problems: [words], findings: {before, after}, shown: [{path, key, sessionId, file}]}.
    """
    with store_read(plan["root"]) as store:
        transcripts = planned(store).transcripts
        problems = []
        shown = {each["path"]: _shown(plan["root"], each["path"]) for each in plan["expects"]}
        for wanted in plan["expects"]:
            path = f"{wanted['path']}/{wanted['file']}".lstrip("/")
            file = next((each for each in transcripts if each.path == path and not each.part), None)
            if shown[wanted["path"]].get(wanted["key"]) != (wanted["sessionId"], wanted["file"]):
                problems.append(f"{wanted['key']} does not show {wanted['file']}.")
            elif file is None or file.kind is not FileKind.TRANSCRIPT or not file.facts.get("hasHeader"):
                problems.append(f"{wanted['file']} is no whole transcript.")
            elif int(file.facts.get("entries", 0)) < wanted["entries"]:
                problems.append(f"{wanted['file']} has fewer lines than it should.")
        after = dict(store.ledger.rows("SELECT code, count(*) FROM finding GROUP BY code ORDER BY code"))
    rows = [{name: wanted[name] for name in ("path", "key", "sessionId", "file")} for wanted in plan["expects"]]
    findings = {"before": plan["findings"], "after": after}
    return {"verified": not problems, "problems": problems, "findings": findings, "shown": rows}


def _shown(root: str, path: str) -> dict[str, tuple[object, str]]:
    """What the index of a directory shows: session id and file by key. A copy of the directory elsewhere has an index of its own."""
    with Place(root, path) as place:
        desk = Desk(path, place, "", [], "")
        desk.read(b"".join(place.chunks(INDEX)))
    return {key: (entry.get("sessionId"), desk.shows[key]) for key, entry in desk.rows.items()}
