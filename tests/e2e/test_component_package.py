"""The components as a package: its schema, and a program that knows nothing of them but their tokens, through the real engine.

The program is tests/e2e/remote_program. It stands for one in any language: what it registers, the engine hands to the package's plugin
(`Construct`), and the plugin makes the resources. It is Python only because no other language's host can be had here.
"""

from __future__ import annotations

import json
import urllib.request
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.component_package.package_schema import GOLDEN, normal, without_inner_descriptions

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e
PROGRAM = "tests/e2e/remote_program"
SECRET = "nobody-else-is-told-this"
SETTINGS = {
    "gcp:project": "local",
    "gcp:region": "europe-west1",
    "gcp:skipRegionValidation": "true",
    "gcp:disableGlobalProjectWarning": "true",
}
WEAK = {"checkIntervalSec": 2, "timeoutSec": 2, "unhealthyThreshold": 2}


class Caller:
    """The program and its stack on a local cloud of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        deployment.start_cloud()
        self.run("stack", "init", "test")
        plain = [word for key, value in SETTINGS.items() for word in ("--plaintext", f"{key}={value}")]
        self.run("config", "set-all", "--stack", "test", *plain)

    def run(self, *arguments: str, status: int | None = 0) -> str:
        return self.deployment.pulumi("--non-interactive", "-C", PROGRAM, *arguments, status=status)

    def refused_preview(self, *arguments: str, cases: str = "whole", **overrides: object) -> str:
        """Preview with these inputs of the whole service in place of the program's; returns what was said before it failed."""
        given = {"caller:overrides": json.dumps(overrides), "caller:cases": cases}
        file = self.deployment.root / PROGRAM / "Pulumi.test.yaml"
        kept = file.read_text("utf-8")
        content = yaml.safe_load(kept)
        content["config"] |= given
        file.write_text(yaml.safe_dump(content))
        try:
            printed = self.run("preview", "--stack", "test", *arguments, status=None)
        finally:
            file.write_text(kept)
        assert "error: " in printed, printed
        return printed


@pytest.fixture(scope="module")
def caller(deploy: Deploy) -> Caller:
    return Caller(deploy("package", speed=10))


@pytest.fixture(scope="module")
def deployed(caller: Caller) -> str:
    """Everything deployed, parts and whole, judged by the policy pack on the way; returns what the engine printed."""
    pack = ("--policy-pack", "../../../policies")
    return caller.run("up", "--yes", "--skip-preview", "--stack", "test", *pack)


@pytest.fixture(scope="module")
def state(caller: Caller, deployed: str) -> dict[str, dict[str, Any]]:
    """The state's resources by "type name"."""
    assert deployed
    exported = caller.run("stack", "export", "--stack", "test")
    at = exported.find(SECRET)
    assert at < 0, f"in the state secrets are encrypted, but: {exported[at - 300 : at + 60]}"
    resources = json.loads(exported)["deployment"]["resources"]
    return {f"{item['type']} {item['urn'].rpartition('::')[2]}": item for item in resources}


def names(urns: list[str]) -> set[str]:
    return {urn.rpartition("::")[2] for urn in urns}


def test_the_engine_gets_the_schema_that_is_committed(caller: Caller) -> None:
    deployment = caller.deployment
    # Before it runs a package, the engine wants the plugins that its requirements name where it keeps plugins: the local cloud's
    # own is put there, as with the official engine the official one is.
    launcher = deployment.home / "pulumi-resource-gcp"
    launcher.write_text(
        f'#!/bin/sh\ncd {deployment.root} && exec .venv/bin/python -m localcloud.provider "$@"\n'
    )
    launcher.chmod(0o755)
    gcp = version("pulumi-gcp")
    deployment.pulumi("plugin", "install", "resource", "gcp", gcp, "--file", str(launcher))
    printed = deployment.pulumi("package", "get-schema", "./component_package")
    schema = printed[printed.index("{\n") : printed.rindex("}") + 1]
    committed = json.loads(GOLDEN.read_text("utf-8"))
    assert without_inner_descriptions(normal(schema)) == without_inner_descriptions(committed)


