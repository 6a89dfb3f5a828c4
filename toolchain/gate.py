"""The gate before a deployment: a preview that people can read, and the policy pack's verdict on what the engine did in it.

The engine alone would let three things through: a policy that could not run (it says so, as advice), a value that no rule could
decide on, and a pack that never judged the stack.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain import foreground, pr_comment
from toolchain.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Mapping


REPORTS = {"--sarif": "policies.sarif", "--junit": "policies.xml", "--markdown": "policies.md"}
"""What the policy pack writes to the folder for reports."""

EVENTS, SECTION = "events.jsonl", "preview.md"
"""What is written there besides: the engine's events, and the stack's part of the comment on a pull request."""


@dataclass(frozen=True)
class Gate:
    """The policy pack in front of one stack.

    Args:
        checkout: has the pack.
        stack: the stack's name, also as `ORGANIZATION/PROJECT/NAME`.
        reports: the folder to write reports to; it is made if it is not there.
        compared: what the preview is made against, for people, if that is not the stack's own state.
    """

    checkout: Checkout
    stack: str
    reports: Path | None = None
    compared: str = ""

    @property
    def config(self) -> Path | None:
        """The pack's configuration for the stack, if it has one; the pack refuses to judge without it then."""
        file = self.checkout.policies / "config" / f"{self.stack.rsplit('/', 1)[-1]}.json"
        return file if file.is_file() else None

    @property
    def options(self) -> list[str]:
        """The options with which the engine runs the pack."""
        config = ["--policy-pack-config", str(self.config)] if self.config else []
        return ["--policy-pack", str(self.checkout.policies), *config]

    def preview(self, pulumi: str, *, env: Mapping[str, str], interactive: bool) -> int:
        """Show a preview and judge it. The exit status is 0 if the gate is open, and the reports are written in any case."""
        command = [pulumi, "preview", "--stack", self.stack, *self.options]
        # Only this user can read the folder: the log of calls has the program's secrets.
        with tempfile.TemporaryDirectory(prefix="mig-nlb-preview-") as name:
            events, calls = Path(name) / "events.jsonl", Path(name) / "calls.jsonl"
            # The engine has the option only where its commands for debugging are asked for.
            debugging = {"PULUMI_DEBUG_COMMANDS": "true"}
            if self.reports:
                debugging["PULUMI_DEBUG_GRPC"] = str(calls)
            status = foreground.run(
                [*command, "--event-log", str(events)],
                env={**env, **debugging},
                cwd=self.checkout.root,
                interactive=interactive,
            )
            verdict = self._judge(events, calls, env)
            if self.reports:
                self._keep(events, self.reports.absolute())
        return status or verdict

    def _keep(self, events: Path, folder: Path) -> None:
        report = folder / REPORTS["--markdown"]
        policies = report.read_text("utf-8") if report.is_file() else "> The policy pack reported nothing."
        lines: list[str] = []
        # An engine that ended before its first event has written no file.
        if events.is_file():
            shutil.copyfile(events, folder / EVENTS)
            lines = events.read_text("utf-8").splitlines()
        section = pr_comment.section(self.stack, pr_comment.read_events(lines), policies, self.compared)
        (folder / SECTION).write_text(section, "utf-8")

    def _judge(self, events: Path, calls: Path, env: Mapping[str, str]) -> int:
        command = [str(self.checkout.policy_python), "-m", "mig_policies.reports", "--brief"]
        command += ["--events", str(events), "--calls", str(calls), "--root", str(self.checkout.root)]
        if self.config:
            command += ["--config", str(self.config)]
        if self.reports:
            folder = self.reports.absolute()
            folder.mkdir(parents=True, exist_ok=True)
            command += [part for option, name in REPORTS.items() for part in (option, str(folder / name))]
        return foreground.run(command, env=env, cwd=self.checkout.policies, interactive=False)
