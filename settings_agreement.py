"""What no single section of the settings can know: which of them do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.existing_addresses import require_addresses
from components.group_shape import AUTOSCALED_SHAPES
from components.invalid_argument import InvalidArgumentError, within
from components.resource_name import require_resource_name
from components.service_identity import NewServiceAccount, ServiceIdentityArgs
from components.startup_script import InlineScript

if TYPE_CHECKING:
    from settings import Settings


def require_agreement(settings: Settings) -> None:
    """Refuse settings that do not go together, before any of them has made anything.

    Raises:
        InvalidArgumentError: naming the key, its value, the rule and the fix.
    """
    require_resource_name("service", settings.service, suffix="-vm", limit=30)
    with within("group"):
        settings.group.require_region(settings.region)
        settings.group.base_name(settings.service)
        settings.group.require_redistribution(settings.update.instance_redistribution_type)
    with within("standby"):
        settings.standby.require_boot(settings.repair.boot_sec)
    with within("update"):
        settings.update.validate_for(zones=len(settings.group.zones), smallest_size=settings.smallest_size)
    if settings.canary is not None:
        with within("canary"):
            settings.canary.require_difference(settings.machine, settings.startup)
            settings.canary.validate_for(
                smallest_size=settings.smallest_size, shape=settings.group.target_shape
            )
    with within("load_balancer"):
        settings.load_balancer.require_names(settings.service)
        settings.load_balancer.require_check(settings.balancer_check.protocol)
        if settings.address is not None:
            settings.load_balancer.require_ipv4()
    require_addresses(settings.address, settings.address_ipv6, settings.load_balancer)
    with within("names"):
        settings.names.require_frontends(settings.load_balancer.frontends)
    if settings.stateful.external_ips and not settings.machine.external_address:
        raise InvalidArgumentError(
            "stateful.external_ips", dict(settings.stateful.external_ips), "instances have no external address to keep",
            "set machine.external_address: true, or remove it",
        )  # fmt: skip
    if isinstance(settings.identity, NewServiceAccount):
        with within("identity"):
            settings.identity.id_for(settings.service)
    with within("firewall"):
        settings.firewall.require_frontends(tuple(settings.load_balancer.frontends.values()))
    checks = settings.health_checks
    with within("monitoring"):
        settings.monitoring.require_logs(checks)
    _require_one_owner_of_the_size(settings)
    # What the components refuse of their arguments is refused here, where no other component has made anything yet.
    settings.group_arguments(instance_template="", canary_template="" if settings.canary else None)
    script_bucket = None if isinstance(settings.startup, InlineScript) else ""
    ServiceIdentityArgs(
        project=settings.project, account=settings.identity, bindings=settings.iam, bucket=script_bucket
    )


def _require_one_owner_of_the_size(settings: Settings) -> None:
    if (settings.autoscaler is None) == (settings.group.target_size is None):
        raise InvalidArgumentError(
            "group.target_size", settings.group.target_size,
            "the autoscaler owns the size of a group that has one, and would be undone by every deployment",
            "keep one of group.target_size and the section mig-nlb:autoscaler",
        )  # fmt: skip
    if settings.autoscaler is None:
        return
    shape, redistribution = settings.group.target_shape, settings.update.instance_redistribution_type
    if settings.group.zone is None and shape not in AUTOSCALED_SHAPES:
        raise InvalidArgumentError(
            "group.target_shape", shape, "the autoscaler has to know where its instances go, and works with EVEN and BALANCED only",
            "use EVEN, or BALANCED with update.instance_redistribution_type NONE; or group.target_size in place of the autoscaler",
        )  # fmt: skip
    if settings.group.zone is None and shape == "EVEN" and redistribution == "NONE":
        raise InvalidArgumentError(
            "update.instance_redistribution_type", redistribution,
            "an autoscaled group needs redistribution: scaling in leaves its zones uneven",
            "use PROACTIVE, or group.target_shape BALANCED",
        )  # fmt: skip
    if settings.autoscaler.cooldown_period_sec < settings.repair.boot_sec:
        raise InvalidArgumentError(
            "autoscaler.cooldown_period_sec", settings.autoscaler.cooldown_period_sec,
            f"instances take up to {settings.repair.boot_sec} s to serve (repair.boot_sec); their boot's CPU would be taken for load",
            f"set it to {settings.repair.boot_sec} or more, or correct repair.boot_sec",
        )  # fmt: skip
