"""What a client may configure around a group: what its instances keep, how they are healed, where they are, who probes and who serves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.localcloud.control.documents import BALANCING, HEALING
from tests.localcloud.whole.asking import NUMBERS, WEB, Asking
from tests.localcloud.whole.cloud import GLOBAL, HERE

_GOES = {"autoDelete": "ON_PERMANENT_INSTANCE_DELETION"}
KEPT: tuple[dict[str, Any], ...] = (
    {"disks": {"persistent-disk-0": _GOES}, "internalIPs": {"nic0": _GOES}},
    {"disks": {"persistent-disk-0": None}, "internalIPs": {"nic0": _GOES}},
    {"disks": {"persistent-disk-0": None}, "internalIPs": {"nic0": None}},
)
REPAIRING = {"defaultActionOnFailure": "REPAIR", "onFailedHealthCheck": "DEFAULT_ACTION"}
BACKENDS = [{"group": f"https://www.googleapis.com/compute/v1/{HERE}/instanceGroups/web"}]


class Configuring(Asking):
    """The rest of what can be asked: it changes what becomes of instances, not which there are to be."""

    @rule(number=NUMBERS, balancing=st.booleans())
    def change_check(self, number: int, balancing: bool) -> None:
        thresholds = {
            "unhealthyThreshold": 2 + number % 5,
            "checkIntervalSec": 5 + number % 30,
            "timeoutSec": 5,
        }
        self.cloud.call("PATCH", BALANCING if balancing else HEALING, thresholds)

    @rule(number=NUMBERS)
    def delay_healing(self, number: int) -> None:
        policies = [{"healthCheck": HEALING, "initialDelaySec": 30 + number % 300}]
        self._patch(autoHealingPolicies=policies)

    @rule(
        default=st.sampled_from(("REPAIR", "DO_NOTHING")),
        failed=st.sampled_from(("DEFAULT_ACTION", "REPAIR", "DO_NOTHING")),
        newest=st.sampled_from(("YES", "NO")),
    )
    def change_repairs(self, default: str, failed: str, newest: str) -> None:
        policy = {"defaultActionOnFailure": default, "onFailedHealthCheck": failed}
        self._patch(instanceLifecyclePolicy={**policy, "forceUpdateOnRepair": newest})

    @rule(number=NUMBERS)
    def configure_all(self, number: int) -> None:
        properties = {"labels": {"n": str(number % 3)}} if number % 4 else None
        self._patch(allInstancesConfig={"properties": properties})

    @rule(kept=st.sampled_from(KEPT))
    def keep(self, kept: dict[str, Any]) -> None:
        updates = {"updatePolicy": {"instanceRedistributionType": "NONE"}} if kept else {}
        self._patch(statefulPolicy={"preservedState": kept}, **updates)

    @rule(number=NUMBERS)
    def configure_one(self, number: int) -> None:
        for instance in self._some(number)[:1]:
            name = instance.rpartition("/")[2]
            config = {"name": name, "preservedState": {"metadata": {"n": str(number)}}}
            self.cloud.post(f"{WEB}/updatePerInstanceConfigs", {"perInstanceConfigs": [config]})

    @rule()
    def configure_one_no_more(self) -> None:
        configs = self.cloud.post(f"{WEB}/listPerInstanceConfigs").get("items", [])
        if configs:
            self.cloud.post(f"{WEB}/deletePerInstanceConfigs", {"names": [configs[0]["name"]]})

    @rule(
        shape=st.sampled_from(("EVEN", "BALANCED", "ANY", "ANY_SINGLE_ZONE")),
        kind=st.sampled_from(("PROACTIVE", "NONE")),
    )
    def change_shape(self, shape: str, kind: str) -> None:
        wanted = {
            "distributionPolicy": {"targetShape": shape},
            "updatePolicy": {"instanceRedistributionType": kind},
        }
        self.cloud.call("PATCH", WEB, wanted, statuses=(200, 400))

    @rule(serves=st.booleans())
    def serve(self, serves: bool) -> None:
        """The backend service turns to the group, or away from it."""
        self.cloud.call("PATCH", f"{HERE}/backendServices/web", {"backends": BACKENDS if serves else []})

    @rule(closed=st.booleans())
    def close_firewall(self, closed: bool) -> None:
        """No probe gets through: everybody is condemned in time, and healed one after the other."""
        self.cloud.call("PATCH", f"{GLOBAL}/firewalls/web-hc", {"disabled": closed})
        if closed:
            self.cloud.advance(300)

    def come_round(self) -> None:
        """Undo what would keep the group from ever being as it should, or from ever being at rest."""
        self._patch(instanceLifecyclePolicy=REPAIRING)
        self.serve(True)
        self.close_firewall(False)
        if self.mode:
            self.schedule(0)
