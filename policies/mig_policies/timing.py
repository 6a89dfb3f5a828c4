"""How fast a health check condemns an instance, and when one check is more conservative than another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mig_policies.resource import Resource

# What the Compute API fills in for each field that is left out.
DEFAULT_INTERVAL_SEC: Final = 5
DEFAULT_TIMEOUT_SEC: Final = 5
DEFAULT_HEALTHY_THRESHOLD: Final = 2
DEFAULT_UNHEALTHY_THRESHOLD: Final = 2


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The four numbers of a health check; seconds and counts, with the API's defaults for what is unset."""

    interval: int = DEFAULT_INTERVAL_SEC
    timeout: int = DEFAULT_TIMEOUT_SEC
    healthy: int = DEFAULT_HEALTHY_THRESHOLD
    unhealthy: int = DEFAULT_UNHEALTHY_THRESHOLD

    @property
    def detection(self) -> int:
        """Seconds until an instance that stopped answering is condemned: failures in a row, one per interval."""
        return self.interval * self.unhealthy

    @property
    def arithmetic(self) -> str:
        """The detection time as it is reckoned, such as "3 x 10 s = 30 s"."""
        return f"{self.unhealthy} x {self.interval} s = {self.detection} s"


def timing_of(check: Resource) -> Timing:
    """Read a health check's numbers.

    Raises:
        Undetermined: one of them is not known.
    """
    props = check.props
    return Timing(
        interval=props.integer("checkIntervalSec", DEFAULT_INTERVAL_SEC),
        timeout=props.integer("timeoutSec", DEFAULT_TIMEOUT_SEC),
        healthy=props.integer("healthyThreshold", DEFAULT_HEALTHY_THRESHOLD),
        unhealthy=props.integer("unhealthyThreshold", DEFAULT_UNHEALTHY_THRESHOLD),
    )


def detection_ratio(healing: Timing, balancing: Timing) -> float:
    """How many times longer autohealing watches than the balancer before it condemns."""
    return healing.detection / balancing.detection


def is_slower(healing: Timing, balancing: Timing, min_ratio: float) -> bool:
    """Tell whether autohealing condemns later than the balancer, by at least `min_ratio`."""
    return healing.detection > balancing.detection and healing.detection >= min_ratio * balancing.detection


def weaker_components(healing: Timing, balancing: Timing) -> dict[str, tuple[int, int]]:
    """Return the components in which autohealing is the stricter one, as name -> (autohealing's, balancer's).

    A product alone lets one weak component hide: 60 s x 1 is slower than 5 s x 2, yet one lost probe recreates an
    instance.
    """
    components = {
        "checkIntervalSec": (healing.interval, balancing.interval),
        "timeoutSec": (healing.timeout, balancing.timeout),
        "unhealthyThreshold": (healing.unhealthy, balancing.unhealthy),
    }
    return {name: pair for name, pair in components.items() if pair[0] < pair[1]}
