"""The stack's settings, typed and strict: the only reader of Pulumi's configuration.

Every key of the `mig-nlb:` namespace is a field of `Settings`, and every key inside one a field of its type; a key that is none is
refused. docs/configuration.md lists them all.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_origin

import pulumi
from pulumi.runtime import config as pulumi_config

from components.balancing import Balancing
from components.canary import Canary
from components.fixed_names import FixedNames
from components.group_shape import GroupShape
from components.health_check_pair import DEFAULT_MIN_RATIO, HealthCheckPair
from components.health_probe import AUTOHEALING_DEFAULT, BALANCER_DEFAULT, HealthProbe
from components.iam_bindings import IamBindings
from components.instance_flexibility import InstanceSelection
from components.invalid_argument import InvalidArgumentError, within
from components.machine import Machine
from components.managed_instance_group import ManagedInstanceGroupArgs
from components.monitoring import MonitoringPolicy
from components.network import ExistingVpc, FirewallPolicy, NewVpc
from components.repair_policy import RepairPolicy
from components.scaling_policy import ScalingPolicy
from components.service_identity import ExistingServiceAccount, NewServiceAccount
from components.standby_pool import StandbyPool
from components.startup_script import InlineScript, ScriptFiles, ScriptUrl
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from config_decoder import decode, hints_of, parts_of, unknown_key
from environments import ENVIRONMENTS, EnvironmentName
from settings_agreement import require_agreement

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACE = "mig-nlb"
PROVIDER_SETTINGS = ("project", "region")  # fields of `Settings` that are keys of `gcp:`, not ours


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a stack decides. Keys of `mig-nlb:` bear the fields' names; `project` and `region` are the provider's own.

    Attributes:
        project: `gcp:project`.
        region: `gcp:region`.
        service: name of the service; every resource is named after it. At most 27 characters.
        startup: the start-up script: files to upload, a gs:// URL, or text.
        canary: what a few instances have different.
        group: zones, named ports, names.
        environment: local, dev, staging or prod: whose defaults hold where this file says nothing (environments.py); the components' own
            unless said.
        network: a new VPC, or an existing network and subnetwork.
        firewall: who may connect besides the probers.
        identity: a new service account, or an existing one.
        iam: bindings, keyed by role.
        machine: what instances are made of.
        template_scope: GLOBAL, or REGIONAL for a template that does not depend on other regions.
        flexibility: machine types the group may choose among where the machine's own is not to be had, by name.
        stateful: what recreated instances keep; needs `group.target_size`.
        standby: instances that wait beside those that run, suspended or stopped.
        update: how a new template reaches the instances.
        repair: when an instance may be condemned.
        autoscaler: limits and signals; a group with `group.target_size` has none.
        load_balancer: frontends and behaviour.
        monitoring: alerts and a dashboard; none unless said.
        names: names that resources have already, for taking them over by import.
        address: an IPv4 address reserved elsewhere, in place of one of this stack's own.
        address_ipv6: id of an IPv6 address reserved elsewhere, likewise.
        autohealing_check: the check that has instances recreated.
        autohealing_check_id: a check that somebody else keeps, used as that one; `autohealing_check` has to describe it.
        balancer_check: the check that stops new connections.
        balancer_check_id: a regional check that somebody else keeps, used as that one; `balancer_check` has to describe it.
        health_check_min_ratio: how many times longer autohealing must see an instance fail than the balancer.
        health_check_guard: "off" deploys a weak pair of checks with a warning, for experiments.

    Raises:
        InvalidArgumentError: for any value that cannot work, before any resource exists.
    """

    project: str
    region: str
    service: str
    startup: ScriptFiles | ScriptUrl | InlineScript
    group: GroupShape
    environment: EnvironmentName | None = None
    canary: Canary | None = None
    network: NewVpc | ExistingVpc = field(default_factory=NewVpc)
    firewall: FirewallPolicy = field(default_factory=FirewallPolicy)
    identity: NewServiceAccount | ExistingServiceAccount = field(default_factory=NewServiceAccount)
    iam: IamBindings = field(default_factory=IamBindings)
    machine: Machine = field(default_factory=Machine)
    template_scope: Literal["GLOBAL", "REGIONAL"] = "GLOBAL"
    flexibility: Mapping[str, InstanceSelection] = field(default_factory=dict)
    stateful: StatefulPolicy = field(default_factory=StatefulPolicy)
    standby: StandbyPool = field(default_factory=StandbyPool)
    update: UpdatePolicy = field(default_factory=UpdatePolicy)
    repair: RepairPolicy = field(default_factory=RepairPolicy)
    autoscaler: ScalingPolicy | None = field(default_factory=ScalingPolicy)
    load_balancer: Balancing = field(default_factory=Balancing)
    monitoring: MonitoringPolicy = field(default_factory=MonitoringPolicy)
    names: FixedNames = field(default_factory=FixedNames)
    address: pulumi.Input[str] | None = None
    address_ipv6: pulumi.Input[str] | None = None
    autohealing_check: HealthProbe = AUTOHEALING_DEFAULT
    autohealing_check_id: pulumi.Input[str] | None = None
    balancer_check: HealthProbe = BALANCER_DEFAULT
    balancer_check_id: pulumi.Input[str] | None = None
    health_check_min_ratio: float = DEFAULT_MIN_RATIO
    health_check_guard: Literal["on", "off"] = "on"

    def __post_init__(self) -> None:
        """Refuse what no single section can know: settings that do not go together."""
        with within(NAMESPACE, ":"):
            require_agreement(self)

    @property
    def smallest_size(self) -> int:
        """The fewest instances the group may have."""
        return self.autoscaler.min_replicas if self.autoscaler else self.group.target_size or 0

    def group_arguments(
        self, *, instance_template: pulumi.Input[str], canary_template: pulumi.Input[str] | None
    ) -> ManagedInstanceGroupArgs:
        """Return the group's arguments.

        Args:
            instance_template: `self_link_unique` of the template.
            canary_template: of the canary's, where there is a canary.

        Raises:
            InvalidArgumentError: settings that do not go together.
        """
        return ManagedInstanceGroupArgs(
            region=self.region,
            instance_template=instance_template,
            shape=self.group,
            health_checks=self.health_checks,
            update=self.update,
            repair=self.repair,
            smallest_size=self.smallest_size,
            canary_template=canary_template,
            canary_size=self.canary.size_arguments() if self.canary else None,
            health_check=self.autohealing_check_id,
            stateful=self.stateful,
            flexibility=self.flexibility,
            standby=self.standby,
            names=self.names,
        )

    @property
    def health_checks(self) -> HealthCheckPair:
        """Both checks, compared."""
        return HealthCheckPair(
            autohealing=self.autohealing_check,
            balancer=self.balancer_check,
            min_ratio=self.health_check_min_ratio,
            guard=self.health_check_guard,
        )

    @classmethod
    def from_stack(cls) -> Settings:
        """Read the settings of the stack being deployed.

        Raises:
            InvalidArgumentError: naming the key, its value, the rule and the fix.
        """
        values = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
        secret = {
            *pulumi_config.get_config_secret_keys_env(),
            *(key for key in values if pulumi_config.is_config_secret(key)),
        }
        refuse_secrets(secret)
        return cls.from_config(values)

    @classmethod
    def from_config(cls, values: Mapping[str, str]) -> Settings:
        """Return settings from configuration as Pulumi passes it: namespaced keys, nested values as JSON.

        Raises:
            InvalidArgumentError: naming the key, its value, the rule and the fix.
        """
        given: dict[str, Any] = {name: values.get(f"gcp:{name}") for name in PROVIDER_SETTINGS}
        hints = {name: hint for name, hint in hints_of(cls).items() if name not in given}
        for key, text in sorted(values.items()):
            namespace, _, name = key.partition(":")
            if namespace != NAMESPACE:
                _refuse_a_misspelt_namespace(key, text)
                continue
            if name not in hints:
                raise unknown_key(key, text, name, list(hints))
            given[name] = _parse(hints[name], text)
        return cls.from_values(given)

    @classmethod
    def from_values(cls, given: Mapping[str, Any]) -> Settings:
        """Return settings from plain values by field, nested as YAML nests them; Outputs where a field takes them.

        Raises:
            InvalidArgumentError: naming the key, its value, the rule and the fix.
        """
        for name in PROVIDER_SETTINGS:
            _require_provider_setting(name, given.get(name))
        hints = hints_of(cls)
        environment: EnvironmentName | None = None
        if "environment" in given:
            environment = decode(EnvironmentName, given["environment"], _key("environment"))
        bases = section_defaults(environment)
        found: dict[str, Any] = {}
        # The canary last: what its machine does not say is as the others' machine.
        for name, value in sorted(given.items(), key=lambda item: (item[0] == "canary", item[0])):
            if name not in hints:
                raise unknown_key(_key(name), value, name, list(hints))
            base = (
                {"machine": found.get("machine", bases.get("machine", Machine()))}
                if name == "canary"
                else bases.get(name)
            )
            found[name] = decode(hints[name], value, _key(name), base)
        for name in ("service", "startup", "group"):
            if name not in found:
                raise InvalidArgumentError(
                    _key(name), None, "this setting has no default", f"add {_key(name)} to the stack's file"
                )
        if "autoscaler" not in found and found["group"].target_size is not None:
            found["autoscaler"] = None
        return cls(**{**bases, **found})


