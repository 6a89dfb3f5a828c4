"""The type of a JSON value that has not been checked yet."""

from __future__ import annotations

from typing import Any, TypeAlias

JsonValue: TypeAlias = Any  # what json.loads returns
