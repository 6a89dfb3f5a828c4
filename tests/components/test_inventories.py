"""Every branch of every component: what it makes is its committed inventory, which is read in review like code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.balancing import Balancing, Failover
from components.fixed_names import FixedNames
from components.frontend import Frontend
from components.group_shape import GroupShape
from components.instance_flexibility import InstanceSelection
from components.machine import Machine
from components.monitoring import MonitoringPolicy
from components.network import ExistingVpc, FirewallPolicy, NewVpc
from components.repair_policy import RepairPolicy
from components.standby_pool import StandbyPool
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from tests.components.parts import (
    DUAL_STACK,
    ZONES,
    make_autoscaler,
    make_balancer,
    make_group,
    make_monitoring,
    make_network,
    make_template,
)
from tests.components.recording import REGION, Recording
from tests.golden.inventory import assert_inventory

if TYPE_CHECKING:
    from collections.abc import Callable


BRANCHES: dict[str, Callable[[], Recording]] = {
    "network-new": make_network,
    "network-nat-ssh": lambda: make_network(
        vpc=NewVpc(nat=True, flow_logs=False),
        firewall=FirewallPolicy(ssh_ranges=("35.235.240.0/20",), logging=True),
    ),
    "network-existing": lambda: make_network(
        vpc=ExistingVpc(network="their-network", subnetwork="their-subnetwork")
    ),
    "template-default": lambda: make_template(Machine()),
    "template-all-switches": lambda: make_template(
        Machine(
            machine_type="n2d-standard-2",
            image="projects/p/global/images/ours-1",
            disk_size_gb=20,
            kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k",
            external_address=True,
            metadata={"service-port": "9000"},
            labels={"team": "web"},
            tags=("web",),
            os_login=False,
            serial_port=True,
            confidential="SEV",
            min_cpu_platform="AMD Milan",
        )
    ),
    "template-spot": lambda: make_template(Machine(spot=True)),
    "group-default": make_group,
    "group-observing": lambda: make_group(
        repair=RepairPolicy(
            on_failed_health_check="DO_NOTHING", force_update_on_repair=True, allow_changing_zone=True
        ),
        update=UpdatePolicy(
            type="OPPORTUNISTIC",
            max_surge=0,
            max_unavailable=3,
            replacement_method="RECREATE",
            min_ready_sec=30,
        ),
        shape=GroupShape(
            zones=ZONES,
            wait_for_instances=False,
            base_instance_name="w",
            instance_metadata={"k": "v"},
            instance_labels={"l": "w"},
        ),
    ),
    "group-zonal": lambda: make_group(
        shape=GroupShape(zones=ZONES[:1], scope="ZONAL"), smallest_size=1, update=UpdatePolicy(max_surge=1)
    ),
    "group-stateful": lambda: make_group(
        shape=GroupShape(zones=ZONES, target_size=3),
        update=UpdatePolicy(
            replacement_method="RECREATE", max_surge=0, max_unavailable=3, instance_redistribution_type="NONE"
        ),
        stateful=StatefulPolicy(
            disks={"persistent-disk-0": "NEVER"},
            internal_ips={"nic0": "ON_PERMANENT_INSTANCE_DELETION"},
            external_ips={"nic0": "NEVER"},
        ),
    ),
    "group-standby": lambda: make_group(
        standby=StandbyPool(suspended=2, stopped=1, initial_delay_sec=180),
        names=FixedNames(group="their-group", autohealing_check="their-check"),
    ),
    "balancer-existing-addresses": lambda: make_balancer(
        Balancing(frontends=DUAL_STACK),
        subnetwork="subnet",
        address="203.0.113.9",
        address_ipv6=f"projects/p/regions/{REGION}/addresses/theirs",
    ),
    "group-flexible": lambda: make_group(
        shape=GroupShape(zones=ZONES, target_shape="ANY"),
        flexibility={
            "usual": InstanceSelection(machine_types=("e2-standard-2", "n2-standard-2")),
            "large": InstanceSelection(machine_types=("e2-standard-4",), rank=1),
        },
    ),
    "group-canary": lambda: make_group(
        canary_template="template-2", canary_size={"fixed": 1}, health_check="their-check"
    ),
    "template-regional": lambda: make_template(Machine(), region=REGION),
    "autoscaler-zonal": lambda: make_autoscaler(zone=ZONES[0]),
    "balancer-existing-check": lambda: make_balancer(health_check="their-check"),
    "autoscaler-default": make_autoscaler,
    "monitoring-everything": lambda: make_monitoring(
        MonitoringPolicy(
            alerts=True, dashboard=True, notification_channels=("projects/p/notificationChannels/1",)
        )
    ),
    "balancer-default": make_balancer,
    "balancer-dual-stack": lambda: make_balancer(Balancing(frontends=DUAL_STACK), subnetwork="subnet"),
    "network-dual-stack": lambda: make_network(
        frontends=tuple(DUAL_STACK.values()),
        firewall=FirewallPolicy(client_ranges=("203.0.113.0/24", "2001:db8:1::/48")),
    ),
    "template-dual-stack": lambda: make_template(Machine(), ipv6=True),
    "balancer-udp": lambda: make_balancer(
        Balancing(
            frontends={"dns": Frontend(protocol="UDP", ports=(53,))},
            session_affinity="CLIENT_IP",
            tracking_mode="PER_SESSION",
            persistence_on_unhealthy="NEVER_PERSIST",
            network_tier="STANDARD",
        )
    ),
    "balancer-everything": lambda: make_balancer(
        Balancing(
            frontends={"all": Frontend(protocol="L3_DEFAULT", all_ports=True)},
            weighted=True,
            log_sample_rate=0.5,
        )
    ),
    "balancer-failover": lambda: make_balancer(
        Balancing(
            frontends={"main": Frontend(), "admin": Frontend(port_range="9000-9010")},
            failover=Failover(ratio=0.5, drop_traffic_if_unhealthy=True, groups=("group-2",)),
        ),
        address="203.0.113.9",
    ),
}


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_every_branch_of_a_component_makes_what_its_inventory_says(branch: str) -> None:
    assert_inventory(branch, BRANCHES[branch]().inventory())
