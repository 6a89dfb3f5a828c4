"""The gcloud command, where the machine has it; told where the cloud is by the variables that `localcloud env --gcloud` prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.cli.commands import gcloud_variables
from tests.localcloud.clients.client import PROJECT, REGION, ZONES, Check, Json, Operator, RefusedError
from tests.localcloud.provider.local_cloud import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.localcloud.provider.local_cloud import LocalCloud

# Kind -> gcloud's words for it, and whether it is in a region.
_WORDS: dict[str, tuple[str, bool]] = {
    "addresses": ("addresses", True),
    "autoscalers": ("", True),
    "backendServices": ("backend-services", True),
    "firewalls": ("firewall-rules", False),
    "forwardingRules": ("forwarding-rules", True),
    "healthChecks": ("health-checks", False),
    "instanceGroups": ("instance-groups", True),
    "instanceGroupManagers": ("instance-groups managed", True),
    "instanceTemplates": ("instance-templates", False),
    "networks": ("networks", False),
    "regionAutoscalers": ("", True),
    "regionBackendServices": ("backend-services", True),
    "regionHealthChecks": ("health-checks", True),
    "regionInstanceGroupManagers": ("instance-groups managed", True),
    "subnetworks": ("networks subnets", True),
}
# Kinds that gcloud's commands have in both scopes, so that they must be told which.
_BOTH = frozenset({"addresses", "forwardingRules", "healthChecks", "regionHealthChecks", "instanceTemplates"})
_HTTP = re.compile(r"(?:HTTPError |code: )(\d{3})")


def available() -> bool:
    """Tell whether the machine has gcloud."""
    return shutil.which("gcloud") is not None


@cache
def _installation() -> tuple[str, str]:
    """Return gcloud's own Python and its folder, as it says."""
    command = ["gcloud", "info", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return told["basic"]["python_location"], told["installation"]["sdk_root"]


class Gcloud(Operator):
    """One configuration folder of gcloud for one cloud."""

    name = "gcloud"

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        folder.mkdir(parents=True, exist_ok=True)
        token = folder / "token"
        token.write_text(TOKEN)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CLOUDSDK_CONFIG": str(folder / "config"),
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            **gcloud_variables(cloud.address, PROJECT, token),
        }
        python, root = _installation()
        command = [python, "-S", str(Path(__file__).with_name("gcloud_process.py")), root]
        pipe = subprocess.PIPE
        self.said = ""  # what the last command told beside its result
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)

    def close(self) -> None:
        """End gcloud's process."""
        self._process.communicate()

    def run(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command and return what it prints as JSON.

        Raises:
            RefusedError: it failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([*words, "--quiet", "--format=json"]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "gcloud ended: see its errors above"
        status, out, err = json.loads(line)
        self.said = err
        if status != 0:
            told = _HTTP.search(err)
            raise RefusedError(int(told[1]) if told else 0, err)
        return json.loads(out) if out.strip() else None

    def compute(self, words: str, *more: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command of `gcloud compute`."""
        return self.run("compute", *words.split(), *more)

    def create_network(self, network: str, subnetwork: str, cidr: str) -> None:
        self.compute("networks create", network, "--subnet-mode=custom")
        where = (f"--network={network}", f"--range={cidr}", f"--region={REGION}")
        self.compute("networks subnets create", subnetwork, *where)

    def create_firewall(self, name: str, network: str, port: int, ranges: Sequence[str]) -> None:
        given = (f"--network={network}", f"--allow=tcp:{port}", f"--source-ranges={','.join(ranges)}")
        self.compute("firewall-rules create", name, *given)

    def create_address(self, name: str) -> None:
        self.compute("addresses create", name, f"--region={REGION}")

    def create_check(self, check: Check) -> None:
        self.compute(
            "health-checks create http",
            check.name,
            f"--region={REGION}" if check.regional else "--global",
            f"--port={check.port}",
            f"--request-path={check.path}",
            f"--check-interval={check.interval}",
            f"--timeout={check.timeout}",
            f"--healthy-threshold={check.healthy}",
            f"--unhealthy-threshold={check.unhealthy}",
        )

    def create_template(self, name: str, subnetwork: str, metadata: Mapping[str, str]) -> None:
        self.compute(
            "instance-templates create",
            name,
            "--machine-type=e2-small",
            "--image-project=debian-cloud",
            "--image-family=debian-12",
            f"--region={REGION}",
            f"--subnet={subnetwork}",
            "--no-address",
            "--no-service-account",
            "--no-scopes",
            "--metadata=" + ",".join(f"{key}={value}" for key, value in metadata.items()),
        )

    def create_group(self, name: str, template: str, size: int, check: str, delay: int) -> None:
        self.compute(
            "instance-groups managed create",
            name,
            f"--region={REGION}",
            f"--zones={','.join(ZONES)}",
            f"--template={template}",
            f"--size={size}",
            f"--health-check={check}",
            f"--initial-delay={delay}",
        )

    def create_autoscaler(self, group: str, minimum: int, maximum: int, target: float) -> None:
        self.managed(
            "set-autoscaling",
            group,
            f"--min-num-replicas={minimum}",
            f"--max-num-replicas={maximum}",
            f"--target-cpu-utilization={target}",
        )

    def create_backend_service(self, name: str, check: str, group: str) -> None:
        self.compute(
            "backend-services create",
            name,
            f"--region={REGION}",
            "--load-balancing-scheme=EXTERNAL",
            "--protocol=TCP",
            f"--health-checks={check}",
            f"--health-checks-region={REGION}",
        )
        where = (f"--region={REGION}", f"--instance-group={group}", f"--instance-group-region={REGION}")
        self.compute("backend-services add-backend", name, *where)

    def create_forwarding_rule(self, name: str, service: str, address: str, port: int) -> None:
        self.compute(
            "forwarding-rules create",
            name,
            f"--region={REGION}",
            "--load-balancing-scheme=EXTERNAL",
            f"--address={address}",
            f"--ports={port}",
            f"--backend-service={service}",
        )

    def set_autoscaler_maximum(self, group: str, maximum: int) -> None:
        self.managed("update-autoscaling", group, f"--max-num-replicas={maximum}")

    def managed(self, verb: str, group: str, *more: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command on the group."""
        return self.compute(f"instance-groups managed {verb}", group, f"--region={REGION}", *more)

    def describe(self, kind: str, name: str) -> Json:
        if kind == "regionAutoscalers":  # gcloud shows it as a part of its group
            found: Json = self.managed("describe", name)["autoscaler"]
            return found
        words, where = self._named(kind)
        described: Json = self.compute(f"{words} describe", name, *where)
        return described

    def delete(self, kind: str, name: str) -> None:
        if kind == "regionAutoscalers":
            self.managed("stop-autoscaling", name)
            return
        words, where = self._named(kind)
        self.compute(f"{words} delete", name, *where)

    @staticmethod
    def _named(kind: str) -> tuple[str, tuple[str, ...]]:
        words, regional = _WORDS[kind]
        if regional:
            return words, (f"--region={REGION}",)
        return words, ("--global",) if kind in _BOTH and kind != "instanceTemplates" else ()

    def names(self, kind: str, condition: str = "") -> list[str]:
        words, _ = _WORDS[kind]
        found = self.compute(f"{words} list", *((f"--filter={condition}",) if condition else ()))
        return [item["name"] for item in found]

    def everywhere(self, kind: str) -> list[str]:
        return self.names(kind)

    def members(self, group: str) -> list[Json]:
        found: list[Json] = self.managed("list-instances", group)
        return found

    def health(self, service: str, group: str) -> list[str]:  # noqa: ARG002 - gcloud asks about all groups
        found = self.compute("backend-services get-health", service, f"--region={REGION}")
        return [status["healthState"] for each in found for status in each["status"].get("healthStatus", [])]

    def resize(self, group: str, size: int) -> None:
        self.managed("resize", group, f"--size={size}")

    def set_template(self, group: str, template: str) -> None:
        self.managed("set-instance-template", group, f"--template={template}")

    def apply_updates(self, group: str, instances: Sequence[str]) -> None:
        chosen = f"--instances={','.join(instances)}"
        self.managed("update-instances", group, chosen, "--minimal-action=replace")

    def recreate(self, group: str, instances: Sequence[str]) -> None:
        self.managed("recreate-instances", group, f"--instances={','.join(instances)}")

    def abandon(self, group: str, instances: Sequence[str]) -> None:
        self.managed("abandon-instances", group, f"--instances={','.join(instances)}")

    def delete_members(self, group: str, instances: Sequence[str]) -> None:
        self.managed("delete-instances", group, f"--instances={','.join(instances)}")

    def create_members(self, group: str, instances: Sequence[str]) -> None:
        for name in instances:
            self.managed("create-instance", group, f"--instance={name}")

    def keep(self, group: str, instance: str, metadata: Mapping[str, str]) -> None:
        pairs = ",".join(f"{key}={value}" for key, value in metadata.items())
        given = (f"--instance={instance}", f"--stateful-metadata={pairs}", "--no-update-instance")
        self.managed("instance-configs create", group, *given)

    def kept(self, group: str) -> list[Json]:
        found: list[Json] = self.managed("instance-configs list", group)
        return found

    def problems(self, group: str) -> list[str]:
        return [item["error"]["message"] for item in self.managed("list-errors", group)]

    def instance(self, zone: str, name: str) -> Json:
        found: Json = self.compute("instances describe", name, f"--zone={zone}")
        return found

    def stop(self, zone: str, name: str) -> None:
        self.compute("instances stop", name, f"--zone={zone}")

    def delete_instance(self, zone: str, name: str) -> None:
        self.compute("instances delete", name, f"--zone={zone}")
