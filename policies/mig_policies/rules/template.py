"""TPL: what instances are made from, and how hard they are to break into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mig_policies.forwarding import addresses_in_front
from mig_policies.rule import HIGH, MANDATORY, MEDIUM, Parameters, ResourceRule, StackRule
from mig_policies.tokens import GROUP_MANAGERS, INSTANCE_TEMPLATES
from mig_policies.values import UNKNOWN, Undetermined
from mig_policies.verdict import Verdict, passed, violated

if TYPE_CHECKING:
    from mig_policies.resource import Resource
    from mig_policies.stack import Stack

ADDRESSES_PAGE: Final = (
    "https://docs.cloud.google.com/compute/docs/ip-addresses/configure-static-external-ip-address"
)
ACCOUNTS_PAGE: Final = "https://docs.cloud.google.com/compute/docs/access/service-accounts"
SHIELDED_PAGE: Final = "https://docs.cloud.google.com/compute/shielded-vm/docs/shielded-vm"
LOGIN_PAGE: Final = "https://docs.cloud.google.com/compute/docs/oslogin"
DEFAULT_ACCOUNT: Final = re.compile(
    r"(\d+-compute@developer\.gserviceaccount\.com|@appspot\.gserviceaccount\.com)$"
)


def _no_public_address(template: Resource, stack: Stack, _: Parameters) -> Verdict:
    excused = False
    for position, interface in enumerate(template.props.blocks("networkInterfaces")):
        for field in ("accessConfigs", "ipv6AccessConfigs"):
            configured = interface.get(field)
            if not isinstance(configured, list) or not configured:
                continue
            # Google balances IPv6 only to instances that have an external address of that kind; the firewall shields them.
            if field == "ipv6AccessConfigs" and _stands_behind_ipv6(template, stack):
                excused = True
            else:
                return violated(
                    f"{template.label}: networkInterfaces[{position}].{field} set, required none; instances would be "
                    "reachable past the balancer"
                )
    if excused:
        return passed(
            f"{template.label}: an IPv6 address, as its balancer's IPv6 address demands, and no other"
        )
    return passed(f"{template.label}: no public address")


def _stands_behind_ipv6(template: Resource, stack: Stack) -> bool:
    for group in stack.of(GROUP_MANAGERS):
        for version in group.props.blocks("versions"):
            made_from = stack.follow(group, "versions", version.raw("instanceTemplate"), INSTANCE_TEMPLATES)
            if made_from is template and any(
                "IPV6" in set(addresses_in_front(service, stack)) for service in stack.services_of(group)
            ):
                return True
    return False


def _own_account(template: Resource, _: Parameters) -> Verdict:
    account = template.props.block("serviceAccount")
    if account is None:
        return violated(f"{template.label}: serviceAccount unset, required one made for this service")
    email = account.text("email", None)
    if email is None or email == "default" or DEFAULT_ACCOUNT.search(email):
        return violated(
            f"{template.label}: service account {email or 'unset'}, required one made for this service, not the default"
        )
    return passed(f"{template.label}: runs as {email}")


def _shielded(template: Resource, _: Parameters) -> Verdict:
    shield = template.props.block("shieldedInstanceConfig")
    # The API turns the virtual TPM and integrity monitoring on by default, secure boot not.
    missing = [
        field
        for field, default in (
            ("enableSecureBoot", False),
            ("enableVtpm", True),
            ("enableIntegrityMonitoring", True),
        )
        if shield is None or not shield.flag(field, default=default)
    ]
    if missing:
        return violated(f"{template.label}: shieldedInstanceConfig has {', '.join(missing)} off, required on")
    return passed(f"{template.label}: shielded")


def _hard_to_enter(template: Resource, _: Parameters) -> list[Verdict]:
    found: list[Verdict] = []
    if _metadata_flag(template, "enable-oslogin") is False:
        found.append(violated(f"{template.label}: metadata enable-oslogin FALSE, required TRUE or unset"))
    if _metadata_flag(template, "serial-port-enable"):
        found.append(violated(f"{template.label}: metadata serial-port-enable TRUE, required FALSE or unset"))
    if not _metadata_flag(template, "block-project-ssh-keys"):
        found.append(violated(f"{template.label}: metadata block-project-ssh-keys not TRUE, required TRUE"))
    if template.props.flag("canIpForward", default=False):
        found.append(violated(f"{template.label}: canIpForward true, required false"))
    return found or [passed(f"{template.label}: entered through OS Login only")]


def _metadata_flag(template: Resource, key: str) -> bool | None:
    """Read a metadata switch; `None` if unset. Values are never printed: metadata may hold secrets."""
    metadata = template.props.get("metadata")
    value = metadata.get(key) if isinstance(metadata, dict) else None
    if value is UNKNOWN:
        raise Undetermined(f"metadata {key} is not known before the deployment")
    if value is None:
        return None
    if isinstance(value, bool):
        return value
    return str(value).lower() in {"true", "y", "yes", "1", "1.0"}


TPL01 = StackRule(
    id="TPL01",
    title="Instances have no public address",
    description="Instances must have no address of their own on the internet, save the IPv6 one that a balancer's demands.",
    remediation="Remove accessConfigs and ipv6AccessConfigs; use Private Google Access and Cloud NAT to reach out.",
    url=ADDRESSES_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=INSTANCE_TEMPLATES,
    look=_no_public_address,
)
TPL02 = ResourceRule(
    id="TPL02",
    title="Instances have a service account of their own",
    description="Instances must run as a service account made for them, not as the project's default one.",
    remediation="Create a service account and grant it what the service needs.",
    url=ACCOUNTS_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=INSTANCE_TEMPLATES,
    look=_own_account,
)
TPL03 = ResourceRule(
    id="TPL03",
    title="Instances are Shielded VMs",
    description="Instances must boot verified: secure boot, virtual TPM and integrity monitoring.",
    remediation="Set shieldedInstanceConfig.enableSecureBoot to true and leave the other two on.",
    url=SHIELDED_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=INSTANCE_TEMPLATES,
    look=_shielded,
)
TPL04 = ResourceRule(
    id="TPL04",
    title="Instances are entered through OS Login",
    description="OS Login must stay on, the serial port off, project-wide SSH keys blocked, and packets not be forwarded.",
    remediation="Set metadata block-project-ssh-keys TRUE; remove enable-oslogin FALSE, serial-port-enable and canIpForward.",
    url=LOGIN_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=INSTANCE_TEMPLATES,
    look=_hard_to_enter,
)

RULES = (TPL01, TPL02, TPL03, TPL04)
