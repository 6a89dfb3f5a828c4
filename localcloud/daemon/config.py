"""What one cloud fixed at its birth: its ports, its address range, its token. Kept in `config.json`, readable by its owner only."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.plans.probe import MOST_PROBERS, PROBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.home import Home

_LOWEST_PORT = 10_240
# A socket on this port of the range's last host address is held by the running daemon: it is how two clouds on one machine notice
# that they chose the same range. It is none that the kernel gives to whoever sends a datagram.
RANGE_LOCK_PORT = 20_254

DEFAULT_PROJECT = "local"
_PROJECT = re.compile(
    r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{3,28}[a-z0-9]"
)  # ids of domain-scoped projects begin with "example.com:"


@dataclass(frozen=True, kw_only=True)
class CloudConfig:
    """`external_prefix` is the first three octets of the /24 that forwarding rules' addresses come from ("127.101.7").

    `probers`: how many probe each endpoint, 1 to 10.

    Raises:
        ValueError: there are too few or too many probers.
    """

    api_port: int
    provider_port: int
    external_prefix: str
    owner_token: str
    project: str = DEFAULT_PROJECT
    project_number: str = "100000000001"
    probers: int = PROBERS

    def __post_init__(self) -> None:
        if type(self.probers) is not int or not 1 <= self.probers <= MOST_PROBERS:
            msg = f"probers is {self.probers!r}: it must be a whole number from 1 to {MOST_PROBERS}; {PROBERS} unless it is said"
            raise ValueError(msg)

    @property
    def endpoint(self) -> str:
        """The base address of every API."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def external_range(self) -> str:
        """The range of external addresses, in CIDR notation."""
        return f"{self.external_prefix}.0/24"

    @classmethod
    def load(cls, home: Home) -> CloudConfig | None:
        """Read the cloud's configuration, or None where no cloud was ever started.

        Raises:
            ValueError: the file is not what this version writes.
        """
        try:
            text = home.config_file.read_text()
        except FileNotFoundError:
            return None
        try:
            return cls(**json.loads(text))
        except (TypeError, json.JSONDecodeError) as error:
            msg = f"{home.config_file}: not a local cloud's configuration ({error}); remove the folder {home.path} to start afresh"
            raise ValueError(msg) from error
        except ValueError as error:
            msg = f"{home.config_file}: {error}"
            raise ValueError(msg) from error

    @classmethod
    def load_or_create(cls, home: Home, project: str | None = None) -> CloudConfig:
        """Read the configuration, making it first where there is none: then for this project, "local" unless said.

        Raises:
            ValueError: the cloud was made for another project, or there is no such project id.
        """
        if (found := cls.load(home)) is not None:
            if project not in {None, found.project}:
                msg = (
                    f"--project {project}: this cloud's project is {found.project} for good, because its resources are named by it; "
                    "set LOCALCLOUD_HOME to another folder for a cloud of another project"
                )
                raise ValueError(msg)
            return found
        if project is not None and not _PROJECT.fullmatch(project):
            msg = (
                f"--project {project!r}: not a project id; 5 to 30 lowercase letters, digits and hyphens that begin with a letter and "
                'do not end with a hyphen, for instance "example-web-prod"'
            )
            raise ValueError(msg)
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A cloud has its ports for good: one that the kernel gives away might be some connection's when it is started again.
        api_port, provider_port = itertools.islice(_free_ports(_quiet_ports()), 2)
        made = cls(
            api_port=api_port,
            provider_port=provider_port,
            external_prefix=next(prefix for prefix in _prefixes(home.path) if _is_free(prefix)),
            owner_token=secrets.token_urlsafe(32),
            project=project or DEFAULT_PROJECT,
        )
        draft = home.config_file.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(made), file, indent=1)
        draft.rename(home.config_file)
        return made

    def write_token(self, home: Home) -> Path:
        """Write the owner's token to a file of its own, for clients that read it from one; returns the file, mode 0600."""
        file = home.path / "owner.token"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(self.owner_token)
        return file

    def hold_range(self) -> socket.socket:
        """Mark the address range as in use for as long as the returned socket is open.

        Raises:
            OSError: another cloud on this machine uses the range.
        """
        lock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            lock.bind((f"{self.external_prefix}.254", RANGE_LOCK_PORT))
        except OSError as error:
            lock.close()
            msg = (
                f"address range {self.external_range} is in use by another local cloud ({error.strerror}); stop that one, or remove "
                "config.json from this cloud's folder so that it chooses another"
            )
            raise OSError(msg) from error
        return lock


def _quiet_ports() -> range:
    """Return ports that the kernel gives to nobody who does not ask for them by number."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    return range(_LOWEST_PORT, first) or range(max(first, 1024), 1 << 16)  # there may be none: then any


def _free_ports(candidates: range) -> Iterator[int]:
    """Yield ports that nobody has, each once, by lot."""
    seen: set[int] = set()
    while len(seen) < len(candidates):
        port = secrets.choice(candidates)
        if port in seen:
            continue
        seen.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    msg = f"no free port from {candidates.start} to {candidates.stop - 1} on 127.0.0.1: end something that listens there"
    raise OSError(msg)


def _prefixes(path: Path) -> Iterator[str]:
    """Yield candidate ranges: the same order for the same folder, so that a cloud made anew gets its old addresses back."""
    for attempt in range(256):
        digest = hashlib.sha256(f"{path}#{attempt}".encode()).digest()
        yield f"127.{64 + digest[0] % 63}.{digest[1]}"
    msg = "no free address range in 127.64.0.0-127.126.255.0: 256 tried, all in use by other local clouds; stop some of them"
    raise OSError(msg)


def _is_free(prefix: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((f"{prefix}.254", RANGE_LOCK_PORT))
        except OSError:
            return False
        return True
