"""HC, what a group does with its health check: when it condemns, when it begins to look, and what it then does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.pairing import has_autohealing, healing_check
from mig_policies.probe import probe_of
from mig_policies.rule import (
    ADVISORY,
    HIGH,
    LOW,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    StackRule,
    Stricter,
)
from mig_policies.stack import Outside, Stack
from mig_policies.timing import timing_of
from mig_policies.tokens import GROUP_MANAGERS
from mig_policies.values import Undetermined
from mig_policies.verdict import Verdict, not_applicable, passed, violated

if TYPE_CHECKING:
    from collections.abc import Callable

    from mig_policies.resource import Resource

AUTOHEALING_PAGE: Final = (
    "https://docs.cloud.google.com/compute/docs/instance-groups/autohealing-instances-in-migs"
)
TUTORIAL_PAGE: Final = "https://docs.cloud.google.com/compute/docs/tutorials/high-availability-autohealing"
REPAIR_PAGE: Final = "https://docs.cloud.google.com/compute/docs/instance-groups/about-repair-in-migs"

BOOT_SECONDS: Final = Parameter(
    name="bootSeconds",
    description="Seconds from an instance's creation until it serves, at worst; 0 if that was never measured.",
    default=0,
    minimum=0,
    stricter=Stricter.HIGHER,
)


def _with_check(
    judge: Callable[[Resource, Resource, Parameters], Verdict],
) -> Callable[[Resource, Stack, Parameters], Verdict]:
    """Make a look at a group and its autohealing check out of one that takes both."""

    def look(group: Resource, stack: Stack, parameters: Parameters) -> Verdict:
        if not has_autohealing(group):
            return not_applicable(f"{group.label} has no autohealing policy")
        check = healing_check(group, stack)
        if isinstance(check, Outside):
            raise Undetermined(
                f"{group.label} heals by health check {check.label}, which cannot be read from here"
            )
        try:
            return judge(group, check, parameters)
        except Undetermined as reason:
            raise Undetermined(f"{check.label}: {reason}") from reason

    return look


def _enough_failures(group: Resource, check: Resource, parameters: Parameters) -> Verdict:
    unhealthy, least = timing_of(check).unhealthy, parameters.number("minUnhealthyThreshold")
    if unhealthy < least:
        return violated(
            f"{group.label} heals by {check.label}: unhealthyThreshold {unhealthy}, required at least {least:g}. "
            f"{unhealthy} lost probe{'s' if unhealthy > 1 else ''} in a row would recreate an instance."
        )
    return passed(f"{group.label}: {unhealthy} failures in a row before an instance is recreated")


def _interval_not_idle(group: Resource, check: Resource, parameters: Parameters) -> Verdict:
    timing, most = timing_of(check), parameters.number("maxIntervalToTimeout")
    if timing.interval > most * timing.timeout:
        return violated(
            f"{group.label} heals by {check.label}: checkIntervalSec {timing.interval}, required at most "
            f"{most:g} x timeoutSec {timing.timeout} = {most * timing.timeout:g} s"
        )
    return passed(f"{check.label}: interval {timing.interval} s within {most:g} x timeout {timing.timeout} s")


def _asks_the_service(group: Resource, check: Resource, _: Parameters) -> Verdict:
    probe = probe_of(check)
    if probe is None:
        return violated(
            f"{group.label} heals by {check.label}, which has no protocol block; required an HTTP one"
        )
    if probe.protocol in {"GRPC", "GRPC_WITH_TLS"}:
        return passed(f"{check.label} asks the service's own gRPC health method")
    if probe.path is None:
        return violated(
            f"{group.label} heals by {check.label}: a bare {probe.protocol} probe, required HTTP(S) with a path. A "
            "process that hangs still completes handshakes, because its kernel does."
        )
    if probe.path == "/":
        return violated(
            f"{group.label} heals by {check.label}: requestPath '/', required a path made for health"
        )
    return passed(f"{check.label} asks for {probe.path}")


def _two_successes(group: Resource, check: Resource, parameters: Parameters) -> Verdict:
    healthy, least = timing_of(check).healthy, parameters.number("minHealthyThreshold")
    if healthy < least:
        return violated(
            f"{group.label} heals by {check.label}: healthyThreshold {healthy}, advised at least {least:g}; one lucky "
            "answer would end the initial delay"
        )
    return passed(f"{check.label}: healthyThreshold {healthy}")


def _is_autohealed(group: Resource, _: Parameters) -> Verdict:
    if group.props.get("autoHealingPolicies") is None:
        return violated(
            f"{group.label}: autoHealingPolicies unset, required one; a hung instance would stay for good"
        )
    return passed(f"{group.label} has an autohealing policy")


def _delay_covers_boot(group: Resource, parameters: Parameters) -> Verdict:
    if group.props.get("autoHealingPolicies") is None:
        return not_applicable(f"{group.label} has no autohealing policy")
    delay = group.props.integer("autoHealingPolicies.initialDelaySec", 0)
    boot, margin = parameters.number("bootSeconds"), parameters.number("margin")
    required = max(1.0, boot * margin)
    if delay < required - 1e-9:
        reckoned = f"{margin:g} x {boot:g} s to boot = {required:g} s" if boot else "more than 0 s"
        return violated(
            f"{group.label}: initialDelaySec {delay}, required at least {reckoned}. Instances would be recreated "
            "before they can answer, again and again."
        )
    return passed(f"{group.label}: initial delay {delay} s")


def _failures_are_acted_on(group: Resource, _: Parameters) -> Verdict:
    for field in ("onFailedHealthCheck", "defaultActionOnFailure"):
        action = group.props.text(f"instanceLifecyclePolicy.{field}", None)
        if action == "DO_NOTHING":
            return violated(f"{group.label}: instanceLifecyclePolicy.{field} DO_NOTHING, required REPAIR")
    return passed(f"{group.label} repairs what fails")


HC04 = StackRule(
    id="HC04",
    title="Autohealing waits for several failures",
    description="Autohealing must see several failures in a row before it recreates an instance.",
    remediation="Set unhealthyThreshold of the autohealing check to 3 or more.",
    url=TUTORIAL_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minUnhealthyThreshold",
            description="How many failures in a row autohealing must wait for at least.",
            default=3,
            minimum=2,
            maximum=10,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_with_check(_enough_failures),
)
HC06 = StackRule(
    id="HC06",
    title="Autohealing's interval suits its timeout",
    description="Autohealing's interval should be at most twice its timeout, as Google advises: a longer one only waits.",
    remediation="Raise timeoutSec, or lower checkIntervalSec and raise unhealthyThreshold.",
    url=TUTORIAL_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="maxIntervalToTimeout",
            description="How many times its timeout autohealing's interval may be at most.",
            default=2,
            minimum=1,
            stricter=Stricter.LOWER,
        ),
    ),
    look=_with_check(_interval_not_idle),
)
HC08 = ResourceRule(
    id="HC08",
    title="The group is autohealed",
    description="A managed instance group must have an autohealing health check.",
    remediation="Set autoHealingPolicies with a health check of its own.",
    url=AUTOHEALING_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_is_autohealed,
)
HC09 = ResourceRule(
    id="HC09",
    title="The initial delay covers booting",
    description="Autohealing must give an instance time to boot: 10 to 20 % more than it takes from creation to serving.",
    remediation="Measure the boot, set bootSeconds in the pack's configuration and initialDelaySec accordingly.",
    url=AUTOHEALING_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    parameters=(
        BOOT_SECONDS,
        Parameter(
            name="margin",
            description="How many times bootSeconds the delay must be at least.",
            default=1.1,
            minimum=1,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_delay_covers_boot,
)
HC10 = ResourceRule(
    id="HC10",
    title="Failures are acted on",
    description="A group must repair instances that fail; DO_NOTHING is for trying a new check out.",
    remediation="Remove DO_NOTHING from instanceLifecyclePolicy.",
    url=REPAIR_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    look=_failures_are_acted_on,
)
HC11 = StackRule(
    id="HC11",
    title="Autohealing asks the service",
    description="Autohealing should ask the service over HTTP(S) with a path of its own, for a handshake proves little.",
    remediation="Use httpHealthCheck with a requestPath that tells whether the instance must go.",
    url=TUTORIAL_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    look=_with_check(_asks_the_service),
)
HC14 = StackRule(
    id="HC14",
    title="Autohealing believes two successes",
    description="Autohealing should take two successes in a row for health, as Google advises.",
    remediation="Set healthyThreshold of the autohealing check to 2.",
    url=TUTORIAL_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minHealthyThreshold",
            description="How many successes in a row autohealing should wait for at least.",
            default=2,
            minimum=1,
            maximum=10,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_with_check(_two_successes),
)

RULES = (HC04, HC06, HC08, HC09, HC10, HC11, HC14)