def test_a_wrong_value_is_refused_as_in_the_program_and_makes_nothing(caller: Caller) -> None:
    printed = caller.refused_preview(autohealingCheck=WEAK)
    assert "mig-nlb:index:Service resource 'web' has a problem" in printed
    assert (
        "mig-nlb:autohealing_check = '2 s x 2': autohealing must be more conservative than the balancer"
        in printed
    )
    assert "Fix: set autohealing_check unhealthy_threshold 6" in printed
    assert "gcp:compute:" not in printed


def test_the_policy_pack_compares_the_checks_of_remote_components(caller: Caller) -> None:
    pack = ("--policy-pack", "../../../policies")
    # On a first preview, when nothing is known of what the parts are made from.
    printed = caller.refused_preview(
        *pack, cases="whole parts", healthCheckGuard="off", autohealingCheck=WEAK
    )
    assert "gcp:compute:ForwardingRule parts-main create" in printed
    assert "HC02  (gcp:compute:RegionInstanceGroupManager: web-group)" in printed
    assert "balancer stops sending after 2 x 2 s = 4 s; autohealing recreates after 2 x 2 s = 4 s" in printed
    assert "health_check_guard is off" in printed, "what a component warns of is shown to its caller"


def test_parts_and_whole_are_deployed_and_answer(caller: Caller, deployed: str) -> None:
    assert "[mandatory]" not in deployed
    assert SECRET not in deployed
    outputs = json.loads(caller.run("stack", "output", "--stack", "test", "--json"))
    caller.deployment.wait_until_healthy(3)
    for url, called in ((outputs["url"], "web-"), (outputs["partsUrl"], "parts-")):
        with urllib.request.urlopen(url, timeout=10) as response:
            assert json.load(response)["instance"].startswith(called)
    assert outputs["address"] in outputs["url"]
    checks = outputs["healthChecks"]
    assert checks["autohealing"]["detectionSec"] == {"min": 25, "max": 30}
    assert (checks["ratio"], checks["requiredRatio"]) == (6.25, 3)
    assert "/instanceTemplates/parts-" in outputs["template"]
    again = caller.run("preview", "--stack", "test", "--expect-no-changes")
    assert "unchanged" in again


def test_outputs_are_registered_and_what_follows_from_what_is_known(state: dict[str, dict[str, Any]]) -> None:
    kinds = {item.split()[0].rpartition(":")[2] for item in state if item.startswith("mig-nlb:index:")}
    assert kinds == {item.rpartition(":")[2] for item in json.loads(GOLDEN.read_text("utf-8"))["resources"]}
    service = state["mig-nlb:index:Service web"]["outputs"]
    assert service["address"] in service["url"]
    assert service["instanceGroup"].endswith(
        state["gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager web-group"]["outputs"][
            "name"
        ]
    )
    manager = state["gcp:compute/instanceGroupManager:InstanceGroupManager parts-group"]
    assert state["mig-nlb:index:ManagedInstanceGroup parts"]["outputs"]["resourceId"] == manager["id"]
    assert manager["parent"].endswith(
        "mig-nlb:index:ManagedInstanceGroup$mig-nlb:compute:ManagedInstanceGroup::parts"
    )
    assert "parts-template" in names(manager["propertyDependencies"]["versions"])
    template = state["gcp:compute/instanceTemplate:InstanceTemplate parts-template"]
    assert names(template["dependencies"]) >= {
        "own", "parts-account", "parts-startup.sh", "parts-service.py", "parts-probes", "parts-clients",
        "parts-bucket-storage.objectViewer",
    }  # fmt: skip


def test_a_secret_stays_one_in_state_and_reaches_the_instances(
    caller: Caller, state: dict[str, dict[str, Any]]
) -> None:
    template = state["gcp:compute/instanceTemplate:InstanceTemplate parts-template"]
    assert "ciphertext" in json.dumps(template["inputs"]["metadata"])
    assert "ciphertext" in json.dumps(template["outputs"]["metadata"])
    (found,) = (
        item
        for item in caller.deployment.api("/compute/v1/projects/local/global/instanceTemplates")["items"]
        if item["name"].startswith("parts-")
    )
    assert {"key": "hint", "value": SECRET} in found["properties"]["metadata"]["items"]
