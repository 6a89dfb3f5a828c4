"""What becomes of connections to a backend that turns unhealthy: Google's table, by persistence, tracking mode and session affinity.

Of each cell the protocols whose connections stay (T: TCP, U: UDP and others that are tracked), or None where Google takes no such
configuration. As in "Traffic distribution for external passthrough Network Load Balancers", "Connection persistence on unhealthy backends":
UDP is tracked with an affinity only, pings never are.
"""

from __future__ import annotations

AFFINITIES = ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO")
_ROWS = {
    ("DEFAULT_FOR_PROTOCOL", "PER_CONNECTION"): ("T", "T", "T", "T"),
    ("DEFAULT_FOR_PROTOCOL", "PER_SESSION"): ("T", "", "", "T"),
    ("NEVER_PERSIST", "PER_CONNECTION"): ("", "", "", ""),
    ("NEVER_PERSIST", "PER_SESSION"): ("", "", "", ""),
    ("ALWAYS_PERSIST", "PER_CONNECTION"): ("T", "TU", "TU", "TU"),
    ("ALWAYS_PERSIST", "PER_SESSION"): (None, None, None, None),
}
TABLE = {
    (persistence, tracking, affinity): stays
    for (persistence, tracking), row in _ROWS.items()
    for affinity, stays in zip(AFFINITIES, row, strict=True)
}
CELLS = [(*key, stays) for key, stays in TABLE.items()]
