"""What is written down about a booted machine, so that the next daemon finds it again and mistakes nobody else for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.guest.processes import ProcessId
from localcloud.plans.machine import AttachedDisk, MachineSpec
from localcloud.plans.network import NetworkInterface

_FILE = "machine.json"
_HOST_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One boot: the sandbox's process (`outer`), the init in it, CPU seconds seen so far. Times are cloud seconds.

    `group`: the folder of the instance's control group, if it has one.
    """

    spec: MachineSpec
    outer: ProcessId
    init: ProcessId
    booted_at: float
    forwarded: tuple[str, ...] = ()
    cpu_seconds: float = 0.0
    hung_until: float = 0.0
    suspended: bool = False
    group: str = ""
    host_boot: str = ""

    def write(self, folder: Path) -> None:
        """Keep it in the machine's folder, replacing the former one at once."""
        fields = asdict(self)
        for key in ("tags",):
            fields["spec"]["interface"][key] = sorted(fields["spec"]["interface"][key])
        fields["host_boot"] = _host_boot()
        draft = folder / f"{_FILE}.new"
        draft.write_text(json.dumps(fields), encoding="utf-8")
        draft.rename(folder / _FILE)

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Return what the folder says; None if no machine was booted from it since this host's own boot."""
        try:
            fields = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            if fields["host_boot"] != _host_boot():
                return None
            interface = dict(fields["spec"]["interface"])
            interface["tags"] = frozenset(interface["tags"])
            spec = dict(fields["spec"], interface=NetworkInterface(**interface))
            spec["forwarded_addresses"] = tuple(spec["forwarded_addresses"])
            spec["disks"] = tuple(AttachedDisk(**each) for each in spec.get("disks", ()))
            return cls(
                spec=MachineSpec(**spec),
                outer=ProcessId(**fields["outer"]),
                init=ProcessId(**fields["init"]),
                booted_at=float(fields["booted_at"]),
                forwarded=tuple(fields["forwarded"]),
                cpu_seconds=float(fields["cpu_seconds"]),
                hung_until=float(fields["hung_until"]),
                suspended=bool(fields.get("suspended", False)),
                group=str(fields.get("group", "")),
                host_boot=str(fields["host_boot"]),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def remove(folder: Path) -> None:
        """Forget the boot."""
        (folder / _FILE).unlink(missing_ok=True)


def _host_boot() -> str:
    return _HOST_BOOT.read_text(encoding="ascii").strip()
