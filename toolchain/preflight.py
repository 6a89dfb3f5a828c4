"""Says within a second what this machine lacks, and the one command that mends it; as root on Debian it mends it itself."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from toolchain.cache import Cache
    from toolchain.progress import Progress

# Debian keeps nft and ip where only root's PATH looks.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

# command -> package, by family of distribution
_PACKAGES = {
    "debian": {
        "nft": "nftables",
        "bwrap": "bubblewrap",
        "ip": "iproute2",
        "unshare": "util-linux",
        "curl": "curl",
        "venv": "python3-venv",
    },
    "fedora": {
        "nft": "nftables",
        "bwrap": "bubblewrap",
        "ip": "iproute",
        "unshare": "util-linux",
        "curl": "curl",
        "venv": "python3",
    },
    "arch": {
        "nft": "nftables",
        "bwrap": "bubblewrap",
        "ip": "iproute2",
        "unshare": "util-linux",
        "curl": "curl",
        "venv": "python",
    },
    "suse": {
        "nft": "nftables",
        "bwrap": "bubblewrap",
        "ip": "iproute2",
        "unshare": "util-linux",
        "curl": "curl",
        "venv": "python3",
    },
}
_INSTALL = {
    "debian": "apt-get install -y",
    "fedora": "dnf install -y",
    "arch": "pacman -S --noconfirm",
    "suse": "zypper install -y",
}
_PURPOSE = {
    "nft": "the local cloud's firewall and load balancer",
    "bwrap": "the sandboxes that instances run in",
    "ip": "the local cloud's network",
    "unshare": "the namespace that the local cloud lives in",
    "curl": "trying out what was deployed",
    "venv": "making Python environments (the modules venv and ensurepip)",
}
CONTAINER_OPTIONS = "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
"""What Docker and Podman must leave to the processes in a container: making namespaces, mounting in them, and a whole /proc."""

_OPEN_FILES = 1024  # for a dozen instances
_MORE_FILES = (
    "echo '* hard nofile 65536' | sudo tee /etc/security/limits.d/local-cloud.conf  # then log in again"
)

COMMANDS = ("nft", "bwrap", "ip", "unshare", "curl")


def with_system_folders(path: str) -> str:
    """Return `path` with the folders at its end where system commands are for root only."""
    entries = [entry for entry in path.split(os.pathsep) if entry]
    return os.pathsep.join(entries + [folder for folder in SYSTEM_FOLDERS if folder not in entries])


@dataclass(frozen=True)
class Finding:
    """One thing that is missing: what, what for, and either the package that has it or the command that mends it."""

    what: str
    purpose: str
    package: str = ""
    remedy: str = ""


@dataclass
class Preflight:
    """The checks, on one machine.

    Args:
        environ: PATH is looked up in it.
        root: where /etc and /proc are.
        run: runs a command and returns (exit status, output).
        euid: who asks.
        open_files: how many a process may have open at once (its hard limit).
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = Path("/")
    run: Callable[[list[str]], tuple[int, str]] | None = None
    euid: int = field(default_factory=os.geteuid)
    open_files: int = field(default_factory=lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1])

    def _run(self, command: list[str]) -> tuple[int, str]:
        if self.run is not None:
            return self.run(command)
        try:
            answer = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                env={**self.environ, "PATH": self._path()},
                timeout=60,
            )
        except OSError as error:
            return 127, str(error)
        except subprocess.TimeoutExpired:
            return 124, "no answer within 60 s"
        return answer.returncode, answer.stdout

    def _path(self) -> str:
        return with_system_folders(self.environ.get("PATH", ""))

    def _read(self, name: str) -> str:
        try:
            return (self.root / name).read_text("utf-8").strip()
        except OSError:
            return ""

    def family(self) -> str:
        """Return "debian", "fedora", "arch", "suse", or "" for a distribution whose package names are not known here."""
        words: list[str] = []
        for line in self._read("etc/os-release").splitlines():
            name, _, value = line.partition("=")
            if name in ("ID", "ID_LIKE"):
                words += value.strip('"').split()
        aliases = {
            "ubuntu": "debian",
            "rhel": "fedora",
            "centos": "fedora",
            "opensuse": "suse",
            "sles": "suse",
        }
        for word in words:
            family = aliases.get(word, word)
            if family in _PACKAGES:
                return family
        return ""

    def findings(self, python: str = "/usr/bin/python3") -> list[Finding]:
        """Return what is missing for the local cloud and the Python environments, in order of use."""
        packages = _PACKAGES.get(self.family(), {})
        missing = [name for name in COMMANDS if shutil.which(name, path=self._path()) is None]
        if self._run([python, "-c", "import venv, ensurepip"])[0] != 0:
            missing.append("venv")
        found = [Finding(name, _PURPOSE[name], package=packages.get(name, "")) for name in missing]
        if "unshare" not in missing:
            problem = self._namespaces("nft" not in missing)
            if problem is not None:
                found.append(problem)
        if self.open_files < _OPEN_FILES:
            what = f"open files (a process may have {self.open_files:,}, and {_OPEN_FILES:,} are needed)"
            found.append(
                Finding(what, "the local cloud's daemon, sixteen for each instance", remedy=_MORE_FILES)
            )
        return found

    def _namespaces(self, with_nft: bool) -> Finding | None:
        what = "unprivileged user namespaces"
        purpose = "the local cloud, which runs without privileges"
        status, output = self._run(["unshare", "--user", "--map-root-user", "--net", "true"])
        if status != 0:
            if self._read("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
                what += " (restricted by AppArmor)"
                remedy = _sysctl("kernel.apparmor_restrict_unprivileged_userns=0")
            elif self._read("proc/sys/kernel/unprivileged_userns_clone") == "0":
                remedy = _sysctl("kernel.unprivileged_userns_clone=1")
            elif self._read("proc/sys/user/max_user_namespaces") == "0":
                remedy = _sysctl("user.max_user_namespaces=15000")
            else:
                what += f" ({output.strip().splitlines()[-1] if output.strip() else 'refused'})"
                remedy = f"in a container, run it with: {CONTAINER_OPTIONS}"
            return Finding(what, purpose, remedy=remedy)
        # A container hides parts of its /proc, and then the kernel lets nobody inside mount a whole one.
        own_proc = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]
        status, output = self._run(own_proc)
        if status != 0:
            reason = output.strip().splitlines()[-1] if output.strip() else "refused"
            return Finding(
                f"a /proc in a user namespace ({reason})",
                purpose,
                remedy=f"in a container, run it with: {CONTAINER_OPTIONS}",
            )
        if with_nft:
            probe = ["unshare", "--user", "--map-root-user", "--net", "nft", "add table inet probe"]
            status, output = self._run(probe)
            if status != 0:
                reason = output.strip().splitlines()[-1] if output.strip() else "refused"
                return Finding(
                    f"nftables in a user namespace ({reason})", purpose, remedy="sudo modprobe nf_tables"
                )
        return None

    def command(self, findings: list[Finding]) -> str:
        """Return the one command that mends `findings`, as a person types it ("" if it is not known here)."""
        sudo = "" if self.euid == 0 else "sudo "
        steps = []
        packages = sorted({finding.package for finding in findings if finding.package})
        if packages:
            steps.append(f"{sudo}{_INSTALL[self.family()]} {' '.join(packages)}")
        steps += [finding.remedy for finding in findings if finding.remedy]
        return " && ".join(steps)

    def explain(self, findings: list[Finding]) -> str:
        """Return the message for a person: what is missing, what for, and the command."""
        lines = ["This machine lacks:"]
        lines += [f"  {finding.what}: {finding.purpose}" for finding in findings]
        command = self.command(findings)
        nameless = [finding.what for finding in findings if not finding.package and not finding.remedy]
        if command:
            lines += ["Mend it with:", f"  {command}"]
        if nameless:
            lines.append(f"Install with your distribution's package manager: {', '.join(nameless)}")
        return "\n".join(lines)

    def require(self, cache: Cache, progress: Progress) -> None:
        """Return if nothing is missing; as root on Debian or Ubuntu install what packages can provide first.

        Raises:
            ToolchainError: something is missing; the message says what, and the command that mends it.
        """
        found = self.findings()
        if self.euid == 0 and self.family() == "debian" and any(finding.package for finding in found):
            packages = sorted({finding.package for finding in found if finding.package})
            progress.say(
                f"This machine lacks {', '.join(finding.what for finding in found if finding.package)}"
            )
            log = cache.log("apt")
            env = {**self.environ, "DEBIAN_FRONTEND": "noninteractive"}
            progress.run(
                ["apt-get", "update", "-q"], title="Reading Debian's package lists", log=log, env=env
            )
            progress.run(
                ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
                title=f"Installing {shlex.join(packages)}",
                log=log,
                env=env,
            )
            found = self.findings()
        if found:
            raise ToolchainError(self.explain(found))


def _sysctl(setting: str) -> str:
    return f"echo {setting} | sudo tee /etc/sysctl.d/60-mig-nlb.conf && sudo sysctl --system"
