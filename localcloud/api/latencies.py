"""How long the API's changes take on the cloud's clock: operations until they are done, IAM bindings until they are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Cloud seconds until an operation on a resource of this kind is done; none for the others. Google's take seconds to minutes. These are
# long enough that a client which does not wait is found out, and short enough that nobody waits for the local cloud.
_OPERATIONS: Mapping[str, float] = {
    "networks": 0.03,
    "subnetworks": 0.02,
    "firewalls": 0.02,
    "routers": 0.02,
    "addresses": 0.02,
    "instanceGroupManagers": 0.02,
    "backendServices": 0.02,
    "forwardingRules": 0.02,
}
_BINDINGS = 0.2  # Google's take up to a minute or two
_LONGEST = 3600.0
OPERATIONS_VARIABLE = "LOCALCLOUD_OPERATION_SECONDS"
BINDINGS_VARIABLE = "LOCALCLOUD_IAM_SECONDS"


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """In cloud seconds. `operations` by collection (``networks``), `otherwise` for the rest; `bindings`: until a policy is seen."""

    operations: Mapping[str, float] = field(default_factory=dict)
    otherwise: float = 0.0
    bindings: float = 0.0

    def of(self, collection: str) -> float:
        """Return how long an operation on a resource of this collection takes."""
        return self.operations.get(collection, self.otherwise)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Latencies:
        """Return the usual latencies, or what the two variables say (0: everything at once).

        Raises:
            ValueError: a variable is no number of seconds from 0 to 3600.
        """
        everything = _seconds(environment, OPERATIONS_VARIABLE)
        bindings = _seconds(environment, BINDINGS_VARIABLE)
        return cls(
            operations=_OPERATIONS if everything is None else {},
            otherwise=everything or 0.0,
            bindings=_BINDINGS if bindings is None else bindings,
        )


def _seconds(environment: Mapping[str, str], name: str) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _LONGEST:
        msg = f"{name}={text!r}: must be a number of cloud seconds from 0 to {_LONGEST:g}; for instance {name}=2"
        raise ValueError(msg)
    return value
