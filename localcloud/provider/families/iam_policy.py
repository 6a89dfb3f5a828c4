"""IAM policies: read, changed, written back with the etag that says nobody else did meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from localcloud.provider.errors import ApiError
from localcloud.provider.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.provider.rest import RestClient

Body = dict[str, Value]
Condition = dict[str, str] | None


class PolicyHolder(Protocol):
    """Something that has an IAM policy: where its policy is read and written."""

    async def get(self, rest: RestClient) -> Body:
        """Return the policy."""
        ...

    async def set(self, rest: RestClient, policy: Body) -> None:
        """Replace the policy."""
        ...

    @property
    def key(self) -> str:
        """Return what tells this policy from all others."""
        ...


_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def change_policy(
    rest: RestClient, holder: PolicyHolder, edit: Callable[[Body], Body | None], within: float
) -> None:
    """Change a policy; `edit` returns the new one, or None if there is nothing to do.

    Changes of one policy take turns here; one by somebody else meanwhile (409, 412) has it tried again from the start.
    """
    lock = _locks.setdefault(
        f"{id(asyncio.get_running_loop())} {rest.endpoints.storage} {holder.key}", asyncio.Lock()
    )
    async with lock:
        async for _ in rest.polls(within, f"IAM policy of {holder.key}"):
            wanted = edit(await holder.get(rest))
            if wanted is None:
                return
            try:
                await holder.set(rest, wanted)
            except ApiError as error:
                if error.status not in (409, 412):
                    raise
            else:
                return


async def wait_for_policy(
    rest: RestClient, holder: PolicyHolder, visible: Callable[[Body], bool], within: float
) -> Body:
    """Read a policy until a change shows in it, and return it."""
    async for _ in rest.polls(within, f"IAM policy of {holder.key}"):
        policy = await holder.get(rest)
        if visible(policy):
            return policy
    raise AssertionError("polls ends by an error")


def has_member(policy: Body, role: str, member: str, condition: Condition) -> bool:
    """Tell whether a policy gives the role to the member under this condition."""
    wanted = member.casefold()
    return any(
        binding.get("role") == role
        and _condition(binding) == condition
        and any(other.casefold() == wanted for other in binding.get("members", []))
        for binding in policy.get("bindings") or []
    )


def with_member(policy: Body, role: str, member: str, condition: Condition) -> Body:
    """Return the policy with the member added."""
    bindings = [dict(binding) for binding in policy.get("bindings") or []]
    for binding in bindings:
        if binding.get("role") == role and _condition(binding) == condition:
            binding["members"] = sorted({*binding.get("members", []), member})
            return _policy(policy, bindings)
    new: Body = {"role": role, "members": [member]}
    if condition:
        new["condition"] = dict(condition)
    return _policy(policy, [*bindings, new])


def without_member(policy: Body, role: str, member: str, condition: Condition) -> Body:
    """Return the policy with the member taken out; a binding without members is none."""
    bindings = []
    for binding in policy.get("bindings") or []:
        members = binding.get("members", [])
        if binding.get("role") == role and _condition(binding) == condition:
            members = [other for other in members if other.casefold() != member.casefold()]
        if members:
            bindings.append({**binding, "members": members})
    return _policy(policy, bindings)


def _policy(policy: Body, bindings: list[Body]) -> Body:
    result: Body = {"version": 3}
    if bindings:
        result["bindings"] = bindings
    if policy.get("etag"):
        result["etag"] = policy["etag"]
    if policy.get("auditConfigs"):
        result["auditConfigs"] = policy["auditConfigs"]
    return result


def _condition(binding: Body) -> Condition:
    condition = binding.get("condition")
    if not condition:
        return None
    return {name: condition[name] for name in ("title", "expression", "description") if condition.get(name)}
