"""Google's predefined roles, as far as this architecture meets them: role -> permissions.

`predefined_roles.json` has what Google said of each (August 2026), for the types of resources that are served here; generate_roles.py
makes it anew.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("predefined_roles.json")


@cache
def roles() -> dict[str, frozenset[str]]:
    """Return every known role with its permissions."""
    document: dict[str, dict[str, str]] = json.loads(FILE.read_text("utf-8"))
    return {
        role: frozenset(f"{kind}.{verb}" for kind, verbs in kinds.items() for verb in verbs.split())
        for role, kinds in document.items()
    }


def grants(role: str, permission: str) -> bool:
    """Tell whether a role holds a permission; roles that are not known hold none."""
    return permission in roles().get(role, ())


def granting(permission: str) -> str:
    """Return the narrowest role that holds a permission, to be named as a remedy; empty if there is none."""
    fitting = [role for role in roles() if grants(role, permission) and not _unadvised(role)]
    return min(fitting, key=lambda role: (len(roles()[role]), role), default="")


def _unadvised(role: str) -> bool:
    """Basic roles are too much, and legacy ones go with access control lists."""
    return "." not in role or ".legacy" in role
