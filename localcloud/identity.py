"""Access tokens and whom they belong to.

The cloud's owner has one token for its lifetime; instances get short-lived ones, minted for the metadata server that serves them.
Only hashes are kept, so a copy of the store gives no one access.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.clock import Clock
    from localcloud.store import Store

_PREFIX = "control/tokens/"
OWNER_EMAIL = "owner@localhost"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A freshly minted access token; `access_token` is shown this once. `expires_in` in cloud seconds."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the OAuth word for how it is presented, not a secret


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls. `owner` may do everything; a service account what its roles allow within its token's `scopes`."""

    email: str
    scopes: frozenset[str] = frozenset()
    owner: bool = False
    instance_key: str | None = None

    @property
    def member(self) -> str:
        """The principal as IAM policies write it."""
        return f"user:{self.email}" if self.owner else f"serviceAccount:{self.email}"


_OWNER = Principal(email=OWNER_EMAIL, owner=True)


class Identities:
    """The book of tokens. Survives restarts with the store."""

    def __init__(self, store: Store, clock: Clock, owner_token: str) -> None:
        if len(owner_token) < 16:
            msg = f"owner token of {len(owner_token)} characters: must have at least 16; make one with secrets.token_urlsafe()"
            raise ValueError(msg)
        self._store = store
        self._clock = clock
        self._owner = _digest(owner_token)

    def mint(
        self, email: str, *, scopes: Iterable[str], instance_key: str | None, lifetime: int = 3600
    ) -> Token:
        """Make a token for a service account, good for `lifetime` cloud seconds; forgets those that have expired."""
        value = f"ya29.c.{secrets.token_urlsafe(48)}"
        now = self._clock.now()
        record = {
            "email": email,
            "scopes": sorted(set(scopes)),
            "instance": instance_key,
            "expiresAt": now + lifetime,
        }
        with self._store.transaction() as tx:
            for key, old in self._store.scan(_PREFIX):
                if old["expiresAt"] <= now:
                    tx.delete(key)
            tx.put(_PREFIX + _digest(value), record)
        return Token(access_token=value, expires_in=lifetime)

    def whois(self, token: str) -> Principal | None:
        """Return whose token this is, or None if nobody's (or no longer anybody's)."""
        digest = _digest(token)
        if hmac.compare_digest(digest, self._owner):
            return _OWNER
        record = self._store.get(_PREFIX + digest)
        if record is None or record["expiresAt"] <= self._clock.now():
            return None
        return Principal(
            email=record["email"], scopes=frozenset(record["scopes"]), instance_key=record["instance"]
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
