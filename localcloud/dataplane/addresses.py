"""The addresses and names the data plane gives to things; all derived, none remembered."""

from __future__ import annotations

import functools
import hashlib
import ipaddress

# the link between the router and the internet namespace (TEST-NET-1, which nothing real uses)
ROUTER_TRANSIT = "192.0.2.1"
INTERNET_TRANSIT = "192.0.2.2"
TRANSIT_PREFIX = 30
INTERNET_LINK = "internet"
NOWHERE_LINK = "nowhere"  # where packets to addresses outside go: as far as the firewall, where they are counted and dropped
TRANSIT_MTU = 1460

# clients on this machine appear under these (the range for benchmarks between networks)
CLIENTS = "198.18.0.0/16"

CLIENTS_IPV6 = "2001:2::/48"  # likewise
INTERNET_IPV6 = "2001:db8::/32"  # subnetworks' external ranges are of this one, which nothing real uses
LINK_LOCAL = "fe80::/10"
GATEWAY_IPV6 = "fe80::1"  # the router's address on every link
INTERNET_TRANSIT_IPV6 = "fe80::2"

# Google's ranges; a probe's source is one address of its consumer's: this of the first prober, the next of the next
PROBER_RANGES = ("130.211.0.0/22", "209.85.152.0/22")
PROBER_SOURCES = {"autohealing": "130.211.0.2", "balancer": "209.85.152.2"}
PROBER_RANGES_IPV6 = ("2600:1901:8001::/48",)
PROBER_SOURCES_IPV6 = {
    "balancer": "2600:1901:8001::2"
}  # autohealing asks instances over IPv4, which they all have

# forwarding rules' addresses are in here; each namespace keeps only LOOPBACK of it for itself
FORWARDED = "127.0.0.0/8"
LOOPBACK = "127.0.0.1/16"
FORWARDED_SOURCES = "127.1.0.0-127.255.255.255"  # FORWARDED without LOOPBACK's
RULE_MASK_IPV6 = "ffff:ffff:ffff:ffff:ffff:ffff::"  # an IPv6 rule has a /96
FORWARDED_IPV6 = "0:0:0:0:8000::"  # this bit says that an address, of whatever subnetwork, is in its upper half: a forwarding rule's


def _short(text: str, length: int) -> str:
    return hashlib.blake2s(text.encode(), digest_size=16).hexdigest()[:length]


def bridge_name(subnetwork: str) -> str:
    """Return the name of a subnetwork's bridge in the router (15 characters are the kernel's limit)."""
    return "br" + _short(subnetwork, 12)


def link_name(instance: str) -> str:
    """Return the name of the router's end of an instance's link."""
    return "vm" + _short(instance, 12)


def label(key: str) -> str:
    """Return a name for nftables objects that belong to this key."""
    return _short(key, 12)


def mac_address(address: str) -> str:
    """Return the MAC address that goes with an IPv4 address, as Google makes it: 42:01 and the four bytes."""
    return "42:01:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)


@functools.cache
def prober_source(consumer: str, prober: int, *, ipv6: bool = False) -> str:
    """Return the address that a prober (counted from 0) probes from for a consumer."""
    return str(ipaddress.ip_address((PROBER_SOURCES_IPV6 if ipv6 else PROBER_SOURCES)[consumer]) + prober)


def mark_of(address: str) -> int:
    """Return the packet mark (and routing table) that means the instance with this address: the address as a number."""
    return int(ipaddress.IPv4Address(address))


def client_address(host_address: str) -> str:
    """Return the address under which a client of this machine appears in the cloud: 127.0.x.y is 198.18.x.y, ::1 is 2001:2::1."""
    if ":" in host_address:
        rest = int(ipaddress.IPv6Address(host_address)) & int(ipaddress.IPv6Network(CLIENTS_IPV6).hostmask)
        return str(ipaddress.IPv6Network(CLIENTS_IPV6).network_address + rest)
    low = ipaddress.IPv4Address(host_address).packed[2:]
    return f"198.18.{low[0]}.{low[1]}"


def link_local(mac: str) -> str:
    """Return the IPv6 address that the machine of a MAC address has on its link (RFC 4291, appendix A)."""
    numbers = [int(byte, 16) for byte in mac.split(":")]
    numbers[0] ^= 2
    host = bytes([*numbers[:3], 0xFF, 0xFE, *numbers[3:]])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + host))


def first_address(address_range: str) -> str:
    """Return the address that clients of a forwarding rule use: the first of an IPv6 rule's range, an IPv4 rule's own."""
    return address_range.partition("/")[0]
