"""What the package's resources take, in the words the SDK makes a schema of.

Made by `python -m component_package.generate`; do not edit.
"""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi


class StartupSource(TypedDict):
    """One of these. {script/files/bucket/location/kms_key}: A script and the files beside it, uploaded to a bucket. {url/version}: A script that somebody else puts into a bucket. {text}: A script that stands in the metadata itself."""

    script: NotRequired[str]
    """Path of the script, from the project's folder; it begins with `#!`."""
    files: NotRequired[list[str]]
    """Paths of what the script fetches from beside itself. Text in UTF-8."""
    bucket: NotRequired[pulumi.Input[str]]
    """An existing bucket to upload to; one of this stack's own unless said."""
    location: NotRequired[str]
    """Where a new bucket is (`EU`, `EUROPE-WEST1`); the stack's region unless said."""
    kms_key: NotRequired[pulumi.Input[str]]
    """A customer-managed key for what a new bucket holds; Cloud Storage's service agent must be allowed to use it."""
    url: NotRequired[str]
    """gs://BUCKET/OBJECT."""
    version: NotRequired[str]
    """Anything; change it to have instances replaced when the script has changed."""
    text: NotRequired[str]
    """The script; readable by whoever may read the instance, so nothing secret."""


class StartupScriptInputs(TypedDict):
    """What the script is made from."""

    source: StartupSource
    """Files to upload, a gs:// URL, or text."""
    region: str
    """Where a new bucket is made unless the files say otherwise."""
    bucket: NotRequired[pulumi.Input[str]]
    """A bucket for files that name none, in place of a new one."""
    folder: NotRequired[str]
    """What the files' names in the bucket begin with, for instance `canary/`."""


class ServiceAccount(TypedDict):
    """One of these. {account_id/display_name}: A service account of this stack's own. {email}: A service account that somebody else keeps; bindings are still added to it."""

    account_id: NotRequired[str]
    """6 to 30 characters; the service's name and `-vm` unless said."""
    display_name: NotRequired[str]
    """For people."""
    email: NotRequired[pulumi.Input[str]]
    """Its e-mail address."""


class Condition(TypedDict):
    """When a binding holds."""

    title: str
    """A short name."""
    expression: str
    """In CEL, for instance `resource.name.startsWith('projects/_/buckets/B/objects/scripts/')`."""
    description: NotRequired[str]
    """For people."""


class Binding(TypedDict):
    """What is said of a role that the instances' service account gets."""

    condition: NotRequired[Condition]
    """When it holds; always unless said."""


class MembersBinding(TypedDict):
    """Who gets a role on the service account itself."""

    members: list[str]
    """Who, for instance `group:ops@example.com`."""
    condition: NotRequired[Condition]
    """When it holds; always unless said."""


class IamBindings(TypedDict):
    """Bindings by what they are on."""

    project: NotRequired[dict[str, Binding]]
    """Roles of the instances' service account on the project."""
    bucket: NotRequired[dict[str, Binding]]
    """Roles of the instances' service account on the start-up script's bucket; without one that may read objects the instances get 403 when they fetch it."""
    service_account: NotRequired[dict[str, MembersBinding]]
    """Roles of others on the service account itself."""


class ServiceIdentityInputs(TypedDict):
    """What the identity is made from."""

    project: str
    """Where the account and the project bindings are."""
    account: ServiceAccount
    """A new account, or an existing one."""
    bindings: IamBindings
    """Roles by what they are on."""
    bucket: NotRequired[pulumi.Input[str]]
    """The start-up script's bucket; needed when there are bucket bindings."""


class Vpc(TypedDict):
    """One of these. {existing_network/cidr/nat/flow_logs}: A subnetwork of this stack's own, in a VPC of its own unless said. {network/subnetwork}: A network and subnetwork that somebody else keeps."""

    existing_network: NotRequired[pulumi.Input[str]]
    """Id of a network to make the subnetwork in (`projects/P/global/networks/N`)."""
    cidr: NotRequired[str]
    """The subnetwork's IPv4 range, a /29 or larger."""
    nat: NotRequired[bool]
    """Let instances without an address reach the internet (Google's services they reach without)."""
    flow_logs: NotRequired[bool]
    """Log a sample of the subnetwork's connections."""
    network: NotRequired[pulumi.Input[str]]
    """Id of the network (`projects/P/global/networks/N`)."""
    subnetwork: NotRequired[pulumi.Input[str]]
    """Id of the subnetwork; Private Google Access, NAT, and external IPv6 for frontends over it are its keeper's to switch on."""


class HealthProbeProtocol(StrEnum):
    """As in `protocol`: what is spoken. HTTP by default: a frozen process still completes TCP handshakes (its kernel does), so a bare TCP check does not notice it."""

    TCP = "TCP"
    SSL = "SSL"
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WITH_TLS = "GRPC_WITH_TLS"


