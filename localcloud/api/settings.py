"""What one cloud's API is told at its start."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from localcloud.api.latencies import Latencies

_EUROPE_WEST1 = ("europe-west1-b", "europe-west1-c", "europe-west1-d")
# Regions as Google has them: most have zones a to c, two famous ones do not start at a.
REGIONS: dict[str, tuple[str, ...]] = {
    "europe-west1": _EUROPE_WEST1,
    "europe-west3": ("europe-west3-a", "europe-west3-b", "europe-west3-c"),
    "europe-west4": ("europe-west4-a", "europe-west4-b", "europe-west4-c"),
    "us-central1": ("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f"),
    "us-east1": ("us-east1-b", "us-east1-c", "us-east1-d"),
    "us-west1": ("us-west1-a", "us-west1-b", "us-west1-c"),
    "asia-east1": ("asia-east1-a", "asia-east1-b", "asia-east1-c"),
}
GOOGLE_HOSTS = frozenset({
    "compute.googleapis.com", "www.googleapis.com", "storage.googleapis.com", "iam.googleapis.com",
    "cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "secretmanager.googleapis.com",
    "monitoring.googleapis.com",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """One cloud's fixed facts.

    `external_range` is the CIDR range that external addresses come from; `content` the folder that keeps objects' bytes; `hosts`
    the names that a request's Host header may have beside Google's own (without port: a foreign name is what betrays DNS rebinding);
    `latencies` say how long changes take: none does unless said. `quotas` are the limits, see `localcloud.plans.quotas`; None: there
    are none. `ipv6`: whether this machine has it; without, nothing dual-stack is made.
    """

    external_range: str
    content: Path
    project: str = "local"
    project_number: str = "100000000001"
    regions: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(REGIONS))
    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost"})
    latencies: Latencies = field(default_factory=Latencies)
    quotas: Mapping[str, Mapping[str, float]] | None = None
    ipv6: bool = True

    def __post_init__(self) -> None:
        try:
            network = ipaddress.ip_network(self.external_range)
        except ValueError as error:
            msg = f"external_range {self.external_range!r}: {error}; give a network such as 127.101.7.0/24"
            raise ValueError(msg) from error
        if network.version != 4 or network.num_addresses < 16:
            msg = f"external_range {self.external_range!r}: must be an IPv4 network of at least 16 addresses, as 127.101.7.0/24"
            raise ValueError(msg)

    @cached_property
    def zones(self) -> dict[str, str]:
        """Every zone with its region."""
        return {zone: region for region, zones in self.regions.items() for zone in zones}

    @cached_property
    def allowed_hosts(self) -> frozenset[str]:
        """Every name a request may be addressed to; the last stands for every bucket's."""
        return self.hosts | GOOGLE_HOSTS | {".storage.googleapis.com"}
