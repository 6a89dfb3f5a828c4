"""Where Google's health probes come from.

The autohealing and the balancer's probers come from different, overlapping ranges: a firewall rule with one list only may half-work,
which is worse than not working. So both lists are always opened together.
"""

from __future__ import annotations

from typing import Final

AUTOHEALING_PROBERS: Final = ("130.211.0.0/22", "35.191.0.0/16")
PASSTHROUGH_PROBERS: Final = ("209.85.152.0/22", "209.85.204.0/22", "35.191.0.0/16")
ALL_PROBERS: Final = tuple(sorted({*AUTOHEALING_PROBERS, *PASSTHROUGH_PROBERS}))
# Frontends over IPv6 are probed over IPv6; autohealing goes on asking over IPv4, which the instances keep.
PASSTHROUGH_PROBERS_IPV6: Final = ("2600:1901:8001::/48",)
