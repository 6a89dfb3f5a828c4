"""Where in the program's source a resource is declared.

The engine's events do not say it. The SDK does tell the engine with every registration, so the engine's log of calls has it on a
first preview too, and a deployed stack's state has kept it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REGISTRATION: Final = "/pulumirpc.ResourceMonitor/RegisterResource"
# What stands in the project's folder without being the project's own.
_FOREIGN: Final = frozenset({".venv", "site-packages", "node_modules"})


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file, as its path from the project's folder, and a line of it counted from 1; `None` for the file as a whole."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


Places = dict[str, tuple[Place, ...]]
"""By URN: where the resource is declared, then what called that, and so on outwards; only the project's own files."""


def registered_places(lines: Iterable[str], root: Path) -> Places:
    """Read the engine's log of calls (`PULUMI_DEBUG_GRPC=FILE`), one JSON object a line.

    Args:
        lines: the log.
        root: the project's folder; files outside it are left out.
    """
    found: Places = {}
    for line in lines:
        if _REGISTRATION not in line:
            continue
        try:
            call = json.loads(line)
        except ValueError:  # the last line of an engine that was stopped
            continue
        urn = (call.get("response") or {}).get("urn")
        if call.get("method") != _REGISTRATION or not urn:
            continue
        request = call["request"]
        positions = [
            request.get("sourcePosition"),
            *(frame.get("pc") for frame in request.get("stackTrace", {}).get("frames", [])),
        ]
        texts = (f"{pos['uri']}#{pos.get('line', '')}" for pos in positions if pos and pos.get("uri"))
        found[urn] = _own(texts, root)
    return found


def saved_places(state: Mapping[str, Any], root: Path) -> Places:
    """Read a stack's state, as `pulumi stack export` prints it."""
    found: Places = {}
    for resource in state.get("deployment", {}).get("resources", []):
        frames = (frame.get("sourcePosition", "") for frame in resource.get("stackTrace", []))
        found[resource["urn"]] = _own((resource.get("sourcePosition", ""), *frames), root)
    return found


def _own(positions: Iterable[str], root: Path) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(_places(positions, root)))


def _places(positions: Iterable[str], root: Path) -> Iterator[Place]:
    for position in positions:
        url = urlsplit(position)
        path = unquote(url.path)
        if url.scheme == "file" and Path(path).is_relative_to(root):
            path = Path(path).relative_to(root).as_posix()
        elif url.scheme != "project":
            continue
        path = path.lstrip("/")
        if _FOREIGN.isdisjoint(path.split("/")):
            line = url.fragment.partition(",")[0]
            yield Place(file=path, line=int(line) if line.isdecimal() and line != "0" else None)