class HealthProbeProxyHeader(StrEnum):
    """As in `proxy_header`: `PROXY_V1` sends a PROXY line first."""

    NONE = "NONE"
    PROXY_V1 = "PROXY_V1"


class HealthProbe(TypedDict):
    """One health check's settings. Times are whole seconds, as the API has them."""

    protocol: NotRequired[HealthProbeProtocol]
    """What is spoken. HTTP by default: a frozen process still completes TCP handshakes (its kernel does), so a bare TCP check does not notice it."""
    port: NotRequired[int]
    """The port the service really listens on; the firewall is opened for it."""
    request_path: NotRequired[str]
    """HTTP family only; `/healthz` unless said. Only status 200 counts as success."""
    host: NotRequired[str]
    """HTTP family only; the Host header."""
    request: NotRequired[str]
    """TCP and SSL only; sent after connecting."""
    response: NotRequired[str]
    """What the answer must be (TCP, SSL) or contain in its first 1024 bytes (HTTP family)."""
    proxy_header: NotRequired[HealthProbeProxyHeader]
    """`PROXY_V1` sends a PROXY line first."""
    grpc_service_name: NotRequired[str]
    """gRPC only; the name asked for."""
    check_interval_sec: NotRequired[int]
    """From the start of one probe to the start of the next, 1 to 300."""
    timeout_sec: NotRequired[int]
    """How long an answer may take, 1 to 300 and no longer than the interval."""
    healthy_threshold: NotRequired[int]
    """Successes in a row that make an instance healthy, 1 to 10."""
    unhealthy_threshold: NotRequired[int]
    """Failures in a row that make it unhealthy, 1 to 10."""
    logging: NotRequired[bool]
    """Write changes of health to Cloud Logging."""


class Guard(StrEnum):
    """As in `guard`: `off` lets a weak pair through with a warning instead of an error."""

    ON = "on"
    OFF = "off"


class HealthCheckPair(TypedDict):
    """Autohealing's check and the balancer's, compared in plain arithmetic."""

    autohealing: NotRequired[HealthProbe]
    """The check that has instances recreated."""
    balancer: NotRequired[HealthProbe]
    """The check that stops new connections to an instance."""
    min_ratio: NotRequired[float]
    """How many times longer autohealing must see an instance fail (interval x failures of each, divided); at least 1."""
    guard: NotRequired[Guard]
    """`off` lets a weak pair through with a warning instead of an error."""


class FrontendProtocol(StrEnum):
    """As in `protocol`: TCP, UDP, or L3_DEFAULT (every protocol; needs `all_ports`)."""

    TCP = "TCP"
    UDP = "UDP"
    L3_DEFAULT = "L3_DEFAULT"


class FrontendIpVersion(StrEnum):
    """As in `ip_version`: IPV4, or IPV6 (PREMIUM tier only; instances get external IPv6 addresses of their own, as the API demands)."""

    IPV4 = "IPV4"
    IPV6 = "IPV6"


class Frontend(TypedDict):
    """One forwarding rule's protocol and ports."""

    protocol: NotRequired[FrontendProtocol]
    """TCP, UDP, or L3_DEFAULT (every protocol; needs `all_ports`)."""
    ports: NotRequired[list[int]]
    """Up to five ports; 8080 where neither a range nor all ports are asked for."""
    port_range: NotRequired[str]
    """`FIRST-LAST`, in place of `ports`."""
    all_ports: NotRequired[bool]
    """Every port, in place of both."""
    ip_version: NotRequired[FrontendIpVersion]
    """IPV4, or IPV6 (PREMIUM tier only; instances get external IPv6 addresses of their own, as the API demands)."""


class FirewallPolicy(TypedDict):
    """Who may reach the instances besides the probers."""

    client_ranges: NotRequired[list[str]]
    """Whose connections the service takes, in CIDR notation. Nobody's unless said; `0.0.0.0/0` is everybody and has to be written."""
    ssh_ranges: NotRequired[list[str]]
    """From where SSH is let in; `35.235.240.0/20` is Google's Identity-Aware Proxy, which needs no address on instances."""
    logging: NotRequired[bool]
    """Log every connection the rules let through."""
    managed: NotRequired[bool]
    """Make firewall rules; false where the network's keeper lets probers and clients in, as with a shared VPC."""


