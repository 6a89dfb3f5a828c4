"""Health of one endpoint, as Google counts it: consecutive successes and failures against two thresholds.

HEALTHY after `healthy` consecutive successes, UNHEALTHY (reachable, wrong answer) or TIMEOUT (no answer) after `unhealthy`
consecutive failures, UNKNOWN before the first verdict. With probes every I seconds, a timeout T and k = `unhealthy`, a silent death
is noticed after (k-1)I+T to kI+T seconds, a refusing one T earlier; a recovery after (h-1)I to hI.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeResult

HealthState = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY", "TIMEOUT"]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Consecutive results that make a verdict."""

    healthy: int
    unhealthy: int


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What is known of one endpoint. `streak_began`: when the first probe of the running streak of equal results was sent."""

    state: HealthState = "UNKNOWN"
    successes: int = 0
    failures: int = 0
    streak_began: float = 0.0
    ever_healthy: bool = False
    detail: str = ""


def judge(
    endpoint: Endpoint, result: ProbeResult, thresholds: Thresholds, *, grace_until: float = 0.0
) -> Endpoint:
    """Return the endpoint after one more result.

    Failures of probes sent before `grace_until` (autohealing's initial delay) do not count, until the endpoint has been healthy once:
    the first HEALTHY ends the delay early.
    """
    if result.outcome == "success":
        successes = endpoint.successes + 1
        began = result.sent_at if endpoint.successes == 0 else endpoint.streak_began
        healthy = endpoint.state == "HEALTHY" or successes >= thresholds.healthy
        return Endpoint(
            state="HEALTHY" if healthy else endpoint.state,
            successes=successes,
            failures=0,
            streak_began=began,
            ever_healthy=endpoint.ever_healthy or healthy,
            detail=result.detail,
        )
    if result.sent_at < grace_until and not endpoint.ever_healthy:
        return replace(endpoint, successes=0, failures=0, detail=result.detail)
    failures = endpoint.failures + 1
    began = result.sent_at if endpoint.failures == 0 else endpoint.streak_began
    bad: HealthState = "TIMEOUT" if result.outcome == "timeout" else "UNHEALTHY"
    condemned = endpoint.state in {"UNHEALTHY", "TIMEOUT"} or failures >= thresholds.unhealthy
    return replace(
        endpoint,
        state=bad if condemned else endpoint.state,
        successes=0,
        failures=failures,
        streak_began=began,
        detail=result.detail,
    )


def healthy(state: str) -> bool:
    """Say whether the balancer may send traffic: before a verdict it may not."""
    return state == "HEALTHY"


def condemned(state: str) -> bool:
    """Say whether a verdict of failure stands (UNKNOWN is no verdict)."""
    return state in {"UNHEALTHY", "TIMEOUT"}
