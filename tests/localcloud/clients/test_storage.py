"""Cloud Storage by each client that has it: objects written in one go and in parts, read back, guarded by generation, let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.clients.client import RefusedError
from tests.localcloud.clients.conftest import OPERATORS
from tests.localcloud.clients.gcloud import Gcloud
from tests.localcloud.clients.google_python import GooglePython
from tests.localcloud.clients.raw_http import RawHttp
from tests.localcloud.clients.storage import CHUNK, GcloudStorage, GoogleStorage, RawStorage, StorageClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.localcloud.clients.client import Operator


def storage_of(client: Operator, folder: Path) -> StorageClient:
    if isinstance(client, RawHttp):
        return RawStorage(client)
    if isinstance(client, GooglePython):
        return GoogleStorage(client)
    assert isinstance(client, Gcloud)
    return GcloudStorage(client, folder)


@pytest.mark.parametrize("client", OPERATORS, indirect=True)
def test_objects_are_written_read_guarded_and_removed(client: Operator, tmp_path: Path) -> None:
    storage = storage_of(client, tmp_path)
    storage.make("p-scripts")
    large = bytes(range(256)) * (2 * CHUNK // 256) + b"the end"
    storage.put("p-scripts", "scripts/startup.sh", b"echo hello\n")
    storage.put_in_parts("p-scripts", "scripts/large.bin", large)
    assert storage.get("p-scripts", "scripts/startup.sh") == b"echo hello\n"
    assert storage.get("p-scripts", "scripts/large.bin") == large
    assert storage.names("p-scripts", "scripts/s") == ["scripts/startup.sh"]
    with pytest.raises(RefusedError) as refused:
        storage.put("p-scripts", "scripts/startup.sh", b"echo other\n", new=True)
    assert refused.value.status in {412, 0}  # gcloud says it on the terminal only
    assert storage.get("p-scripts", "scripts/startup.sh") == b"echo hello\n"
    storage.grant("p-scripts", "roles/storage.objectViewer", "user:ann@example.com")
    policy = client.cloud.store.get("storage/b/p-scripts/iam") or {}
    assert {"role": "roles/storage.objectViewer", "members": ["user:ann@example.com"]} in policy["bindings"]
    with pytest.raises(RefusedError) as refused:
        storage.remove_bucket("p-scripts")
    assert refused.value.status in {409, 0}
    assert client.cloud.store.get("storage/b/p-scripts") is not None
    for name in ("startup.sh", "large.bin"):
        storage.remove("p-scripts", f"scripts/{name}")
    storage.remove_bucket("p-scripts")
    assert client.cloud.keys("storage/") == []


@pytest.mark.parametrize("client", OPERATORS, indirect=True)
def test_objects_are_made_of_others(client: Operator, tmp_path: Path) -> None:
    storage = storage_of(client, tmp_path)
    storage.make("p-scripts")
    storage.make("p-backups")
    storage.put("p-scripts", "one", b"first\n")
    storage.put("p-scripts", "two", b"second\n")
    storage.copy("p-scripts", "one", "p-backups", "kept/one")
    assert storage.get("p-backups", "kept/one") == b"first\n"
    with pytest.raises(RefusedError) as refused:
        storage.copy("p-scripts", "two", "p-backups", "kept/one", new=True)
    assert refused.value.status in {412, 0}  # gcloud says it on the terminal only
    storage.copy("p-scripts", "two", "p-backups", "kept/one")
    assert storage.get("p-backups", "kept/one") == b"second\n"
    storage.compose("p-scripts", "both", ["one", "two"])
    assert storage.get("p-scripts", "both") == b"first\nsecond\n"
    storage.move("p-scripts", "both", "parts/both")
    assert storage.names("p-scripts", "parts/") == ["parts/both"]
    assert client.cloud.store.get("storage/b/p-scripts/o/both") is None
    assert storage.get("p-scripts", "parts/both") == b"first\nsecond\n"
    document = client.cloud.store.get("storage/b/p-scripts/o/parts/both") or {}
    assert (document["componentCount"], document["size"]) == (2, "13")
