"""An instance's disk: the folders it may write to, filled like those of a fresh Debian."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    from localcloud.plans.machine import MachineSpec

METADATA_ADDRESS = "169.254.169.254"
FOLDERS = {
    "etc": "/etc",
    "var": "/var",
    "root": "/root",
    "home": "/home",
    "opt": "/opt",
    "srv": "/srv",
    "local": "/usr/local",
}

_COMPLETE = "complete"
_COPIED = (
    "bash.bashrc", "debian_version", "host.conf", "inputrc", "issue", "issue.net", "ld.so.cache", "ld.so.conf", "libaudit.conf",
    "locale.alias", "login.defs", "magic", "magic.mime", "mime.types", "nsswitch.conf", "profile", "protocols", "rpc", "services",
    "shells", "wgetrc", "xattr.conf", "gai.conf",
)  # fmt: skip
_COPIED_FOLDERS = (
    "ld.so.conf.d",
    "skel",
    "terminfo",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "perl",
    "iproute2",
)
_VAR = ("cache", "lib", "local", "log/journal", "mail", "opt", "spool/cron", "tmp")
_API_NAMES = (
    "storage", "www", "compute", "iam", "iamcredentials", "oauth2", "cloudresourcemanager", "serviceusage", "sts", "logging",
    "monitoring", "secretmanager", "commondatastorage", "private",
)  # fmt: skip


def prepare(folder: Path, spec: MachineSpec, library: Path, project: str, owner: int | None = None) -> None:
    """Make the disk below `folder`, or bring what the host decides in it (names, resolver) up to date if it exists already.

    `owner` is the host's number of the user whose all of it shall be; None: the caller's.
    """
    fresh = not is_complete(folder)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
        for name in FOLDERS:
            (folder / name).mkdir(parents=True)
        _fill_etc(folder / "etc", spec)
        for name in _VAR:
            (folder / "var" / name).mkdir(parents=True)
        (folder / "var/tmp").chmod(0o1777)
        (folder / "var/run").symlink_to("/run")
        (folder / "var/lock").symlink_to("/run/lock")
        (folder / "root").chmod(0o700)
        for name in (".bashrc", ".profile"):
            _copy(Path("/etc/skel") / name, folder / "root" / name)
        _fill_local(folder / "local", library)
    name_machine(folder / "etc", spec, project)
    hand_over(folder, folder if fresh else folder / "etc", owner)


def is_complete(folder: Path) -> bool:
    """Whether a disk was made to its end."""
    return (folder / _COMPLETE).exists()


def hand_over(folder: Path, changed: Path, owner: int | None) -> None:
    """Give what was changed to the instance's user, if that is another, and call the disk complete."""
    if owner is not None:
        give(changed, owner)
    (folder / _COMPLETE).touch()


def name_machine(etc: Path, spec: MachineSpec, project: str, *more: str) -> None:
    """Write what the host decides in an instance's /etc: its name, its resolver, and addresses (`more` are lines of /etc/hosts)."""
    domain = f"{spec.zone}.c.{project}.internal"
    put(etc / "hostname", spec.name + "\n")
    search = f"{domain} c.{project}.internal google.internal."
    resolver = (
        f"domain {domain}\nsearch {search}\nnameserver {METADATA_ADDRESS}\noptions attempts:1 timeout:2\n"
    )
    put(etc / "resolv.conf", resolver)
    apis = " ".join(f"{name}.googleapis.com" for name in _API_NAMES)
    put(
        etc / "hosts",
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
        f"{spec.interface.address} {spec.name}.{domain} {spec.name}  # Added by Google\n"
        f"{METADATA_ADDRESS} metadata.google.internal metadata  # Added by Google\n"
        f"{GOOGLE_ADDRESS} {apis} storage.cloud.google.com accounts.google.com\n"
        + "".join(f"{line}\n" for line in more),
    )


def put(path: Path, text: str) -> None:
    """Write a file of an instance's that was up before: what stands in its place may be a link to somewhere on the host."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def give(folder: Path, owner: int) -> None:
    """Make somebody the owner of a folder and all that is in it; links are given, not followed."""
    os.lchown(folder, owner, owner)
    for _, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, owner, owner, dir_fd=at, follow_symlinks=False)


def _fill_etc(etc: Path, spec: MachineSpec) -> None:
    """Compose /etc from the public parts of the host's and what is this machine's own; nothing else of the host's gets in."""
    for name in _COPIED:
        _copy(Path("/etc") / name, etc / name)
    for name in _COPIED_FOLDERS:
        source = Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True, ignore_dangling_symlinks=True)
    for name in ("alternatives", "ssl"):  # mounted over
        (etc / name).mkdir()
    (etc / "os-release").symlink_to("../usr/lib/os-release")
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    (etc / "mtab").symlink_to("../proc/self/mounts")
    master = Path("/usr/share/base-passwd")
    for name, least in (("passwd", "root:x:0:0:root:/root:/bin/bash\n"), ("group", "root:x:0:\n")):
        try:
            text = (
                (master / f"{name}.master")
                .read_text(encoding="utf-8")
                .replace("root:*:", "root:x:")
                .replace(":*:", ":x:")
            )
        except FileNotFoundError:
            text = least
        (etc / name).write_text(text, encoding="utf-8")
    (etc / "shadow").write_text("root:*:19000:0:99999:7:::\n", encoding="utf-8")
    (etc / "shadow").chmod(0o600)
    (etc / "timezone").write_text("Etc/UTC\n", encoding="utf-8")
    (etc / "environment").touch()
    (etc / "fstab").write_text("# The disk of this machine is mounted from outside.\n", encoding="utf-8")
    (etc / "default").mkdir()
    (etc / "profile.d").mkdir()
    make_machine(etc, spec)


def make_machine(etc: Path, spec: MachineSpec) -> None:
    """Write what is this machine's own in /etc: its id, and the units that it boots."""
    put(etc / "machine-id", hashlib.md5(spec.id.encode(), usedforsecurity=False).hexdigest() + "\n")
    wants = etc / "systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name in (
        "google-guest-agent.service",
        "google-startup-scripts.service",
        "google-shutdown-scripts.service",
    ):
        (wants / name).symlink_to(f"/usr/local/lib/guest/units/{name}")


def _fill_local(local: Path, library: Path) -> None:
    for name in ("bin", "etc", "games", "include", "lib/guest", "sbin", "share", "src"):
        (local / name).mkdir(parents=True)
    link_commands(local / "bin", library)


def link_commands(folder: Path, library: Path) -> None:
    """Put the guests' commands into /usr/local/bin."""
    for command in sorted((library / "bin").iterdir()):
        (folder / command.name).symlink_to(f"/usr/local/lib/guest/bin/{command.name}")


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.write_bytes(source.read_bytes())
        target.chmod(0o644)
