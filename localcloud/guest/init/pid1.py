"""The first process of an instance: sets the machine up, boots its units, reaps, and powers it off."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time

from . import datagrams
from .bus import Bus
from .control import Control
from .journal import Journal
from .journal_sockets import JournalSockets
from .loop import READ, Loop
from .manager import Manager

CONTROL_FD, SERIAL_FD, LIFECYCLE_FD = 3, 4, 5
BOOT_CODE = "import sys;sys.path[:0]=['/usr/local/lib/guest'];from init.pid1 import main;main()"


class Machine:
    """Ties the parts together for one boot."""

    def __init__(self) -> None:
        self._host = os.uname().nodename
        boot = os.urandom(16).hex()
        with open("/etc/machine-id", encoding="ascii") as file:
            machine_id = file.read().strip()
        self._loop = Loop()
        self._journal = Journal(self._loop, boot, self._host, SERIAL_FD)
        self._manager = Manager(self._loop, self._journal, host=self._host, boot=boot, machine_id=machine_id)
        self._ending = False
        os.makedirs(
            "/run/systemd/system", exist_ok=True
        )  # by which programs know that units are to be had: sd_booted(3)
        self._consoles()
        self._datagrams("/run/systemd/journal/dev-log", self._syslog)
        os.symlink("/run/systemd/journal/dev-log", "/dev/log")
        self._datagrams("/run/systemd/notify", self._notified)
        JournalSockets(self._loop, self._journal, self._unit_of)
        Bus(self._manager, self.shut_down)
        Control(self._loop, socket.socket(fileno=CONTROL_FD), boot, lambda: self.shut_down(reboot=False))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPWR):
            self._loop.on_signal(number, lambda: self.shut_down(reboot=False))

    def run(self) -> None:
        """Boot, and work until power-off."""
        os.write(LIFECYCLE_FD, b"running\n")
        self._manager.bring_up()
        self._loop.run()

    def shut_down(self, reboot: bool) -> None:
        """Run the shutdown scripts, stop every unit, then all that is left, then the machine."""
        if self._ending:
            return
        self._ending = True
        self._manager.say("The system will reboot now!" if reboot else "The system will power off now!")
        self._manager.stop_all(lambda: self._kill_rest(reboot=reboot))

    def _kill_rest(self, *, reboot: bool) -> None:
        os.kill(-1, signal.SIGTERM) if _others() else None
        self._loop.later(0.05 if _others() else 0, lambda: self._end(reboot=reboot))

    def _end(self, *, reboot: bool) -> None:
        if _others():
            os.kill(-1, signal.SIGKILL)
        self._manager.say("Rebooting." if reboot else "Powering off.")
        os.write(LIFECYCLE_FD, b"reboot\n" if reboot else b"poweroff\n")
        if not reboot:
            os._exit(0)
        _empty_memory()
        for fd in (CONTROL_FD, SERIAL_FD, LIFECYCLE_FD):
            os.set_inheritable(fd, True)
        os.execv("/usr/bin/python3", ["/usr/bin/python3", "-I", "-S", "-E", "-c", BOOT_CODE])

    def _consoles(self) -> None:
        """Have what is written to the console's devices appear on the serial port."""
        for name in ("/dev/ttyS0", "/dev/console"):
            if not os.path.exists(name):
                os.mkfifo(name, 0o622)
            fd = os.open(name, os.O_RDWR | os.O_NONBLOCK)
            self._loop.watch(fd, READ, lambda _, fd=fd: self._journal.serial(_read(fd)))  # type: ignore[misc]

    def _datagrams(self, path: str, taken: object) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

        def ready(_: int) -> None:
            try:
                data, pid = datagrams.receive(listener)
            except OSError:
                return
            taken(data, pid)  # type: ignore[operator]

        self._loop.watch(listener.fileno(), READ, ready)

    def _syslog(self, data: bytes, pid: int) -> None:
        """Take in a message of syslog(3): ``<PRI>Mmm dd hh:mm:ss tag[pid]: text``."""
        text = data.decode("utf-8", "replace").rstrip("\n\0")
        number = 13  # user.notice
        if text.startswith("<"):
            digits, closed, rest = text[1:].partition(">")
            if closed and digits.isdigit():
                number, text = int(digits), rest
        if len(text) > 16 and text[3] == " " and text[6] == " " and text[9] == text[12] == ":":
            text = text[16:]
        tag, colon, message = text.partition(": ")
        if not colon or " " in tag:
            tag, message = "unknown", text
        name, bracket, inner = tag.partition("[")
        if bracket and inner.rstrip("]").isdigit():
            pid = int(inner.rstrip("]"))
        facility = number >> 3
        self._journal.log(
            self._unit_of(pid), name, pid, message, priority=number & 7, console=facility in {0, 3}
        )

    def _notified(self, data: bytes, pid: int) -> None:
        """Take in sd_notify(3)."""
        fields = dict(
            line.split("=", 1) for line in data.decode("utf-8", "replace").splitlines() if "=" in line
        )
        name = self._unit_of(pid)
        if name:
            self._manager.units[name].notified(fields)

    def _unit_of(self, pid: int) -> str:
        for name, unit in self._manager.units.items():
            if unit.main_pid == pid and pid:
                return name
        for name, unit in self._manager.units.items():
            if unit.active in {"active", "activating"} and unit.invocation and pid in unit.pids():
                return name
        return ""


def _others() -> bool:
    """Whether any process but this one is left."""
    return any(name.isdigit() and name != "1" for name in os.listdir("/proc"))


def _empty_memory() -> None:
    """Remove what a reboot forgets: everything that is not on the disk."""
    import shutil

    for folder in ("/run", "/tmp", "/dev/shm"):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
    os.mkdir("/run/lock")
    for path in ("/dev/log", "/dev/ttyS0", "/dev/console"):
        if os.path.lexists(path):
            os.unlink(path)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def _limit() -> None:
    """Lower this machine's limits, given as NAME=VALUE arguments by the host; nothing in it can raise them again."""
    names = {"processes": resource.RLIMIT_NPROC, "files": resource.RLIMIT_NOFILE, "memory": resource.RLIMIT_DATA,
             "file-size": resource.RLIMIT_FSIZE}  # fmt: skip
    for word in os.environ.get("GUEST_LIMITS", "").split():
        name, _, value = word.partition("=")
        _, hard = resource.getrlimit(names[name])
        number = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(names[name], (number, number))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (min(1024, hard), hard)
    )  # as systemd's default, raised by LimitNOFILE
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def main() -> None:
    """Run as process 1."""
    for fd in (CONTROL_FD, SERIAL_FD, LIFECYCLE_FD):
        os.set_inheritable(fd, False)
    os.umask(0o022)
    os.chdir("/")
    time.tzset()
    _limit()
    Machine().run()