class FixedNames(TypedDict):
    """Names that resources have already."""

    network: NotRequired[str]
    """The VPC's."""
    subnetwork: NotRequired[str]
    """The subnetwork's."""
    router: NotRequired[str]
    """The router's that NAT belongs to."""
    nat: NotRequired[str]
    """The NAT's."""
    firewalls: NotRequired[dict[str, str]]
    """The firewall rules', by what they are for: probes, clients, ssh, and each with `-v6` for IPv6."""
    template: NotRequired[str]
    """The instance template's."""
    group: NotRequired[str]
    """The managed instance group's."""
    autohealing_check: NotRequired[str]
    """The name of autohealing's health check."""
    autoscaler: NotRequired[str]
    """The autoscaler's."""
    address: NotRequired[str]
    """The reserved address's."""
    address_ipv6: NotRequired[str]
    """The reserved IPv6 address's."""
    balancer_check: NotRequired[str]
    """The name of the balancer's health check."""
    backend_service: NotRequired[str]
    """The backend service's."""
    forwarding_rules: NotRequired[dict[str, str]]
    """The forwarding rules', by their frontends' keys."""


class NetworkInputs(TypedDict):
    """What the network is made from."""

    region: str
    """Of the subnetwork."""
    vpc: Vpc
    """A new one, or an existing one to stand in."""
    health_checks: HealthCheckPair
    """Whose ports the probers are let in on."""
    frontends: list[Frontend]
    """Whose ports clients are let in on."""
    firewall: FirewallPolicy
    """Clients and administrators."""
    service_account: pulumi.Input[str]
    """e-mail of the instances' identity, which is what the rules apply to: unlike a tag, it cannot be put on an instance by whoever may edit instances."""
    names: NotRequired[FixedNames]
    """Names that what is made has already, for taking it over by import."""


class Image(TypedDict):
    """The newest image of a family, looked up at every deployment: a new one shows in the preview, and rolls the group."""

    family: NotRequired[str]
    """Name of the family."""
    project: NotRequired[str]
    """Whose family it is."""
    name: NotRequired[str]
    """In place of all other keys: the name of one."""


class MachineConfidential(StrEnum):
    """As in `confidential`: memory encryption, `SEV`, `SEV_SNP` or `TDX`; needs a machine type that has it."""

    SEV = "SEV"
    SEV_SNP = "SEV_SNP"
    TDX = "TDX"


class Machine(TypedDict):
    """An instance's hardware and system."""

    machine_type: NotRequired[str]
    """For instance `e2-small`."""
    image: NotRequired[Image]
    """A family to look up, or the name of one image (`projects/P/global/images/I`) to stay with."""
    disk_size_gb: NotRequired[int]
    """Boot disk, 10 to 65536."""
    disk_type: NotRequired[str]
    """`pd-balanced`, `pd-ssd`, `pd-standard`, `hyperdisk-balanced`."""
    kms_key: NotRequired[pulumi.Input[str]]
    """A customer-managed key for the boot disk (`projects/P/locations/L/keyRings/R/cryptoKeys/K`)."""
    external_address: NotRequired[bool]
    """Give each instance an address of its own. Off: Google's services are reached by Private Google Access, clients by the load balancer, and the rest of the internet not at all unless the network has NAT."""
    metadata: NotRequired[dict[str, str]]
    """Further metadata, readable by anyone who can read the instance: never a secret."""
    labels: NotRequired[dict[str, str]]
    """Further labels."""
    tags: NotRequired[list[str]]
    """Network tags."""
    scopes: NotRequired[list[str]]
    """OAuth scopes; `cloud-platform` leaves the decision to IAM."""
    os_login: NotRequired[bool]
    """Log in by IAM instead of keys in metadata."""
    serial_port: NotRequired[bool]
    """The interactive serial console."""
    project_ssh_keys: NotRequired[bool]
    """Let keys of the whole project in."""
    secure_boot: NotRequired[bool]
    """Shielded VM: signed boot chain."""
    vtpm: NotRequired[bool]
    """Shielded VM: virtual TPM."""
    integrity_monitoring: NotRequired[bool]
    """Shielded VM: compare boots (needs `vtpm`)."""
    confidential: NotRequired[MachineConfidential]
    """Memory encryption, `SEV`, `SEV_SNP` or `TDX`; needs a machine type that has it."""
    spot: NotRequired[bool]
    """Much cheaper, and taken away at any time."""
    min_cpu_platform: NotRequired[str]
    """For instance `Intel Cascade Lake`."""
    can_ip_forward: NotRequired[bool]
    """Let instances send packets with other addresses than their own."""


class InstanceTemplateInputs(TypedDict):
    """What the template is made from."""

    machine: Machine
    """Hardware, image and switches."""
    subnetwork: pulumi.Input[str]
    """Id of the subnetwork instances stand in."""
    service_account: pulumi.Input[str]
    """e-mail of the instances' identity."""
    startup_metadata: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """The metadata that has the start-up script run, digest included."""
    wait_for: NotRequired[pulumi.Input[list[pulumi.Input[str]]]]
    """What must exist before an instance boots: resources, or what follows from them, for instance their ids."""
    region: NotRequired[str]
    """Where a regional template is kept, which does not depend on other regions; a global one unless said."""
    ipv6: NotRequired[bool]
    """Give instances an external IPv6 address beside their IPv4 one, for frontends over IPv6."""
    names: NotRequired[FixedNames]
    """Names that what is made has already, for taking it over by import."""


