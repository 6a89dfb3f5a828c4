"""Has a deployment wait while connections of a group that has just lost its traffic come to their end.

What was replaced is deleted as soon as everything else is done, a second or two after the backend service has turned to the new group;
and a group's instances go with it, whatever they were answering. The backend service's draining keeps connections as long as there is
an instance that has them, so the deployment has to leave it there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


def groups_left(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> set[str]:
    """Return the instance groups that a backend service had and has no more, by its inputs before and after an update."""
    before, after = (
        {str(backend.get("group")) for backend in (inputs or {}).get("backends") or []}
        for inputs in (old, new)
    )
    return before - after


def await_draining(
    name: str, draining_sec: int, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> pulumi.ResourceHookBinding | None:
    """Return what to bind to a backend service so that a group it turns from is kept for its draining time; None where that is none.

    Args:
        name: the load balancer's name; no two in a stack have the same.
        draining_sec: how long open connections may go on.
        sleep: waits for so many seconds.
    """
    if draining_sec == 0:
        return None

    async def wait(args: pulumi.ResourceHookArgs) -> None:
        if groups_left(args.old_inputs, args.new_inputs):
            pulumi.log.info(f"{name}: connections to the group that was replaced get {draining_sec} s to end")
            await sleep(draining_sec)

    return pulumi.ResourceHookBinding(after_update=[pulumi.ResourceHook(f"{name}-draining", wait)])
