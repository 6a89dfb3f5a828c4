"""IPv6 as the controllers see it: instances' addresses, and who is behind an IPv6 rule."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.control import ipv6, network
from localcloud.control.links import url
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, PROJECT, REGION, RULE, SERVICE, template

SUBNETWORK = f"projects/{PROJECT}/regions/{REGION}/subnetworks/web-sub"
SIX = f"projects/{PROJECT}/regions/{REGION}/forwardingRules/web-six"
RANGE = "2001:db8:0:7:8000::/96"
DUAL = {"name": "s", "ipv6AccessType": "EXTERNAL", "ipv6CidrRange": "2001:db8:0:7::/64"}
EXTERNAL = {"stackType": "IPV4_IPV6", "ipv6AccessConfigs": [{"type": "DIRECT_IPV6"}]}


def test_an_interface_gets_what_its_template_wants_and_its_subnetwork_has() -> None:
    assert ipv6.interface_fields({}, DUAL, "10.0.0.2") == {"stackType": "IPV4_ONLY"}
    assert ipv6.interface_fields({"stackType": "IPV4_IPV6"}, DUAL, "10.0.0.2") == {
        "stackType": "IPV4_IPV6",
        "ipv6AccessType": "EXTERNAL",
    }, "without access configurations Google gives no external address"
    external = ipv6.interface_fields(EXTERNAL, DUAL, "10.0.0.2")
    (config,) = external["ipv6AccessConfigs"]
    assert (config["externalIpv6"], config["externalIpv6PrefixLength"]) == ("2001:db8:0:7:a00:2::", 96)
    assert ipv6.address_of(external) == ipv6.external_address_of(external) == "2001:db8:0:7:a00:2::"
    inside = {**DUAL, "ipv6AccessType": "INTERNAL", "ipv6CidrRange": "fd20:0:0:1::/64"}
    internal = ipv6.interface_fields({"stackType": "IPV4_IPV6"}, inside, "192.168.0.2")
    assert (internal["ipv6Address"], internal["internalIpv6PrefixLength"]) == ("fd20::1:40a8:2:0:0", 96)
    assert (ipv6.address_of(internal), ipv6.external_address_of(internal)) == ("fd20::1:40a8:2:0:0", "")


def test_what_does_not_go_together_is_refused_by_the_subnetworks_name() -> None:
    with pytest.raises(ValueError, match="Subnetwork 's' has no IPv6 range"):
        ipv6.interface_fields(EXTERNAL, {"name": "s"}, "10.0.0.2")
    with pytest.raises(ValueError, match="subnetwork 's' is internal"):
        ipv6.interface_fields(EXTERNAL, {**DUAL, "ipv6AccessType": "INTERNAL"}, "10.0.0.2")


def dual_stack() -> Cloud:
    cloud = standard(size=2)
    cloud.patch(SUBNETWORK, **{name: value for name, value in DUAL.items() if name != "name"})
    cloud.put(
        f"projects/{PROJECT}/global/firewalls/probers-six",
        {
            "network": url(f"projects/{PROJECT}/global/networks/web-net"),
            "sourceRanges": ["2600:1901:8001::/48"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
        },
    )
    cloud.put(
        SIX,
        {
            "IPAddress": RANGE,
            "ipVersion": "IPV6",
            "IPProtocol": "TCP",
            "portRange": "8080-8080",
            "loadBalancingScheme": "EXTERNAL",
            "backendService": url(SERVICE),
        },
    )
    return cloud


def test_only_instances_with_an_external_ipv6_address_are_behind_an_ipv6_rule() -> None:
    async def story() -> None:
        cloud = dual_stack()
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(30)
            four, six = sorted(cloud.fabric.balancer.services, key=lambda each: each.key)
            assert (four.key, len(four.backends)) == (RULE, 2)
            assert (six.key, six.address, six.backends) == (SIX, RANGE, ())
            assert all(RANGE not in guest.addresses for guest in cloud.machines.guests.values())
            interface = {"subnetwork": url(SUBNETWORK), **EXTERNAL}
            made_from = template(cloud, "dual", networkInterfaces=[interface])
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(made_from)}])
            await cloud.until_stable()
            await cloud.advance(60)
            six = next(each for each in cloud.fabric.balancer.services if each.key == SIX)
            interfaces = {each.instance: each for each in network.plan(cloud.store).interfaces}
            assert len(six.backends) == 2
            for backend in six.backends:
                assert backend.address_ipv6 == interfaces[backend.instance].address_ipv6 != ""
                assert backend.eligible
                record = cloud.store.get(f"control/backends/{SERVICE}/{backend.instance}/web-six")
                assert record is not None
                assert record["healthState"] == "HEALTHY", "probed over IPv6, through its firewall rule"
            probes = [spec for spec in cloud.fabric.probes.values() if spec.id.endswith(SIX)]
            assert {spec.address for spec in probes} == {"2001:db8:0:7:8000::"}
            # autohealing's probes go to the primary IPv4 address, whatever else an instance has
            healing = {
                spec.address for spec in cloud.fabric.probes.values() if spec.consumer == "autohealing"
            }
            assert healing == {interfaces[backend.instance].address for backend in six.backends}
            assert all(RANGE in guest.addresses for guest in cloud.machines.guests.values())

    asyncio.run(story())
