"""What is kept and answered as Google does, but has no effect here: said in the cloud's story, never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.store import Event

if TYPE_CHECKING:
    from localcloud.api.cloud import Cloud
    from localcloud.store import Transaction

KIND = "unsupported"


def unsupported(cloud: Cloud, change: Transaction, subject: str, field: str, consequence: str) -> None:
    """Tell, with the change that keeps it, that a field has no effect.

    Args:
        cloud: whose clock says when.
        change: the transaction that keeps the resource.
        subject: the resource's relative name.
        field: the field, dotted, as the API calls it.
        consequence: what happens instead, in words that follow "kept, but".
    """
    message = f"{field} is kept, but {consequence}"
    data = {"resource": subject, "field": field, "consequence": consequence}
    change.event(Event(cloud.clock.now(), KIND, subject.rpartition("/")[2], message, data))
