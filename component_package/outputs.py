"""Records among the package's outputs: what `HealthCheckPair.summary` returns, typed for the schema."""

from typing import TypedDict


class Bounds(TypedDict):
    """Seconds: never before, never after."""

    min: int
    """Seconds before which it never is."""
    max: int
    """Seconds after which it always is."""


class HealthCheckSummary(TypedDict):
    """One health check, with the times that follow from it."""

    protocol: str
    """What is spoken."""
    port: int
    """The port that is asked."""
    check_interval_sec: int
    """From the start of one probe to the start of the next."""
    timeout_sec: int
    """How long an answer may take."""
    healthy_threshold: int
    """Successes in a row that make an instance healthy."""
    unhealthy_threshold: int
    """Failures in a row that make it unhealthy."""
    detection_sec: Bounds
    """How long until an instance that stops answering is found out."""
    recovery_sec: Bounds
    """How long until an instance that answers again is believed."""


class HealthChecksSummary(TypedDict):
    """Both health checks, compared."""

    autohealing: HealthCheckSummary
    """The check that has instances recreated."""
    balancer: HealthCheckSummary
    """The check that stops new connections."""
    ratio: float
    """How many times longer autohealing sees an instance fail than the balancer."""
    required_ratio: float
    """How many times longer it has to."""
