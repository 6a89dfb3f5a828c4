"""`make up`, `preview`, `down` and `url`: one stack of this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolchain import foreground
from toolchain.checkout import Checkout
from toolchain.errors import ToolchainError
from toolchain.gate import Gate
from toolchain.progress import Progress, duration
from toolchain.shell_environment import LOCAL_STACK, ShellEnvironment, local_home

if TYPE_CHECKING:
    from collections.abc import Callable


ANSWER_WITHIN_SECONDS = 300.0
"""How long `make up` waits for the service after the engine has finished."""


@dataclass
class Deployment:
    """One stack, and the commands that a person gives about it.

    Args:
        checkout: the program and the policy pack.
        shell: the variables for the stack.
        progress: says what is waited for.
        environ: the variables of whoever asks.
        reports: the folder for the reports of a preview.
        agreed: whether the person has agreed to whatever `up` or `down` will do.
    """

    checkout: Checkout
    shell: ShellEnvironment
    progress: Progress
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    reports: Path | None = None
    agreed: bool = False
    _env: dict[str, str] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The environment of the engine's commands; asked of the local cloud once, after it was started."""
        if self._env is None:
            self._env = self.shell.apply(self.environ)
        return self._env

    @property
    def local(self) -> bool:
        """Whether this is the stack on the local cloud."""
        return self.shell.stack == LOCAL_STACK

    def up(self) -> int:
        """Bring the stack up and say where it answers. Returns the exit status."""
        status = self.preview()
        if status == 0:
            # The local stack is nobody's but the user's, and was previewed just now. For another one the engine looks again and asks.
            agreed = ["--yes", "--skip-preview"] if self.local else self._yes
            status = self._pulumi("up", "--stack", self.shell.stack, *self._gate.options, *agreed)
        if status != 0 or not self.local:
            return status
        outputs = self._outputs()
        url = str(outputs.get("url", ""))
        if not url:
            self.progress.say("The program has no output `url`.")
            return 0
        if not self._await_answer(url) or not self._served(url):
            return 1
        print(f"\n{url}", flush=True)
        self.progress.say(
            f'\nTry:  curl {url}\nThen: eval "$(make -s env)"; localcloud status; localcloud events --follow'
        )
        return 0

    def preview(self) -> int:
        """Show what `up` would do; the status is 0 only if the policy pack has nothing against it."""
        if self.local:
            self._start_cloud()
            if not self._state_file().exists():
                created = self._pulumi("stack", "init", self.shell.stack)
                if created != 0:
                    return created
        return self._gate.preview(str(self.shell.engine.pulumi), env=self.env, interactive=self._interactive)

    def down(self) -> int:
        """Take the stack's resources down; for the local stack, then the local cloud."""
        if not self.local:
            return self._pulumi("destroy", "--stack", self.shell.stack, *self._yes)
        status = 0
        if self._state_file().exists():
            self._start_cloud()
            status = self._pulumi("destroy", "--yes", "--stack", self.shell.stack)
        # Whatever became of the resources: nothing stays running.
        stopped = self._localcloud("stop")
        return status or stopped

    def drift(self) -> int:
        """Compare the stack's state with what the cloud has; the status is 0 only if they are alike. Changes nothing."""
        if self.local:
            self._start_cloud()
        options = ["--preview-only", "--expect-no-changes", "--diff", "--non-interactive"]
        return self._pulumi("refresh", "--stack", self.shell.stack, *options)

    def url(self) -> int:
        """Print where the service answers."""
        status = self._pulumi("stack", "output", "url", "--stack", self.shell.stack)
        if status != 0:
            where = "" if self.local else f" STACK={self.shell.stack}"
            self.progress.say(f"If the stack {self.shell.stack} is not deployed, deploy it: make up{where}")
        return status

    @property
    def _gate(self) -> Gate:
        return Gate(self.checkout, self.shell.stack, self.reports)

    @property
    def _yes(self) -> list[str]:
        return ["--yes"] if self.agreed else []

    @property
    def _interactive(self) -> bool:
        return not self.local and sys.stdin is not None and sys.stdin.isatty()

    def _start_cloud(self) -> None:
        speed = self.environ.get("LOCALCLOUD_SPEED")
        if self._localcloud("start", *(["--speed", speed] if speed else [])) != 0:
            raise ToolchainError("the local cloud did not start; the reason is above")

    def _localcloud(self, *arguments: str) -> int:
        env = self.shell.apply(self.environ, cloud=False)
        return foreground.run([str(self.checkout.localcloud), *arguments], env=env, cwd=self.checkout.root)

    def _pulumi(self, *arguments: str) -> int:
        command = [str(self.shell.engine.pulumi), *arguments]
        return foreground.run(command, env=self.env, cwd=self.checkout.root, interactive=self._interactive)

    def _outputs(self) -> dict[str, object]:
        answer = subprocess.run(
            [self.shell.engine.pulumi, "stack", "output", "--json", "--stack", self.shell.stack],
            env=self.env,
            cwd=self.checkout.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise ToolchainError(f"the stack's outputs cannot be read: {answer.stderr.strip()}")
        outputs: dict[str, object] = json.loads(answer.stdout)
        return outputs

    def _state_file(self) -> Path:
        project = ""
        for line in (self.checkout.root / "Pulumi.yaml").read_text("utf-8").splitlines():
            if line.startswith("name:"):
                project = line.removeprefix("name:").strip().strip("\"'")
        return (
            local_home(self.environ) / "pulumi" / ".pulumi" / "stacks" / project / f"{self.shell.stack}.json"
        )

    def _await_answer(self, url: str) -> bool:
        reason = await_answer(url, self.progress)
        if reason is None:
            return True
        self.progress.say(
            f"{url} did not answer within {duration(ANSWER_WITHIN_SECONDS)} ({reason}).\n"
            'See why with:  eval "$(make -s env)"; localcloud status; localcloud instances; localcloud logs INSTANCE'
        )
        return False

    def _served(self, url: str) -> bool:
        """Whether it is the cloud that answers: an address that another program has answers too."""
        answer = subprocess.run(
            [self.checkout.localcloud, "status", "--json"],
            env=self.shell.apply(self.environ, cloud=False),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        report = json.loads(answer.stdout) if answer.returncode == 0 else {}
        places = {place for rule in report.get("forwarding_rules", ()) for place in rule["reached_at"]}
        problems = report.get("problems", {})
        if not problems or urlsplit(url).netloc in places:
            return True
        for name, reason in problems.items():
            self.progress.say(f"{name} is not served: {reason}.")
        self.progress.say(f"What answers at {url} is another program. End it, then: make up")
        return False


def await_answer(
    url: str,
    progress: Progress,
    *,
    within: float = ANSWER_WITHIN_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Wait until `url` answers 200; returns None, or why it did not `within` that many seconds."""
    started = progress.clock()
    told: float | None = None
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  the stack's own output
                response.read()
        except (OSError, urllib.error.URLError, ValueError) as error:
            reason = str(error)
        else:
            return None
        now = progress.clock()
        if now - started >= within:
            return reason
        if told is None or now - told >= progress.every:
            progress.say(f"  {duration(now - started)} waiting for {url} to answer ({reason})")
            told = now
        sleep(0.1)
