"""Root file systems of Debian for instances: made by debootstrap, once, into the cache, as an ordinary user.

debootstrap wants to be root, to give files away and to make device nodes. Here it is root of a user namespace that maps one user: the
nodes are bound into their places before it looks for them, and giving away is pretended (`pretence`). All files end up the instances'
root's, which is the only user an instance has.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.guest import fence, pretence
from localcloud.guest.disk import give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUITES = {"debian-12": "bookworm"}
# What Google's image has and scripts rely on; python3 is for the init itself.
PACKAGES = ("python3", "ca-certificates", "curl", "iproute2", "less", "procps", "wget")
_NODES = ("null", "zero", "full", "random", "urandom", "tty")
_STEPS = re.compile(r"I: (Retrieving|Validating|Extracting|Unpacking|Configuring) (\S+)")
_COMPLETE = "etc/debian_version"


class RootSystemError(OSError):
    """A root file system could not be made; the message says why, and what to do."""


def cache() -> Path:
    """Return where root file systems are kept: `$MIG_NLB_CACHE`, else /var/cache/mig-nlb for root, else `$XDG_CACHE_HOME/mig-nlb`."""
    if given := os.environ.get("MIG_NLB_CACHE"):
        return Path(given).absolute() / "systems"
    if os.geteuid() == 0:
        return Path("/var/cache/mig-nlb/systems")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mig-nlb" / "systems"


def place(name: str, owner: int | None) -> Path:
    """Return where the root file system with this name is or will be, whose files are this user's (None: one's own).

    Raises:
        RootSystemError: there is none of this name.
    """
    if name not in SUITES:
        msg = f"--system {name}: there is no such root file system; known: {', '.join(SUITES)}, and none for the host's own /usr"
        raise RootSystemError(msg)
    return cache() / f"{name}-{os.geteuid() if owner is None else owner}"


def ensure(name: str, owner: int | None, progress: Callable[[str], None], mirror: str = "") -> Path:
    """Return the root file system, made first if need be (a minute, 300 MB); `progress` hears of each step.

    `mirror` is a Debian mirror's address; without, debootstrap's own.

    Raises:
        RootSystemError: there is no debootstrap, or it failed.
    """
    target = place(name, owner)
    if (target / _COMPLETE).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target):
        if not (target / _COMPLETE).is_file():
            _make(target, SUITES[name], owner, progress, mirror)
    return target


def _make(target: Path, suite: str, owner: int | None, progress: Callable[[str], None], mirror: str) -> None:
    debootstrap = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if debootstrap is None:
        msg = "debootstrap is missing: it makes instances' root file systems; install it with: sudo apt-get install debootstrap"
        raise RootSystemError(msg)
    work = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        root = work / "root"
        (root / "dev").mkdir(parents=True)
        said = _run(_command(debootstrap, suite, root, mirror), progress)
        if said:
            msg = f"debootstrap could not make {suite}: {said}; it needs a way to a Debian mirror (--packages URL names another)"
            raise RootSystemError(msg)
        _finish(root)
        if owner is not None:
            progress("giving it to the instances' user")
            give(root, owner)
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _command(debootstrap: str, suite: str, root: Path, mirror: str) -> list[str]:
    words = [
        *("bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
        *("--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", f"{root}/dev"),
    ]
    for node in _NODES:
        words += ["--dev-bind", f"/dev/{node}", f"{root}/dev/{node}"]
    for node in ("console", "ptmx"):  # only looked for
        words += ["--dev-bind", "/dev/null", f"{root}/dev/{node}"]
    words += ["--seccomp", "{seccomp}", "--", debootstrap, "--variant=minbase"]
    return [*words, f"--include={','.join(PACKAGES)}", suite, str(root), *([mirror] if mirror else [])]


def _run(argv: list[str], progress: Callable[[str], None]) -> str:
    """Run debootstrap; returns "" or its last words."""
    filtering = fence.descriptor(pretence.program(fenced=False))
    words = [str(filtering) if word == "{seccomp}" else word for word in argv]
    environ = {
        **os.environ,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
    }
    tail: list[str] = []
    try:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[filtering],
            env=environ,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            for line in process.stdout:
                tail = [*tail[-3:], line.strip()]
                if step := _STEPS.match(line):
                    progress(f"{step[1].lower()} {step[2].rstrip('.')}")
    finally:
        os.close(filtering)
    return "" if process.returncode == 0 else " / ".join(tail) or f"exit status {process.returncode}"


def _finish(root: Path) -> None:
    """Say to apt and dpkg what an instance is, and leave no downloads behind."""
    settings = root / "etc/apt/apt.conf.d/90local-cloud"
    settings.write_text(
        "// An instance of the local cloud has no user but root.\n"
        'APT::Sandbox::User "root";\nDPkg::Options { "--force-unsafe-io"; };\n',
        encoding="ascii",
    )
    for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
        for file in (root / leftover).iterdir():
            if file.is_file() and file.name != "lock":
                file.unlink()
    for command in ("systemctl",):  # for those who call it by its whole path
        link = root / "usr/bin" / command
        if not link.exists():
            link.symlink_to(f"/usr/local/lib/guest/bin/{command}")


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
