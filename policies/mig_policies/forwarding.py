"""Which forwarding rules send to which backend service."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mig_policies.stack import Outside, Stack
from mig_policies.tokens import BACKEND_SERVICES, FORWARDING_RULE, REGION_BACKEND_SERVICE
from mig_policies.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource

Forwarding: TypeAlias = "tuple[dict[str, list[Resource]], list[tuple[Resource, Undetermined]]]"
"""Forwarding rules by the URN of the service they send to, and those that may send anywhere, with the reason."""


def is_passthrough(service: Resource) -> bool:
    """Tell whether a backend service belongs to an external passthrough balancer."""
    return (
        service.type == REGION_BACKEND_SERVICE
        and service.props.text("loadBalancingScheme", "INTERNAL") == "EXTERNAL"
    )


def forwarding_rules(stack: Stack) -> Forwarding:
    """Index the stack's forwarding rules; make it once, with `stack.derive`."""
    by_service: dict[str, list[Resource]] = {}
    unresolved: list[tuple[Resource, Undetermined]] = []
    for rule in stack.of({FORWARDING_RULE}):
        value = rule.props.raw("backendService")
        if value is None:
            continue
        try:
            service = stack.follow(rule, "backendService", value, BACKEND_SERVICES)
        except Undetermined as doubt:
            unresolved.append((rule, doubt))
        else:
            if not isinstance(service, Outside):
                by_service.setdefault(service.urn, []).append(rule)
    return by_service, unresolved


def addresses_in_front(service: Resource, stack: Stack) -> Iterator[str]:
    """Yield the version of the addresses ("IPV4", "IPV6") that each of a service's forwarding rules listens on.

    Raises:
        Undetermined: a version is not known, or a rule for IPv6 may send to any service.
    """
    by_service, unresolved = stack.derive(forwarding_rules)
    for rule in by_service.get(service.urn, ()):
        yield rule.props.text("ipVersion", "IPV4")
    for rule, doubt in unresolved:
        if rule.props.text("ipVersion", "IPV4") != "IPV4":
            raise doubt
