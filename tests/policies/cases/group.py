"""MIG and AS: the group and its autoscaler."""

from __future__ import annotations

from tests.policies.cases.case import Case, policy, scale, unlink
from tests.policies.engine import UNKNOWN
from tests.policies.stacks import REGION

CASES = [
    Case(
        "MIG01",
        "mig",
        (
            (
                lambda s: s.but("mig", distributionPolicyZones=[f"{REGION}-b"]),
                "1 zone (europe-west1-b), required at least 2",
            ),
            (
                lambda s: setattr(s["mig"], "type", "gcp:compute/instanceGroupManager:InstanceGroupManager"),
                "is zonal",
            ),
            (
                lambda s: s.but("mig", distributionPolicyZones=[f"{REGION}-b", f"{REGION}-a"]),
                "zone europe-west1-a, required only",
            ),
        ),
        lambda s: s.but("mig", distributionPolicyZones=UNKNOWN),
        config={"allowedZones": [f"{REGION}-{zone}" for zone in "bcd"]},
    ),
    Case(
        "MIG02",
        "mig",
        ((lambda s: s.but("mig", targetSize=3), "targetSize 3 beside autoscaler 'as'"),),
        lambda s: s.but("mig", targetSize=UNKNOWN),
        lambda s: s.without("as"),
    ),
    Case(
        "MIG03",
        "mig",
        (
            (policy(maxUnavailableFixed=1), "maxUnavailable 1, required 0"),
            (lambda s: s["mig"].inputs["updatePolicy"].pop("maxUnavailableFixed"), "maxUnavailable unset"),
            (policy(maxSurgeFixed=0), "maxSurge 0 beside maxUnavailable 0"),
            (policy(minReadySec=0), "minReadySec 0, required at least 1"),
            (lambda s: s.but("mig", updatePolicy=None), "updatePolicy unset"),
        ),
        policy(minReadySec=UNKNOWN),
    ),
    Case(
        "MIG04",
        "mig",
        (
            (policy(instanceRedistributionType="NONE"), "instanceRedistributionType NONE with shape EVEN"),
            (
                lambda s: s.but("mig", distributionPolicyTargetShape="ANY"),
                "distributionPolicyTargetShape ANY",
            ),
        ),
        unlink("as", "target"),
        lambda s: s.without("as"),
    ),
    Case(
        "MIG05",
        "tpl",
        (
            (lambda s: s.but("tpl", namePrefix=None, name="web-1"), "fixed name 'web-1'"),
            (lambda s: setattr(s["tpl"], "delete_before_replace", True), "deleteBeforeReplace true"),
        ),
        lambda s: s.but("tpl", namePrefix=None, name=UNKNOWN),
    ),
    Case(
        "AS01",
        "mig",
        (
            (lambda s: s.without("as"), "has no autoscaler"),
            (scale(minReplicas=2), "minReplicas 2, required at least 3 (group 'mig' spans 3 zones)"),
            (scale(maxReplicas=4), "maxReplicas 4, required at least 1.5 x 3 = 5"),
        ),
        scale(minReplicas=UNKNOWN),
    ),
    Case(
        "AS02",
        "as",
        (
            (
                scale(loadBalancingUtilization={"target": 0.8}),
                "is behind backend service 'be', a passthrough balancer",
            ),
        ),
        lambda s: (scale(loadBalancingUtilization={"target": 0.8})(s), unlink("as", "target")(s)),
        lambda s: (scale(loadBalancingUtilization={"target": 0.8})(s), s.without("be")),
    ),
    Case(
        "AS03",
        "as",
        (
            (scale(cooldownPeriod=49), "cooldownPeriod 49, required at least 50"),
            (scale(scaleInControl=None), "scaleInControl unset"),
            (scale(mode="OFF"), "mode OFF, required ON"),
        ),
        scale(cooldownPeriod=UNKNOWN),
        config={"bootSeconds": 50},
    ),
]
