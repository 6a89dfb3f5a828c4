"""What each kind of environment decides differently, in one place; a stack's own file goes before it.

A stack says which it is (`mig-nlb:environment`). One that does not gets the components' own defaults, which suit production. What is
about the *environment* stands here: how large, how fast it boots, how much is recorded. What is about the *service* (its name, zones,
script, clients, permissions, and its two health checks) stands in the stack's file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from components.balancing import Balancing
from components.machine import Machine
from components.network import FirewallPolicy
from components.repair_policy import RepairPolicy
from components.scaling_policy import ScaleInControl, ScalingPolicy
from components.update_policy import UpdatePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

EnvironmentName = Literal["local", "dev", "staging", "prod"]


@dataclass(frozen=True, kw_only=True)
class EnvironmentDefaults:
    """Sections as they are where a stack's file says nothing. The fields are called as in `Settings`.

    Attributes:
        machine: what instances are made of.
        update: how a new template reaches the instances.
        repair: when an instance may be condemned.
        autoscaler: limits and signals.
        load_balancer: behaviour of the load balancer.
        firewall: who may connect, and what is logged of it.
    """

    machine: Machine = field(default_factory=Machine)
    update: UpdatePolicy = field(default_factory=UpdatePolicy)
    repair: RepairPolicy = field(default_factory=RepairPolicy)
    autoscaler: ScalingPolicy = field(default_factory=ScalingPolicy)
    load_balancer: Balancing = field(default_factory=Balancing)
    firewall: FirewallPolicy = field(default_factory=FirewallPolicy)


ENVIRONMENTS: Final[Mapping[EnvironmentName, EnvironmentDefaults]] = {
    # Instances boot in well under a second, and everything is watched by somebody who does not want to wait.
    "local": EnvironmentDefaults(
        update=UpdatePolicy(min_ready_sec=1),
        repair=RepairPolicy(boot_sec=10, initial_delay_sec=30),
        autoscaler=ScalingPolicy(
            cooldown_period_sec=15,
            scale_in_control=ScaleInControl(time_window_sec=60, max_scaled_in_replicas=5),
        ),
        # Nothing the sample service answers takes longer, and updates wait for leaving instances' connections.
        load_balancer=Balancing(longest_request_sec=5, draining_sec=5),
    ),
    # One instance per zone, and no more than development needs: a mistake here costs little.
    "dev": EnvironmentDefaults(
        autoscaler=ScalingPolicy(
            max_replicas=6,
            scale_in_control=ScaleInControl(time_window_sec=600, max_scaled_in_replicas=1),
        ),
    ),
    # Production's machines and pace, so that what works here works there; fewer of them.
    "staging": EnvironmentDefaults(
        machine=Machine(machine_type="e2-standard-2"),
        update=UpdatePolicy(min_ready_sec=60),
        autoscaler=ScalingPolicy(
            max_replicas=6,
            scale_in_control=ScaleInControl(time_window_sec=600, max_scaled_in_replicas=1),
        ),
        firewall=FirewallPolicy(logging=True),
    ),
    # Two instances per zone, so that losing a whole zone leaves four; capacity comes before the day's peak; connections are logged.
    "prod": EnvironmentDefaults(
        machine=Machine(machine_type="e2-standard-2"),
        update=UpdatePolicy(min_ready_sec=60),
        autoscaler=ScalingPolicy(
            min_replicas=6,
            max_replicas=30,
            predictive_method="OPTIMIZE_AVAILABILITY",
            scale_in_control=ScaleInControl(time_window_sec=600, max_scaled_in_replicas=1),
        ),
        firewall=FirewallPolicy(logging=True),
    ),
}
