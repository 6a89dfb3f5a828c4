"""`make up`, `preview` and `down` of the local stack: the real engine and pack, and a local cloud that only notes what it is told."""

from __future__ import annotations

import http.server
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.serving import serving
from toolchain.checkout import Checkout
from toolchain.deployment import Deployment, await_answer
from toolchain.engine import Engine
from toolchain.errors import ToolchainError
from toolchain.gate import Gate
from toolchain.progress import Progress
from toolchain.shell_environment import ShellEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator


PROGRAM = """
import os, pulumi

class Box(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("tiny:index:Box", name)

for number in range(pulumi.Config().get_int("boxes") or 1):
    Box(f"box{number}")
pulumi.export("url", %r)
"""

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

def few(args, report):
    boxes = [resource for resource in args.resources if resource.resource_type == "tiny:index:Box"]
    if len(boxes) > 4:
        report("at most 4 boxes", max(box.urn for box in boxes))
    if len(boxes) == 3:
        raise UnknownValueError("04da6b54-80e4-46f7-96ec-b56ff0331ba9", ["third"])

policy = StackValidationPolicy("few", "Boxes are few.", few, EnforcementLevel.MANDATORY)
PolicyPack("mig-nlb", policies=[policy])
"""


class _Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    with server, serving(server):
        yield f"http://127.0.0.1:{server.server_port}/"


class Stack:
    """A checkout with a tiny program and pack, and what was said and told."""

    def __init__(self, folder: Path, engine: Engine, url: str) -> None:
        self.checkout = Checkout(folder / "checkout")
        self.calls = folder / "calls"
        self.said = io.StringIO()
        self.report = "{}"  # of the cloud's status
        root = self.checkout.root
        self.checkout.policies.mkdir(parents=True)
        (root / ".venv").symlink_to(sys.prefix)
        (self.checkout.policies / ".venv").symlink_to((Checkout.here().policies / ".venv").resolve())
        (root / "Pulumi.yaml").write_text(
            "name: tiny\nruntime: {name: python, options: {virtualenv: .venv}}\n"
        )
        (root / "__main__.py").write_text(PROGRAM % url)
        (self.checkout.policies / "PulumiPolicy.yaml").write_text(
            "runtime: {name: python, options: {virtualenv: .venv}}\n"
        )
        (self.checkout.policies / "__main__.py").write_text(PACK)
        # The real gate, over the tiny pack's findings.
        (self.checkout.policies / "mig_policies").symlink_to(Checkout.here().policies / "mig_policies")
        self.checkout.localcloud.parent.mkdir(parents=True)
        self.cloud("")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        environ |= {"LOCALCLOUD_HOME": str(folder / "cloud")}
        shell = ShellEnvironment(self.checkout, engine, "local")
        self.deployment = Deployment(self.checkout, shell, Progress(self.said), environ)

    def cloud(self, script: str) -> None:
        """Replace the local cloud: it notes its arguments, then does `script`."""
        self.checkout.localcloud.write_text(
            f'#!/bin/sh\necho "$@" >> {self.calls}\n{script}\n[ "$1" != status ] || echo \'{self.report}\'\n'
        )
        self.checkout.localcloud.chmod(0o755)

    def told(self) -> list[str]:
        """Return what the local cloud was told since the last time."""
        calls = self.calls.read_text().splitlines()
        self.calls.unlink()
        return calls

    def boxes(self) -> int:
        """Return how many boxes there are in the stack's state."""
        folder = Path(self.deployment.environ["LOCALCLOUD_HOME"]) / "pulumi"
        return sum(
            file.read_text().count('"tiny:index:Box"') for file in folder.rglob("stacks/tiny/local.json")
        )

    def config(self, **values: int) -> None:
        lines = [f"  tiny:{name}: {value}" for name, value in values.items()]
        (self.checkout.root / "Pulumi.local.yaml").write_text("\n".join(["config:", *lines]) + "\n")


@pytest.fixture
def stack(tmp_path: Path, hosted_engine: Engine, url: str) -> Stack:
    return Stack(tmp_path, hosted_engine, url)


