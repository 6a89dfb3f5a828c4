"""What a group's listErrors answers: the latest failures to make or change its instances, under ``control/errors/{group}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.clock import rfc3339
from localcloud.control.links import relname, url

if TYPE_CHECKING:
    from localcloud.control.member import Member
    from localcloud.store import Store, Transaction

_KEPT = 50


def record_error(store: Store, change: Transaction, group: str, member: Member, now: float) -> None:
    """Append the errors of a member's last attempt: items of {error, instanceActionDetails, timestamp}, newest last."""
    key = f"control/errors/{group}"
    items = list((change.writes.get(key) or store.get(key) or {}).get("items", []))
    items.extend(
        {
            "error": error,
            "instanceActionDetails": {
                "action": member.action,
                "instance": url(relname(member.instance)),
                "version": {"name": member.version.name, "instanceTemplate": url(member.version.template)},
            },
            "timestamp": rfc3339(now),
        }
        for error in member.last_attempt["errors"]["errors"]
    )
    change.put(key, {"items": items[-_KEPT:]})
