"""Which units come up at the next boot: the links that a unit's [Install] section asks for."""

from __future__ import annotations

import os

from . import unitfile

FOLDER = "/etc/systemd/system"


def enable(name: str) -> list[str]:
    """Make the links of the [Install] section; returns what systemctl prints.

    Raises:
        UnitError: there is no such unit.
    """
    file = unitfile.load(unitfile.unit_name(name))
    lines = []
    links = _links(file)
    for target, link in links:
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(target, link)
            lines.append(f"Created symlink {link} → {target}.")
    if not links:
        keys = "(WantedBy=, RequiredBy=, Also=,\nAlias= settings in the [Install] section)"
        lines.append(f"The unit files have no installation config {keys}.")
    for other in file.words("Install", "Also"):
        if other != file.name and enabled(other) == "disabled":
            lines += enable(other)
    return lines


def disable(name: str) -> list[str]:
    """Remove the links of the [Install] section; returns what systemctl prints.

    Raises:
        UnitError: there is no such unit.
    """
    lines = []
    for _, link in _links(unitfile.load(unitfile.unit_name(name))):
        if os.path.islink(link):
            os.unlink(link)
            lines.append(f"Removed {link}.")
    return lines


def enabled(name: str) -> str:
    """Return what ``systemctl is-enabled`` prints."""
    name = unitfile.unit_name(name)
    path = unitfile.find(name)
    if path is None:
        return "not-found"
    if os.path.realpath(path) == "/dev/null":
        return "masked"
    if path.startswith("/run/systemd/transient"):
        return "transient"
    links = _links(unitfile.load(name))
    if any(os.path.islink(link) for _, link in links):
        return "enabled"
    return "disabled" if links else "static"


def _links(file: unitfile.UnitFile) -> list[tuple[str, str]]:
    """Return the links of a unit, each as (what it leads to, where it is)."""
    links = [
        (file.path, f"{FOLDER}/{target}.{folder}/{file.name}")
        for key, folder in (("WantedBy", "wants"), ("RequiredBy", "requires"))
        for target in file.words("Install", key)
    ]
    return links + [(file.path, f"{FOLDER}/{alias}") for alias in file.words("Install", "Alias")]
