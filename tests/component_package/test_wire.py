"""What arrives from another language: understood as a stack's file is, or refused in the same words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.util import camel_case

from component_package.generate import COMPONENTS
from component_package.provider import PackageProvider
from component_package.wire import from_wire, from_wire_keys, records_in
from components.balancing import Balancing
from components.canary import Canary
from components.group_shape import GroupShape
from components.health_check_pair import HealthCheckPair
from components.health_probe import AUTOHEALING_DEFAULT, BALANCER_DEFAULT
from components.invalid_argument import InvalidArgumentError
from components.machine import ImageFamily, Machine
from components.network import ExistingVpc, NetworkArgs, NewVpc
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from config_decoder import decode, hints_of
from settings import Settings
from tests.components.recording import have_an_event_loop


def arrived(record: Any, **inputs: Any) -> Any:  # noqa: ANN401 - an instance of the record
    """Return the record that these inputs amount to."""
    return decode(record, from_wire(record, inputs, "it"), "it")


def refused(record: Any, **inputs: Any) -> str:  # noqa: ANN401 - a dataclass
    with pytest.raises(InvalidArgumentError) as refusal:
        arrived(record, **inputs)
    return str(refusal.value)


def test_names_in_camel_case_and_numbers_as_floats_are_what_a_file_has() -> None:
    policy = arrived(UpdatePolicy, minReadySec=7.0, replacementMethod="SUBSTITUTE")
    assert policy == UpdatePolicy(min_ready_sec=7)
    assert isinstance(policy.min_ready_sec, int)
    shape = arrived(
        GroupShape, zones=["a-b"], namedPorts={"http": 80.0}, instanceMetadata={"snakeCase_Key": "v"}
    )
    assert shape.named_ports == {"http": 80}
    assert shape.instance_metadata == {"snakeCase_Key": "v"}, "keys of a map are the user's own"


def test_a_number_or_a_percentage_is_text() -> None:
    assert arrived(UpdatePolicy, maxSurge="4").max_surge == 4
    assert arrived(UpdatePolicy, maxSurge="20%").max_surge == "20%"
    assert arrived(Canary, size="1", machine={}).size == 1


def test_one_value_in_place_of_a_record_is_its_name() -> None:
    assert (
        arrived(Machine, image={"name": "projects/p/global/images/i"}).image == "projects/p/global/images/i"
    )
    assert arrived(Machine, image={"family": "debian-13"}).image == ImageFamily(family="debian-13")
    assert "name = 'i': an unknown key" in refused(Machine, image={"family": "debian-13", "name": "i"})


def test_one_of_several_records_is_told_by_its_keys() -> None:
    have_an_event_loop()
    network = pulumi.Output.from_input("projects/p/global/networks/n")
    common = {
        "region": "r", "healthChecks": {}, "frontends": [{}], "firewall": {}, "serviceAccount": "a@b",
    }  # fmt: skip
    made = arrived(NetworkArgs, vpc={"cidr": "10.0.0.0/24"}, **common)
    assert made.vpc == NewVpc(cidr="10.0.0.0/24")
    made = arrived(NetworkArgs, vpc={"network": network, "subnetwork": "s"}, **common)
    assert made.vpc == ExistingVpc(network=network, subnetwork="s")
    assert "belong to no one of" in refused(NetworkArgs, vpc={"network": "n", "nat": True}, **common)


def test_words_in_maps_arrive() -> None:
    assert arrived(StatefulPolicy, disks={"data": "NEVER"}).disks == {"data": "NEVER"}
    assert "disks.data = 'ALWAYS': not a value this key has" in refused(
        StatefulPolicy, disks={"data": "ALWAYS"}
    )


def test_half_a_check_stands_on_its_own_default() -> None:
    pair = arrived(HealthCheckPair, autohealing={"port": 81.0}, balancer={"port": 82.0})
    assert pair.autohealing == dataclasses.replace(AUTOHEALING_DEFAULT, port=81)
    assert pair.balancer == dataclasses.replace(BALANCER_DEFAULT, port=82)


@pytest.mark.parametrize(
    ("record", "inputs", "words"),
    [
        (UpdatePolicy, {"minReady": 3.0}, "it.minReady = 3.0: an unknown key, which nothing would read. Fix: did you mean minReadySec?"),
        (UpdatePolicy, {"min_ready_sec": 3.0}, "did you mean minReadySec?"),
        (UpdatePolicy, {"minReadySec": 3.5}, "it.min_ready_sec = 3.5: not a whole number"),
        (Balancing, {"protocol": "TCP"}, "it.protocol = 'TCP': refused. Fix: the backend service's protocol follows"),
        (Machine, {"startupScript": "x"}, "it.startupScript = 'x': refused"),
        (Balancing, {"drainingSec": 3.0}, "it.draining_sec = 3: requests may take 30 s (longest_request_sec) and would be cut"),
        (Balancing, {"frontends": {"main": {"port": 80.0}}}, "it.frontends.main.port = 80.0: an unknown key"),
        (GroupShape, {"zones": "a-b"}, "it.zones = 'a-b': not a list"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_the_words_of_a_stacks_file(
    record: Any,  # noqa: ANN401 - a dataclass
    inputs: dict[str, Any],
    words: str,
) -> None:
    assert words in refused(record, **inputs)


def test_a_target_size_is_refused_as_a_stacks_setting_and_not_as_a_misspelling() -> None:
    assert arrived(GroupShape, zones=["a-b"], targetSize=2.0).target_size == 2


@pytest.mark.parametrize(
    "inputs",
    [
        {"drainingSec": pulumi.Output.from_input(3)},
        {"frontends": pulumi.Output.from_input({"main": {}})},
        {"failover": pulumi.Output.secret({})},
        {"networkTier": pulumi.Output.from_input("PREMIUM")},
    ],
    ids=str,
)
def test_an_output_in_place_of_what_decides_is_refused(inputs: dict[str, Any]) -> None:
    assert "'[output]': it decides what is made, so it has to be known" in refused(Balancing, **inputs)


def all_records() -> list[Any]:
    """Return every dataclass that some input is made of."""
    found: list[Any] = []
    waiting = [Settings, *(record for _, record in COMPONENTS)]
    while waiting:
        record = waiting.pop()
        if record in found:
            continue
        found.append(record)
        for hint in hints_of(record).values():
            waiting += records_in(hint)
            for inner in getattr(hint, "__args__", ()):
                waiting += records_in(inner)
    return found


@pytest.mark.parametrize("record", all_records(), ids=lambda record: str(record.__name__))
def test_every_field_of_every_record_has_a_name_of_its_own_on_the_wire(record: Any) -> None:  # noqa: ANN401 - a dataclass
    names = [field.name for field in dataclasses.fields(record)]
    sent = {camel_case(name): None for name in names}
    assert list(from_wire_keys([record], sent, "")) == names


def test_an_unknown_input_of_a_resource_is_refused_by_the_plugin() -> None:
    provider = PackageProvider()
    with pytest.raises(pulumi.InputPropertyError, match=r"mig-nlb:autoscale = .*did you mean autoscaler\?"):
        provider.construct("web", "mig-nlb:index:Service", {"autoscale": {}})
    with pytest.raises(
        pulumi.InputPropertyError, match=r"Autoscaler.policy.cpu_target = 7.0: a share of the CPU"
    ):
        provider.construct(
            "web", "mig-nlb:index:Autoscaler", {"region": "r", "target": "t", "policy": {"cpuTarget": 7.0}}
        )
