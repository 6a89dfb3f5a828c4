"""An instance's own writable view of a root file system that many share: a layer above it, or a copy where the kernel lays none.

Both are a folder with these in it: `merged` is what the instance sees as `/`; with a layer, `upper` has what the instance wrote, and
`work` is the kernel's.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.guest import disk
from localcloud.guest.root_system import SUITES
from localcloud.guest.trust import subject_hash
from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    from localcloud.guest.system import System
    from localcloud.plans.machine import MachineSpec

PACKAGES_HOST = "packages.localcloud.internal"
_AUTHORITY = "local-cloud"  # the names of the cloud's own certificate authority, as `update-ca-certificates` wants them
# Where the host writes and bubblewrap mounts at each boot. The instance, whose all of it is, may have put links there, to the host's.
_TRODDEN = ("etc/apt", "usr/local/lib/guest", "proc", "dev/shm", "tmp", "run/lock", "mnt", "media")


class LayerError(Exception):
    """An instance cannot have its view of the root file system; the message says why."""


def prepare(
    folder: Path, spec: MachineSpec, system: System, *, library: Path, ssl: Path, owner: int | None
) -> None:
    """Make the view in `folder`, or bring what the host decides in it up to date, as `disk.prepare` does for the host's /usr.

    Raises:
        LayerError: the root file system is gone, or the copy failed.
    """
    fresh = not disk.is_complete(folder)
    top = folder / ("upper" if system.overlay else "merged")
    if fresh:
        let_go(folder)
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, top, system)
        _trust(top, Path(system.folder), ssl)
        disk.make_machine(top / "etc", spec)
        disk.link_commands(top / "usr/local/bin", library)
    for name in _TRODDEN:
        _make_plain(top, name)
    mirror = [f"{GOOGLE_ADDRESS} {PACKAGES_HOST}"] if system.packages else []
    disk.name_machine(top / "etc", spec, spec.key.split("/")[2], *mirror)
    disk.put(top / "etc/apt/sources.list", _sources(system))
    disk.hand_over(folder, folder if fresh else top / "etc", owner)


def _make_plain(top: Path, name: str) -> None:
    """Have a folder be a folder, and all above it too; the instance does not run meanwhile."""
    path = top
    for part in name.split("/"):
        path /= part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        if not path.exists():
            path.mkdir(mode=0o755)


def _make(folder: Path, top: Path, system: System) -> None:
    lower = Path(system.folder)
    if not lower.is_dir():
        msg = f"{lower}: the root file system is gone; make it again with: localcloud start --system {system.name}"
        raise LayerError(msg)
    folder.mkdir(parents=True)
    if system.overlay:
        for name in ("upper", "work", "merged"):
            (folder / name).mkdir()
    else:
        copied = subprocess.run(
            ["cp", "--archive", "--reflink=auto", str(lower), str(top)],
            capture_output=True,
            text=True,
            check=False,
        )
        if copied.returncode:
            msg = f"{lower}: cannot be copied: {copied.stderr.strip()[-300:]}"
            raise LayerError(msg)
    for name in ("etc/ssl/certs", "usr/local/bin"):
        (top / name).mkdir(parents=True, exist_ok=True)


def _sources(system: System) -> str:
    """Tell apt where packages come from, if anywhere."""
    if not system.packages:
        return "# There is no mirror for this cloud's instances: see localcloud start --packages\n"
    return f"deb http://{PACKAGES_HOST} {SUITES[system.name]} main\n"


def _trust(top: Path, lower: Path, ssl: Path) -> None:
    """Add the cloud's certificate authority to those of the root file system, so that a package's update keeps it."""
    certificate = (ssl.parent / "ca.pem").read_text(encoding="ascii")
    kept = top / "usr/local/share/ca-certificates"
    kept.mkdir(parents=True, exist_ok=True)
    disk.put(kept / f"{_AUTHORITY}.crt", certificate)
    certs = top / "etc/ssl/certs"
    bundle = (lower / "etc/ssl/certs/ca-certificates.crt").read_text(encoding="ascii")
    disk.put(certs / "ca-certificates.crt", bundle + certificate)
    disk.put(certs / f"{_AUTHORITY}.pem", certificate)
    (certs / f"{subject_hash(certs / f'{_AUTHORITY}.pem')}.0").symlink_to(f"{_AUTHORITY}.pem")


def remove(folder: Path) -> None:
    """Remove an instance's folder, its disk and all."""
    let_go(folder / "disk")
    shutil.rmtree(folder, ignore_errors=True)


def let_go(folder: Path) -> None:
    """Make what the kernel left in a layer's work folder removable: it gives nobody a permission."""
    inner = folder / "work" / "work"
    if inner.is_dir() and not inner.is_symlink():
        inner.chmod(0o700)