class GroupShapeScope(StrEnum):
    """As in `scope`: REGIONAL, or ZONAL for a group in one zone, which goes down with it."""

    REGIONAL = "REGIONAL"
    ZONAL = "ZONAL"


class GroupShapeTargetShape(StrEnum):
    """As in `target_shape`: EVEN keeps zones within one instance of each other; BALANCED and ANY_SINGLE_ZONE need redistribution NONE; an autoscaler works with EVEN and BALANCED."""

    EVEN = "EVEN"
    BALANCED = "BALANCED"
    ANY = "ANY"
    ANY_SINGLE_ZONE = "ANY_SINGLE_ZONE"


class GroupShape(TypedDict):
    """Where the group's instances stand, and what the group calls them and their ports."""

    zones: list[str]
    """The zones, written out: a lookup would move the group whenever Google opens a zone. Three is usual."""
    scope: NotRequired[GroupShapeScope]
    """REGIONAL, or ZONAL for a group in one zone, which goes down with it."""
    target_shape: NotRequired[GroupShapeTargetShape]
    """EVEN keeps zones within one instance of each other; BALANCED and ANY_SINGLE_ZONE need redistribution NONE; an autoscaler works with EVEN and BALANCED."""
    target_size: NotRequired[int]
    """How many instances, for a group without an autoscaler; a stack that has a mig-nlb:autoscaler section may not say it."""
    named_ports: NotRequired[dict[str, int]]
    """Names for ports, for the tools that go by them."""
    base_instance_name: NotRequired[str]
    """What instances are called before their random four characters; the service's name unless said."""
    wait_for_instances: NotRequired[bool]
    """Have a deployment wait until the instances of a new group are well, and until an update has reached every instance, and fail when that does not happen. Without it a group that is replaced takes its traffic along before it can answer, and an update fails at its very end: the old template cannot be deleted while instances made from it still run."""
    instance_metadata: NotRequired[dict[str, str]]
    """Metadata laid over the template's, without a new template."""
    instance_labels: NotRequired[dict[str, str]]
    """Labels likewise."""


class UpdatePolicyType(StrEnum):
    """As in `type`: PROACTIVE rolls as soon as the template changes; OPPORTUNISTIC waits until instances are replaced for other reasons."""

    PROACTIVE = "PROACTIVE"
    OPPORTUNISTIC = "OPPORTUNISTIC"


class UpdateAction(StrEnum):
    """As in `minimal_action`: at least this is done to an instance: NONE, REFRESH, RESTART or REPLACE. RESTART does not run cloud-init again."""

    NONE = "NONE"
    REFRESH = "REFRESH"
    RESTART = "RESTART"
    REPLACE = "REPLACE"


class UpdatePolicyReplacementMethod(StrEnum):
    """As in `replacement_method`: SUBSTITUTE makes a new name; RECREATE keeps names and needs `max_surge` 0."""

    SUBSTITUTE = "SUBSTITUTE"
    RECREATE = "RECREATE"


class UpdatePolicyInstanceRedistributionType(StrEnum):
    """As in `instance_redistribution_type`: PROACTIVE keeps zones level (an autoscaled EVEN group needs it); NONE."""

    PROACTIVE = "PROACTIVE"
    NONE = "NONE"


class UpdatePolicy(TypedDict):
    """A rolling update that never takes capacity away, unless told otherwise."""

    type: NotRequired[UpdatePolicyType]
    """PROACTIVE rolls as soon as the template changes; OPPORTUNISTIC waits until instances are replaced for other reasons."""
    minimal_action: NotRequired[UpdateAction]
    """At least this is done to an instance: NONE, REFRESH, RESTART or REPLACE. RESTART does not run cloud-init again."""
    most_disruptive_allowed_action: NotRequired[UpdateAction]
    """At most this; an update that needs more is not carried out."""
    replacement_method: NotRequired[UpdatePolicyReplacementMethod]
    """SUBSTITUTE makes a new name; RECREATE keeps names and needs `max_surge` 0."""
    max_surge: NotRequired[str]
    """Instances above the target size during an update, as a number or `20%`; the number of zones unless said; always as text, `3` or `20%`."""
    max_unavailable: NotRequired[str]
    """Instances that may be missing during an update; 0 unless said; always as text, `3` or `20%`."""
    min_ready_sec: NotRequired[int]
    """How long a new instance must have been ready before the next is begun, 0 to 3600: a broken version shows itself before it is everywhere."""
    instance_redistribution_type: NotRequired[UpdatePolicyInstanceRedistributionType]
    """PROACTIVE keeps zones level (an autoscaled EVEN group needs it); NONE."""


