"""Which probes reach a group's instances: its template's network and identity, and the firewall rules in force there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mig_policies.firewall import Range, is_ingress, parse_range, priority, sources, traffic, uncovered
from mig_policies.resource import Resource
from mig_policies.stack import Outside, Stack
from mig_policies.tokens import FIREWALL, INSTANCE_TEMPLATES, NETWORK, SUBNETWORK
from mig_policies.values import UNKNOWN, Plain, Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class Instances:
    """What firewall rules go by: where a group's instances stand and who they are."""

    group: Resource
    template: Resource
    network: Resource


def instances_of(group: Resource, stack: Stack) -> list[Instances]:
    """Find the template and the network of a group's instances, for each of its versions.

    Raises:
        Undetermined: one of them is outside the stack, or cannot be told.
    """
    versions = group.props.blocks("versions")
    if not versions:
        raise Undetermined(f"{group.label} names no instance template")
    return [_made_from(version.raw("instanceTemplate"), group, stack) for version in versions]


def _made_from(link: Plain, group: Resource, stack: Stack) -> Instances:
    template = stack.follow(group, "versions", link, INSTANCE_TEMPLATES)
    if isinstance(template, Outside):
        raise Undetermined(f"{group.label}: instance template {template.label} cannot be read from here")
    interfaces = template.props.blocks("networkInterfaces")
    if not interfaces:
        raise Undetermined(f"{template.label} has no network interface")
    found: Resource | Outside
    if interfaces[0].raw("subnetwork") is not None:
        subnetwork = stack.follow(
            template, "networkInterfaces", interfaces[0].raw("subnetwork"), {SUBNETWORK}
        )
        if isinstance(subnetwork, Outside):
            raise Undetermined(
                f"{template.label}: subnetwork {subnetwork.label} is not described by this stack, nor its firewall"
            )
        found = stack.follow(subnetwork, "network", subnetwork.props.raw("network"), {NETWORK})
    else:
        found = stack.follow(template, "networkInterfaces", interfaces[0].raw("network"), {NETWORK})
    if isinstance(found, Outside):
        raise Undetermined(
            f"{template.label}: network {found.label} is not described by this stack, nor all of its firewall"
        )
    return Instances(group=group, template=template, network=found)


def blocked_ranges(probers: Iterable[str], port: int, instances: Instances, stack: Stack) -> list[Range]:
    """Return the prober ranges (or parts of them) that cannot reach `port` of the instances.

    Raises:
        Undetermined: it hangs on a rule that cannot be read.
    """
    doubts: list[Undetermined] = []
    allows: list[tuple[int, Range]] = []
    denies: list[tuple[int, Range]] = []
    by_network, unplaced = stack.derive(_rules_by_network)
    for rule in (*by_network.get(instances.network.urn, ()), *unplaced):
        try:
            if is_ingress(rule) and _applies(rule, instances, stack):
                for key, kept in (("allows", allows), ("denies", denies)):
                    if any(item.includes("tcp", port) for item in traffic(rule, key)):
                        kept += [(priority(rule), source) for source in sources(rule)]
        except Undetermined as doubt:
            if rule.props.raw("denies"):
                raise  # it may close what others open
            doubts.append(doubt)
    blocked = [piece for prober in probers for piece in _blocked(parse_range(prober), allows, denies)]
    if blocked and doubts:
        raise Undetermined(
            f"{instances.group.label}: whether tcp:{port} is open to the probers hangs on: {doubts[0]}"
        )
    return blocked


def _blocked(wanted: Range, allows: list[tuple[int, Range]], denies: list[tuple[int, Range]]) -> list[Range]:
    # At equal priority a deny wins, so an allow counts only where no deny of its priority or before it overlaps.
    admitted = [
        source
        for level, allowed in allows
        for source in uncovered(allowed, [cut for deny_level, cut in denies if deny_level <= level])
    ]
    return uncovered(wanted, admitted)


def _applies(rule: Resource, instances: Instances, stack: Stack) -> bool:
    # The rules looked at are those of the network, and those of which this call says why they may be.
    stack.follow(rule, "network", rule.props.raw("network"), {NETWORK})
    tags = rule.props.texts("targetTags")
    if tags:
        return bool(set(tags) & set(instances.template.props.texts("tags")))
    accounts = rule.props.raw("targetServiceAccounts")
    if not accounts:
        return True
    email = instances.template.props.raw("serviceAccount.email")
    if (
        isinstance(accounts, list)
        and isinstance(email, str)
        and all(isinstance(account, str) for account in accounts)
    ):
        return email in accounts
    # Both are unknown before the account exists: the same source then means the same account.
    rule_sources = set(rule.dependencies.get("targetServiceAccounts", ()))
    template_sources = set(instances.template.dependencies.get("serviceAccount", ()))
    if email is UNKNOWN and rule_sources and rule_sources <= template_sources:
        return True
    raise Undetermined(
        f"{rule.label}: whether its service accounts are the instances' is not known before the deployment"
    )


def _rules_by_network(stack: Stack) -> tuple[dict[str, list[Resource]], list[Resource]]:
    """Return firewall rules by the URN of their network, and those whose network cannot be told."""
    by_network: dict[str, list[Resource]] = {}
    unplaced: list[Resource] = []
    for rule in stack.of({FIREWALL}):
        try:
            network = stack.follow(rule, "network", rule.props.raw("network"), {NETWORK})
        except Undetermined:
            unplaced.append(rule)
        else:
            if not isinstance(network, Outside):
                by_network.setdefault(network.urn, []).append(rule)
    return by_network, unplaced
