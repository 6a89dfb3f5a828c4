"""HC: the health checks, each for itself, against each other, and what a group does with them."""

from __future__ import annotations

from tests.policies.cases.case import Case, balance_by, heal_by, share, unlink, without_autohealing
from tests.policies.engine import UNKNOWN

CASES = [
    Case(
        "HC01",
        "mig",
        ((share, "share health check 'lb'"),),
        unlink("mig", "autoHealingPolicies"),
        without_autohealing,
    ),
    Case(
        "HC02",
        "mig",
        ((heal_by(checkIntervalSec=5, unhealthyThreshold=3), "ratio 1.5, required 2"),),
        heal_by(unhealthyThreshold=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC03",
        "mig",
        ((heal_by(timeoutSec=3), "timeoutSec 3, required at least 4"),),
        balance_by(timeoutSec=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC04",
        "mig",
        ((heal_by(unhealthyThreshold=2), "unhealthyThreshold 2, required at least 3"),),
        heal_by(unhealthyThreshold=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC05",
        "ah",
        ((heal_by(timeoutSec=31), "timeoutSec 31, required at most checkIntervalSec 30"),),
        heal_by(timeoutSec=UNKNOWN),
    ),
    Case(
        "HC06",
        "mig",
        ((heal_by(timeoutSec=14), "checkIntervalSec 30, required at most 2 x timeoutSec 14 = 28 s"),),
        heal_by(timeoutSec=UNKNOWN),
        without_autohealing,
    ),
    Case(
        "HC07",
        "lb",
        ((balance_by(timeoutSec=5), "the API's defaults"), (balance_by(timeoutSec=None), "timeoutSec unset")),
        balance_by(timeoutSec=UNKNOWN),
    ),
    Case(
        "HC08",
        "mig",
        ((without_autohealing, "autoHealingPolicies unset"),),
        lambda s: s.but("mig", autoHealingPolicies=UNKNOWN),
    ),
    Case(
        "HC09",
        "mig",
        (
            (
                lambda s: s["mig"].inputs["autoHealingPolicies"].update(initialDelaySec=219),
                "initialDelaySec 219, required at least 1.1 x 200 s",
            ),
            (lambda s: s["mig"].inputs["autoHealingPolicies"].pop("initialDelaySec"), "initialDelaySec 0"),
        ),
        lambda s: s["mig"].inputs["autoHealingPolicies"].update(initialDelaySec=UNKNOWN),
        without_autohealing,
        {"bootSeconds": 200},
    ),
    Case(
        "HC10",
        "mig",
        (
            (
                lambda s: s.but("mig", instanceLifecyclePolicy={"onFailedHealthCheck": "DO_NOTHING"}),
                "onFailedHealthCheck DO_NOTHING",
            ),
            (
                lambda s: s.but("mig", instanceLifecyclePolicy={"defaultActionOnFailure": "DO_NOTHING"}),
                "defaultActionOnFailure DO_NOTHING",
            ),
        ),
        lambda s: s.but("mig", instanceLifecyclePolicy={"onFailedHealthCheck": UNKNOWN}),
    ),
    Case(
        "HC11",
        "mig",
        (
            (heal_by(httpHealthCheck=None, tcpHealthCheck={"port": 8080}), "a bare TCP probe"),
            (heal_by(httpHealthCheck={"port": 8080, "requestPath": "/"}), "requestPath '/'"),
            (heal_by(httpHealthCheck=None), "no protocol block"),
        ),
        heal_by(httpHealthCheck={"port": 8080, "requestPath": UNKNOWN}),
        without_autohealing,
    ),
    Case(
        "HC12",
        "ah",
        (
            (
                heal_by(sourceRegions=["us-east1", "us-west1", "europe-west1"]),
                "sourceRegions us-east1, us-west1, europe-west1",
            ),
        ),
        heal_by(sourceRegions=UNKNOWN),
    ),
    Case(
        "HC13",
        "lb",
        ((balance_by(logConfig=None), "logConfig.enable false"),),
        balance_by(logConfig={"enable": UNKNOWN}),
    ),
    Case(
        "HC14",
        "mig",
        ((heal_by(healthyThreshold=1), "healthyThreshold 1, advised at least 2"),),
        heal_by(healthyThreshold=UNKNOWN),
        without_autohealing,
    ),
]