class RepairPolicyOnFailedHealthCheck(StrEnum):
    """As in `on_failed_health_check`: REPAIR; DO_NOTHING to watch a new check before trusting it (the group then only reports); DEFAULT_ACTION to do as `default_action_on_failure` says."""

    REPAIR = "REPAIR"
    DO_NOTHING = "DO_NOTHING"
    DEFAULT_ACTION = "DEFAULT_ACTION"


class RepairPolicyDefaultActionOnFailure(StrEnum):
    """As in `default_action_on_failure`: what is done about instances that crash or are deleted: REPAIR or DO_NOTHING."""

    REPAIR = "REPAIR"
    DO_NOTHING = "DO_NOTHING"


class RepairPolicy(TypedDict):
    """Autohealing's delay and actions."""

    boot_sec: NotRequired[int]
    """The longest an instance takes from its creation to serving, start-up script included. Declared, so that the delay can be checked against it: too short a delay recreates every instance for ever."""
    initial_delay_sec: NotRequired[int]
    """How long failures of a new instance are ignored, 0 to 3600; a first success ends it early."""
    on_failed_health_check: NotRequired[RepairPolicyOnFailedHealthCheck]
    """REPAIR; DO_NOTHING to watch a new check before trusting it (the group then only reports); DEFAULT_ACTION to do as `default_action_on_failure` says."""
    default_action_on_failure: NotRequired[RepairPolicyDefaultActionOnFailure]
    """What is done about instances that crash or are deleted: REPAIR or DO_NOTHING."""
    force_update_on_repair: NotRequired[bool]
    """Recreate from the newest template instead of the instance's own."""
    allow_changing_zone: NotRequired[bool]
    """Let a repair move an instance to another zone."""


class DeleteRule(StrEnum):
    """As in `disks`: rules by device name; the boot disk is `persistent-disk-0`."""

    NEVER = "NEVER"
    ON_PERMANENT_INSTANCE_DELETION = "ON_PERMANENT_INSTANCE_DELETION"


class StatefulPolicy(TypedDict):
    """What outlives a recreated instance. Every value is a rule of deletion: NEVER, or ON_PERMANENT_INSTANCE_DELETION."""

    disks: NotRequired[dict[str, DeleteRule]]
    """Rules by device name; the boot disk is `persistent-disk-0`."""
    internal_ips: NotRequired[dict[str, DeleteRule]]
    """Rules by interface, `nic0`."""
    external_ips: NotRequired[dict[str, DeleteRule]]
    """Rules by interface; needs `machine.external_address`."""


class InstanceSelection(TypedDict):
    """Machine types that are as good as each other."""

    machine_types: list[str]
    """Which; the template's own is not among them unless written."""
    rank: NotRequired[int]
    """0 is tried first; equal ranks are chosen among by availability."""


class StandbyPoolMode(StrEnum):
    """As in `mode`: SCALE_OUT_POOL takes from the pool when the group grows, and fills it up again; MANUAL leaves that to you."""

    SCALE_OUT_POOL = "SCALE_OUT_POOL"
    MANUAL = "MANUAL"


class StandbyPool(TypedDict):
    """How many instances wait beside those that run. Suspended ones keep their memory and are back sooner; both cost their disks."""

    suspended: NotRequired[int]
    """How many are suspended."""
    stopped: NotRequired[int]
    """How many are stopped."""
    initial_delay_sec: NotRequired[int]
    """How long a new instance runs before it is put to sleep, 0 to 3600; no less than its boot."""
    mode: NotRequired[StandbyPoolMode]
    """SCALE_OUT_POOL takes from the pool when the group grows, and fills it up again; MANUAL leaves that to you."""


class ManagedInstanceGroupInputs(TypedDict):
    """What the group is made from."""

    region: str
    """Where it is."""
    instance_template: pulumi.Input[str]
    """`self_link_unique` of the template."""
    shape: GroupShape
    """Zones, ports, names."""
    health_checks: HealthCheckPair
    """Both checks: the group's own, and the balancer's that it had to be compared with."""
    update: UpdatePolicy
    """How a new template reaches the instances."""
    repair: RepairPolicy
    """When an instance may be condemned."""
    smallest_size: int
    """The fewest instances the group may have; what percentages are judged by, and what a group without `shape.target_size` begins with."""
    canary_template: NotRequired[pulumi.Input[str]]
    """`self_link_unique` of the template that some instances are made from."""
    canary_size: NotRequired[dict[str, int]]
    """How many: {`fixed`: n} or {`percent`: n}."""
    health_check: NotRequired[pulumi.Input[str]]
    """Id of a check that somebody else keeps, in place of one made from `health_checks.autohealing`, which has to describe it: firewall and comparison go by the description."""
    stateful: NotRequired[StatefulPolicy]
    """What recreated instances keep."""
    flexibility: NotRequired[dict[str, InstanceSelection]]
    """Machine types to choose among, by name."""
    standby: NotRequired[StandbyPool]
    """Instances that wait beside those that run."""
    names: NotRequired[FixedNames]
    """Names that what is made has already, for taking it over by import."""


