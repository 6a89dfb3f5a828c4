"""How many instances this machine's limits have room for: what the daemon needs of each is counted, and who is one too many is told."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud import open_files

_OWN = 256  # open files that are nobody's: the store, helpers, clients of the API
_EACH = 16  # open files for an instance: its listeners, a handle of its init, and what booting it takes for a moment
_REMEDY = (
    "raise the hard limit (`ulimit -Hn`; nofile in /etc/security/limits.conf, LimitNOFILE= of a systemd unit, --ulimit of a container) "
    "and start the cloud again (localcloud stop, localcloud start); its state is kept"
)


@dataclass(frozen=True)
class Room:
    """What a process that may have so many open files at once can serve. Half of them are for what instances connect."""

    open_files: int

    @classmethod
    def here(cls) -> Room:
        """Return the room of this process, which is given all that it may have."""
        return cls(open_files.raise_limit())

    @property
    def machines(self) -> int:
        """The most machines at once."""
        return max(0, self.open_files // 2 - _OWN) // _EACH

    @property
    def connections(self) -> int:
        """The most connections of all machines at once."""
        return self.open_files // 2

    def refusal(self, name: str) -> str:
        """Return why an instance is one too many, and what mends it."""
        return (
            f"instance {name} did not boot: the daemon may have {self.open_files:,} open files (RLIMIT_NOFILE), which is room for "
            f"{self.machines:,} instances at {_EACH} each, and so many there are; {_REMEDY}"
        )

    def describe(self) -> str:
        """Return one line for people."""
        said = f"{self.machines:,} instances at once (the daemon may have {self.open_files:,} open files)"
        return said if self.machines else f"{said}: {_REMEDY}"
