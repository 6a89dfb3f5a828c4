"""google_metadata_script_runner: fetches the instance's start-up or shutdown scripts from the metadata server and runs them.

Follows Google's guest agent (guest-agent, the runner that has this name) in order, messages and failures: `<kind>-script` and then
`<kind>-script-url`, both if both are given; project attributes only if the instance has neither; a script is written to a folder that is
removed after it has run, and a failing one fails nothing but itself.
"""

from __future__ import annotations

import os
import sys

from . import metadata, process
from .runner_settings import RunnerSettings

VERSION = "20251120.00"
_LINE_LIMIT = (
    65536  # bytes, the line's end included; a longer line ends the reading, as in the agent's scanner
)
_PREFIXES = {"startup": "startup", "shutdown": "shutdown", "specialize": "sysprep-specialize"}
_LEADING = " \n\v\f\t\r"


def say(message: str) -> None:
    """Print a line, at once."""
    sys.stdout.buffer.write(message.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def main(kind: str) -> int:
    """Run the scripts of one kind, `startup`, `shutdown` or `specialize`; the exit status."""
    if kind not in _PREFIXES:
        say('no valid arguments specified. Specify one of "startup", "shutdown" or "specialize"')
        return 2
    settings = RunnerSettings()
    if not settings.runs(kind):
        say(f"{kind} scripts disabled in instance config")
        return 2
    say(f"Starting {kind} scripts (version {VERSION}).")
    keys = [f"{_PREFIXES[kind]}-script", f"{_PREFIXES[kind]}-script-url"]
    try:
        scripts = _scripts(keys)
    except metadata.MetadataError as error:
        say(str(error))
        return 1
    if not scripts:
        say(f"No {kind} scripts to run.")
        return 0
    for key in keys:
        if key not in scripts:
            continue
        say(f"Found {key} in metadata.")
        failure = _set_up_and_run(key, scripts[key], settings)
        say(f'Script "{key}" failed with error: {failure}' if failure else f"{key} exit status 0")
    say(f"Finished running {kind} scripts.")
    return 0


def _scripts(keys: list[str]) -> dict[str, str]:
    for level in ("instance", "project"):
        found = metadata.attributes(level, keys)
        if found:
            return found
    return {}


def _set_up_and_run(key: str, value: str, settings: RunnerSettings) -> str:
    """Run one script; why it failed, or nothing."""
    is_url = key.endswith("-url")
    if is_url:
        from . import download

        try:
            download.check(value.strip())
        except OSError as error:
            return str(error)
    parent = settings.folder or os.environ.get("TMPDIR") or "/tmp"
    folder = f"{parent}/metadata-scripts{int.from_bytes(os.urandom(4), 'big')}"
    path = f"{folder}/{key}"
    try:
        os.mkdir(folder, 0o700)
    except OSError as error:
        return f"mkdir {folder}: {os.strerror(error.errno or 0).lower()}"
    try:
        try:
            if is_url:
                download.to_file(value, path, say)  # as it is given: the agent does not mend it
            else:
                with open(path, "wb") as file:
                    file.write(value.lstrip(_LEADING).encode("utf-8", "surrogateescape"))
            os.chmod(path, 0o755)
        except (OSError, metadata.MetadataError) as error:
            return f"unable to write script to file: {error}"
        return _run(key, path, settings.shell)
    finally:
        _remove(folder)


def _run(key: str, path: str, shell: str) -> str:
    reading, writing = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    argv = [shell, "-c", path] if os.path.exists(shell) else [path]
    try:
        pid = process.spawn(argv, os.environ, files=(null, writing, writing), cwd=os.getcwd())
    except process.SpawnError as error:
        os.close(reading)
        return f"fork/exec {argv[0]}: {os.strerror(error.number).lower()}"
    finally:
        os.close(null)
        os.close(writing)
    with os.fdopen(reading, "rb") as output:
        while True:
            line = output.readline(_LINE_LIMIT + 1)
            if not line:
                break
            if len(line) > _LINE_LIMIT or (len(line) == _LINE_LIMIT and line[-1:] != b"\n"):
                say(f'error while communicating with "{key}" script: bufio.Scanner: token too long')
                break
            text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
            say(f"{key}: {text}")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        import signal

        return f"signal: {signal.strsignal(-status) or status}".lower()
    return f"exit status {status}" if status else ""


def _remove(folder: str) -> None:
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(f"{parent}/{name}")
        for name in folders:
            os.rmdir(f"{parent}/{name}")
    if os.path.isdir(folder):
        os.rmdir(folder)