class ScalingPolicyPredictiveMethod(StrEnum):
    """As in `predictive_method`: OPTIMIZE_AVAILABILITY adds instances ahead of daily and weekly patterns."""

    NONE = "NONE"
    OPTIMIZE_AVAILABILITY = "OPTIMIZE_AVAILABILITY"


class ScalingPolicyMode(StrEnum):
    """As in `mode`: ON; ONLY_SCALE_OUT; OFF keeps the recommendation and does nothing."""

    ON = "ON"
    OFF = "OFF"
    ONLY_SCALE_OUT = "ONLY_SCALE_OUT"


class ScaleInControl(TypedDict):
    """A brake on scaling in."""

    time_window_sec: int
    """How far back the peak is looked for, 60 to 3600."""
    max_scaled_in_replicas: str
    """The group never has fewer than the window's peak less this many, a number or `10%`; always as text, `3` or `20%`."""


class MetricSignalType(StrEnum):
    """As in `type`: what the value is: GAUGE, DELTA_PER_SECOND or DELTA_PER_MINUTE."""

    GAUGE = "GAUGE"
    DELTA_PER_SECOND = "DELTA_PER_SECOND"
    DELTA_PER_MINUTE = "DELTA_PER_MINUTE"


class MetricSignal(TypedDict):
    """A Cloud Monitoring metric to scale by: either a target per instance, or the work one instance can take."""

    name: str
    """The metric's type (`pubsub.googleapis.com/subscription/num_undelivered_messages`)."""
    target: NotRequired[float]
    """Value aimed at, per instance."""
    type: NotRequired[MetricSignalType]
    """What the value is: GAUGE, DELTA_PER_SECOND or DELTA_PER_MINUTE."""
    filter: NotRequired[str]
    """Which time series."""
    single_instance_assignment: NotRequired[float]
    """How much of the metric one instance can work off."""


class Schedule(TypedDict):
    """A minimum size at certain times."""

    schedule: str
    """When it begins, a cron expression (`0 8 * * MON-FRI`)."""
    duration_sec: int
    """How long it lasts, 300 or more."""
    min_required_replicas: int
    """Fewest instances meanwhile."""
    time_zone: NotRequired[str]
    """Which clock the expression means."""
    description: NotRequired[str]
    """For people."""
    disabled: NotRequired[bool]
    """Keep it, and do not follow it."""


class ScalingPolicy(TypedDict):
    """The autoscaler's limits and signals."""

    min_replicas: NotRequired[int]
    """Fewest instances."""
    max_replicas: NotRequired[int]
    """Most instances; the bill's upper limit, with the update policy's surge."""
    cpu_target: NotRequired[float]
    """Mean CPU utilisation aimed at, above 0 and up to 1; None scales by other signals only."""
    predictive_method: NotRequired[ScalingPolicyPredictiveMethod]
    """OPTIMIZE_AVAILABILITY adds instances ahead of daily and weekly patterns."""
    cooldown_period_sec: NotRequired[int]
    """Initialisation period; the CPU of younger instances is not used for scaling out. No less than the time an instance takes to boot, or its boot is taken for load."""
    stabilization_period_sec: NotRequired[int]
    """Scale in by the peak of this long; Google's default (600) unless said."""
    mode: NotRequired[ScalingPolicyMode]
    """ON; ONLY_SCALE_OUT; OFF keeps the recommendation and does nothing."""
    scale_in_control: NotRequired[ScaleInControl]
    """A brake on scaling in."""
    metrics: NotRequired[list[MetricSignal]]
    """Further signals; the one that asks for most wins."""
    schedules: NotRequired[dict[str, Schedule]]
    """Minimum sizes by time, keyed by name."""


class AutoscalerInputs(TypedDict):
    """What the autoscaler is made from."""

    region: str
    """Where the group is."""
    target: pulumi.Input[str]
    """Id of the group manager."""
    policy: ScalingPolicy
    """Limits and signals."""
    zone: NotRequired[str]
    """Where a zonal group is."""
    names: NotRequired[FixedNames]
    """Names that what is made has already, for taking it over by import."""


class BalancingSessionAffinity(StrEnum):
    """As in `session_affinity`: what of a connection decides its instance: NONE (all of it), CLIENT_IP, CLIENT_IP_PROTO, CLIENT_IP_PORT_PROTO."""

    NONE = "NONE"
    CLIENT_IP = "CLIENT_IP"
    CLIENT_IP_PROTO = "CLIENT_IP_PROTO"
    CLIENT_IP_PORT_PROTO = "CLIENT_IP_PORT_PROTO"


