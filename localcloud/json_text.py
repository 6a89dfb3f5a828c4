"""JSON as the store keeps it and the API sends it: one text of a document, made once, without spaces."""

from __future__ import annotations

import json
from typing import Any

import orjson

_careful = json.JSONEncoder(separators=(",", ":")).encode
_sorted = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
# What is no JSON is refused, as the standard library does, not made into something.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def text_of(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return the text of a JSON value.

    Raises:
        TypeError: there is something in it that is not JSON.
    """
    try:
        return orjson.dumps(value, option=_STRICT).decode()
    except (
        TypeError
    ):  # it says so too of integers beyond 64 bits and of half surrogate pairs, which JSON can spell
        return _careful(value)


def sorted_bytes(value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return the text of a JSON value with its members in order: the same for equal values."""
    try:
        return orjson.dumps(value, option=_STRICT | orjson.OPT_SORT_KEYS)
    except TypeError:
        return _sorted(value).encode()


def value_of(text: bytes | str) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a JSON text in UTF-8.

    Raises:
        ValueError: it is not JSON, NaN and infinities included; or nested too deep.
    """
    return orjson.loads(text)
