"""What the serial port tells of the start-up script: the guest agent writes every line of it there."""

from __future__ import annotations

import re
from dataclasses import dataclass

TAIL = 12  # lines
_SAID = re.compile(r"google_metadata_script_runner(?:\[\d+\])?: (?P<text>.*)$")
_SUCCESS = re.compile(r'startup-script(?:-url)?"? exit status (?P<status>\d+)$')
_FAILURE = re.compile(r'Script "startup-script(?:-url)?" failed with error: (?P<why>.*)$')
_STATUS = re.compile(r"exit status (\d+)$")
_PORT = re.compile(r"\b(?:listening|listens|serving|runs|running)\b.*\bport (?P<port>\d{1,5})\b")
_REFUSED = re.compile(
    r"\bError 403\b|\b403:|status:? 403\b|\b403 Forbidden\b|does not have storage\.objects\.get access"
)
_UNREACHABLE = re.compile(
    r"storage\.googleapis\.com.*(?:i/o timeout|timed out|connection refused|no route to host|network is unreachable|deadline exceeded)"
    r"|Failed to download object.*(?:deadline exceeded|timeout)"
)
_ABSENT = re.compile(r"\bError 404\b|No such object|object doesn't exist", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ScriptRun:
    """The last run. `finished`: the runner is done; `failure`: why it failed, "" for success; `exit_status`: None where it never ran.

    `refused`, `absent` and `unreachable` are the lines that tell of a 403, of a missing object and of no answer at all; `port` is the last
    port that something said it listens on; `tail` are the last lines of the run.
    """

    finished: bool
    failure: str
    exit_status: int | None
    tail: tuple[str, ...]
    refused: str = ""
    absent: str = ""
    unreachable: str = ""
    port: int | None = None

    @property
    def succeeded(self) -> bool:
        """Say whether it came to a good end."""
        return self.finished and not self.failure and self.exit_status == 0


def last_run(contents: str) -> ScriptRun | None:
    """Read the last run of the start-up script from a serial port's output; None if there is none."""
    lines = [harmless(line) for line in contents.replace("\r\n", "\n").split("\n")]
    begins = [number for number, line in enumerate(lines) if "Starting startup scripts" in line]
    if not begins:
        return None
    lines = lines[begins[-1] :]
    said = [match["text"] for line in lines if (match := _SAID.search(line))]
    failure, status, finished = "", None, False
    for text in said:
        if match := _FAILURE.search(text):
            failure = match["why"] or "failed"
            found = _STATUS.search(failure)
            status = int(found[1]) if found else None
        elif match := _SUCCESS.search(text):
            status = int(match["status"])
            failure = failure or (f"exit status {status}" if status else "")
        elif "Finished running startup scripts" in text:
            finished = True
    ports = [int(match["port"]) for line in lines if (match := _PORT.search(line))]
    return ScriptRun(
        finished=finished,
        failure=failure,
        exit_status=status,
        tail=tuple(said[-TAIL:]),
        refused=next((text for text in said if _REFUSED.search(text)), ""),
        absent=next((text for text in said if _ABSENT.search(text)), ""),
        unreachable=next((text for text in said if _UNREACHABLE.search(text)), ""),
        port=ports[-1] if ports else None,
    )


def harmless(text: str) -> str:
    """Guests write what they like: keep their escape sequences from the reader's terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)
