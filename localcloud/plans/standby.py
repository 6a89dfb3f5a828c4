"""Standby pools of managed groups: members that wait stopped or suspended. Shared through the store.

A group's document has ``targetSize`` (running members), ``targetStoppedSize``, ``targetSuspendedSize`` and ``standbyPolicy``
(``mode`` MANUAL or SCALE_OUT_POOL, ``initialDelaySec``). The controllers have so many members in each state, whoever wrote the sizes.

Verbs on members, asked for under ``control/requests/`` with the group as target. The controllers change the sizes in the same
transaction: the API does not.

- ``stopInstances``, ``suspendInstances``: ``{"instances": [names or links], "force": bool}``. Only members with targetStatus RUNNING;
  others in the list are passed over. `force`: forceStop or forceSuspend, do not wait for initialDelaySec.
- ``startInstances``, ``resumeInstances``: ``{"instances": [...]}``, members with targetStatus STOPPED, or SUSPENDED.

Verbs on instances themselves: ``suspend`` (RUNNING -> SUSPENDING -> SUSPENDED; intent ``suspend`` until it is done) and ``resume``
(SUSPENDED -> PROVISIONING -> STAGING -> RUNNING), beside ``stop`` and ``start``.

A member's record (``control/managed/GROUP/NAME``) has ``targetStatus`` RUNNING, STOPPED, SUSPENDED, DELETED or ABANDONED, and
``currentAction`` STOPPING, SUSPENDING, STARTING or RESUMING on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING = "RUNNING"
STOPPED = "STOPPED"
SUSPENDED = "SUSPENDED"

# What the instance of a member at rest says: one that is stopped reads TERMINATED.
AT_REST: Mapping[str, str] = {STOPPED: "TERMINATED", SUSPENDED: "SUSPENDED"}
# The group's field that says how many members wait in that state; those suspended are the first to be taken.
SIZES: Mapping[str, str] = {SUSPENDED: "targetSuspendedSize", STOPPED: "targetStoppedSize"}
MANUAL, SCALE_OUT_POOL = "MANUAL", "SCALE_OUT_POOL"
