"""What instances of one cloud run on: the host's own /usr, or a root file system that is theirs. Kept in the cloud's folder.

Chosen before the daemon starts, and for as long as the folder lives or until something else is chosen: instances that boot again find
what they had.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.guest import layer

_FILE = "system.json"
_TRY = 'mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged" && touch "$2/merged/tried"'


@dataclass(frozen=True, kw_only=True)
class System:
    """A root file system. `name` is what it is asked for by ("debian-12"), `folder` where it is.

    `overlay`: instances get a writable layer above it; otherwise each gets a copy. `packages` is the address of the Debian mirror that
    the daemon fetches from for instances, "" for none.
    """

    name: str
    folder: str
    overlay: bool
    packages: str = ""

    @classmethod
    def chosen(cls, shared: Path) -> System | None:
        """Return what was chosen for the cloud whose instances share this folder; None: the host's own /usr.

        Raises:
            ValueError: the file is not what this version writes.
        """
        try:
            return cls(**json.loads((shared / _FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (TypeError, json.JSONDecodeError) as error:
            msg = f"{shared / _FILE}: not a choice of a root file system ({error}); remove the file"
            raise ValueError(msg) from error

    def choose(self, shared: Path) -> None:
        """Have instances that boot from now on run on this."""
        shared.mkdir(parents=True, exist_ok=True)
        draft = shared / f"{_FILE}.new"
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.rename(shared / _FILE)

    def describe(self) -> str:
        """Return one line for people."""
        layer = "each with a layer of its own above it" if self.overlay else "each with a copy of it"
        packages = f"packages from {self.packages}" if self.packages else "no packages to be had"
        return f"{self.name}, {layer}, {packages}"


def forget(shared: Path) -> None:
    """Have instances that boot from now on see the host's /usr."""
    (shared / _FILE).unlink(missing_ok=True)


def check_mirror(address: str) -> str:
    """Return a Debian mirror's address without a slash at its end.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        msg = (
            f"--packages {address}: not a Debian mirror's address; for instance https://mirror.example/debian"
        )
        raise ValueError(msg)
    return address.rstrip("/")


def has_overlays(system: Path, near: Path) -> bool:
    """Whether this kernel lets an ordinary user lay a writable layer, in folder `near`, above a root file system: tries it."""
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=near) as folder:
        for name in ("upper", "work", "merged"):
            (Path(folder) / name).mkdir()
        argv = ["unshare", "--user", "--map-root-user", "--mount", "--", "/bin/sh", "-c", _TRY]
        tried = subprocess.run(
            [*argv, "sh", str(system), folder],
            capture_output=True,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        layer.let_go(Path(folder))
        return tried.returncode == 0
