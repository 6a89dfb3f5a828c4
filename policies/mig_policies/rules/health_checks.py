"""HC, each check for itself: limits that hold for any health check, whoever uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.rule import ADVISORY, LOW, MANDATORY, MEDIUM, Parameters, ResourceRule
from mig_policies.timing import Timing, timing_of
from mig_policies.tokens import ALL_HEALTH_CHECKS, HEALTH_CHECK, HEALTH_CHECKS
from mig_policies.verdict import Verdict, passed, violated

if TYPE_CHECKING:
    from mig_policies.resource import Resource

CHECKS_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/health-check-concepts"
LOGGING_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/health-check-logging"
_THRESHOLDS: Final = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")


def _timeout_within_interval(check: Resource, _: Parameters) -> Verdict:
    timing = timing_of(check)
    if timing.timeout > timing.interval:
        return violated(
            f"{check.label}: timeoutSec {timing.timeout}, required at most checkIntervalSec {timing.interval}. "
            "The API refuses a probe that may outlast its interval."
        )
    return passed(f"{check.label}: timeout {timing.timeout} s within interval {timing.interval} s")


def _thresholds_chosen(check: Resource, _: Parameters) -> Verdict:
    filled_in = check.defaulted or frozenset()
    unset = [name for name in _THRESHOLDS if check.props.raw(name) is None or name in filled_in]
    if unset:
        return violated(f"{check.label}: {', '.join(unset)} unset, required explicit")
    if check.defaulted is not None:
        return passed(f"{check.label}: every threshold is written out")
    # A saved state does not say what was filled in: a check that equals the defaults in everything is taken for one that nobody
    # thought about.
    if timing_of(check) == Timing():
        return violated(
            f"{check.label}: interval, timeout and thresholds are 5 s, 5 s, 2 and 2, the API's defaults; "
            "required: values chosen for this service"
        )
    return passed(f"{check.label}: thresholds differ from the API's defaults")


def _no_source_regions(check: Resource, _: Parameters) -> Verdict:
    regions = check.props.texts("sourceRegions")
    if regions:
        return violated(
            f"{check.label}: sourceRegions {', '.join(regions)}, required none; such a check serves neither a backend "
            "service nor autohealing"
        )
    return passed(f"{check.label}: no sourceRegions")


def _logged(check: Resource, _: Parameters) -> Verdict:
    if check.props.flag("logConfig.enable", default=False):
        return passed(f"{check.label}: changes of health are logged")
    return violated(
        f"{check.label}: logConfig.enable false, required true; nobody could tell later why it tripped"
    )


HC05 = ResourceRule(
    id="HC05",
    title="A probe times out within its interval",
    description="A health check's timeout must not exceed its interval.",
    remediation="Lower timeoutSec or raise checkIntervalSec.",
    url=CHECKS_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=ALL_HEALTH_CHECKS,
    look=_timeout_within_interval,
)
HC07 = ResourceRule(
    id="HC07",
    title="Thresholds are chosen, not defaulted",
    description="A health check's interval, timeout and thresholds should be chosen for the service: the defaults are a "
    "balancer's, and far too quick for autohealing.",
    remediation="Set checkIntervalSec, timeoutSec, healthyThreshold and unhealthyThreshold.",
    url=CHECKS_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=ALL_HEALTH_CHECKS,
    look=_thresholds_chosen,
)
HC12 = ResourceRule(
    id="HC12",
    title="No source regions",
    description="A health check with sourceRegions serves neither backend services nor autohealing.",
    remediation="Remove sourceRegions.",
    url=CHECKS_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=frozenset({HEALTH_CHECK}),
    look=_no_source_regions,
)
HC13 = ResourceRule(
    id="HC13",
    title="Changes of health are logged",
    description="Health checks must log changes of health, so that a recreated instance can be explained.",
    remediation="Set logConfig.enable to true.",
    url=LOGGING_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=HEALTH_CHECKS,
    look=_logged,
)

RULES = (HC05, HC07, HC12, HC13)