def test_up_twice_then_down(stack: Stack, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert stack.deployment.up() == 0
    assert stack.told() == ["start", "env", "status --json"]
    assert capfd.readouterr().out.rstrip().endswith(url)

    assert stack.deployment.up() == 0
    printed = capfd.readouterr().out
    assert "unchanged" in printed
    assert "created" not in printed

    assert stack.deployment.url() == 0
    assert capfd.readouterr().out == f"{url}\n"

    stack.told()
    assert stack.deployment.down() == 0
    assert stack.told() == ["start", "stop"]
    assert "deleted" in capfd.readouterr().out

    assert stack.deployment.url() != 0
    assert stack.said.getvalue().endswith("If the stack local is not deployed, deploy it: make up\n")


def test_the_pack_stops_up_before_anything_changes(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    assert stack.deployment.up() == 0
    stack.config(boxes=5)
    capfd.readouterr()
    assert stack.deployment.preview() != 0
    assert stack.deployment.up() != 0
    printed = capfd.readouterr().out
    assert printed.count("Closed by few violated: at most 4 boxes") == 2
    assert "Updating" not in printed
    assert "1 violated, 0 undetermined, 0 exempt; the gate is closed" in printed
    assert stack.boxes() == 1


def test_a_policy_that_could_not_run_closes_the_gate(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    stack.config(boxes=3)
    assert stack.deployment.up() == 1
    printed = capfd.readouterr().out
    assert "+ 4 to create" in printed, "the engine itself has nothing against it"
    assert "Closed by not run: can't run policy 'few'" in printed
    assert stack.boxes() == 0


def test_a_pack_that_judged_nothing_closes_the_gate(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    pack = stack.checkout.policies / "__main__.py"
    pack.write_text(PACK.replace('"mig-nlb"', '"another"'))
    assert stack.deployment.up() == 1
    assert "Closed by policy pack mig-nlb did not judge the stack as a whole" in capfd.readouterr().out
    assert stack.boxes() == 0


def test_a_program_that_fails_closes_the_gate(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    (stack.checkout.root / "__main__.py").write_text("raise SystemExit('no such key')")
    assert stack.deployment.up() != 0
    assert "the gate is closed" in capfd.readouterr().out


def test_the_reports_of_a_preview_name_the_line_a_resource_is_declared_in(
    stack: Stack, tmp_path: Path
) -> None:
    stack.config(boxes=5)
    stack.deployment.reports = tmp_path / "out" / "reports"
    assert stack.deployment.preview() != 0
    written = {path.name: path.read_text() for path in stack.deployment.reports.iterdir()}
    assert sorted(written) == ["events.jsonl", "policies.md", "policies.sarif", "policies.xml", "preview.md"]
    assert "Stack `local`" in written["preview.md"]
    (result,) = json.loads(written["policies.sarif"])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "__main__.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 9},
    }
    assert "| few | `box4`, __main__.py:9 | at most 4 boxes |" in written["policies.md"]
    assert 'file="__main__.py" line="9"' in written["policies.xml"]


def test_a_stacks_configuration_of_the_pack_is_found_by_its_last_name(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    file = checkout.policies / "config" / "prod.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    for stack in ("prod", "acme/web/prod"):
        assert Gate(checkout, stack).options == [
            "--policy-pack",
            str(checkout.policies),
            "--policy-pack-config",
            str(file),
        ]
    assert Gate(checkout, "local").options == ["--policy-pack", str(checkout.policies)]


@pytest.mark.parametrize("served", [True, False])
def test_an_answer_of_another_program_is_not_the_services(stack: Stack, url: str, *, served: bool) -> None:
    rule = {"name": "web-main", "reached_at": [urlsplit(url).netloc] if served else []}
    report = {"forwarding_rules": [rule], "problems": {"web-x": "cannot listen: Address already in use"}}
    stack.report = json.dumps(report)
    stack.cloud("")
    assert stack.deployment.up() == (0 if served else 1)
    said = (
        "web-x is not served: cannot listen: Address already in use.\n"
        f"What answers at {url} is another program. End it, then: make up\n"
    )
    assert stack.said.getvalue().endswith(said) is not served


def test_a_cloud_that_does_not_start_stops_up_at_once(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    stack.cloud("echo 'no room' >&2; exit 1")
    with pytest.raises(ToolchainError, match="the local cloud did not start; the reason is above"):
        stack.deployment.up()
    assert "no room" in capfd.readouterr().err


def test_down_stops_the_cloud_also_when_nothing_was_deployed(stack: Stack) -> None:
    assert stack.deployment.down() == 0
    assert stack.told() == ["stop"]


def test_down_stops_the_cloud_also_when_destroying_fails(stack: Stack) -> None:
    assert stack.deployment.up() == 0
    state = next(
        (Path(stack.deployment.environ["LOCALCLOUD_HOME"]) / "pulumi").rglob("stacks/tiny/local.json")
    )
    state.write_text("{broken")
    stack.told()
    assert stack.deployment.down() != 0
    assert stack.told()[-1] == "stop"


def test_the_clouds_speed_is_passed_on(stack: Stack) -> None:
    stack.deployment.environ["LOCALCLOUD_SPEED"] = "10"
    assert stack.deployment.preview() == 0
    assert stack.told()[0] == "start --speed 10"


def test_what_nobody_changed_has_not_drifted(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    assert stack.deployment.up() == 0
    capfd.readouterr()
    assert stack.deployment.drift() == 0
    assert "Previewing refresh" in capfd.readouterr().out


@pytest.mark.parametrize(("agreed", "options"), [(False, ""), (True, " --yes")])
def test_only_who_agreed_is_not_asked(
    stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str], agreed: bool, options: str
) -> None:
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "pulumi").write_text('#!/bin/sh\necho "$@"\n')
    (engine / "pulumi").chmod(0o755)
    shell = ShellEnvironment(stack.checkout, Engine(engine, "3.259.0", "path"), "dev")
    deployment = Deployment(
        stack.checkout, shell, Progress(stack.said), stack.deployment.environ, agreed=agreed
    )
    assert deployment.down() == 0
    assert capfd.readouterr().out == f"destroy --stack dev{options}\n"


def test_waiting_for_an_answer_ends_in_time_and_says_what_it_saw() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    said = io.StringIO()
    # Port 9 of this machine: nothing listens there.
    reason = await_answer("http://127.0.0.1:9/", Progress(said, clock=lambda: now[0]), within=25, sleep=sleep)
    assert reason is not None
    assert "refused" in reason
    assert 25 <= now[0] < 26
    assert [line.split()[0] for line in said.getvalue().splitlines()] == ["0:00", "0:10", "0:20"]
