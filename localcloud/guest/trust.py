"""The cloud's certificate authority: lets instances speak HTTPS with Google's names, which lead to this cloud inside of them."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import trustme

NAMES = (
    "storage.googleapis.com", "*.storage.googleapis.com", "www.googleapis.com", "compute.googleapis.com", "iam.googleapis.com",
    "iamcredentials.googleapis.com", "oauth2.googleapis.com", "cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com",
    "sts.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com", "secretmanager.googleapis.com",
    "storage.cloud.google.com", "commondatastorage.googleapis.com", "accounts.google.com",
)  # fmt: skip
_HOST_CERTS = Path("/etc/ssl/certs")
_HOST_BUNDLE = _HOST_CERTS / "ca-certificates.crt"


class Trust:
    """One cloud's authority, kept in a folder: `ca.pem` and `ca.key`, and `ssl/`, which guests see as ``/etc/ssl``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = self._load()
        leaf = self._ca.issue_cert(*NAMES)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(self.server)

    @property
    def ssl_folder(self) -> Path:
        """What guests see as ``/etc/ssl``: the host's public certificates and this cloud's."""
        return self._folder / "ssl"

    @property
    def certificate_file(self) -> Path:
        """This cloud's authority in PEM."""
        return self._folder / "ca.pem"

    def _load(self) -> trustme.CA:
        certificate, key = self.certificate_file, self._folder / "ca.key"
        if certificate.exists() and key.exists() and self.ssl_folder.is_dir():
            return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        self._folder.mkdir(parents=True, exist_ok=True)
        made = trustme.CA(
            organization_name="mig-nlb local cloud", organization_unit_name="instances of this folder only"
        )
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(made.private_key_pem.bytes())
        certificate.write_bytes(made.cert_pem.bytes())
        self._compose(made.cert_pem.bytes())
        return made

    def _compose(self, certificate: bytes) -> None:
        """Lay out the guests' /etc/ssl: a bundle for curl and wget, a hashed folder for OpenSSL's default, which Python uses."""
        work = Path(tempfile.mkdtemp(prefix="ssl-", dir=self._folder))
        work.chmod(0o755)
        certs = work / "certs"
        certs.mkdir(mode=0o755)
        (work / "private").mkdir(mode=0o700)
        bundle = _HOST_BUNDLE.read_bytes() if _HOST_BUNDLE.exists() else b""
        (certs / "ca-certificates.crt").write_bytes(bundle + certificate)
        if _HOST_CERTS.is_dir():
            for link in _HOST_CERTS.iterdir():
                # Links into /usr (what ca-certificates ships) and links among these; never what an administrator put beside them.
                if link.is_symlink():
                    (certs / link.name).symlink_to(link.readlink())
        ours = certs / "mig-nlb-local-cloud.pem"
        ours.write_bytes(certificate)
        (certs / f"{subject_hash(ours)}.0").symlink_to(ours.name)
        configuration = Path("/etc/ssl/openssl.cnf")
        if configuration.is_file():
            shutil.copyfile(configuration, work / "openssl.cnf")
        shutil.rmtree(self.ssl_folder, ignore_errors=True)
        work.rename(self.ssl_folder)


def subject_hash(certificate: Path) -> str:
    """Return the name under which OpenSSL looks for a certificate in a folder."""
    argv = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        msg = f"openssl cannot hash {certificate}: {error}; install it with: apt-get install openssl ca-certificates"
        raise RuntimeError(msg) from None
    return done.stdout.strip()
