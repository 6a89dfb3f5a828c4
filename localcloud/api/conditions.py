"""IAM conditions, as far as bindings of this architecture use them; what cannot be understood holds for nobody."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING = r"""(?:"([^"\\]*)"|'([^'\\]*)')"""
_NAME = re.compile(rf"resource\.name\.(startsWith|endsWith)\({_STRING}\)")
_EQUAL = re.compile(rf"resource\.(name|type|service)\s*(==|!=)\s*{_STRING}")
_GRANTS = re.compile(
    rf"api\.getAttribute\('iam\.googleapis\.com/modifiedGrantsByRole', \[\]\)\.hasOnly\(\[({_STRING}(?:,\s*{_STRING})*)\]\)"
)
_TIME = re.compile(rf"request\.time\s*(<=|>=|<|>)\s*timestamp\({_STRING}\)")


def holds(
    expression: str, resource_name: str, now: float, modified_roles: frozenset[str] = frozenset()
) -> bool:
    """Evaluate a condition: comparisons of resource.name, .type, .service and request.time, joined by ``&&`` or by ``||``.

    `modified_roles` are those whose bindings a request for setIamPolicy changes, for ``modifiedGrantsByRole``; other requests have none.
    """
    parts = re.split(r"\s*(&&|\|\|)\s*", expression.strip())
    joints = set(parts[1::2])
    if len(joints) > 1:
        return False
    checks = [_check(part.strip(), resource_name, now, modified_roles) for part in parts[::2]]
    if any(check is None for check in checks):
        return False
    return any(checks) if joints == {"||"} else all(checks)


def understood(expression: str) -> bool:
    """Tell whether `holds` can evaluate a condition."""
    parts = re.split(r"\s*(&&|\|\|)\s*", expression.strip())
    return len(set(parts[1::2])) <= 1 and all(
        _check(part.strip(), "", 0.0, frozenset()) is not None for part in parts[::2]
    )


def _check(term: str, resource_name: str, now: float, modified_roles: frozenset[str]) -> bool | None:
    if (found := _GRANTS.fullmatch(term)) is not None:
        return modified_roles <= {one or other for one, other in re.findall(_STRING, found[1])}
    if (found := _NAME.fullmatch(term)) is not None:
        text = found[2] or found[3] or ""
        return resource_name.startswith(text) if found[1] == "startsWith" else resource_name.endswith(text)
    if (found := _EQUAL.fullmatch(term)) is not None:
        actual = {"name": resource_name, "type": _type(resource_name), "service": "storage.googleapis.com"}[
            found[1]
        ]
        return (actual == (found[3] or found[4] or "")) is (found[2] == "==")
    if (found := _TIME.fullmatch(term)) is not None:
        try:
            when = datetime.fromisoformat(found[2] or found[3] or "").timestamp()
        except ValueError:
            return None
        return _COMPARE[found[1]](now, when)
    return None


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _type(resource_name: str) -> str:
    return (
        "storage.googleapis.com/Object" if "/objects/" in resource_name else "storage.googleapis.com/Bucket"
    )
