"""A stack for the policy pack's tests: sound, or with two equal checks, or wrong in every way the pack knows."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_gcp as gcp

REGION = "europe-west1"
PROBERS = ["130.211.0.0/22", "35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22"]
compute = gcp.compute
case = pulumi.Config().require("case")
equal = case == "equal"


def http(path: str = "/healthz") -> dict[str, Any]:
    return {"port": 8080, "request_path": path}


account = gcp.serviceaccount.Account("sa", account_id="web-sa")
gcp.projects.IAMMember("log", project="p", role="roles/logging.logWriter", member=account.member)
net = compute.Network("net", auto_create_subnetworks=False)
sub = compute.Subnetwork(
    "sub",
    network=net.id,
    region=REGION,
    ip_cidr_range="10.0.0.0/24",
    private_ip_google_access=True,
    log_config={
        "flow_sampling": 0.5,
        "aggregation_interval": "INTERVAL_5_SEC",
        "metadata": "INCLUDE_ALL_METADATA",
    },
)
compute.Firewall(
    "probes",
    network=net.id,
    source_ranges=PROBERS,
    allows=[{"protocol": "tcp", "ports": ["8080"]}],
    target_service_accounts=[account.email],
)
template = compute.InstanceTemplate(
    "tpl",
    name_prefix="web-",
    machine_type="e2-small",
    metadata={"block-project-ssh-keys": "TRUE"},
    disks=[{"boot": True, "source_image": "projects/debian-cloud/global/images/family/debian-12"}],
    network_interfaces=[{"subnetwork": sub.id}],
    service_account={"email": account.email, "scopes": ["cloud-platform"]},
    shielded_instance_config={"enable_secure_boot": True},
)
# Two equal checks are what the API makes of two untouched ones.
slow: dict[str, Any] = (
    {}
    if equal
    else {"check_interval_sec": 30, "timeout_sec": 15, "healthy_threshold": 2, "unhealthy_threshold": 5}
)
quick: dict[str, Any] = (
    {}
    if equal
    else {"check_interval_sec": 5, "timeout_sec": 4, "healthy_threshold": 2, "unhealthy_threshold": 2}
)
healing = compute.HealthCheck("ah", http_health_check=http(), log_config={"enable": True}, **slow)
balancing = compute.RegionHealthCheck(
    "lb", region=REGION, http_health_check=http(), log_config={"enable": True}, **quick
)
group = compute.RegionInstanceGroupManager(
    "mig",
    base_instance_name="web",
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
    "as",
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
    "be",
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
    "fr",
    region=REGION,
    load_balancing_scheme="EXTERNAL",
    ip_protocol="TCP",
    ports=["8080"],
    backend_service=service.id,
)

if case == "wrong":
    gcp.projects.IAMMember("editor", project="p", role="roles/editor", member=account.member)
    gcp.projects.IAMMember("user", project="p", role="roles/iam.serviceAccountUser", member=account.member)
    open_net = compute.Network("open-net", auto_create_subnetworks=True)
    compute.Firewall(
        "ssh", network=open_net.id, source_ranges=["0.0.0.0/0"], allows=[{"protocol": "tcp", "ports": ["22"]}]
    )
    weak_template = compute.InstanceTemplate(
        "weak-tpl",
        name="weak",
        machine_type="e2-small",
        metadata={"serial-port-enable": "TRUE"},
        disks=[{"boot": True, "source_image": "projects/debian-cloud/global/images/family/debian-12"}],
        network_interfaces=[{"network": open_net.id, "access_configs": [{}]}],
    )
    shared = compute.HealthCheck("shared", healthy_threshold=1, tcp_health_check={"port": 8080})
    compute.HealthCheck("untouched", tcp_health_check={"port": 8080})
    compute.HealthCheck("late", check_interval_sec=5, timeout_sec=10, tcp_health_check={"port": 8080})
    compute.HealthCheck(
        "regions",
        check_interval_sec=30,
        source_regions=["us-east1", "us-west1", REGION],
        tcp_health_check={"port": 8080},
    )
    lone = compute.HealthCheck(
        "lone", check_interval_sec=60, timeout_sec=3, unhealthy_threshold=1, http_health_check=http()
    )
    weak = compute.RegionInstanceGroupManager(
        "weak",
        base_instance_name="weak",
        region=REGION,
        versions=[{"instance_template": weak_template.self_link_unique}],
        distribution_policy_target_shape="ANY",
        distribution_policy_zones=[f"{REGION}-b"],
        auto_healing_policies={"health_check": shared.id, "initial_delay_sec": 0},
        instance_lifecycle_policy={"on_failed_health_check": "DO_NOTHING"},
        target_size=1,
    )
    hasty = compute.RegionInstanceGroupManager(
        "hasty",
        base_instance_name="hasty",
        region=REGION,
        versions=[{"instance_template": weak_template.self_link_unique}],
        auto_healing_policies={"health_check": lone.id, "initial_delay_sec": 300},
    )
    compute.RegionInstanceGroupManager(
        "bare",
        base_instance_name="bare",
        region=REGION,
        versions=[{"instance_template": weak_template.self_link_unique}],
    )
    compute.RegionAutoscaler(
        "weak-as",
        region=REGION,
        target=weak.id,
        autoscaling_policy={
            "min_replicas": 1,
            "max_replicas": 1,
            "mode": "OFF",
            "load_balancing_utilization": {"target": 0.8},
        },
    )
    weak_service = compute.RegionBackendService(
        "weak-be",
        region=REGION,
        load_balancing_scheme="EXTERNAL",
        health_checks=shared.id,
        backends=[
            {"group": weak.instance_group, "balancing_mode": "UTILIZATION"},
            {"group": hasty.instance_group, "balancing_mode": "CONNECTION", "failover": True},
        ],
        connection_draining_timeout_sec=0,
        connection_tracking_policy={"connection_persistence_on_unhealthy_backends": "ALWAYS_PERSIST"},
    )
    compute.ForwardingRule(
        "weak-fr",
        region=REGION,
        load_balancing_scheme="EXTERNAL",
        ip_protocol="TCP",
        all_ports=True,
        backend_service=weak_service.id,
    )
