"""Fetches the official release of the engine and checks it against the release's own list of SHA-256 sums.

The pin is the version: the sums come from the same place as the archive, so they prove that it arrived whole, and TLS that it
came from there. Behind a mirror, set MIG_NLB_RELEASES to its address.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain import versions
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolchain.cache import Cache
    from toolchain.progress import Progress

RELEASES = "https://get.pulumi.com/releases/sdk"
TIMEOUT_SECONDS = 5.0
"""For connecting and for each read: a network that swallows packets must not hold up the next way of getting an engine."""

_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class UnreachableError(Exception):
    """The release cannot be had from here; the message says why."""


@dataclass(frozen=True)
class Release:
    """The official archive of one version for this kind of machine."""

    base: str
    version: str

    @classmethod
    def pinned(cls, environ: Mapping[str, str]) -> Release:
        """Return the pinned release, at $MIG_NLB_RELEASES or where Pulumi publishes it."""
        return cls((environ.get("MIG_NLB_RELEASES") or RELEASES).rstrip("/"), versions.ENGINE)

    @property
    def archive(self) -> str:
        """The archive's file name.

        Raises:
            UnreachableError: there is no release for this kind of machine.
        """
        architecture = _ARCHITECTURES.get(platform.machine().lower())
        if architecture is None:
            raise UnreachableError(f"there is no release for {platform.machine()}")
        return f"pulumi-v{self.version}-{platform.system().lower()}-{architecture}.tar.gz"

    def _sum(self) -> str:
        url = f"{self.base}/pulumi-{self.version}-checksums.txt"
        for line in _read(url).decode("utf-8", errors="replace").splitlines():
            digest, _, name = line.partition(" ")
            if name.strip().lstrip("*") == self.archive and len(digest) == hashlib.sha256().digest_size * 2:
                return digest.lower()
        raise UnreachableError(f"{url} has no SHA-256 sum of {self.archive}")

    def fetch(self, cache: Cache, target: Path, progress: Progress) -> None:
        """Download, verify and unpack into `target`/bin.

        Raises:
            UnreachableError: it is not to be had from here, so another way should be tried.
            ToolchainError: it arrived, but is not what the list of sums says.
        """
        expected = self._sum()
        with cache.staged(target) as stage:
            file = stage / self.archive
            progress.say(f"Downloading Pulumi {self.version} ...")
            actual = _download(f"{self.base}/{self.archive}", file)
            if actual != expected:
                raise ToolchainError(
                    f"{self.base}/{self.archive} has SHA-256 {actual}, but the release's list says {expected}: "
                    "something between here and there changed it; it was thrown away"
                )
            unpacked = stage / "unpacked"
            with tarfile.open(file) as archive:
                # Python 3.11.2 (Debian 12) has no filters yet; the content is the release's own, as just verified.
                if hasattr(tarfile, "data_filter"):
                    archive.extractall(unpacked, filter="data")
                else:
                    archive.extractall(unpacked)  # noqa: S202  as just said
            (unpacked / "pulumi").rename(stage / "bin")
            shutil.rmtree(unpacked)
            file.unlink()


def _read(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310  https, or the user's own mirror
            content: bytes = response.read()
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise UnreachableError(f"{url}: {error}") from error
    return content


def _download(url: str, file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, file.open("wb") as written:  # noqa: S310  as above
            while chunk := response.read(1 << 20):
                digest.update(chunk)
                written.write(chunk)
    except (OSError, urllib.error.URLError) as error:
        raise UnreachableError(f"{url}: {error}") from error
    return digest.hexdigest()
