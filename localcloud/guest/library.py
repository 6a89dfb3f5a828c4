"""The init and its commands, compiled and laid out for the guests of this machine's Debian Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from localcloud.guest.init.commands.main import NAMES

PYTHON = "/usr/bin/python3"
_SOURCE = Path(__file__).parent / "init"
_COMMAND = """#!/usr/bin/python3 -ISE
import sys
sys.path[:0] = ["/usr/local/lib/guest"]
from init.commands.main import main
main()
"""


class LibraryError(Exception):
    """The guests' programs could not be prepared."""


def prepare(parent: Path) -> Path:
    """Return the folder to be mounted at ``/usr/local/lib/guest``: `init/` with its byte code, `bin/`, `units/`.

    It is made once per content, below `parent`; several clouds or daemons doing so at once get the same result.

    Raises:
        LibraryError: Debian's Python is missing or cannot compile the init.
    """
    sources = sorted(path for path in _SOURCE.rglob("*") if path.suffix in {".py", ".service", ".target"})
    digest = hashlib.sha256(_COMMAND.encode() + _interpreter())
    for path in sources:
        digest.update(str(path.relative_to(_SOURCE)).encode() + b"\0" + path.read_bytes())
    folder = parent / f"library-{digest.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="library-", dir=parent))
    for path in sources:
        relative = path.relative_to(_SOURCE)
        target = work / "init" / relative if path.suffix == ".py" else work / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (work / "bin").mkdir()
    for name in NAMES:
        command = work / "bin" / name
        command.write_text(_COMMAND, encoding="ascii")
        command.chmod(0o755)
    # Unchecked: the copies never change, and a boot has no time to compare them.
    argv = [PYTHON, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "init"]
    done = subprocess.run(argv, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{PYTHON}: cannot compile the guests' init: {(done.stdout + done.stderr).strip()[-500:]}"
        raise LibraryError(msg)
    work.chmod(0o755)
    try:
        work.rename(folder)
    except OSError:  # another daemon was first
        shutil.rmtree(work)
    return folder


def _interpreter() -> bytes:
    try:
        status = Path(PYTHON).stat()
    except FileNotFoundError:
        msg = f"{PYTHON} is missing: instances run Debian's own Python; install it with: apt-get install python3-minimal"
        raise LibraryError(msg) from None
    return f"{os.path.realpath(PYTHON)} {status.st_size} {status.st_mtime_ns}".encode()
