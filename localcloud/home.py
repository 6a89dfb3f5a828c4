"""Where one local cloud keeps everything it owns: a folder, `LOCALCLOUD_HOME`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder of one local cloud; two clouds with different folders share nothing.

    `config.json` (ports, address range, token: made once, mode 0600), `state.db` (the store), `run/` (sockets and process
    records of the live cloud; emptied by stop), `logs/`, `instances/<numeric id>/` (an instance's disk and serial output).
    """

    path: Path

    @classmethod
    def default(cls) -> Home:
        """Return `$LOCALCLOUD_HOME`, else `$XDG_STATE_HOME/mig-nlb/localcloud`."""
        given = os.environ.get("LOCALCLOUD_HOME")
        if given:
            return cls(Path(given).absolute())
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return cls(Path(state) / "mig-nlb" / "localcloud")

    @property
    def config_file(self) -> Path:
        """Ports, address range and token."""
        return self.path / "config.json"

    @property
    def store_file(self) -> Path:
        """The SQLite database behind the store."""
        return self.path / "state.db"

    @property
    def run(self) -> Path:
        """Sockets and process records of the live cloud."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """Logs of the daemon and its helpers."""
        return self.path / "logs"

    @property
    def disks(self) -> Path:
        """Contents of disks that are not, or not only, an instance's own, by numeric id."""
        return self.path / "disks"

    @property
    def creations(self) -> Path:
        """What the `gcp` plugin is creating, for the next one if it is killed; empty otherwise."""
        return self.path / "creations"

    def instance(self, instance_id: str) -> Path:
        """One instance's own folder: disk, serial output, control socket."""
        return self.path / "instances" / instance_id
