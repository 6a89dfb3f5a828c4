"""How the metadata server writes a part of the tree: as text or as JSON, alone or with all that is below it.

In text, a directory is the list of its names, those of directories with a slash behind; a leaf is itself, and a list one line for each of
its items. Recursively, text is one line for each leaf: its path and its value, a list's items under the same path. In JSON, keys are in
camelCase but for the user's own, and directories whose names are numbers are lists. So Google's own emulator and recorded answers have it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

TEXT, JSON = "application/text", "application/json"
_NUMBERED = frozenset({"access-configs", "disks", "forwarded-ips", "forwarded-ipv6s", "ip-aliases", "licenses",
                       "network-interfaces", "target-instance-ips"})  # fmt: skip
_USERS_OWN = frozenset({"attributes", "guest-attributes", "partner-attributes"})


def render(
    name: str, value: object, *, recursive: bool, alternative: str, further: Collection[str] = ()
) -> tuple[str, str]:
    """Return content type and body of what is found under a name.

    `alternative` is the request's ``alt``; what is neither ``json`` nor ``text`` counts as none. `further` are names that a directory's
    list has, and nothing recursive: of what is made when it is asked for.
    """
    directory = isinstance(value, Mapping)
    if directory and not recursive:
        return TEXT, _names(value, further)  # type: ignore[arg-type]  # a mapping, as was just asked
    # Tags are the one leaf that is JSON without being asked to be.
    as_json = alternative == "json" or (alternative != "text" and (directory or isinstance(value, tuple)))
    if as_json:
        return JSON, json.dumps(_camelled(name, value), separators=(",", ":"))
    if directory:
        return TEXT, "".join(f"{path} {_plain(leaf)}\n" for path, leaf in _leaves(value, ""))
    if isinstance(value, (list, tuple)):
        return TEXT, "".join(f"{_plain(item)}\n" for item in value)
    return TEXT, _plain(value)


def etag(value: object) -> str:
    """Return what names a value's present state: 16 hexadecimal digits, the same for the same value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def camel(key: str) -> str:
    """Turn a path's kebab-case into JSON's camelCase; what is no such word (an email) stays."""
    if "@" in key or "." in key:
        return key
    first, *rest = key.split("-")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _names(directory: Mapping[str, object], further: Collection[str]) -> str:
    kinds = {name: "/" if isinstance(child, Mapping) else "" for name, child in directory.items()}
    return "".join(f"{name}{kind}\n" for name, kind in sorted((dict.fromkeys(further, "") | kinds).items()))


def _camelled(name: str, value: object) -> object:
    """Render a value as JSON has it under its key, which decides how: below ``attributes`` the keys are the user's own."""
    if not isinstance(value, Mapping) or name in _USERS_OWN:
        return value
    if name in _NUMBERED:
        return [_camelled("", value[index]) for index in sorted(value, key=int)]
    return {camel(key): _camelled(key, child) for key, child in value.items()}


def _leaves(value: object, prefix: str) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [
            leaf
            for key, child in sorted(value.items())
            for leaf in _leaves(child, f"{prefix}/{key}" if prefix else key)
        ]
    if isinstance(value, (list, tuple)):
        return [(prefix, item) for item in value]
    return [(prefix, value)]


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
