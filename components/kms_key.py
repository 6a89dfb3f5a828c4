"""Names of keys that customers manage themselves."""

from __future__ import annotations

import re

from components.invalid_argument import InvalidArgumentError

_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+(/cryptoKeyVersions/\d+)?")


def require_key_name(field: str, value: object) -> None:
    """Refuse a text that names no key of Cloud KMS. None, and what another resource will say, pass.

    Raises:
        InvalidArgumentError: naming the field.
    """
    if isinstance(value, str) and not _NAME.fullmatch(value):
        raise InvalidArgumentError(
            field,
            value,
            "not the name of a key",
            "write projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY",
        )
