"""What is installed in an environment: distributions, and the Pulumi providers they ask for."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .interpreter import Interpreter

_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class ProviderPackage:
    """A provider that an installed SDK needs, from its `pulumi-plugin.json`."""

    name: str
    version: str
    server: str = ""
    parameter_name: str = ""
    parameter_version: str = ""
    parameter_value: bytes = b""


def search_path(interpreter: Interpreter) -> list[Path]:
    """Return the folders that `interpreter` imports installed packages from."""
    if interpreter.virtualenv is not None:
        found = sorted(interpreter.virtualenv.glob("lib/python3*/site-packages"))
        if found:
            return found
    listing = subprocess.run(
        [interpreter.executable, "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(entry) for entry in json.loads(listing.stdout) if Path(entry).is_dir()]


def provider_packages(folders: list[Path]) -> list[ProviderPackage]:
    """Return the providers that the SDKs under `folders` ask for, ordered by name."""
    found: dict[str, ProviderPackage] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/pulumi-plugin.json")):
            described = json.loads(file.read_text("utf-8"))
            if described.get("resource") is not True:
                continue
            parameter = described.get("parameterization") or {}
            name = described.get("name") or file.parent.name.removeprefix("pulumi_")
            package = ProviderPackage(
                name=name,
                version=described.get("version") or "",
                server=described.get("server") or "",
                parameter_name=parameter.get("name", ""),
                parameter_version=parameter.get("version", ""),
                parameter_value=base64.b64decode(parameter.get("value", "")),
            )
            found.setdefault(parameter.get("name") or name, package)
    return [found[name] for name in sorted(found)]


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement_names(distribution: Distribution) -> set[str]:
    names = set()
    for requirement in distribution.requires or []:
        match = _REQUIREMENT_NAME.match(requirement)
        if match and "extra ==" not in requirement:
            names.add(_normalized(match.group()))
    return names


def installed(folders: list[Path], *, transitive: bool) -> list[tuple[str, str]]:
    """Return (name, version) of the distributions in `folders`; without `transitive` only those no other one requires."""
    found: dict[str, str] = {}
    required: set[str] = set()
    for distribution in distributions(path=[str(folder) for folder in folders]):
        found.setdefault(_normalized(distribution.name), distribution.version)
        required |= _requirement_names(distribution)
    return sorted((name, version) for name, version in found.items() if transitive or name not in required)
