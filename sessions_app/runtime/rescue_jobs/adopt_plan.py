"""What adopting some keys of a scanned store would do, for a person to read before they confirm it."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Conversation
from sessions_app.runtime.adoption import key_here
from sessions_app.runtime.rescue_jobs.job import Job
from sessions_app.runtime.rescue_jobs.report_pages import keys_chosen
from sessions_app.selectors.adoption import conversation_used
from sessions_app.values import Actor, Json


def adoption_planned(actor: Actor, scan: Job, *, keys: list[str], agent: str = "") -> Json:
    """The plan. Two queries, two more for each of the first hundred keys that is here.

    Args:
        actor: who; needs `manage`.
        scan: a finished scan.
        keys: only these; none is all.
        agent: only this one.

    Returns:
        What `report_pages.keys_chosen` gives; each key with {here, isHere, isUsed}: its name here, and whether somebody wrote there.

    Raises:
        NotFoundError: the scan has no report.
    """
    access.require(actor, Action.MANAGE)
    plan = keys_chosen(scan, keys=keys, agent=agent)
    names = {row["sessionKey"]: key_here(row["sessionKey"], row["agent"]) for row in plan["keys"]}
    found = dict(Conversation.objects.filter(key__in=names.values()).values_list("key", "pk"))
    for row in plan["keys"]:
        here = names[row["sessionKey"]]
        row |= {"here": here, "isHere": here in found}
        row["isUsed"] = row["isHere"] and conversation_used(found[here])
    return plan
