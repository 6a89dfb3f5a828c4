"""Identity tokens of instances: OpenID Connect tokens as the metadata server gives them, signed with a key of this cloud."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LIFETIME = 3600  # seconds
_ISSUER = "https://accounts.google.com"


class IdentitySigner:
    """Signs with a key kept in a file (made when first needed). Only this cloud's own users can want to trust it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._key: rsa.RSAPrivateKey | None = None

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """What verifies the signatures."""
        return self._private().public_key()

    def sign(self, email: str, audience: str, *, now: float, machine: Mapping[str, Any] | None) -> str:
        """Return a JWT for a service account; `machine` becomes the ``google.compute_engine`` claims of the full format."""
        subject = str(int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big"))
        claims: dict[str, Any] = {
            "aud": audience, "azp": subject, "email": email, "email_verified": True, "exp": int(now) + _LIFETIME, "iat": int(now),
            "iss": _ISSUER, "sub": subject,
        }  # fmt: skip
        if machine is not None:
            claims["google"] = {"compute_engine": dict(machine)}
        public = self.public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        header = {"alg": "RS256", "kid": hashlib.sha256(public).hexdigest()[:40], "typ": "JWT"}
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        return (
            f"{signed}.{_encode(self._private().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        )

    def _private(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            self._key = self._load() if self._file.exists() else self._make()
        return self._key

    def _load(self) -> rsa.RSAPrivateKey:
        key = serialization.load_pem_private_key(self._file.read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            msg = f"{self._file}: not an RSA key; remove the file, and a new one is made"
            raise TypeError(msg)
        return key

    def _make(self) -> rsa.RSAPrivateKey:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)
        return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