def refuse_secrets(keys: Iterable[str]) -> None:
    """Refuse settings that a stack keeps encrypted.

    Raises:
        InvalidArgumentError: one of the keys is a setting of this program; its value is not shown.
    """
    for key in sorted(keys):
        if key.startswith(f"{NAMESPACE}:"):
            raise InvalidArgumentError(
                key, "[secret]", "these settings end in metadata and names that many may read, so none may be secret",
                "keep the secret in Secret Manager and have the start-up script fetch it",
            )  # fmt: skip


def _refuse_a_misspelt_namespace(key: str, text: str) -> None:
    """Refuse "mig_nlb:machine" and "machine": whatever else has a namespace is some provider's."""
    namespace, colon, name = key.partition(":")
    if not colon or difflib.get_close_matches(namespace, [NAMESPACE], cutoff=0.75):
        raise InvalidArgumentError(
            key, text, f"nothing would read it: settings of this program begin with {NAMESPACE}:",
            f"write {NAMESPACE}:{name or key}",
        )  # fmt: skip


def section_defaults(environment: EnvironmentName | None) -> dict[str, Any]:
    """Return the sections whose fields stand where a stack's file says nothing: an environment's, or the components' own."""
    own = {
        item.name: item.default
        for item in dataclasses.fields(Settings)
        if dataclasses.is_dataclass(item.default)
    }
    return own | (vars(ENVIRONMENTS[environment]) if environment else {})


def _key(name: str) -> str:
    return f"{'gcp' if name in PROVIDER_SETTINGS else NAMESPACE}:{name}"


def _require_provider_setting(name: str, value: object) -> None:
    if not value:
        raise InvalidArgumentError(
            _key(name), value, "this setting has no default", f"run pulumi config set {_key(name)} VALUE"
        )
    zone = re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", str(value)) if name == "region" else None
    if zone is not None:
        raise InvalidArgumentError(_key(name), value, "this is a zone", f"write its region, {zone[1]}")


def _parse(annotation: Any, text: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a key's text holds: text stays text, everything else arrives as JSON."""
    if all(part in (str, type(None)) or get_origin(part) is Literal for part in parts_of(annotation)):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # the decoder says what was expected in its place
