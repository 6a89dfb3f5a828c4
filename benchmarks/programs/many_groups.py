"""A program of as many balanced groups as the configuration says, ten resources each, all as the policy pack wants them."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

REGION = "europe-west1"
compute = gcp.compute


def declare(number: int, network: compute.Network, subnetwork: compute.Subnetwork) -> None:
    """Declare one group, what scales, heals and balances it, and who its instances are."""
    account = gcp.serviceaccount.Account(f"sa{number}", account_id=f"web-sa-{number}")
    gcp.projects.IAMMember(f"log{number}", project="p", role="roles/logging.logWriter", member=account.member)
    compute.Firewall(
        f"probes{number}",
        network=network.id,
        source_ranges=["130.211.0.0/22", "35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22"],
        allows=[{"protocol": "tcp", "ports": ["8080"]}],
        target_service_accounts=[account.email],
    )
    template = compute.InstanceTemplate(
        f"tpl{number}",
        name_prefix=f"web{number}-",
        machine_type="e2-small",
        metadata={"block-project-ssh-keys": "TRUE"},
        disks=[{"boot": True, "source_image": "projects/debian-cloud/global/images/family/debian-12"}],
        network_interfaces=[{"subnetwork": subnetwork.id}],
        service_account={"email": account.email, "scopes": ["cloud-platform"]},
        shielded_instance_config={"enable_secure_boot": True},
    )
    healing = compute.HealthCheck(
        f"ah{number}",
        check_interval_sec=30,
        timeout_sec=15,
        healthy_threshold=2,
        unhealthy_threshold=5,
        http_health_check={"port": 8080, "request_path": "/healthz"},
        log_config={"enable": True},
    )
    balancing = compute.RegionHealthCheck(
        f"lb{number}",
        region=REGION,
        check_interval_sec=5,
        timeout_sec=4,
        healthy_threshold=2,
        unhealthy_threshold=2,
        http_health_check={"port": 8080, "request_path": "/healthz"},
        log_config={"enable": True},
    )
    group = compute.RegionInstanceGroupManager(
        f"mig{number}",
        base_instance_name=f"web{number}",
        region=REGION,
        versions=[{"instance_template": template.self_link_unique}],
        distribution_policy_zones=[f"{REGION}-{zone}" for zone in "bcd"],
        auto_healing_policies={"health_check": healing.id, "initial_delay_sec": 300},
        update_policy={
            "type": "PROACTIVE",
            "minimal_action": "REPLACE",
            "max_surge_fixed": 3,
            "max_unavailable_fixed": 0,
            "min_ready_sec": 30,
        },
    )
    compute.RegionAutoscaler(
        f"as{number}",
        region=REGION,
        target=group.id,
        autoscaling_policy={
            "min_replicas": 3,
            "max_replicas": 10,
            "cooldown_period": 60,
            "cpu_utilization": {"target": 0.6},
            "scale_in_control": {"max_scaled_in_replicas": {"fixed": 1}, "time_window_sec": 600},
        },
    )
    service = compute.RegionBackendService(
        f"be{number}",
        region=REGION,
        protocol="TCP",
        load_balancing_scheme="EXTERNAL",
        health_checks=balancing.id,
        backends=[{"group": group.instance_group, "balancing_mode": "CONNECTION"}],
        connection_draining_timeout_sec=60,
        failover_policy={"drop_traffic_if_unhealthy": False},
        log_config={"enable": True, "sample_rate": 0.1},
    )
    compute.ForwardingRule(
        f"fr{number}",
        region=REGION,
        load_balancing_scheme="EXTERNAL",
        ip_protocol="TCP",
        ports=["8080"],
        backend_service=service.id,
    )


def main() -> None:
    """Declare the network and the groups."""
    network = compute.Network("net", auto_create_subnetworks=False)
    subnetwork = compute.Subnetwork(
        "sub",
        network=network.id,
        region=REGION,
        ip_cidr_range="10.0.0.0/16",
        private_ip_google_access=True,
        log_config={
            "flow_sampling": 0.5,
            "aggregation_interval": "INTERVAL_5_SEC",
            "metadata": "INCLUDE_ALL_METADATA",
        },
    )
    for number in range(pulumi.Config().require_int("groups")):
        declare(number, network, subnetwork)


main()