class BalancingTrackingMode(StrEnum):
    """As in `tracking_mode`: PER_CONNECTION, or PER_SESSION to follow the affinity."""

    PER_CONNECTION = "PER_CONNECTION"
    PER_SESSION = "PER_SESSION"


class BalancingPersistenceOnUnhealthy(StrEnum):
    """As in `persistence_on_unhealthy`: whether connections stay on an instance that turned unhealthy."""

    DEFAULT_FOR_PROTOCOL = "DEFAULT_FOR_PROTOCOL"
    NEVER_PERSIST = "NEVER_PERSIST"
    ALWAYS_PERSIST = "ALWAYS_PERSIST"


class Failover(TypedDict):
    """What happens when the primary backends fail."""

    ratio: NotRequired[float]
    """Fail over when fewer than this share of the primaries are healthy, 0 to 1; 0 when none is."""
    drop_traffic_if_unhealthy: NotRequired[bool]
    """Drop connections when nothing is healthy, instead of trying everything as a last resort."""
    disable_connection_drain: NotRequired[bool]
    """Cut connections at failover instead of letting them end."""
    groups: NotRequired[list[pulumi.Input[str]]]
    """Addresses of instance groups to fail over to, in the same region, kept by somebody else."""


class BalancingNetworkTier(StrEnum):
    """As in `network_tier`: PREMIUM or STANDARD, of address and rules."""

    PREMIUM = "PREMIUM"
    STANDARD = "STANDARD"


class Balancing(TypedDict):
    """How connections reach instances."""

    frontends: NotRequired[dict[str, Frontend]]
    """Forwarding rules on the one address, keyed by a short name; port 8080 over TCP unless said."""
    session_affinity: NotRequired[BalancingSessionAffinity]
    """What of a connection decides its instance: NONE (all of it), CLIENT_IP, CLIENT_IP_PROTO, CLIENT_IP_PORT_PROTO."""
    draining_sec: NotRequired[int]
    """How long open connections of a leaving instance may go on, 0 to 3600."""
    longest_request_sec: NotRequired[int]
    """The longest a request may take. Declared, so that draining can be checked against it."""
    tracking_mode: NotRequired[BalancingTrackingMode]
    """PER_CONNECTION, or PER_SESSION to follow the affinity."""
    persistence_on_unhealthy: NotRequired[BalancingPersistenceOnUnhealthy]
    """Whether connections stay on an instance that turned unhealthy."""
    failover: NotRequired[Failover]
    """What happens when instances fail; everything is tried as a last resort unless said."""
    weighted: NotRequired[bool]
    """Spread by weights that instances answer their probes with (needs a check of the HTTP family)."""
    network_tier: NotRequired[BalancingNetworkTier]
    """PREMIUM or STANDARD, of address and rules."""
    log_sample_rate: NotRequired[float]
    """Share of connections that are logged, 0 to 1."""
    url_scheme: NotRequired[str]
    """How clients speak; only for the `url` that is shown."""


class NetworkLoadBalancerInputs(TypedDict):
    """What the load balancer is made from."""

    region: str
    """Where it is; its instances are in the same region."""
    instance_group: pulumi.Input[str]
    """Address of the instance group behind it."""
    health_checks: HealthCheckPair
    """Both checks: the balancer's own, and autohealing's that it was compared with."""
    balancing: Balancing
    """Frontends and behaviour."""
    address: NotRequired[pulumi.Input[str]]
    """An IPv4 address that somebody else reserved, in the same region and tier; one is reserved unless said."""
    address_ipv6: NotRequired[pulumi.Input[str]]
    """Id of an IPv6 address that somebody else reserved (`projects/P/regions/R/addresses/N`); likewise."""
    subnetwork: NotRequired[pulumi.Input[str]]
    """Id of the instances' subnetwork, for frontends over IPv6."""
    health_check: NotRequired[pulumi.Input[str]]
    """Id of a regional check that somebody else keeps, in place of one made from `health_checks.balancer`, which has to describe it: firewall and comparison go by the description."""
    names: NotRequired[FixedNames]
    """Names that what is made has already, for taking it over by import."""


class MonitoringPolicy(TypedDict):
    """What is watched."""

    alerts: NotRequired[bool]
    """Tell when instances are unhealthy, are recreated, or when the group is at its largest for a quarter of an hour."""
    notification_channels: NotRequired[list[pulumi.Input[str]]]
    """Whom (`projects/P/notificationChannels/N`); without any, incidents show on Google's pages only."""
    dashboard: NotRequired[bool]
    """A page with size, load, traffic and changes of health."""


