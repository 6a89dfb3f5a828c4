"""What each component registers: order, names, links, and the promises its docstring makes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pytest

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.balancing import Balancing, Failover
from components.frontend import Frontend
from components.group_shape import GroupShape
from components.health_check_pair import HealthCheckPair
from components.health_probe import BALANCER_DEFAULT, HealthProbe
from components.iam_bindings import Binding, Condition, IamBindings, MembersBinding
from components.instance_flexibility import InstanceSelection
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.invalid_argument import InvalidArgumentError
from components.machine import Machine
from components.monitoring import Monitoring, MonitoringArgs, MonitoringPolicy
from components.network import ExistingVpc, FirewallPolicy, NewVpc
from components.repair_policy import RepairPolicy
from components.scaling_policy import ScalingPolicy
from components.service_identity import (
    ExistingServiceAccount,
    NewServiceAccount,
    ServiceIdentity,
    ServiceIdentityArgs,
)
from components.startup_script import InlineScript, ScriptFiles, ScriptUrl, StartupScript, StartupScriptArgs
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from tests.components.parts import ZONES, make_balancer, make_group, make_network
from tests.components.recording import REGION, Recording, record
from tests.golden.inventory import assert_inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DUAL_STACK = {"main": Frontend(), "main-v6": Frontend(ip_version="IPV6")}
VIEWER = "roles/storage.objectViewer"


def make_template(machine: Machine, region: str | None = None, *, ipv6: bool = False) -> Recording:
    return record(
        lambda: InstanceTemplate(
            "web",
            InstanceTemplateArgs(
                machine=machine,
                subnetwork="subnet",
                service_account="vm@p.iam.gserviceaccount.com",
                region=region,
                ipv6=ipv6,
            ),
        )
    )


def make_autoscaler(zone: str | None = None) -> Recording:
    args = AutoscalerArgs(region=REGION, zone=zone, target="group", policy=ScalingPolicy())
    return record(lambda: Autoscaler("web", args))


def make_monitoring(policy: MonitoringPolicy, max_replicas: int | None = 10) -> Recording:
    args = MonitoringArgs(
        project="p",
        policy=policy,
        group="web-group-1",
        base_instance_name="web",
        health_checks=HealthCheckPair(),
        max_replicas=max_replicas,
    )
    return record(lambda: Monitoring("web", args))


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
        update=UpdatePolicy(replacement_method="RECREATE", max_surge=0, max_unavailable=3),
        stateful=StatefulPolicy(
            disks={"persistent-disk-0": "NEVER"},
            internal_ips={"nic0": "ON_PERMANENT_INSTANCE_DELETION"},
            external_ips={"nic0": "NEVER"},
        ),
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


def test_a_firewall_lets_in_both_prober_families_on_the_real_ports_of_both_checks() -> None:
    pair = HealthCheckPair(
        balancer=replace(BALANCER_DEFAULT, port=8080),
        autohealing=replace(HealthCheckPair().autohealing, port=9090),
    )
    rule = make_network(health_checks=pair).named("web-probes").inputs
    assert set(rule["sourceRanges"]) == {
        "35.191.0.0/16",
        "130.211.0.0/22",
        "209.85.152.0/22",
        "209.85.204.0/22",
    }
    assert rule["allows"] == [{"protocol": "tcp", "ports": ["8080", "9090"]}]
    assert rule["targetServiceAccounts"] == ["vm@p.iam.gserviceaccount.com"]


def test_ranges_of_the_two_families_are_in_rules_of_their_own() -> None:
    made = make_network(
        frontends=(Frontend(ports=(80,)), Frontend(ports=(8081,), ip_version="IPV6")),
        firewall=FirewallPolicy(client_ranges=("203.0.113.0/24", "2001:db8:1::/48")),
    )
    rules = {rule.name: rule.inputs for rule in made.of("Firewall")}
    assert rules["web-clients"]["sourceRanges"] == ["203.0.113.0/24"]
    assert rules["web-clients"]["allows"] == [{"protocol": "tcp", "ports": ["80"]}]
    assert rules["web-clients-v6"]["sourceRanges"] == ["2001:db8:1::/48"]
    assert rules["web-clients-v6"]["allows"] == [{"protocol": "tcp", "ports": ["8081"]}]
    assert rules["web-probes-v6"]["sourceRanges"] == ["2600:1901:8001::/48"]
    assert made.one("Subnetwork").inputs["stackType"] == "IPV4_IPV6"


def test_clients_of_a_family_that_no_frontend_has_get_no_rule() -> None:
    made = make_network(frontends=(Frontend(ip_version="IPV6"),))
    assert {rule.name for rule in made.of("Firewall")} == {"web-probes", "web-probes-v6"}


def test_a_frontend_over_ipv6_alone_has_an_address_of_that_family_alone() -> None:
    made = make_balancer(Balancing(frontends={"main": Frontend(ip_version="IPV6")}), subnetwork="subnet")
    assert made.one("Address").inputs["ipv6EndpointType"] == "NETLB"
    rule = made.one("ForwardingRule").inputs
    assert (rule["ipVersion"], rule["subnetwork"]) == ("IPV6", "subnet")
    assert made.outputs["mig-nlb:compute:NetworkLoadBalancer"]["url"] == "http://[2001:db8::5]:8080"
    with pytest.raises(InvalidArgumentError, match="subnetwork = None"):
        make_balancer(Balancing(frontends={"main": Frontend(ip_version="IPV6")}))


def test_nobody_is_let_in_who_was_not_named() -> None:
    made = make_network(firewall=FirewallPolicy())
    assert [rule.name for rule in made.of("Firewall")] == ["web-probes"]


def test_a_group_that_an_autoscaler_sizes_begins_with_the_fewest_and_is_left_alone_from_then_on() -> None:
    group = make_group(smallest_size=4).one("RegionInstanceGroupManager")
    assert (group.inputs["targetSize"], group.ignore_changes) == (4, ("targetSize",))
    fixed = make_group(shape=GroupShape(zones=ZONES, target_size=5)).one("RegionInstanceGroupManager")
    assert (fixed.inputs["targetSize"], fixed.ignore_changes) == (5, ())


def test_a_check_that_somebody_else_keeps_is_used_and_none_is_made() -> None:
    group, balancer = make_group(health_check="theirs"), make_balancer(health_check="theirs-2")
    assert group.of("HealthCheck") == balancer.of("RegionHealthCheck") == []
    manager = group.one("RegionInstanceGroupManager").inputs
    assert manager["autoHealingPolicies"]["healthCheck"] == "theirs"
    assert balancer.one("RegionBackendService").inputs["healthChecks"] == "theirs-2"


def test_what_is_watched_is_what_was_asked_for() -> None:
    assert [item for item in make_monitoring(MonitoringPolicy()).resources if item.custom] == []
    fixed = make_monitoring(MonitoringPolicy(alerts=True), max_replicas=None)
    assert {item.name for item in fixed.of("AlertPolicy")} == {"web-unhealthy", "web-recreated"}
    (page,) = make_monitoring(MonitoringPolicy(dashboard=True)).of("Dashboard")
    widgets = json.loads(page.inputs["dashboardJson"])["gridLayout"]["widgets"]
    assert [item["title"] for item in widgets][0::3] == ["Instances", "Changes of health"]
    assert '"web-group-1"' in widgets[3]["logsPanel"]["filter"]


def test_a_canary_leaves_the_version_of_all_the_others_as_it_is() -> None:
    usual = make_group().one("RegionInstanceGroupManager").inputs["versions"]
    tried = make_group(canary_template="template-2", canary_size={"fixed": 1})
    stable, canary = tried.one("RegionInstanceGroupManager").inputs["versions"]
    assert [stable] == usual, "another name alone would replace every instance"
    assert canary == {"name": "canary", "instanceTemplate": "template-2", "targetSize": {"fixed": 1}}


def test_the_two_health_checks_are_two_resources_and_each_is_used_by_its_own() -> None:
    group, balancer = make_group(), make_balancer()
    manager = group.one("RegionInstanceGroupManager")
    assert manager.property_dependencies["autoHealingPolicies"] == {"web-autohealing"}
    assert group.named("web-autohealing").type == "gcp:compute/healthCheck:HealthCheck"
    service = balancer.one("RegionBackendService")
    assert service.property_dependencies["healthChecks"] == {"web-balancer"}
    assert balancer.named("web-balancer").type == "gcp:compute/regionHealthCheck:RegionHealthCheck"


def test_a_weak_pair_with_the_guard_off_is_made_with_a_warning() -> None:
    weak = HealthCheckPair(autohealing=BALANCER_DEFAULT, guard="off")
    (warning,) = make_group(health_checks=weak).warnings
    assert "health_check_guard is off" in warning
    assert "ratio 10 s / 10 s = 1, required 3 or more" in warning
    assert make_group().warnings == []


def test_replacement_is_in_the_order_the_api_allows() -> None:
    group, balancer, autoscaler = make_group(), make_balancer(), make_autoscaler()
    # Named by Pulumi, so the new one can stand before the old one goes.
    for resource in (
        group.named("web-group"),
        group.named("web-autohealing"),
        balancer.named("web-balancer"),
        balancer.named("web-backend"),
    ):
        assert "name" not in resource.inputs
        assert not resource.delete_before_replace
    template = make_template(Machine()).one("InstanceTemplate")
    assert template.inputs["namePrefix"] == "web-"
    assert "name" not in template.inputs
    # One autoscaler to a group, one rule to an address and port: the old one goes first.
    assert autoscaler.one("RegionAutoscaler").delete_before_replace
    assert autoscaler.one("RegionAutoscaler").replace_on_changes == ("target",)
    assert balancer.one("ForwardingRule").delete_before_replace
    # The address is a resource of its own, which no such replacement touches.
    assert balancer.one("Address").depends_on == frozenset()


def test_combinations_of_arguments_that_the_api_refuses_are_refused_before_anything_is_made() -> None:
    with pytest.raises(InvalidArgumentError, match="max_surge = 2"):
        make_group(update=UpdatePolicy(max_surge=2))
    with pytest.raises(InvalidArgumentError, match="redistribution off"):
        make_group(shape=GroupShape(zones=ZONES, target_shape="BALANCED"))
    with pytest.raises(InvalidArgumentError, match="not a zone of the region europe-west1"):
        make_group(shape=GroupShape(zones=("us-east1-b",)))
    some = {"x": InstanceSelection(machine_types=("e2-small",))}
    with pytest.raises(
        InvalidArgumentError, match="flexibility = 'x': only a regional group that need not be even"
    ):
        make_group(flexibility=some)
    with pytest.raises(
        InvalidArgumentError, match=r"no autoscaler may choose whose state goes. Fix: set group.target_size"
    ):
        make_group(stateful=StatefulPolicy(disks={"persistent-disk-0": "NEVER"}))
    with pytest.raises(InvalidArgumentError, match="one version without a size only"):
        make_group(canary_template="template-2")
    with pytest.raises(InvalidArgumentError, match="weights come in the answers of an HTTP check"):
        make_balancer(
            Balancing(weighted=True),
            health_checks=HealthCheckPair(balancer=HealthProbe(protocol="TCP")),
        )


def identity(
    bindings: IamBindings, account: NewServiceAccount | ExistingServiceAccount | None = None
) -> Recording:
    args = ServiceIdentityArgs(
        project="p",
        account=account or NewServiceAccount(),
        bindings=bindings,
        bucket="scripts" if bindings.bucket else None,
    )
    return record(lambda: ServiceIdentity("web", args))


def test_bindings_are_single_members_keyed_by_role() -> None:
    condition = Condition(title="scripts", expression="resource.name.startsWith('x')")
    made = identity(
        IamBindings(
            project={"roles/logging.logWriter": Binding()},
            bucket={VIEWER: Binding(condition=condition)},
            service_account={
                "roles/iam.serviceAccountUser": MembersBinding(members=("group:b@x.org", "group:a@x.org"))
            },
        )
    )
    assert_inventory("identity-bindings", made.inventory())
    assert {resource.type.split(":")[1] for resource in made.resources if resource.custom} == {
        "serviceaccount/account",
        "serviceaccount/iAMMember",
        "storage/bucketIAMMember",
        "projects/iAMMember",
    }, "nothing authoritative"


def test_an_existing_service_account_gets_the_bindings_and_is_not_made() -> None:
    made = identity(
        IamBindings(project={"roles/logging.logWriter": Binding()}),
        ExistingServiceAccount(email="theirs@p.iam.gserviceaccount.com"),
    )
    assert made.of("Account") == []
    assert made.one("IAMMember").inputs["member"] == "serviceAccount:theirs@p.iam.gserviceaccount.com"


def test_bucket_bindings_without_a_bucket_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="in no bucket that this stack knows"):
        ServiceIdentityArgs(
            project="p", account=NewServiceAccount(), bindings=IamBindings(bucket={VIEWER: Binding()})
        )


@pytest.mark.parametrize(
    ("name", "words"), [("w", "6 to 30 characters"), ("w" * 28, "at most 30 characters")]
)
def test_an_account_id_that_google_does_not_take_is_refused(name: str, words: str) -> None:
    args = ServiceIdentityArgs(project="p", account=NewServiceAccount(), bindings=IamBindings())
    with pytest.raises(InvalidArgumentError, match=words):
        record(lambda: ServiceIdentity(name, args))


def script(source: ScriptFiles | ScriptUrl | InlineScript) -> tuple[StartupScript, Recording]:
    made: list[StartupScript] = []
    recording = record(
        lambda: made.append(StartupScript("web", StartupScriptArgs(source=source, region=REGION)))
    )
    return made[0], recording


def test_files_are_uploaded_in_place_under_fixed_names(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    (tmp_path / "app.py").write_text("print('ä')\n")
    component, made = script(
        ScriptFiles(script=str(tmp_path / "startup.sh"), files=(str(tmp_path / "app.py"),))
    )
    assert {item.inputs["name"]: item.inputs["content"] for item in made.of("BucketObject")} == {
        "startup.sh": "#!/bin/bash\n",
        "app.py": "print('ä')\n",
    }
    bucket = made.one("Bucket").inputs
    assert "name" not in bucket
    assert (bucket["publicAccessPrevention"], bucket["uniformBucketLevelAccess"]) == ("enforced", True)
    assert made.outputs["mig-nlb:compute:StartupScript"]["url"] == "gs://web-scripts-1a2b3c4/startup.sh"
    assert component.metadata["startup-script-digest"] == component.digest


@pytest.mark.parametrize("changed", ["startup.sh", "app.py"])
def test_the_digest_follows_every_file_and_nothing_else(tmp_path: Path, changed: str) -> None:
    (tmp_path / "startup.sh").write_text("#!/bin/bash\n")
    (tmp_path / "app.py").write_text("1\n")
    files = ScriptFiles(script=str(tmp_path / "startup.sh"), files=(str(tmp_path / "app.py"),))
    first, _ = script(files)
    again, _ = script(files)
    with (tmp_path / changed).open("a") as file:
        file.write("# more\n")
    other, _ = script(files)
    assert first.digest == again.digest != other.digest


def test_a_script_elsewhere_and_a_script_inline_upload_nothing() -> None:
    elsewhere, made = script(ScriptUrl(url="gs://theirs/a/startup.sh", version="7"))
    assert made.of("Bucket") == made.of("BucketObject") == []
    assert elsewhere.metadata == {
        "startup-script-url": "gs://theirs/a/startup.sh",
        "startup-script-digest": "7",
    }
    assert made.outputs["mig-nlb:compute:StartupScript"]["bucket"] == "theirs"
    inline, made = script(InlineScript(text="#!/bin/sh\necho hi\n"))
    assert [item for item in made.resources if item.custom] == []
    assert inline.metadata == {"startup-script": "#!/bin/sh\necho hi\n"}


def test_children_stay_inside_their_component_and_tokens_are_the_projects() -> None:
    elsewhere = pulumi.ResourceOptions(protect=True)
    args = AutoscalerArgs(region=REGION, target="group", policy=ScalingPolicy())
    made = record(lambda: Autoscaler("web", args, elsewhere))
    assert [(item.type, item.parent) for item in made.resources] == [
        ("mig-nlb:compute:Autoscaler", "p-test"),
        ("gcp:compute/regionAutoscaler:RegionAutoscaler", "web"),
    ]
