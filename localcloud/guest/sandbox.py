"""The bubblewrap command line of an instance: what it may see, and nothing else.

It is executed in a network namespace that was made for it, by a process without power over that namespace. Checked with
bubblewrap 0.8 as root and as an ordinary user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.guest.disk import FOLDERS
from localcloud.guest.init.pid1 import BOOT_CODE
from localcloud.guest.limits import Limits
from localcloud.guest.system import System

RUN_BYTES = 64 << 20
SECCOMP = 6  # the descriptor of the filter
_HIDDEN = (
    "keys",
    "key-users",
    "timer_list",
    "sched_debug",
    "kcore",
)  # of /proc: what tells of the host, its user's keys for instance
_OPEN_FOLDERS = ("/dev/shm", "/tmp")  # noqa: S108 - the instance's own, in memory, empty at each boot


# What is done before bubblewrap, in a namespace of its own where the sandbox's root is root already.
_BEFORE = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "slave", "--", "/bin/sh", "-c")
# Where the host's root runs the daemon and has no other user to give to the instances (in a container that knows no other), an
# instance's root owns the host's own device nodes, which bubblewrap binds writable, and could change their modes. So there /dev is made
# read-only before bubblewrap takes them from it; devices can be written through that all the same.
_SHIELD = "mount --rbind /dev /dev && mount -o remount,bind,ro /dev"
_LAYER = 'mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"'


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One instance's surroundings. `disk` holds the folders of `FOLDERS`; `library` and `ssl` are shared and read-only."""

    host_name: str
    disk: Path
    library: Path
    ssl: Path
    memory_mib: int
    limits: Limits
    disks: Mapping[str, tuple[Path, bool]] = field(default_factory=dict)  # by device: folder, read-only
    shelf: Path | None = None  # where the three folders are found under these names, if not where they are
    as_root: bool = False  # whether the host's root runs it
    system: System | None = None  # its root file system; None: the host's /usr
    filtered: bool = False  # whether there is a filter of system calls

    def argv(self) -> tuple[str, ...]:
        """Return the command that becomes the instance; descriptors 3, 4 and 5 are its control socket, serial port and life signs."""
        words = [
            "bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--disable-userns",
            "--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
            "--hostname", self.host_name, "--cap-drop", "ALL", "--new-session",
            "--clearenv", "--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "--setenv", "LANG", "C.UTF-8", "--setenv", "GUEST_LIMITS", self._limits(),
        ]  # fmt: skip
        if self.filtered:
            words += ["--seccomp", str(SECCOMP)]
        words += self._view()
        # In that same case an instance's root and the host's are one user to the kernel, for which mode bits are enough where
        # where capabilities are not asked for: sysctls and sysrq-trigger could be written. A read-only mount stands above modes.
        words += ["--proc", "/proc"]
        for name in _HIDDEN:
            if Path("/proc", name).is_file():
                words += ["--ro-bind", "/dev/null", f"/proc/{name}"]
        words += ["--remount-ro", "/proc", "--dev", "/dev"]
        half = max(16, self.memory_mib // 2) << 20
        for folder in _OPEN_FOLDERS:
            words += ["--size", str(half), "--perms", "1777", "--tmpfs", folder]
        words += [
            "--size",
            str(RUN_BYTES),
            "--tmpfs",
            "/run",
            "--dir",
            "/run/lock",
            "--dir",
            "/mnt",
            "--dir",
            "/media",
            "--chdir",
            "/",
            *self._mounts(),
        ]
        words += ["--", "/usr/bin/python3", "-I", "-S", "-E", "-c", BOOT_CODE]
        before = [_SHIELD] if self.as_root else []
        system, disk = str(self._at("system")), str(self._at("disk"))
        if self.system is not None and self.system.overlay:
            before.append(_LAYER)
        if not before:
            return tuple(words)
        return (*_BEFORE, " && ".join([*before, 'shift 2 && exec "$@"']), "sandbox", system, disk, *words)

    def _view(self) -> list[str]:
        """Return what the instance sees of files."""
        library = str(self._at("library"))
        if self.system is not None:
            words = ["--bind", f"{self._at('disk')}/merged", "/"]
            return [*words, "--ro-bind", library, "/usr/local/lib/guest"]
        words = ["--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if Path("/usr", name).is_dir():
                words += ["--symlink", f"usr/{name}", f"/{name}"]
        for name, target in FOLDERS.items():
            words += ["--bind", f"{self._at('disk')}/{name}", target]
        words += ["--ro-bind", library, "/usr/local/lib/guest", "--ro-bind", str(self._at("ssl")), "/etc/ssl"]
        words += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
        if Path("/usr/sbin/policy-rc.d").is_file():
            # By it container images keep packages from starting services.
            words += ["--ro-bind", "/dev/null", "/usr/sbin/policy-rc.d"]
        for command in sorted(
            (self.library / "bin").iterdir()
        ):  # scripts that name them by their whole path get ours too
            for folder in ("/usr/bin", "/usr/sbin"):
                path = Path(folder) / command.name
                if path.is_file() and not path.is_symlink():
                    words += ["--ro-bind", f"{library}/bin/{command.name}", str(path)]
        return words

    def _at(self, name: str) -> Path:
        """Return where one of the sandbox's folders is found by whoever executes it."""
        return Path(self.folders().get(name, "/")) if self.shelf is None else self.shelf / name

    def folders(self) -> dict[str, str]:
        """Return what a shelf must hold, in the order of the fields."""
        others = {f"disk-{number}": str(folder) for number, (folder, _) in enumerate(self.disks.values())}
        found = {"disk": str(self.disk), "library": str(self.library), "ssl": str(self.ssl), **others}
        return found if self.system is None else {**found, "system": self.system.folder}

    def _mounts(self) -> list[str]:
        """Mount further disks where Google's guides do, and have the links that udev would make of their devices lead there."""
        words: list[str] = []
        for number, (device, (folder, read_only)) in enumerate(self.disks.items()):
            source = str(folder) if self.shelf is None else str(self.shelf / f"disk-{number}")
            place = f"/mnt/disks/{device}"
            words += ["--ro-bind" if read_only else "--bind", source, place]
            words += ["--symlink", place, f"/dev/disk/by-id/google-{device}"]
        return words

    def _limits(self) -> str:
        """Name what each process is held to; the init sets it, and nothing in the instance can raise it again."""
        limits = self.limits
        memory = self.memory_mib << 20
        return (
            f"processes={limits.processes} files={limits.files} memory={memory} file-size={limits.disk_bytes}"
        )