class MonitoringInputs(TypedDict):
    """What is watched, and where."""

    project: str
    """Whose logs and metrics."""
    policy: MonitoringPolicy
    """What of them."""
    group: pulumi.Input[str]
    """Name of the instance group."""
    base_instance_name: str
    """What its instances' names begin with."""
    health_checks: HealthCheckPair
    """Both checks, for the words of the alert."""
    max_replicas: NotRequired[int]
    """The group's largest size; None for a group of a fixed size, which is always at it."""


class ServiceEnvironment(StrEnum):
    """As in `environment`: local, dev, staging or prod: whose defaults hold where this file says nothing (environments.py); the components' own unless said."""

    LOCAL = "local"
    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Canary(TypedDict):
    """What some instances have different. To promote it, move what it says to `machine` or `startup` and remove this section."""

    size: str
    """How many instances, as a number or `20%`; the rest keep the other version; always as text, `3` or `20%`."""
    machine: NotRequired[Machine]
    """Their machine. In a stack's file only what is different: every key that is not said is as in mig-nlb:machine."""
    startup: NotRequired[StartupSource]
    """Their start-up script: files to upload, a gs:// URL, or text. Files go beside the others' in a folder of their own, `canary`; in a bucket of their own where `bucket` names one."""


class ServiceTemplateScope(StrEnum):
    """As in `template_scope`: GLOBAL, or REGIONAL for a template that does not depend on other regions."""

    GLOBAL = "GLOBAL"
    REGIONAL = "REGIONAL"


class SettingsInputs(TypedDict):
    """Everything a stack decides. Keys of `mig-nlb:` bear the fields' names; `project` and `region` are the provider's own."""

    project: NotRequired[str]
    """`gcp:project`; `gcp:project` of the stack unless said."""
    region: NotRequired[str]
    """`gcp:region`; `gcp:region` of the stack unless said."""
    service: NotRequired[str]
    """Name of the service; every resource is named after it. At most 27 characters; the resource's name unless said."""
    startup: StartupSource
    """The start-up script: files to upload, a gs:// URL, or text."""
    group: GroupShape
    """Zones, named ports, names."""
    environment: NotRequired[ServiceEnvironment]
    """Local, dev, staging or prod: whose defaults hold where this file says nothing (environments.py); the components' own unless said."""
    canary: NotRequired[Canary]
    """What a few instances have different."""
    network: NotRequired[Vpc]
    """A new VPC, or an existing network and subnetwork."""
    firewall: NotRequired[FirewallPolicy]
    """Who may connect besides the probers."""
    identity: NotRequired[ServiceAccount]
    """A new service account, or an existing one."""
    iam: NotRequired[IamBindings]
    """Bindings, keyed by role."""
    machine: NotRequired[Machine]
    """What instances are made of."""
    template_scope: NotRequired[ServiceTemplateScope]
    """GLOBAL, or REGIONAL for a template that does not depend on other regions."""
    flexibility: NotRequired[dict[str, InstanceSelection]]
    """Machine types the group may choose among where the machine's own is not to be had, by name."""
    stateful: NotRequired[StatefulPolicy]
    """What recreated instances keep; needs `group.target_size`."""
    standby: NotRequired[StandbyPool]
    """Instances that wait beside those that run, suspended or stopped."""
    update: NotRequired[UpdatePolicy]
    """How a new template reaches the instances."""
    repair: NotRequired[RepairPolicy]
    """When an instance may be condemned."""
    autoscaler: NotRequired[ScalingPolicy]
    """Limits and signals; a group with `group.target_size` has none."""
    load_balancer: NotRequired[Balancing]
    """Frontends and behaviour."""
    monitoring: NotRequired[MonitoringPolicy]
    """Alerts and a dashboard; none unless said."""
    names: NotRequired[FixedNames]
    """Names that resources have already, for taking them over by import."""
    address: NotRequired[pulumi.Input[str]]
    """An IPv4 address reserved elsewhere, in place of one of this stack's own."""
    address_ipv6: NotRequired[pulumi.Input[str]]
    """Id of an IPv6 address reserved elsewhere, likewise."""
    autohealing_check: NotRequired[HealthProbe]
    """The check that has instances recreated."""
    autohealing_check_id: NotRequired[pulumi.Input[str]]
    """A check that somebody else keeps, used as that one; `autohealing_check` has to describe it."""
    balancer_check: NotRequired[HealthProbe]
    """The check that stops new connections."""
    balancer_check_id: NotRequired[pulumi.Input[str]]
    """A regional check that somebody else keeps, used as that one; `balancer_check` has to describe it."""
    health_check_min_ratio: NotRequired[float]
    """How many times longer autohealing must see an instance fail than the balancer."""
    health_check_guard: NotRequired[Guard]
    """`off` deploys a weak pair of checks with a warning, for experiments."""
