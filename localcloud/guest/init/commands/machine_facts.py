"""hostnamectl, timedatectl, loginctl, localectl and systemd-detect-virt: what they tell of the machine, and the time zone to be set.

The machine's name and clock are its cloud's, it has one user, and no one logs in: what would change that is refused, with why.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ZONES = "/usr/share/zoneinfo"


def _refuse(command: str, why: str) -> int:
    print(f"{command}: {why}", file=sys.stderr)
    return 1


def _taken_apart(words: list[str]) -> tuple[str, list[str], set[str]]:
    """Return the verb, its operands and the options."""
    plain = [word for word in words if not word.startswith("-")]
    return (plain[0] if plain else ""), plain[1:], {word for word in words if word.startswith("-")}


def _release() -> str:
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            names = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    except OSError:
        return "Linux"
    return names.get("PRETTY_NAME", "Linux").strip('"')


def _hostnamectl(words: list[str]) -> int:
    verb, operands, options = _taken_apart(words)
    name = os.uname().nodename
    if verb in {"", "status"} and not options & {"--static", "--transient"}:
        with open("/etc/machine-id", encoding="ascii") as file:
            machine_id = file.read().strip()
        uname = os.uname()
        rows = {"Static hostname": name, "Icon name": "computer-vm", "Chassis": "vm", "Machine ID": machine_id,
                "Virtualization": "google", "Operating System": _release(), "Kernel": f"{uname.sysname} {uname.release}",
                "Architecture": uname.machine.replace("_", "-"), "Hardware Vendor": "Google",
                "Hardware Model": "Google Compute Engine"}  # fmt: skip
        for key, value in rows.items():
            print(f"{key:>16}: {value}")
        return 0
    if verb in {"", "status", "hostname"} and not operands:
        print(name)
        return 0
    if verb in {"set-hostname", "hostname"} and operands == [name]:
        return 0
    if verb in {"set-hostname", "hostname"}:
        return _refuse(
            "hostnamectl", f"the name {name} is the instance's, and cannot be changed from in here"
        )
    return _refuse("hostnamectl", f"{verb}: this machine has status and hostname only")


def _timedatectl(words: list[str]) -> int:
    verb, operands, options = _taken_apart(words)
    if verb in {"", "status", "timesync-status"}:
        now = time.time()
        print(f"               Local time: {time.strftime('%a %Y-%m-%d %H:%M:%S %Z', time.localtime(now))}")
        print(f"           Universal time: {time.strftime('%a %Y-%m-%d %H:%M:%S UTC', time.gmtime(now))}")
        print(f"                Time zone: {_zone()} ({time.strftime('%Z, %z', time.localtime(now))})")
        print(
            "System clock synchronized: yes\n              NTP service: active\n          RTC in local TZ: no"
        )
        return 0
    if verb == "show":
        for key, value in {
            "Timezone": _zone(),
            "LocalRTC": "no",
            "CanNTP": "yes",
            "NTP": "yes",
            "NTPSynchronized": "yes",
        }.items():
            if not any(option in {f"--property={key}", f"-p{key}"} for option in options) and options - {
                "--value"
            }:
                continue
            print(value if "--value" in options else f"{key}={value}")
        return 0
    if verb == "list-timezones":
        with open(f"{_ZONES}/tzdata.zi", encoding="ascii") as file:
            zones = {line.split()[1 if line[0] == "Z" else 2] for line in file if line[:2] in {"Z ", "L "}}
        print("\n".join(sorted(zones | {"UTC"})))
        return 0
    if verb == "set-timezone" and len(operands) == 1:
        return _set_zone(operands[0])
    if verb == "set-ntp" and operands and operands[0].lower() in {"1", "yes", "true", "on"}:
        return 0  # it is synchronized already, by whoever keeps the host's clock
    if verb in {"set-time", "set-ntp", "set-local-rtc"}:
        return _refuse("timedatectl", f"{verb}: the clock is the host's, and cannot be changed from in here")
    return _refuse(
        "timedatectl", f"{verb}: this machine has status, show, list-timezones and set-timezone only"
    )


def _zone() -> str:
    path = os.path.realpath("/etc/localtime")
    return path.removeprefix(f"{_ZONES}/") if path.startswith(_ZONES) else "Etc/UTC"


def _set_zone(name: str) -> int:
    path = os.path.normpath(f"{_ZONES}/{name}")
    if not path.startswith(f"{_ZONES}/") or not os.path.isfile(path):
        print(f"Failed to set time zone: Invalid or not installed time zone '{name}'", file=sys.stderr)
        return 1
    if os.path.lexists("/etc/localtime"):
        os.unlink("/etc/localtime")
    os.symlink(path, "/etc/localtime")
    with open("/etc/timezone", "w", encoding="ascii") as file:
        file.write(f"{name}\n")
    return 0


def _loginctl(words: list[str]) -> int:
    verb, operands, options = _taken_apart(words)
    if verb in {"", "list-sessions", "list-users", "list-seats"}:
        if "--no-legend" not in options:
            print(f"No {verb.removeprefix('list-') or 'sessions'}.")
        return 0
    if verb in {"enable-linger", "disable-linger"} and operands in ([], ["root"]):
        return 0  # root's processes stay anyway
    return _refuse("loginctl", f"{verb}: nobody logs in to this machine, and it has no user but root")


def _localectl(words: list[str]) -> int:
    verb, _, _ = _taken_apart(words)
    if verb in {"", "status"}:
        print(
            f"   System Locale: LANG={os.environ.get('LANG', 'C.UTF-8')}\n       VC Keymap: n/a\n      X11 Layout: n/a"
        )
        return 0
    return _refuse("localectl", f"{verb}: this machine has status only; write /etc/default/locale")


def _detect_virt(words: list[str]) -> int:
    container = bool({"-c", "--container", "--chroot", "-r", "--private-users"} & set(words))
    if not {"-q", "--quiet"} & set(words):
        print("none" if container else "google")
    return 1 if container else 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "hostnamectl": _hostnamectl,
    "timedatectl": _timedatectl,
    "loginctl": _loginctl,
    "localectl": _localectl,
    "systemd-detect-virt": _detect_virt,
}
