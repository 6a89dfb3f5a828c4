"""The variables a shell needs to work with a stack, as `make env` prints them and the make targets use them."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.checkout import Checkout
from toolchain.engine import Engine
from toolchain.errors import ToolchainError
from toolchain.preflight import with_system_folders

if TYPE_CHECKING:
    from collections.abc import Mapping


LOCAL_STACK = "local"
LOCAL_PASSPHRASE = "local"  # noqa: S105  known to everybody, as said below
"""Belongs to the salt in Pulumi.local.yaml. The engine writes the salt of a passphrase into the stack's configuration file: one made
anew for each user would have every clone's first deployment change a committed file, and two local clouds contradict each other in it.
Nothing is lost by a known one: there are no secrets in a cloud that lives in a folder of the user's."""

SAVED = "MIG_NLB_SAVED_"
"""Begins the names under which the user's own values of those variables are kept meanwhile."""

MARK = "MIG_NLB_LOCAL_VARIABLES"
"""Names the variables that were set for the local stack, so that they can be taken back for a real one."""


def local_home(environ: Mapping[str, str]) -> Path:
    """Return the local cloud's folder: `$LOCALCLOUD_HOME`, else `$XDG_STATE_HOME/mig-nlb/localcloud`."""
    given = environ.get("LOCALCLOUD_HOME")
    if given:
        return Path(given).absolute()
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "mig-nlb" / "localcloud"


def parse_exports(text: str) -> dict[str, str]:
    """Return the variables that lines like `export NAME='value'` set.

    Raises:
        ToolchainError: a line is something else.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] != "export" or any("=" not in word for word in words[1:]):
            raise ToolchainError(f"`localcloud env` printed {line!r}, which is not an export")
        for word in words[1:]:
            name, _, value = word.partition("=")
            found[name] = value
    return found


@dataclass(frozen=True)
class ShellEnvironment:
    """The variables for one stack of one checkout."""

    checkout: Checkout
    engine: Engine
    stack: str

    def _path(self, environ: Mapping[str, str]) -> str:
        first = [str(self.engine.folder), str(self.checkout.localcloud.parent)]
        rest = [entry for entry in environ.get("PATH", "").split(os.pathsep) if entry not in first]
        return with_system_folders(os.pathsep.join(first + rest))

    def local_state(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the local stack's backend, making its folder if it is not there."""
        folder = local_home(environ) / "pulumi"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = folder / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(LOCAL_PASSPHRASE + "\n", "utf-8")
        return {
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            # The user's own plugins and credentials are for real stacks; and not everybody has a home that the engine finds.
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The local cloud brings its own gcp plugin: no other one may be downloaded for this stack.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def cloud(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what the local cloud says its clients need; nothing if there never was one. It tells the user where it does not run."""
        answer = subprocess.run(
            [self.checkout.localcloud, "env"], env=environ, stdout=subprocess.PIPE, text=True, check=False
        )
        return parse_exports(answer.stdout) if answer.returncode == 0 else {}

    def variables(self, environ: Mapping[str, str], *, cloud: bool = True) -> dict[str, str | None]:
        """Return what to set, and with None what to unset, on top of `environ`."""
        result: dict[str, str | None] = {"PATH": self._path(environ)}
        marked = environ.get(MARK, "").split()
        if self.stack != LOCAL_STACK:
            # A shell that was set up for the local stack must not reach its backend or endpoints from here.
            before = {name: environ.get(SAVED + name) for name in marked}
            saved = dict.fromkeys(SAVED + name for name in marked if SAVED + name in environ)
            return result | before | saved | (dict.fromkeys([MARK]) if marked else {})
        if environ.get("LOCALCLOUD_HOME"):
            result["LOCALCLOUD_HOME"] = str(local_home(environ))
        local: dict[str, str | None] = {**self.local_state(environ)}
        if cloud:
            local |= self.cloud({**environ, "PATH": str(result["PATH"])})
        local.pop("PATH", None)
        if "PULUMI_CONFIG_PASSPHRASE" in environ or "PULUMI_CONFIG_PASSPHRASE" in marked:
            # It would win over the file.
            local["PULUMI_CONFIG_PASSPHRASE"] = None
        for name in local:
            if name in environ and name not in marked:
                result[SAVED + name] = environ[name]
        return result | local | {MARK: " ".join(sorted(local))}

    def apply(self, environ: Mapping[str, str], *, cloud: bool = True) -> dict[str, str]:
        """Return `environ` with the variables set and unset."""
        result = dict(environ)
        for name, value in self.variables(environ, cloud=cloud).items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = value
        return result

    def lines(self, environ: Mapping[str, str]) -> str:
        """Return shell commands that do what `apply` does."""
        return "\n".join(
            f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
            for name, value in self.variables(environ).items()
        )
